//! The name that a request is for (HTTP Host, TLS SNI, DNS zone) and what of it is asked, from its first packet alone.
//! Every octet is hostile: the parse is lax, takes no memory and reads no more than it was given.

use super::App;
use super::application::HEADERS;
use std::fmt;

/// Octets of a name that are kept. Registered names with more are all but unknown; the rest is cut off.
const LONGEST: usize = 127;

/// A name as it stood in the packet, in lower case. Empty: none could be read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    octets: [u8; LONGEST],
    len: u8,
}

impl Default for Name {
    fn default() -> Self {
        Name { octets: [0; LONGEST], len: 0 }
    }
}

impl Name {
    pub fn of(octets: &[u8]) -> Name {
        let mut name = Name::default();
        name.push(octets);
        name
    }

    fn push(&mut self, octets: &[u8]) {
        let room = self.octets.get_mut(usize::from(self.len)..).unwrap_or_default();
        for (place, octet) in room.iter_mut().zip(octets) {
            *place = octet.to_ascii_lowercase();
            self.len += 1;
        }
    }

    pub fn as_bytes(&self) -> &[u8] {
        self.octets.get(..usize::from(self.len)).unwrap_or_default()
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// For people and machines: anything that is not plain in a name (control characters, quotes, other scripts and their
/// marks of direction) is written as `\xNN`.
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

/// What one request asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Host, server name, or the zone below which the question is.
    pub name: Name,
    /// A number for what is asked within it: the path without query, or the whole name of a DNS question.
    pub item: u64,
    /// HTTP: the same with the whole query, and with the keys of the query alone.
    pub whole: u64,
    pub keys: u64,
    /// HTTP: a method that changes nothing (GET, HEAD). DNS: a label below the zone that somebody made up; counted ones
    /// (reverse lookups, block lists) are not.
    pub plain: bool,
    /// HTTP: a proxy says that it asks for others (RFC 7239, X-Forwarded-For, Via).
    pub forwarded: bool,
}

/// Reads what the first packet of a request tells.
pub fn read(app: App, payload: &[u8]) -> Asked {
    match app {
        App::HttpRequest | App::HttpUnfinished | App::HttpBodyAwaited => http(payload),
        App::TlsHello => Asked { name: server_name(payload).map(Name::of).unwrap_or_default(), ..Asked::default() },
        App::DnsQuery => question(payload).unwrap_or_default(),
        _ => Asked::default(),
    }
}

/// FNV-1a: whoever makes two paths collide only makes his flood look more monotonous.
fn hash(octets: &[u8]) -> u64 {
    octets
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, &octet| (hash ^ u64::from(octet)).wrapping_mul(0x0000_0100_0000_01b3))
}

fn http(payload: &[u8]) -> Asked {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let mut config = httparse::ParserConfig::default();
    config.ignore_invalid_headers_in_requests(true);
    // A head that is cut off or has too many headers still gives those that were read.
    let _ = config.parse_request(&mut request, payload);
    let path = request.path.unwrap_or_default();
    // What stands before each equals sign. A bare number is a time, which pages that poll put there, not a key.
    let key = |pair: &'_ str| match pair.split_once('=') {
        Some((key, _)) => hash(key.as_bytes()),
        None if pair.bytes().all(|octet| octet.is_ascii_digit()) => 0,
        None => hash(pair.as_bytes()),
    };
    let keys = path.split('?').nth(1).unwrap_or_default().split('&').map(key);
    let mut asked = Asked {
        whole: hash(path.as_bytes()),
        keys: keys.fold(0, |keys, key| keys ^ key),
        item: hash(path.split(['?', '#']).next().unwrap_or_default().as_bytes()),
        plain: matches!(request.method, Some("GET" | "HEAD") | None),
        ..Asked::default()
    };
    for header in request.headers.iter().take_while(|header| !header.name.is_empty()) {
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        if is("host") && asked.name.is_empty() {
            asked.name = Name::of(site(header.value));
        }
        asked.forwarded |= is("x-forwarded-for") || is("forwarded") || is("via") || is("x-real-ip");
    }
    asked
}

/// A Host without its port and final dot: the same site under any of them.
fn site(host: &[u8]) -> &[u8] {
    let host = host.trim_ascii();
    let port = host.iter().rposition(|&octet| octet == b':');
    let host = match port {
        // Not within an IPv6 literal.
        Some(at) if !host.get(at..).unwrap_or_default().contains(&b']') => host.get(..at).unwrap_or_default(),
        _ => host,
    };
    host.strip_suffix(b".").unwrap_or(host)
}

/// Takes `count` octets off the front.
fn take<'a>(data: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = data.split_at_checked(count)?;
    *data = rest;
    Some(taken)
}

fn number(octets: &[u8]) -> usize {
    octets.iter().fold(0, |number, &octet| number << 8 | usize::from(octet))
}

/// The host_name of the server_name extension (RFC 6066 §3), as far as the first segment holds it. With Encrypted Client
/// Hello it is that of the provider, which cannot be told from a greased hello (draft-ietf-tls-esni §6.2).
fn server_name(payload: &[u8]) -> Option<&[u8]> {
    let mut data = payload;
    // Record header, message type and length, version, random.
    take(&mut data, 5 + 4 + 2 + 32)?;
    // Session, cipher suites, compression methods, each behind its length.
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

/// Labels of a question that are looked at: 127 are the most (RFC 1035 §3.1), names that people use have few.
const LABELS: usize = 40;

/// Second-level labels below which registries give names away, under a country's code.
const REGISTRIES: &[&[u8]] =
    &[b"co", b"com", b"net", b"org", b"ac", b"gov", b"edu", b"or", b"ne", b"go", b"gob", b"gouv", b"mil", b"nom"];

fn question(payload: &[u8]) -> Option<Asked> {
    let mut data = payload.get(12..)?;
    let whole = data;
    let mut labels = [&[] as &[u8]; LABELS];
    let mut count = 0;
    loop {
        let length = usize::from(*take(&mut data, 1)?.first()?);
        // The end, or a pointer, which no question needs.
        if length == 0 || length > 63 {
            break;
        }
        let label = take(&mut data, length)?;
        *labels.get_mut(count)? = label;
        count += 1;
    }
    let labels = labels.get(..count)?;
    let zone_labels = match labels {
        [.., second, top] if top.len() == 2 && REGISTRIES.iter().any(|known| second.eq_ignore_ascii_case(known)) => 3,
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
    // Block lists and reverse zones are asked for addresses.
    let reverse = zone.last().is_some_and(|top| top.eq_ignore_ascii_case(b"arpa"));
    let counted = |label: &[u8]| label.iter().all(u8::is_ascii_digit) || label.len() == 1;
    let made_up = below.first().is_some_and(|label| !counted(label)) && !reverse;
    Some(Asked { name, item, plain: made_up, ..Asked::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn host(head: &str) -> String {
        read(App::HttpRequest, head.as_bytes()).name.to_string()
    }

    #[test]
    fn hosts_are_read_as_far_as_heads_go() {
        assert_eq!(host("GET / HTTP/1.1\r\nHost: Shop.Example:8080\r\n\r\n"), "shop.example");
        assert_eq!(host("GET / HTTP/1.1\r\nhost: shop.example.\r\nX-a"), "shop.example");
        assert_eq!(host("GET / HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n\r\n"), "[2001:db8::1]");
        assert_eq!(host("GET / HTTP/1.0\r\nUser-Agent: ab\r\n\r\n"), "");
        assert_eq!(host("GET / HTTP/1.1\r\nBad Header: x\r\nHost: a.example\r\n\r\n"), "a.example");
        let many: String = (0..60).map(|n| format!("X-{n}: a\r\n")).collect();
        assert_eq!(host(&format!("GET / HTTP/1.1\r\nHost: a.example\r\n{many}\r\n")), "a.example");
    }

    #[test]
    fn queries_do_not_make_another_path() {
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
    fn hostile_names_are_escaped_and_cut() {
        let name = Name::of("a\"b\u{202e}\r\n<script>".as_bytes());
        assert_eq!(name.to_string(), "a\\x22b\\xe2\\x80\\xae\\x0d\\x0a\\x3cscript\\x3e");
        assert_eq!(Name::of(&[b'A'; 255]).as_bytes(), [b'a'; LONGEST]);
    }

    fn asked(name: &str) -> (String, bool) {
        let mut message = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.').filter(|label| !label.is_empty()) {
            message.push(label.len() as u8);
            message.extend(label.bytes());
        }
        message.extend([0, 0, 1, 0, 1]);
        let asked = read(App::DnsQuery, &message);
        (asked.name.to_string(), asked.plain)
    }

    #[test]
    fn zones_are_what_was_registered() {
        assert_eq!(asked("qwkzjd.www.Example.com"), ("example.com".into(), true));
        assert_eq!(asked("x7f3k.shop.co.uk"), ("shop.co.uk".into(), true));
        assert_eq!(asked("example.com"), ("example.com".into(), false));
        assert_eq!(asked("4.3.2.1.zen.blocklist.example"), ("blocklist.example".into(), false));
        assert_eq!(asked("4.3.2.1.in-addr.arpa"), ("in-addr.arpa".into(), false));
        assert_eq!(asked(""), (String::new(), false));
    }

    proptest! {
        #[test]
        fn no_octets_break_it(octets in prop::collection::vec(any::<u8>(), 0..1500), start in 0usize..4) {
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
