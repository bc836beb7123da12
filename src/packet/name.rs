//! The name that a request is for (HTTP Host, TLS SNI, DNS zone) and the requested item, from the first packet of the
//! request alone. Every octet is untrusted: parsing is lax, does not allocate and stays within the payload.

use super::App;
use super::application::MAX_HEADERS;
use std::fmt;

/// Maximum octets of a name; longer ones are truncated. Longer registered names are practically unknown.
const MAX_NAME: usize = 127;

/// A name from a packet, in lower case; empty if none could be read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    octets: [u8; MAX_NAME],
    len: u8,
}

impl Default for Name {
    fn default() -> Self {
        Name { octets: [0; MAX_NAME], len: 0 }
    }
}

impl Name {
    /// Lower-cases and truncates a name.
    pub fn of(octets: &[u8]) -> Name {
        let mut name = Name::default();
        name.push(octets);
        name
    }

    fn push(&mut self, octets: &[u8]) {
        let room = self.octets.get_mut(usize::from(self.len)..).unwrap_or_default();
        for (slot, octet) in room.iter_mut().zip(octets) {
            *slot = octet.to_ascii_lowercase();
            self.len += 1;
        }
    }

    /// The octets of the name, which need not be text.
    pub fn as_bytes(&self) -> &[u8] {
        self.octets.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// Whether no name could be read.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// Safe for people and machines: octets that are unusual in a name (control characters, quotes, other scripts and their
/// direction marks) are escaped as `\xNN`.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for &octet in self.as_bytes() {
            match octet {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b':' | b'[' | b']' | b'*' => {
                    write!(f, "{}", char::from(octet))?;
                }
                other => write!(f, "\\x{other:02x}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The subject of one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestInfo {
    /// Host, server name, or the zone that a DNS question belongs to.
    pub name: Name,
    /// Hash of the requested item: the path without query, or the full name of a DNS question.
    pub item: u64,
    /// HTTP: hash of the path with its query.
    pub whole: u64,
    /// HTTP: hash of the keys of the query.
    pub keys: u64,
    /// HTTP: the method is safe (GET, HEAD). DNS: the first label below the zone may be random; octets and
    /// nibbles (reverse lookups, block lists) are excluded.
    pub plain: bool,
    /// HTTP: sent by a proxy on behalf of others (RFC 7239, X-Forwarded-For, Via).
    pub forwarded: bool,
}

/// Parses the first packet of a request.
pub fn read(app: App, payload: &[u8]) -> RequestInfo {
    match app {
        App::HttpRequest | App::HttpIncomplete | App::HttpAwaitingBody => http(payload),
        App::TlsClientHello => {
            RequestInfo { name: server_name(payload).map(Name::of).unwrap_or_default(), ..RequestInfo::default() }
        }
        App::DnsQuery => question(payload).unwrap_or_default(),
        _ => RequestInfo::default(),
    }
}

/// FNV-1a. It is not collision-resistant and need not be: an attacker who makes paths collide only makes the flood look
/// more uniform.
fn hash(octets: &[u8]) -> u64 {
    octets
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, &octet| (hash ^ u64::from(octet)).wrapping_mul(0x0000_0100_0000_01b3))
}

fn http(payload: &[u8]) -> RequestInfo {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let mut config = httparse::ParserConfig::default();
    config.ignore_invalid_headers_in_requests(true);
    // A truncated head, or one with too many headers, still provides those that were parsed.
    let _ = config.parse_request(&mut request, payload);
    let path = request.path.unwrap_or_default();
    // The text before each equals sign. A bare number is not a key but a timestamp, which polling pages append.
    let key = |pair: &'_ str| match pair.split_once('=') {
        Some((key, _)) => hash(key.as_bytes()),
        None if pair.bytes().all(|octet| octet.is_ascii_digit()) => 0,
        None => hash(pair.as_bytes()),
    };
    let keys = path.split('?').nth(1).unwrap_or_default().split('&').map(key);
    let mut subject = RequestInfo {
        whole: hash(path.as_bytes()),
        keys: keys.fold(0, |keys, key| keys ^ key),
        item: hash(path.split(['?', '#']).next().unwrap_or_default().as_bytes()),
        plain: matches!(request.method, Some("GET" | "HEAD") | None),
        ..RequestInfo::default()
    };
    for header in request.headers.iter().take_while(|header| !header.name.is_empty()) {
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        if is("host") && subject.name.is_empty() {
            subject.name = Name::of(site(header.value));
        }
        subject.forwarded |= is("x-forwarded-for") || is("forwarded") || is("via") || is("x-real-ip");
    }
    subject
}

/// A Host without its port and final dot, which do not change the site.
fn site(host: &[u8]) -> &[u8] {
    let host = host.trim_ascii();
    let port = host.iter().rposition(|&octet| octet == b':');
    let host = match port {
        // A colon within an IPv6 literal does not precede a port.
        Some(at) if !host.get(at..).unwrap_or_default().contains(&b']') => host.get(..at).unwrap_or_default(),
        _ => host,
    };
    host.strip_suffix(b".").unwrap_or(host)
}

/// Removes and returns the first `count` octets.
fn take<'a>(data: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = data.split_at_checked(count)?;
    *data = rest;
    Some(taken)
}

fn number(octets: &[u8]) -> usize {
    octets.iter().fold(0, |number, &octet| number << 8 | usize::from(octet))
}

/// The host_name of the server_name extension (RFC 6066 §3), if the first TCP segment contains it. With Encrypted
/// Client Hello it is the provider's name; such a hello cannot be distinguished from a GREASE one (draft-ietf-tls-esni
/// §6.2).
fn server_name(payload: &[u8]) -> Option<&[u8]> {
    let mut data = payload;
    // Record header, message type and length, version, random.
    take(&mut data, 5 + 4 + 2 + 32)?;
    // Session ID, cipher suites, compression methods, each preceded by its length.
    for width in [1, 2, 1] {
        let length = number(take(&mut data, width)?);
        take(&mut data, length)?;
    }
    take(&mut data, 2)?;
    while let Some(&[t0, t1, l0, l1]) = data.first_chunk::<4>() {
        take(&mut data, 4)?;
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        if (t0, t1) != (0, 0) {
            take(&mut data, length)?;
            continue;
        }
        // List length, name type 0 (host_name), length.
        let &[_, _, 0, n0, n1] = take(&mut data, 5)?.first_chunk::<5>()? else { return None };
        let name = take(&mut data, usize::from(u16::from_be_bytes([n0, n1])))?;
        return Some(name.strip_suffix(b".").unwrap_or(name));
    }
    None
}

/// Maximum labels of a question. Up to 127 are possible (RFC 1035 §3.1), but names in use have few.
const MAX_LABELS: usize = 40;

/// Second-level labels of country-code domains under which registries register names.
const SECOND_LEVEL_REGISTRIES: &[&[u8]] =
    &[b"co", b"com", b"net", b"org", b"ac", b"gov", b"edu", b"or", b"ne", b"go", b"gob", b"gouv", b"mil", b"nom"];

fn question(payload: &[u8]) -> Option<RequestInfo> {
    let mut data = payload.get(12..)?;
    let whole = data;
    let mut labels = [&[] as &[u8]; MAX_LABELS];
    let mut count = 0;
    loop {
        let length = usize::from(*take(&mut data, 1)?.first()?);
        // The end, or a compression pointer, which no question needs.
        if length == 0 || length > 63 {
            break;
        }
        let label = take(&mut data, length)?;
        *labels.get_mut(count)? = label;
        count += 1;
    }
    let labels = labels.get(..count)?;
    let zone_labels = match labels {
        [.., second, top]
            if top.len() == 2 && SECOND_LEVEL_REGISTRIES.iter().any(|known| second.eq_ignore_ascii_case(known)) =>
        {
            3
        }
        _ => 2,
    };
    let (below, zone) = labels.split_at(count.saturating_sub(zone_labels));
    let mut name = Name::default();
    for (index, label) in zone.iter().enumerate() {
        name.push(if index == 0 { b"" } else { b"." });
        name.push(label);
    }
    let mut item = 0u64;
    for &octet in whole.get(..whole.len() - data.len())? {
        // Resolvers vary the case (draft-vixie-dnsext-dns0x20).
        item = (item ^ u64::from(octet.to_ascii_lowercase())).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(5);
    }
    // Block lists and reverse zones are queried for addresses.
    let reverse = zone.last().is_some_and(|top| top.eq_ignore_ascii_case(b"arpa"));
    // An octet in decimal, or a nibble; a longer number is as random as letters.
    let is_of_address = |label: &[u8]| label.len() <= 3 && label.iter().all(u8::is_ascii_digit) || label.len() == 1;
    let may_be_random = below.first().is_some_and(|label| !is_of_address(label)) && !reverse;
    Some(RequestInfo { name, item, plain: may_be_random, ..RequestInfo::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn host(head: &str) -> String {
        read(App::HttpRequest, head.as_bytes()).name.to_string()
    }

    #[test]
    fn hosts_are_read_from_partial_heads() {
        assert_eq!(host("GET / HTTP/1.1\r\nHost: Shop.Example:8080\r\n\r\n"), "shop.example");
        assert_eq!(host("GET / HTTP/1.1\r\nhost: shop.example.\r\nX-a"), "shop.example");
        assert_eq!(host("GET / HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n\r\n"), "[2001:db8::1]");
        assert_eq!(host("GET / HTTP/1.0\r\nUser-Agent: ab\r\n\r\n"), "");
        assert_eq!(host("GET / HTTP/1.1\r\nBad Header: x\r\nHost: a.example\r\n\r\n"), "a.example");
        let many: String = (0..60).map(|n| format!("X-{n}: a\r\n")).collect();
        assert_eq!(host(&format!("GET / HTTP/1.1\r\nHost: a.example\r\n{many}\r\n")), "a.example");
    }

    #[test]
    fn the_query_is_not_part_of_the_item() {
        let item = |path: &str| read(App::HttpRequest, format!("GET {path} HTTP/1.1\r\n\r\n").as_bytes()).item;
        assert_eq!(item("/a?x=1"), item("/a?y=2"));
        assert_ne!(item("/a"), item("/b"));
        let keys = |path: &str| read(App::HttpRequest, format!("GET {path} HTTP/1.1\r\n\r\n").as_bytes()).keys;
        assert_eq!((keys("/a?x=1&y=2"), keys("/a?16999")), (keys("/a?x=3&y=4"), keys("/a")));
        assert_ne!(keys("/?AB=1"), keys("/?CD=1"));
        let post = read(App::HttpRequest, b"POST / HTTP/1.1\r\nVia: 1.1 x\r\n\r\n");
        assert!(!post.plain && post.forwarded);
    }

    #[test]
    fn hostile_names_are_escaped_and_truncated() {
        let name = Name::of("a\"b\u{202e}\r\n<script>".as_bytes());
        assert_eq!(name.to_string(), "a\\x22b\\xe2\\x80\\xae\\x0d\\x0a\\x3cscript\\x3e");
        assert_eq!(Name::of(&[b'A'; 255]).as_bytes(), [b'a'; MAX_NAME]);
    }

    fn zone_of(name: &str) -> (String, bool) {
        let mut message = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.').filter(|label| !label.is_empty()) {
            message.push(label.len() as u8);
            message.extend(label.bytes());
        }
        message.extend([0, 0, 1, 0, 1]);
        let subject = read(App::DnsQuery, &message);
        (subject.name.to_string(), subject.plain)
    }

    #[test]
    fn zones_are_registered_names() {
        assert_eq!(zone_of("qwkzjd.www.Example.com"), ("example.com".into(), true));
        assert_eq!(zone_of("x7f3k.shop.co.uk"), ("shop.co.uk".into(), true));
        assert_eq!(zone_of("example.com"), ("example.com".into(), false));
        assert_eq!(zone_of("4.3.2.1.zen.blocklist.example"), ("blocklist.example".into(), false));
        assert_eq!(zone_of("8273645.example.com"), ("example.com".into(), true));
        assert_eq!(zone_of("4.3.2.1.in-addr.arpa"), ("in-addr.arpa".into(), false));
        assert_eq!(zone_of(""), (String::new(), false));
    }

    proptest! {
        #[test]
        fn arbitrary_octets_do_not_panic(octets in prop::collection::vec(any::<u8>(), 0..1500), start in 0usize..4) {
            let start: &[u8] = [&b"GET / HTTP/1.1\r\nHost: "[..], &[22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3], b"POST /", b""]
                .get(start).copied().unwrap_or_default();
            let payload = [start, &octets].concat();
            for &app in App::ALL {
                let _ = read(app, &payload).name.to_string();
            }
            let _ = App::of_tcp(&payload, payload.len() as u16);
            let _ = App::of_tcp(&payload, 1500);
            let _ = App::of_udp(53, 53, &payload);
        }
    }
}
