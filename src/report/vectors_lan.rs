//! The names of vectors that are no attack on a host of ours from outside: scans, what our hosts send, LANs, this sensor.

use super::told::Told;
use crate::base::Vector;

const SCAN: (&str, &str) = (
    "Someone checks which services can be reached. Such scans reach every address on the Internet and do no harm by \
     themselves.",
    "Jemand prüft, welche Dienste erreichbar sind. Solche Scans erreichen jede Adresse im Internet und schaden für sich \
     genommen nicht.",
);
const DHCP: (&str, &str) = (
    "DHCP requests arrive in masses, so that other stations of the LAN may get no address.",
    "DHCP-Anfragen treffen in Massen ein, sodass andere Stationen des LAN womöglich keine Adresse bekommen.",
);
const STORM: (&str, &str) = (
    "Frames for all or many stations of the LAN are sent in masses. Each station must handle them.",
    "Frames an alle oder viele Stationen des LAN werden in Massen gesendet. Jede Station muss sie bearbeiten.",
);
const NEIGHBOUR: (&str, &str) = (
    "False information about which MAC address an IP address belongs to was sent. Traffic of others may have been diverted.",
    "Falsche Angaben darüber, zu welcher MAC-Adresse eine IP-Adresse gehört, wurden gesendet. Verkehr anderer kann \
     umgeleitet worden sein.",
);
const CHANGE: (&str, &str) =
    ("This is a change of the LAN, which can be normal.", "Das ist eine Änderung im LAN, die normal sein kann.");

/// The names and the sentence of a vector.
pub(super) fn told(vector: Vector) -> Told {
    let (phrase, de, says) = match vector {
        Vector::PortScan => ("a port scan", "Port-Scan", SCAN),
        Vector::HostSweep => ("a host sweep", "Host-Scan", SCAN),
        Vector::ArpScan => (
            "an ARP scan",
            "ARP-Scan",
            (
                "A station asks for the MAC addresses of many IP addresses in turn, as a search for hosts does.",
                "Eine Station fragt der Reihe nach die MAC-Adressen vieler IP-Adressen ab, wie bei einer Suche nach Hosts.",
            ),
        ),
        Vector::Backscatter => (
            "backscatter",
            "Backscatter",
            (
                "Replies to packets that this address never sent arrive: an attack on other hosts uses it as its sender.",
                "Es treffen Antworten auf Pakete ein, die diese Adresse nie gesendet hat: Ein Angriff auf andere benutzt sie \
                 als Absender.",
            ),
        ),
        Vector::SpoofedSource => (
            "packets with spoofed sources",
            "Pakete mit gefälschtem Absender",
            (
                "Packets were sent whose sender addresses do not belong to our networks.",
                "Es wurden Pakete gesendet, deren Absenderadressen nicht zu unseren Netzen gehören.",
            ),
        ),
        Vector::OpenReflector => (
            "replies of an open reflector",
            "Antworten eines offenen Reflektors",
            (
                "A service on this host answers requests with spoofed senders, and so takes part in attacks on others. It \
                 should not be reachable from the Internet.",
                "Ein Dienst auf diesem Host beantwortet Anfragen mit gefälschtem Absender und wirkt so an Angriffen auf andere \
                 mit. Er sollte aus dem Internet nicht erreichbar sein.",
            ),
        ),
        Vector::MacNotAllowed => (
            "frames with a MAC address that is not allowed",
            "Frames mit unerlaubter MAC-Adresse",
            (
                "Frames carried a sender MAC address that may not be used at this place. Providers block hosts for this.",
                "Frames trugen eine Absender-MAC-Adresse, die an dieser Stelle nicht benutzt werden darf. Provider sperren \
                 Hosts deswegen.",
            ),
        ),
        Vector::MacIpMismatch => (
            "an IP address used with a foreign MAC address",
            "IP-Adresse mit fremder MAC-Adresse",
            (
                "An IP address was used by a station that it does not belong to.",
                "Eine IP-Adresse wurde von einer Station benutzt, der sie nicht gehört.",
            ),
        ),
        Vector::ArpSpoof => ("ARP spoofing", "ARP-Spoofing", NEIGHBOUR),
        Vector::NdSpoof => ("spoofing in neighbour discovery (IPv6)", "ND-Spoofing (IPv6)", NEIGHBOUR),
        Vector::GatewayMacChanged => (
            "a changed MAC address of the gateway",
            "Geänderte MAC-Adresse des Gateways",
            (
                "The gateway has another MAC address than before: a replaced router, or a station that diverts traffic.",
                "Das Gateway hat eine andere MAC-Adresse als zuvor: ein ausgetauschter Router oder eine Station, die Verkehr \
                 umleitet.",
            ),
        ),
        Vector::IpConflict => (
            "an IP address used twice",
            "Doppelt benutzte IP-Adresse",
            (
                "Two stations use the same IP address, so that each loses part of its traffic.",
                "Zwei Stationen benutzen dieselbe IP-Adresse, sodass jede einen Teil ihres Verkehrs verliert.",
            ),
        ),
        Vector::MacFlap => (
            "a MAC address that changes its port",
            "MAC-Adresse mit wechselndem Port",
            (
                "The same MAC address appeared at several ports in turn: a loop, or two stations with one address.",
                "Dieselbe MAC-Adresse erschien abwechselnd an mehreren Ports: eine Schleife oder zwei Stationen mit einer \
                 Adresse.",
            ),
        ),
        Vector::MacFlood => (
            "a flood of MAC addresses",
            "MAC-Flood",
            (
                "Frames with constantly changing MAC addresses overflow the tables of switches, which then send traffic to \
                 all ports.",
                "Frames mit ständig wechselnden MAC-Adressen überfüllen die Tabellen der Switches, die Verkehr dann an alle \
                 Ports senden.",
            ),
        ),
        Vector::ArpFlood => ("an ARP flood", "ARP-Flood", STORM),
        Vector::GratuitousArpStorm => ("a storm of gratuitous ARP", "Gratuitous-ARP-Sturm", STORM),
        Vector::BroadcastStorm => ("a broadcast storm", "Broadcast-Sturm", STORM),
        Vector::MulticastStorm => ("a multicast storm", "Multicast-Sturm", STORM),
        Vector::RogueDhcp => (
            "a rogue DHCP server",
            "Fremder DHCP-Server",
            (
                "A station that is no DHCP server of this LAN answers DHCP requests and may divert traffic.",
                "Eine Station, die kein DHCP-Server dieses LAN ist, beantwortet DHCP-Anfragen und kann Verkehr umleiten.",
            ),
        ),
        Vector::DhcpStarvation => ("DHCP starvation", "DHCP-Starvation", DHCP),
        Vector::DhcpFlood => ("a DHCP flood", "DHCP-Flood", DHCP),
        Vector::RogueRa => (
            "a rogue IPv6 router",
            "Fremder IPv6-Router",
            (
                "A station that is no router of this LAN announces itself as one and may divert traffic.",
                "Eine Station, die kein Router dieses LAN ist, gibt sich als solcher aus und kann Verkehr umleiten.",
            ),
        ),
        Vector::StpFromGuest => (
            "spanning tree frames from a guest",
            "Spanning-Tree-Frames eines Gasts",
            (
                "A guest takes part in the spanning tree of the switches and may change the paths of the LAN.",
                "Ein Gast nimmt am Spanning Tree der Switches teil und kann die Wege im LAN ändern.",
            ),
        ),
        Vector::UnknownUnicastFlood => (
            "a flood of unknown unicast",
            "Unknown-Unicast-Flood",
            (
                "Frames for MAC addresses that no port has learned are sent to all ports of the LAN.",
                "Frames an MAC-Adressen, die kein Port gelernt hat, werden an alle Ports des LAN gesendet.",
            ),
        ),
        Vector::L2Loop => (
            "a loop in the LAN",
            "Schleife im LAN",
            (
                "The same frames arrive again and again: two ports of the LAN are connected in a circle.",
                "Dieselben Frames treffen immer wieder ein: Zwei Ports des LAN sind im Kreis verbunden.",
            ),
        ),
        Vector::GatewaySilent => (
            "a gateway that does not answer",
            "Stummes Gateway",
            (
                "The gateway answers no requests for its MAC address, so that hosts lose their way out of the LAN.",
                "Das Gateway beantwortet keine Fragen nach seiner MAC-Adresse, sodass Hosts den Weg aus dem LAN verlieren.",
            ),
        ),
        Vector::NewStation => ("a new station", "Neue Station", CHANGE),
        Vector::ChangedStation => {
            ("a new MAC address of a known IP address", "Neue MAC-Adresse zu bekannter IP", CHANGE)
        }
        Vector::FlipFlop => {
            ("an IP address between two MAC addresses", "IP-Adresse im Wechsel zweier MAC-Adressen", CHANGE)
        }
        Vector::PostureFailed => (
            "a failed check of this host",
            "Fehlgeschlagene Prüfung dieses Hosts",
            (
                "A protection that should be active on this host is not.",
                "Ein Schutz, der auf diesem Host aktiv sein soll, ist es nicht.",
            ),
        ),
        Vector::LinkSaturated => (
            "a saturated link",
            "Ausgelastete Leitung",
            (
                "The line is full: further packets are lost, whether they are wanted or not.",
                "Die Leitung ist voll: Weitere Pakete gehen verloren, ob erwünscht oder nicht.",
            ),
        ),
        _ => ("an event", "Event", CHANGE),
    };
    Told { phrase, de, says }
}
