//! The rows, roughly in the order in which the services became known as amplifiers.

use super::Amplifier;
use crate::base::Vector;

/// The values of most rows: a reply has one or two packets, and the service is also used over the open Internet.
const ROW: Amplifier = Amplifier {
    service: "",
    vector: Vector::DnsAmplification,
    ports: &[],
    min_payload: 1,
    is_reply: |_| true,
    unambiguous: false,
    sessions: false,
    crawled: false,
    answers: 3,
    note: "",
};

/// Services whose replies should never arrive from outside.
const NEVER: Amplifier = Amplifier { unambiguous: true, ..ROW };
/// As `NEVER`, but in a local network one multicast request may cause replies from all neighbours.
const DISCOVERY: Amplifier = Amplifier { answers: 100, ..NEVER };
/// Services whose packets also occur in calls, tunnels, transfers and games.
const SESSIONS: Amplifier = Amplifier { sessions: true, ..ROW };
/// As `SESSIONS`, and clients in search of a game, a peer or a measurement query hundreds of servers.
const CRAWLED: Amplifier = Amplifier { crawled: true, ..SESSIONS };

/// Whether the captured octets match `text` as far as they go.
fn starts(payload: &[u8], text: &[u8]) -> bool {
    payload.iter().zip(text).all(|(one, other)| one == other)
}

/// Whether the octet at `index` passes the test or was not captured.
fn octet(payload: &[u8], index: usize, test: impl Fn(u8) -> bool) -> bool {
    payload.get(index).is_none_or(|&octet| test(octet))
}

/// Whether the octets from `index` on are `wanted` or were not captured.
fn octets(payload: &[u8], index: usize, wanted: &[u8]) -> bool {
    payload.get(index..).is_none_or(|rest| starts(rest, wanted))
}

/// DNS header with QR set and the opcode of a query (RFC 1035 §4.1.1).
fn is_dns_reply(payload: &[u8]) -> bool {
    octet(payload, 2, |flags| flags & 0xf8 == 0x80)
}

/// Mode 7 (private, monlist) and mode 6 (control, readvar) with their response bits. Time servers reply in mode 4,
/// which is not matched.
fn is_ntp_control(payload: &[u8]) -> bool {
    match payload.first().copied().unwrap_or(0) {
        first if first & 0x07 == 7 => first & 0x80 != 0,
        first if first & 0x07 == 6 => octet(payload, 1, |second| second & 0x80 != 0),
        _ => false,
    }
}

/// A reply of IKE. Version 2 has a flag for it (RFC 7296 §3.1); in version 1 the responder's cookie is set, or the
/// message is a notification (RFC 2408 §3.1).
fn is_ike_header(header: &[u8]) -> bool {
    let answered = header.get(8..16).is_none_or(|cookie| cookie != [0; 8]);
    match header.get(17).copied() {
        Some(0x20) => octet(header, 19, |flags| flags & 0x20 != 0),
        Some(0x10) => answered || octet(header, 18, |exchange| exchange == 5),
        Some(_) => false,
        None => answered,
    }
}

/// A reply of IKE, with or without the marker that distinguishes it from ESP on port 4500 (RFC 3948 §2.2).
fn is_ike_reply(payload: &[u8]) -> bool {
    is_ike_header(payload) || payload.strip_prefix(&[0; 4]).is_some_and(is_ike_header)
}

/// A message of BACnet/IP other than a confirmed request (ASHRAE 135, annex J and clause 20.1).
fn is_bacnet_reply(payload: &[u8]) -> bool {
    // Offset of the network layer: after the requester's address if a router forwards the message.
    let npdu = match payload.get(1) {
        // BVLC-Result, and the acknowledgements with a router's tables.
        None | Some(0 | 3 | 7) => usize::MAX,
        Some(4) => 10,
        Some(10 | 11) => 4,
        Some(_) => return false,
    };
    let routed = || payload.get(npdu.saturating_add(1)).is_none_or(|control| control & 0x28 != 0);
    let answer = || octet(payload, npdu.saturating_add(2), |apdu| apdu >> 4 != 0);
    payload.first() == Some(&0x81) && (routed() || answer())
}

/// A connectionless reply of a Quake engine: such packets begin with 32 one bits.
fn is_quake_reply(payload: &[u8]) -> bool {
    const REPLIES: [&[u8]; 6] =
        [b"statusResponse", b"infoResponse", b"getserversResponse", b"getserversExtResponse", b"print\n", b"n\\"];
    let words = payload.get(4..).unwrap_or_default();
    starts(payload, &[0xff; 4]) && REPLIES.iter().any(|reply| starts(words, reply))
}

/// Every service, by row.
pub const AMPLIFIERS: &[Amplifier] = &[
    Amplifier {
        service: "dns",
        vector: Vector::DnsAmplification,
        ports: &[53],
        min_payload: 12,
        is_reply: is_dns_reply,
        note: "QR bit set (RFC 1035 §4.1.1); ANY, TXT and DNSSEC responses of 28 to 54 times the query (TA14-017A)",
        ..ROW
    },
    Amplifier {
        service: "ntp",
        vector: Vector::NtpAmplification,
        ports: &[123],
        min_payload: 8,
        is_reply: is_ntp_control,
        note: "mode 7 monlist up to 556 times (CVE-2013-5211, TA14-013A); mode 6 readvar (RFC 9327)",
        ..NEVER
    },
    Amplifier {
        service: "snmp",
        vector: Vector::SnmpAmplification,
        ports: &[161],
        min_payload: 20,
        is_reply: |p| starts(p, &[0x30]),
        note: "BER SEQUENCE, GetBulk responses (RFC 3416 §4.2.3), 6 times (TA14-017A)",
        ..ROW
    },
    Amplifier {
        service: "memcached",
        vector: Vector::MemcachedAmplification,
        ports: &[11211],
        min_payload: 8,
        // UDP frame header: request id, sequence, total, then two reserved octets that are zero.
        is_reply: |p| octets(p, 6, &[0, 0]),
        note: "memcached protocol.txt, UDP frame header; 50,000 times (CVE-2018-1000115)",
        ..NEVER
    },
    Amplifier {
        service: "cldap",
        vector: Vector::CldapAmplification,
        ports: &[389],
        min_payload: 20,
        is_reply: |p| starts(p, &[0x30]),
        note: "searchResEntry over UDP (RFC 1798), 56 to 70 times (TA14-017A)",
        ..NEVER
    },
    Amplifier {
        service: "ssdp",
        vector: Vector::SsdpAmplification,
        ports: &[1900],
        min_payload: 32,
        is_reply: |p| starts(p, b"HTTP") || starts(p, b"NOTI"),
        note: "responses to M-SEARCH (UPnP Device Architecture 1.1 §1.3.3), about 30 times (TA14-017A)",
        ..DISCOVERY
    },
    Amplifier {
        service: "chargen",
        vector: Vector::ChargenAmplification,
        ports: &[19],
        min_payload: 8,
        note: "up to 512 characters for any datagram (RFC 864), 359 times (TA14-017A)",
        ..NEVER
    },
    Amplifier {
        service: "qotd",
        vector: Vector::QotdAmplification,
        ports: &[17],
        min_payload: 8,
        note: "a quote for any datagram (RFC 865), 140 times (TA14-017A)",
        ..NEVER
    },
    Amplifier {
        service: "portmap",
        vector: Vector::PortmapAmplification,
        ports: &[111],
        min_payload: 24,
        is_reply: |p| octets(p, 4, &[0, 0, 0, 1]),
        note: "REPLY of ONC RPC (RFC 5531 §9) to DUMP (RFC 1833 §3), 7 to 28 times (TA14-017A)",
        ..NEVER
    },
    Amplifier {
        service: "netbios",
        vector: Vector::NetbiosAmplification,
        ports: &[137],
        min_payload: 50,
        is_reply: |p| octet(p, 2, |flags| flags & 0x80 != 0),
        note: "R bit set (RFC 1002 §4.2.1.1), node status of all names (§4.2.18), 3.8 times (TA14-017A)",
        ..NEVER
    },
    Amplifier {
        service: "tftp",
        vector: Vector::TftpAmplification,
        ports: &[69],
        min_payload: 4,
        is_reply: |p| octet(p, 0, |high| high == 0) && octet(p, 1, |code| matches!(code, 3 | 5 | 6)),
        note: "DATA, ERROR, OACK (RFC 1350 §5, RFC 2347). By RFC 1350 §4 they come from a new ephemeral port, which cannot be recognised; \
               abused servers keep 69 (Akamai threat advisory on TFTP, 2016)",
        ..SESSIONS
    },
    Amplifier {
        service: "ripv1",
        vector: Vector::Ripv1Amplification,
        ports: &[520],
        min_payload: 24,
        is_reply: |p| starts(p, &[2, 1]),
        note: "response of version 1 with up to 25 routes (RFC 1058 §3.1), 131 times (TA14-017A)",
        ..SESSIONS
    },
    Amplifier {
        service: "mdns",
        vector: Vector::MdnsAmplification,
        ports: &[5353],
        min_payload: 12,
        is_reply: is_dns_reply,
        note: "QR bit (RFC 6762 §18.2) of a response to a query from outside the link (§5.5, VU#550620)",
        ..DISCOVERY
    },
    Amplifier {
        service: "ws_discovery",
        vector: Vector::WsDiscoveryAmplification,
        ports: &[3702],
        min_payload: 170,
        is_reply: |p| starts(p, b"<"),
        note: "SOAP ProbeMatches (WS-Discovery 1.1 §5.3) or fault, up to 153 times (Akamai, September 2019; TA14-017A)",
        ..DISCOVERY
    },
    Amplifier {
        service: "arms",
        vector: Vector::ArmsAmplification,
        ports: &[3283],
        min_payload: 32,
        is_reply: |p| starts(p, &[0, 1]),
        note: "Apple Remote Management Service, a packet of 1,034 octets, 35.5 times (NETSCOUT ASERT, 2019)",
        ..NEVER
    },
    Amplifier {
        service: "coap",
        vector: Vector::CoapAmplification,
        ports: &[5683],
        min_payload: 4,
        is_reply: |p| octet(p, 0, |first| first >> 6 == 1) && octet(p, 1, |code| matches!(code >> 5, 2 | 4 | 5)),
        note: "response code class 2, 4 or 5 (RFC 7252 §3), risk of amplification (§11.3)",
        ..CRAWLED
    },
    Amplifier {
        service: "slp",
        vector: Vector::SlpAmplification,
        ports: &[427],
        min_payload: 16,
        is_reply: |p| starts(p, &[2]) && octet(p, 1, |function| matches!(function, 2 | 7 | 8 | 10 | 11)),
        note: "replies and adverts of SLPv2 (RFC 2608 §8), 12 times, where services were planted 2,200 times (CVE-2023-29552)",
        ..DISCOVERY
    },
    Amplifier {
        service: "steam",
        vector: Vector::SteamAmplification,
        // Includes the ports of other games that support the same queries.
        ports: &[27015, 27016, 27017, 27018, 27019, 27020, 2302, 21025, 28015],
        min_payload: 6,
        // A2S_INFO, players, rules, GoldSrc's info, challenge; or one of several packets.
        is_reply: |p| {
            starts(p, &[0xfe, 0xff, 0xff, 0xff])
                || starts(p, &[0xff; 4]) && octet(p, 4, |kind| matches!(kind, b'I' | b'D' | b'E' | b'm' | b'A'))
        },
        note: "replies to server queries (Valve developer wiki, Server queries), 5.5 times (TA14-017A)",
        ..CRAWLED
    },
    Amplifier {
        service: "quake",
        vector: Vector::QuakeAmplification,
        ports: &[27960, 27950, 27910, 27500, 26000, 28960],
        min_payload: 6,
        is_reply: is_quake_reply,
        note: "connectionless statusResponse and the like, 64 times (TA14-017A; Rossow, NDSS 2014)",
        ..CRAWLED
    },
    Amplifier {
        service: "mssql",
        vector: Vector::MssqlAmplification,
        ports: &[1434],
        min_payload: 16,
        is_reply: |p| starts(p, &[5]),
        note: "SVR_RESP of the SQL Server Browser (MC-SQLR §2.2.5)",
        ..NEVER
    },
    Amplifier {
        service: "openvpn",
        vector: Vector::OpenvpnAmplification,
        ports: &[1194],
        min_payload: 14,
        // Opcode in the upper five bits, key ID 0: P_CONTROL_HARD_RESET_SERVER_V2 and V1.
        is_reply: |p| octet(p, 0, |first| matches!(first, 0x40 | 0x10)),
        note: "the server's hard reset, retransmitted until acknowledged (OpenVPN wire protocol, opcode 8)",
        ..SESSIONS
    },
    Amplifier {
        service: "stun",
        vector: Vector::StunAmplification,
        // Includes the alternate port (RFC 5780) and those of Cisco's servers.
        ports: &[3478, 3479, 8088, 37833],
        min_payload: 20,
        is_reply: |p| starts(p, &[1, 1]) || starts(p, &[1, 0x11]),
        note: "Binding success or error response (RFC 8489 §5), 2.3 times (NETSCOUT ASERT, June 2021)",
        ..SESSIONS
    },
    Amplifier {
        service: "sip",
        vector: Vector::SipAmplification,
        ports: &[5060],
        min_payload: 32,
        is_reply: |p| starts(p, b"SIP/2.0 "),
        note: "status line (RFC 3261 §7.2); final responses are retransmitted until acknowledged (§13.3.1.4)",
        ..SESSIONS
    },
    Amplifier {
        service: "isakmp",
        vector: Vector::IsakmpAmplification,
        ports: &[500, 4500],
        min_payload: 28,
        is_reply: is_ike_reply,
        note: "responder's cookie or response flag (RFC 2408 §3.1, RFC 7296 §3.1); up to 9 times (VU#419128)",
        ..SESSIONS
    },
    Amplifier {
        service: "bacnet",
        vector: Vector::BacnetAmplification,
        ports: &[47808],
        min_payload: 6,
        is_reply: is_bacnet_reply,
        note: "BVLC type 0x81 (ASHRAE 135 annex J), a reply to ReadPropertyMultiple, up to 120 times (Gasser et al., 2017)",
        ..SESSIONS
    },
    Amplifier {
        service: "ubiquiti",
        vector: Vector::UbiquitiAmplification,
        ports: &[10001],
        min_payload: 20,
        is_reply: |p| octet(p, 0, |version| matches!(version, 1 | 2)) && !(p.len() >= 4 && octets(p, 2, &[0, 0])),
        note: "discovery reply with fields; the request is four octets without any (CVE-2017-0938; CERT-Bund report)",
        ..DISCOVERY
    },
    Amplifier {
        service: "dhip",
        vector: Vector::DhipAmplification,
        ports: &[37810],
        min_payload: 64,
        is_reply: |p| octets(p, 4, b"DHIP"),
        note: "DHDiscover of Dahua's recorders, JSON after 32 octets; 11 times a complete request, 178 times one of four octets \
               (NSFOCUS, October 2020; NETSCOUT ASERT, July 2021)",
        ..DISCOVERY
    },
    Amplifier {
        service: "plex",
        vector: Vector::PlexAmplification,
        ports: &[32410, 32412, 32413, 32414],
        min_payload: 32,
        is_reply: |p| starts(p, b"HTTP/"),
        note: "responses of 52 to 281 octets to M-SEARCH, about 5 times (CVE-2021-33959; NETSCOUT ASERT, February 2021)",
        ..DISCOVERY
    },
    Amplifier {
        service: "tp240",
        vector: Vector::Tp240Amplification,
        ports: &[10074],
        min_payload: 8,
        // Text in alternating long and short packets. Media on the same port would not be text.
        is_reply: |p| p.iter().take(4).all(|octet| matches!(octet, b'\t' | b'\n' | b'\r' | b' '..=b'~')),
        note: "status lines of Mitel's TP-240 driver, 4,294,967,296 to 1 for one command (CVE-2022-26143)",
        ..NEVER
    },
    Amplifier {
        service: "jenkins",
        vector: Vector::JenkinsAmplification,
        ports: &[33848],
        min_payload: 32,
        is_reply: |p| starts(p, b"<hudson"),
        note: "XML of the discovery service, more than 100 octets for a request of one (CVE-2020-2100)",
        ..NEVER
    },
    Amplifier {
        service: "bittorrent",
        vector: Vector::BittorrentAmplification,
        ports: &[6881, 6882, 6883, 6884, 6885, 6886, 6887, 6888, 6889],
        min_payload: 20,
        // A dictionary that begins with "r" (response), "e" (error) or, with BEP 42, "ip"; queries begin with "a".
        is_reply: |p| starts(p, b"d1:r") || starts(p, b"d1:e") || starts(p, b"d2:ip"),
        note: "responses of the DHT (BEP 5), 3.8 times (TA14-017A)",
        ..CRAWLED
    },
    Amplifier {
        service: "l2tp",
        vector: Vector::L2tpAmplification,
        ports: &[1701],
        min_payload: 20,
        // Control message of version 2: Start-Control-Connection-Reply, or Stop-Control-Connection-Notification.
        is_reply: |p| {
            octet(p, 0, |flags| flags & 0x80 != 0)
                && octet(p, 1, |version| version & 0x0f == 2)
                && octets(p, 14, &[0, 0, 0, 0, 0])
                && octet(p, 19, |kind| matches!(kind, 2 | 4))
        },
        note: "SCCRP or StopCCN (RFC 2661 §4.4.1, §6), retransmitted until acknowledged (§5.8)",
        ..SESSIONS
    },
    Amplifier {
        service: "rdp",
        vector: Vector::RdpAmplification,
        ports: &[3389],
        min_payload: 1000,
        // Acknowledged sequence number, window, flags: SYN and ACK.
        is_reply: |p| octet(p, 7, |flags| flags & 5 == 5),
        note: "SYN+ACK of MS-RDPEUDP §2.2.2.1, padded to the MTU, 86 times (NETSCOUT ASERT, January 2021)",
        ..ROW
    },
];
