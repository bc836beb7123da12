//! Payloads: messages of the protocols that floods abuse and benign traffic uses.
//!
//! Every kind writes exactly the length that the plan requires, and truncates or pads its message if necessary. Formats
//! follow the RFC named at each kind; those of the amplifiers also CISA alert TA14-017A.

use super::checksum::{fold, put, sum};
use super::message::Message;
use super::rng::Rng;
use super::templates::Template;
use crate::base::Addr;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Payload {
    Random,
    /// The letter with which hping3 fills packets.
    Letters,
    /// Timestamp and counting octets, as ping sends them.
    Ping,
    /// TXT query with EDNS and this identifier.
    DnsQuery(u16),
    /// Response with TXT and RRSIG records (RFC 1035, RFC 4034) to the query with this identifier.
    DnsResponse(u16),
    /// The same for an ANY query that the receiver never sent.
    DnsUnsolicited,
    /// Mode 3 request of NTP version 4 (RFC 5905).
    NtpRequest,
    /// Mode 4 reply.
    NtpReply,
    /// Mode 7 reply to `monlist` with 72-octet items, more to follow.
    Monlist,
    /// GetResponse of SNMP v2c to a GetBulk (RFC 3416).
    Snmp,
    /// UDP frame header and a stored value of memcached.
    Memcached,
    /// searchResEntry and searchResDone without a connection (RFC 1798).
    Cldap,
    /// Response to M-SEARCH.
    Ssdp,
    SsdpSearch,
    /// Response of a multicast DNS responder (RFC 6762).
    Mdns,
    TlsHello,
    TlsData,
    HttpGet,
    HttpOk,
    /// Sequence number within the call (RFC 3550), 20 ms of G.711 each.
    Rtp(u16),
    /// MPEG transport stream within RTP.
    MpegTs(u16),
    /// QUIC packet with long header: Initial (RFC 9000 §17.2.2).
    QuicInitial,
    QuicData,
    /// Transport data message (type 4) with its counter.
    WireGuard(u32),
    /// Call or reply of ONC RPC (RFC 5531), transaction number.
    Rpc {
        xid: u32,
        reply: bool,
    },
    /// GRE (RFC 2784) with IPv4 and UDP between random addresses inside, as in Mirai's GREIP flood; `GreEthernet` also
    /// with an Ethernet header, as in its GREETH flood.
    GreIp,
    GreEthernet,
    /// General membership query, 8 octets (RFC 2236).
    Igmp,
    /// ICMP port unreachable (RFC 792) that quotes a datagram from this IPv4 address to a random one.
    PortUnreachable(Addr),
    /// Security parameters index and sequence number, then ciphertext (RFC 4303).
    Esp(u32),
    /// A message of a service that reflectors run.
    Template(&'static Template),
    Application(Message),
    /// An update of a game: sequence number and state.
    Game(u16),
}

impl Payload {
    /// A whole message as a payload, with its length in octets.
    pub(crate) fn message(message: Message) -> (Payload, u64) {
        (Payload::Application(message), message.octets().len() as u64)
    }
}

/// Appends exactly `length` octets of `kind`.
pub(crate) fn write(kind: Payload, length: usize, rng: &mut Rng, out: &mut Vec<u8>) {
    let start = out.len();
    let end = start + length;
    match kind {
        Payload::Random | Payload::Game(_) | Payload::QuicData if length == 0 => {}
        Payload::Random => {}
        Payload::Letters => out.resize(end, b'X'),
        Payload::Application(message) => out.extend(message.octets()),
        Payload::Ping => {
            rng.fill(out, 16);
            out.extend((0x10..=0xff).cycle().take(length.saturating_sub(16)));
        }
        Payload::DnsQuery(id) => {
            out.extend(id.to_be_bytes());
            out.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 1]);
            question(id, out, TXT);
            out.extend(OPT);
        }
        Payload::DnsResponse(id) => dns_answer(id, TXT, length, rng, out),
        Payload::DnsUnsolicited => dns_answer(rng.next_u16(), ANY, length, rng, out),
        Payload::NtpRequest => {
            out.extend([0x23, 0, 6, 0xec]);
            out.resize(start + 40, 0);
        }
        Payload::NtpReply => out.extend([0x24, 2, 6, 0xe9, 0, 0, 1, 0x20, 0, 0, 2, 0x10]),
        Payload::Monlist => {
            let items = length.saturating_sub(8) / 72;
            out.extend([0xd7, 0x00, 0x03, 0x2a]);
            out.extend((items as u16).to_be_bytes());
            out.extend(72u16.to_be_bytes());
        }
        Payload::Snmp => snmp(length, rng, out),
        Payload::Memcached => {
            out.extend(rng.next_u16().to_be_bytes());
            let frame = rng.below(700) as u16;
            out.extend(frame.to_be_bytes());
            out.extend(750u16.to_be_bytes());
            out.extend([0, 0]);
            out.extend(b"VALUE a 0 1048576\r\n");
            out.resize(end.max(out.len()), b'a');
        }
        Payload::Cldap => cldap(length, rng, out),
        Payload::Ssdp => {
            out.extend(b"HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=1800\r\nEXT:\r\nLOCATION: http://192.168.1.1:49152/rootDesc.xml\r\n");
            out.extend(
                b"SERVER: Linux/3.10 UPnP/1.0 IGD/1.0\r\nST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\n",
            );
            out.extend(b"USN: uuid:12345678-0000-0000-0000-000000000001::urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\n\r\n");
            out.resize(end.max(out.len()), b' ');
        }
        Payload::SsdpSearch => {
            out.extend(b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nMX: 2\r\nST: ssdp:all\r\n\r\n");
            out.resize(end.max(out.len()), b' ');
        }
        Payload::Mdns => {
            // A PTR record to the instance at octet 43, and the TXT record of that.
            out.extend([0, 0, 0x84, 0, 0, 0, 0, 2, 0, 0, 0, 0]);
            out.extend(b"\x08_airplay\x04_tcp\x05local\0\0\x0c\0\x01\0\0\x11\x94\0\x0f");
            out.extend(b"\x0cLiving Room \xc0\x0c\xc0\x2b\0\x10\x80\x01\0\0\x11\x94");
            let texts = length.saturating_sub(70);
            out.extend((texts as u16).to_be_bytes());
            for piece in pieces(texts, 2, 200) {
                out.push((piece - 1) as u8);
                out.resize(out.len() + piece - 1, b'=');
            }
        }
        Payload::TlsHello => tls_hello(length, rng, out),
        Payload::TlsData => {
            out.extend([23, 3, 3]);
            out.extend((length.saturating_sub(5) as u16).to_be_bytes());
        }
        Payload::HttpGet => {
            out.extend(b"GET / HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept: */*\r\nCookie: s=");
            out.resize(end.saturating_sub(4).max(out.len()), b'c');
            out.extend(b"\r\n\r\n");
        }
        Payload::HttpOk => {
            out.extend(b"HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<!doctype html>");
            out.resize(end.max(out.len()), b'.');
        }
        Payload::Rtp(sequence) => rtp(8, sequence, 160, out),
        Payload::MpegTs(sequence) => {
            rtp(33, sequence, 3_600, out);
            while out.len() + 188 <= end {
                out.extend([0x47, 1, 0, 0x10 | (sequence as u8 & 15)]);
                rng.fill(out, 184);
            }
        }
        Payload::QuicInitial => {
            out.extend([0xc3, 0, 0, 0, 1, 8]);
            rng.fill(out, 8);
            out.extend([0, 0]);
            out.extend((0x4000 | length.saturating_sub(18) as u16).to_be_bytes());
        }
        Payload::QuicData | Payload::Game(_) => {
            out.push(0x40 | (rng.next_u64() as u8 & 0x3f));
            if let Payload::Game(sequence) = kind {
                out.extend(sequence.to_be_bytes());
            }
        }
        Payload::WireGuard(counter) => {
            out.extend([4, 0, 0, 0, 0x5e, 0x1f, 0x0a, 0x11]);
            out.extend(u64::from(counter).to_le_bytes());
        }
        Payload::GreIp => {
            out.extend([0, 0, 8, 0]);
            inner_datagram(length.saturating_sub(4), rng, out);
        }
        Payload::GreEthernet => {
            out.extend([0, 0, 0x65, 0x58]);
            rng.fill(out, 12);
            out.extend([8, 0]);
            inner_datagram(length.saturating_sub(18), rng, out);
        }
        Payload::Igmp => out.extend([0x11, 100, 0xee, 0x9b, 0, 0, 0, 0]),
        Payload::PortUnreachable(source) => port_unreachable(source, rng, out),
        Payload::Esp(sequence) => {
            out.extend([0xc0, 0x0f, 0xfe, 0xe1]);
            out.extend(sequence.to_be_bytes());
        }
        Payload::Template(Template { head, fill, .. }) => {
            out.extend(*head);
            while !fill.is_empty() && out.len() < end {
                out.extend(*fill);
            }
        }
        Payload::Rpc { xid, reply } => {
            out.extend(xid.to_be_bytes());
            out.extend(u32::from(reply).to_be_bytes());
            if !reply {
                // RPC version 2, NFS version 3, WRITE.
                out.extend([0, 0, 0, 2, 0, 1, 0x86, 0xa3, 0, 0, 0, 3, 0, 0, 0, 7]);
            }
        }
    }
    out.truncate(end);
    let missing = end - out.len();
    rng.fill(out, missing);
}

/// Headers of an IPv4 packet of `length` octets that carries UDP between random addresses and ports. The caller fills
/// the rest.
fn inner_datagram(length: usize, rng: &mut Rng, out: &mut Vec<u8>) {
    let at = out.len();
    out.extend([0x45, 0]);
    out.extend((length as u16).to_be_bytes());
    out.extend(rng.next_u16().to_be_bytes());
    out.extend([0x40, 0, 64, 17, 0, 0]);
    rng.fill(out, 8);
    let checksum = !fold(sum(out.get(at..).unwrap_or_default()));
    put(out, at + 10, checksum);
    rng.fill(out, 4);
    out.extend((length.saturating_sub(20) as u16).to_be_bytes());
    out.extend([0, 0]);
}

fn port_unreachable(source: Addr, rng: &mut Rng, out: &mut Vec<u8>) {
    let at = out.len();
    out.extend([3, 3, 0, 0, 0, 0, 0, 0]);
    let quoted = out.len();
    inner_datagram(48, rng, out);
    // The quoted datagram was sent by the receiver of the error.
    let address = (source.bits() as u32).to_be_bytes();
    for (octet, own) in out.iter_mut().skip(quoted + 12).zip(address) {
        *octet = own;
    }
    put(out, quoted + 10, 0);
    let header = !fold(sum(out.get(quoted..quoted + 20).unwrap_or_default()));
    put(out, quoted + 10, header);
    let message = !fold(sum(out.get(at..).unwrap_or_default()));
    put(out, at + 2, message);
}

/// EDNS (RFC 6891): 4096 octets, DO.
const OPT: [u8; 11] = [0, 0, 41, 16, 0, 0, 0, 0x80, 0, 0, 0];

const TXT: u8 = 16;
const ANY: u8 = 255;

/// The name depends on the identifier, so that query and response agree.
fn question(id: u16, out: &mut Vec<u8>, kind: u8) {
    out.extend([2, b'w', b'0' + (id % 10) as u8]);
    out.extend(b"\x07example\x03com\0");
    out.extend([0, kind, 0, 1]);
}

/// Splits `space` octets completely into pieces of `least` to `most` octets.
fn pieces(mut space: usize, least: usize, most: usize) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        if space < least {
            return None;
        }
        let piece = match space {
            _ if space <= most => space,
            _ if space - most < least => space - least,
            _ => most,
        };
        space -= piece;
        Some(piece)
    })
}

fn dns_answer(id: u16, kind: u8, length: usize, rng: &mut Rng, out: &mut Vec<u8>) {
    let space = length.saturating_sub(12 + 20 + OPT.len());
    out.extend(id.to_be_bytes());
    let count = pieces(space, 14, 268).count() as u16;
    out.extend([0x85, 0x80, 0, 1]);
    out.extend(count.to_be_bytes());
    out.extend([0, 0, 0, 1]);
    question(id, out, kind);
    for (index, piece) in pieces(space, 14, 268).enumerate() {
        let data = piece - 12;
        let txt = index % 2 == 0;
        out.extend([0xc0, 12, 0, if txt { 16 } else { 46 }, 0, 1, 0, 0, 14, 16]);
        out.extend((data as u16).to_be_bytes());
        if txt {
            out.push((data - 1) as u8);
        }
        rng.fill(out, data - usize::from(txt));
    }
    out.extend(OPT);
}

/// A BER length of two octets.
fn ber(out: &mut Vec<u8>, tag: u8, length: usize) {
    out.extend([tag, 0x82]);
    out.extend((length as u16).to_be_bytes());
}

/// The same in the four octets that Active Directory uses.
fn ber4(out: &mut Vec<u8>, tag: u8, length: usize) {
    out.extend([tag, 0x84]);
    out.extend((length as u32).to_be_bytes());
}

fn snmp(length: usize, rng: &mut Rng, out: &mut Vec<u8>) {
    let space = length.saturating_sub(33);
    ber(out, 0x30, length.saturating_sub(4));
    out.extend([2, 1, 1, 4, 6]);
    out.extend(b"public");
    ber(out, 0xa2, length.saturating_sub(19));
    out.extend([2, 4]);
    out.extend((rng.next_u32() >> 1).to_be_bytes());
    // Error status and index take six octets, with the list's header; the whole before the list is 33.
    out.extend([2, 1, 0, 2, 1, 0]);
    ber(out, 0x30, space.saturating_sub(2));
    for piece in pieces(space.saturating_sub(2), 20, 220) {
        ber(out, 0x30, piece - 4);
        out.extend([6, 8, 0x2b, 6, 1, 2, 1, 1, 1, 0]);
        ber(out, 4, piece - 18);
        rng.fill(out, piece - 18);
    }
}

fn cldap(length: usize, rng: &mut Rng, out: &mut Vec<u8>) {
    const DONE: [u8; 22] = [0x30, 0x84, 0, 0, 0, 16, 2, 1, 7, 0x65, 0x84, 0, 0, 0, 7, 10, 1, 0, 4, 0, 4, 0];
    let entry = length.saturating_sub(DONE.len());
    ber4(out, 0x30, entry.saturating_sub(6));
    out.extend([2, 1, 7]);
    ber4(out, 0x64, entry.saturating_sub(15));
    out.extend([4, 0]);
    ber4(out, 0x30, entry.saturating_sub(23));
    for piece in pieces(entry.saturating_sub(23), 34, 300) {
        ber4(out, 0x30, piece - 6);
        out.extend([4, 8]);
        out.extend(b"netlogon");
        ber4(out, 0x31, piece - 22);
        ber4(out, 4, piece - 28);
        rng.fill(out, piece - 28);
    }
    out.extend(DONE);
}

fn tls_hello(length: usize, rng: &mut Rng, out: &mut Vec<u8>) {
    const NAME: &[u8] = b"shop.example";
    let body = length.saturating_sub(9);
    out.extend([22, 3, 1]);
    out.extend((length.saturating_sub(5) as u16).to_be_bytes());
    out.extend([1, 0]);
    out.extend((body as u16).to_be_bytes());
    out.extend([3, 3]);
    rng.fill(out, 32);
    out.push(32);
    rng.fill(out, 32);
    // TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256; no compression.
    out.extend([0, 6, 0x13, 1, 0x13, 2, 0x13, 3, 1, 0]);
    let extensions = body.saturating_sub(79);
    out.extend((extensions as u16).to_be_bytes());
    let name = NAME.len() as u16;
    for part in [0, name + 5, name + 3] {
        out.extend(part.to_be_bytes());
    }
    out.push(0);
    out.extend(name.to_be_bytes());
    out.extend(NAME);
    // supported_versions: 1.3; then padding (RFC 7685) over the rest.
    out.extend([0, 43, 0, 3, 2, 3, 4]);
    let padding = extensions.saturating_sub(usize::from(name) + 9 + 7 + 4);
    out.extend([0, 21]);
    out.extend((padding as u16).to_be_bytes());
    out.resize(out.len() + padding, 0);
}

fn rtp(kind: u8, sequence: u16, step: u32, out: &mut Vec<u8>) {
    out.extend([0x80, kind]);
    out.extend(sequence.to_be_bytes());
    out.extend((u32::from(sequence) * step).to_be_bytes());
    out.extend([0x1a, 0x2b, 0x3c, 0x4d]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn octets(kind: Payload, length: usize) -> Vec<u8> {
        let mut out = vec![9];
        write(kind, length, &mut Rng::new(1, 1), &mut out);
        out.remove(0);
        out
    }

    #[test]
    fn every_kind_fills_exactly() {
        for kind in [
            Payload::Random,
            Payload::Letters,
            Payload::Ping,
            Payload::DnsQuery(7),
            Payload::DnsResponse(7),
            Payload::DnsUnsolicited,
            Payload::NtpRequest,
            Payload::NtpReply,
            Payload::Monlist,
            Payload::Snmp,
            Payload::Memcached,
            Payload::Cldap,
            Payload::Ssdp,
            Payload::SsdpSearch,
            Payload::Mdns,
            Payload::TlsHello,
            Payload::TlsData,
            Payload::HttpGet,
            Payload::HttpOk,
            Payload::Rtp(65_535),
            Payload::MpegTs(2),
            Payload::QuicInitial,
            Payload::QuicData,
            Payload::WireGuard(1),
            Payload::Rpc { xid: 1, reply: false },
            Payload::GreIp,
            Payload::GreEthernet,
            Payload::Igmp,
            Payload::PortUnreachable(Addr::from_v4_bits(7)),
            Payload::Esp(1),
            Payload::Game(3),
            Payload::Template(&super::super::templates::SIP),
            Payload::Template(&super::super::templates::OPENVPN),
        ] {
            for length in [0, 1, 7, 48, 60, 333, 1372, 1472, 4000] {
                assert_eq!(octets(kind, length).len(), length, "{kind:?}");
            }
        }
    }

    #[test]
    fn dns_answers_are_well_formed() {
        for length in [100, 512, 1372, 1400, 3000] {
            let data = octets(Payload::DnsUnsolicited, length);
            let count = u16::from_be_bytes([data[6], data[7]]);
            let mut at = 32;
            for _ in 0..count {
                at += 12 + usize::from(u16::from_be_bytes([data[at + 10], data[at + 11]]));
            }
            assert_eq!(data[at..], OPT, "{length}");
        }
    }

    #[test]
    fn amplifiers_have_their_signatures() {
        assert_eq!(octets(Payload::Monlist, 440)[..8], [0xd7, 0, 3, 0x2a, 0, 6, 0, 72]);
        let snmp = octets(Payload::Snmp, 1400);
        assert_eq!(
            (snmp[..4].to_vec(), snmp[15..19].to_vec()),
            (vec![0x30, 0x82, 0x05, 0x74], vec![0xa2, 0x82, 0x05, 0x65])
        );
        // The list of variables reaches the end of the message.
        assert_eq!(snmp[31..35], [0x30, 0x82, 0x05, 0x55]);
        assert_eq!(35 + 0x555, 1400);
        let cldap = octets(Payload::Cldap, 2900);
        assert_eq!(cldap[..6], [0x30, 0x84, 0, 0, 0x0b, 0x38]);
        assert_eq!(cldap[6 + 0xb38], 0x30);
        assert!(octets(Payload::Ssdp, 310).starts_with(b"HTTP/1.1 200 OK\r\n"));
        assert!(octets(Payload::Memcached, 1400)[8..].starts_with(b"VALUE "));
        let hello = octets(Payload::TlsHello, 517);
        assert_eq!(hello[..9], [22, 3, 1, 2, 0, 1, 0, 1, 0xfc]);
    }
}
