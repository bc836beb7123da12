//! What each vector is called, and what it means for a reader who has never heard its name.

use super::language::Language;
use super::told::Told;
use super::vectors_lan;
use crate::base::{Vector, VectorClass};

/// A name without an article, for tables.
pub(super) fn label(language: Language, vector: Vector) -> String {
    let told = told(vector);
    match language {
        Language::En => {
            let name =
                told.phrase.strip_prefix("a ").or_else(|| told.phrase.strip_prefix("an ")).unwrap_or(told.phrase);
            let mut letters = name.chars();
            letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
        }
        Language::De => told.de.to_owned(),
    }
}

/// Within a sentence: `a SYN flood`, `SYN-Flood`.
pub(super) fn phrase(language: Language, vector: Vector) -> &'static str {
    language.of(told(vector).phrase, told(vector).de)
}

/// One sentence about what happens.
pub(super) fn explanation(language: Language, vector: Vector) -> &'static str {
    let (en, de) = told(vector).says;
    language.of(en, de)
}

const AMPLIFIED: (&str, &str) = (
    "Servers on the Internet were made to send their replies to this address: the requests carried it as their sender. The \
     addresses seen are those of these servers, not those of the attacker.",
    "Server im Internet wurden dazu gebracht, ihre Antworten an diese Adresse zu senden: Die Anfragen trugen sie als \
     Absender. Die sichtbaren Adressen sind die dieser Server, nicht die des Angreifers.",
);
const TCP_PATTERN: (&str, &str) = (
    "TCP packets that belong to no connection arrive in masses. Each must be handled, and the line carries them.",
    "TCP-Pakete, die zu keiner Verbindung gehören, treffen in Massen ein. Jedes muss bearbeitet werden und belegt die \
     Leitung.",
);
const VOLUME: (&str, &str) = (
    "Packets that nothing asked for arrive in masses and fill the line or the capacity of the server.",
    "Pakete, die nicht angefordert wurden, treffen in Massen ein und füllen die Leitung oder die Kapazität des Servers.",
);

const fn told_as(phrase: &'static str, de: &'static str, says: (&'static str, &'static str)) -> Told {
    Told { phrase, de, says }
}

/// The names and the sentence of a vector.
pub(super) fn told(vector: Vector) -> Told {
    match vector.class() {
        VectorClass::Flood => flood(vector),
        VectorClass::Amplification => amplification(vector),
        VectorClass::Application => application(vector),
        VectorClass::Recon | VectorClass::Egress | VectorClass::Layer2 | VectorClass::Sensor => {
            vectors_lan::told(vector)
        }
    }
}

fn flood(vector: Vector) -> Told {
    match vector {
        Vector::SynFlood => told_as(
            "a SYN flood",
            "SYN-Flood",
            (
                "Requests to open a TCP connection arrive in masses and are never completed, which uses up the \
                 connections that the server can hold for visitors.",
                "Anfragen zum Aufbau einer TCP-Verbindung treffen in Massen ein und werden nie abgeschlossen; das \
                 verbraucht die Verbindungen, die der Server für Besucher bereithält.",
            ),
        ),
        Vector::SynAckFlood => told_as("a SYN-ACK flood", "SYN-ACK-Flood", TCP_PATTERN),
        Vector::AckFlood => told_as("an ACK flood", "ACK-Flood", TCP_PATTERN),
        Vector::RstFlood => told_as("an RST flood", "RST-Flood", TCP_PATTERN),
        Vector::FinFlood => told_as("a FIN flood", "FIN-Flood", TCP_PATTERN),
        Vector::TcpNullFlood => told_as("a TCP null flood", "TCP-Null-Flood", TCP_PATTERN),
        Vector::XmasFlood => told_as("a TCP Xmas flood", "TCP-Xmas-Flood", TCP_PATTERN),
        Vector::TcpFlood => told_as("a TCP flood", "TCP-Flood", TCP_PATTERN),
        Vector::UdpFlood => told_as("a UDP flood", "UDP-Flood", VOLUME),
        Vector::QuicFlood => told_as("a QUIC flood", "QUIC-Flood", VOLUME),
        Vector::IcmpFlood => told_as("an ICMP flood", "ICMP-Flood", VOLUME),
        Vector::Icmpv6Flood => told_as("an ICMPv6 flood", "ICMPv6-Flood", VOLUME),
        Vector::Smurf => told_as(
            "a smurf attack",
            "Smurf-Angriff",
            (
                "A ping to all hosts of a network carried this address as its sender, so that all of them replied to it.",
                "Ein Ping an alle Hosts eines Netzes trug diese Adresse als Absender, sodass alle ihr antworteten.",
            ),
        ),
        Vector::FragmentFlood => told_as(
            "a fragment flood",
            "Fragment-Flood",
            (
                "Parts of packets arrive in masses. Filters by port cannot judge them, and the line carries them.",
                "Bruchstücke von Paketen treffen in Massen ein. Portfilter können sie nicht beurteilen, und sie belegen die \
                 Leitung.",
            ),
        ),
        Vector::GreFlood => told_as("a GRE flood", "GRE-Flood", VOLUME),
        Vector::IpProtoFlood => {
            told_as("a flood of an unusual IP protocol", "Flood eines unüblichen IP-Protokolls", VOLUME)
        }
        Vector::LandAttack => told_as(
            "a LAND attack",
            "LAND-Angriff",
            (
                "Packets arrive whose sender is their own target, which some systems answer to themselves without end.",
                "Es treffen Pakete ein, deren Absender ihr eigenes Ziel ist; manche Systeme antworten sich darauf endlos \
                 selbst.",
            ),
        ),
        _ => told_as("a flood", "Flood", VOLUME),
    }
}

fn amplification(vector: Vector) -> Told {
    let (phrase, de) = match vector {
        Vector::DnsAmplification => ("DNS amplification", "DNS-Amplification"),
        Vector::NtpAmplification => ("NTP amplification", "NTP-Amplification"),
        Vector::SnmpAmplification => ("SNMP amplification", "SNMP-Amplification"),
        Vector::MemcachedAmplification => ("memcached amplification", "memcached-Amplification"),
        Vector::CldapAmplification => ("CLDAP amplification", "CLDAP-Amplification"),
        Vector::SsdpAmplification => ("SSDP amplification", "SSDP-Amplification"),
        Vector::ChargenAmplification => ("chargen amplification", "Chargen-Amplification"),
        Vector::QotdAmplification => ("QOTD amplification", "QOTD-Amplification"),
        Vector::PortmapAmplification => ("portmap amplification", "Portmap-Amplification"),
        Vector::NetbiosAmplification => ("NetBIOS amplification", "NetBIOS-Amplification"),
        Vector::TftpAmplification => ("TFTP amplification", "TFTP-Amplification"),
        Vector::Ripv1Amplification => ("RIPv1 amplification", "RIPv1-Amplification"),
        Vector::MdnsAmplification => ("mDNS amplification", "mDNS-Amplification"),
        Vector::WsDiscoveryAmplification => ("WS-Discovery amplification", "WS-Discovery-Amplification"),
        Vector::ArmsAmplification => ("ARMS amplification", "ARMS-Amplification"),
        Vector::CoapAmplification => ("CoAP amplification", "CoAP-Amplification"),
        Vector::SlpAmplification => ("SLP amplification", "SLP-Amplification"),
        Vector::SteamAmplification => ("Steam amplification", "Steam-Amplification"),
        Vector::QuakeAmplification => ("Quake amplification", "Quake-Amplification"),
        Vector::MssqlAmplification => ("MSSQL amplification", "MSSQL-Amplification"),
        Vector::OpenvpnAmplification => ("OpenVPN amplification", "OpenVPN-Amplification"),
        Vector::StunAmplification => ("STUN amplification", "STUN-Amplification"),
        Vector::SipAmplification => ("SIP amplification", "SIP-Amplification"),
        Vector::IsakmpAmplification => ("ISAKMP amplification", "ISAKMP-Amplification"),
        Vector::BacnetAmplification => ("BACnet amplification", "BACnet-Amplification"),
        Vector::UbiquitiAmplification => ("Ubiquiti amplification", "Ubiquiti-Amplification"),
        Vector::DhipAmplification => ("DHIP amplification", "DHIP-Amplification"),
        Vector::PlexAmplification => ("Plex amplification", "Plex-Amplification"),
        Vector::Tp240Amplification => ("TP-240 amplification", "TP-240-Amplification"),
        Vector::JenkinsAmplification => ("Jenkins amplification", "Jenkins-Amplification"),
        Vector::BittorrentAmplification => ("BitTorrent amplification", "BitTorrent-Amplification"),
        Vector::L2tpAmplification => ("L2TP amplification", "L2TP-Amplification"),
        Vector::RdpAmplification => ("RDP amplification", "RDP-Amplification"),
        Vector::TcpReflection => ("TCP reflection", "TCP-Reflection"),
        _ => ("amplification by an unknown service", "Amplification über einen unbekannten Dienst"),
    };
    told_as(phrase, de, AMPLIFIED)
}

fn application(vector: Vector) -> Told {
    match vector {
        Vector::HttpFlood => told_as(
            "an HTTP flood",
            "HTTP-Flood",
            (
                "Requests for web pages arrive in masses, so that the web server spends its time on them.",
                "Anfragen nach Webseiten treffen in Massen ein, sodass der Webserver mit ihnen beschäftigt ist.",
            ),
        ),
        Vector::TlsHandshakeFlood => told_as(
            "a TLS handshake flood",
            "TLS-Handshake-Flood",
            (
                "Encrypted connections are begun in masses. Each costs the server computing time.",
                "Verschlüsselte Verbindungen werden in Massen begonnen. Jede kostet den Server Rechenzeit.",
            ),
        ),
        Vector::DnsQueryFlood => told_as(
            "a DNS query flood",
            "DNS-Query-Flood",
            ("Queries to the name server arrive in masses.", "Anfragen an den Nameserver treffen in Massen ein."),
        ),
        Vector::DnsWaterTorture => told_as(
            "a DNS water torture attack",
            "DNS-Water-Torture-Angriff",
            (
                "Queries for random names below one domain arrive in masses, which no cache can answer.",
                "Anfragen nach zufälligen Namen unter einer Domain treffen in Massen ein; kein Cache kann sie beantworten.",
            ),
        ),
        Vector::ConnectionFlood => told_as(
            "a connection flood",
            "Verbindungs-Flood",
            (
                "Connections are opened in masses and used for little or nothing.",
                "Verbindungen werden in Massen geöffnet und kaum oder gar nicht benutzt.",
            ),
        ),
        Vector::SlowHttp => told_as(
            "a slow HTTP attack",
            "Slow-HTTP-Angriff",
            (
                "Many connections to the web server are kept busy by sending or reading a few bytes at a time.",
                "Viele Verbindungen zum Webserver werden belegt, indem immer nur wenige Bytes gesendet oder gelesen werden.",
            ),
        ),
        Vector::BruteForce => told_as(
            "a series of login attempts",
            "Reihe von Anmeldeversuchen",
            (
                "A service that requires a login was contacted again and again, as programs do that try passwords.",
                "Ein Dienst mit Anmeldung wurde immer wieder kontaktiert, wie es Programme tun, die Passwörter \
                 ausprobieren.",
            ),
        ),
        Vector::SipFlood => told_as(
            "a SIP flood",
            "SIP-Flood",
            (
                "Requests to the telephone server arrive in masses.",
                "Anfragen an den Telefonieserver treffen in Massen ein.",
            ),
        ),
        _ => told_as("an attack on an application", "Angriff auf eine Anwendung", VOLUME),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_vector_has_a_name_and_a_sentence_of_its_own_in_both_languages() {
        let mut names = BTreeSet::new();
        for &vector in Vector::ALL {
            for language in Language::ALL {
                let label = label(language, vector);
                assert!(!label.is_empty() && names.insert((language.code(), label.clone())), "{vector}: {label}");
                assert!(explanation(language, vector).ends_with('.'), "{vector}");
            }
            assert_ne!(told(vector).says.0, told(vector).says.1, "{vector}");
        }
        // The fallbacks of the lists below are for vectors that are yet to come.
        let fallbacks = ["A flood", "Flood", "An attack on an application", "Event"];
        assert!(!names.iter().any(|(_, label)| fallbacks.contains(&label.as_str())), "a vector without its name");
    }
}
