//! Classification of payloads, as needed to detect request floods. It uses only the first octets of each packet, TCP on
//! any port. Names within requests are read elsewhere ([`name`](super::name)), from a sample of packets.

macro_rules! apps {
    ($($(#[$meta:meta])* $variant:ident,)*) => {
        /// The kind of a payload, judging by its first octets.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum App { /** Anything not listed below, or nothing. */ #[default] None, $($(#[$meta])* $variant,)* }

        impl App {
            /// Every kind.
            pub const ALL: &'static [App] = &[App::None, $(App::$variant,)*];
        }
    };
}

apps! {
    /// The head of an HTTP request (RFC 9112 §3), complete as far as a single TCP segment shows.
    HttpRequest,
    /// The head of an HTTP request that ends before its empty line, in a TCP segment with room for more.
    HttpIncomplete,
    /// The complete head of an HTTP request that announces a body, none of which is in the TCP segment.
    HttpAwaitingBody,
    /// The end of a request head that began in an earlier TCP segment.
    HttpHeadEnd,
    /// The head of an HTTP response.
    HttpResponse,
    /// TLS ClientHello (RFC 8446 §4.1.2).
    TlsClientHello,
    /// Other TLS records of a handshake, including alerts.
    TlsHandshake,
    /// TLS records with application data, not only the end of a handshake.
    TlsData,
    /// At most 64 octets of anything else.
    TinySegment,
    /// An acknowledgement without payload that announces a zero window: the receiver accepts no more data for now (RFC
    /// 9293 §3.8.6).
    ZeroWindow,
    /// A DNS query with one question (RFC 1035 §4.1.1).
    DnsQuery,
    /// A DNS response without error, of an authoritative server or one that does not recurse.
    DnsResponse,
    /// The same of a recursive resolver that is not authoritative (RA set, AA not: RFC 1035 §4.1.1).
    DnsRecursiveResponse,
    /// A DNS response that the name does not exist (RCODE 3).
    DnsNxdomain,
    /// A DNS response with SERVFAIL, REFUSED or another error.
    DnsFailure,
    /// A SIP request that starts something: REGISTER, INVITE or OPTIONS (RFC 3261 §7.1).
    SipRequest,
    /// A SIP response of class 1xx or 2xx (RFC 3261 §7.2).
    SipAccepted,
    /// A SIP response of any other class: redirection, challenge, rejection.
    SipRejected,
}

/// Octets of payload from which a TCP segment may be full: what is missing follows in the next one.
const MIN_FULL_SEGMENT: usize = 1000;
/// Maximum octets of a tiny segment.
const MAX_TINY_SEGMENT: usize = 64;
/// Minimum octets of an awaited body: a shorter one may follow in one small TCP segment, so that waiting for it is no
/// sign of an attack.
const MIN_AWAITED_BODY: u64 = 2048;
/// Maximum headers parsed; a head with more is classified without them.
pub(super) const MAX_HEADERS: usize = 32;
/// Maximum TLS records examined in a TCP segment.
const MAX_RECORDS: usize = 6;

const DNS: u16 = 53;
const SIP: u16 = 5060;

impl App {
    /// Number of kinds.
    pub const COUNT: usize = App::ALL.len();

    /// Position in [`App::ALL`].
    #[inline]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Whether it is a request that may contain a name.
    #[inline]
    pub const fn is_request(self) -> bool {
        matches!(
            self,
            App::HttpRequest | App::HttpIncomplete | App::HttpAwaitingBody | App::TlsClientHello | App::DnsQuery
        )
    }

    /// The kind of a TCP segment's payload of `claimed` octets, of which `payload` was captured.
    #[inline]
    pub(super) fn of_tcp(payload: &[u8], claimed: u16) -> App {
        let whole = payload.len() == usize::from(claimed);
        match payload.first_chunk::<4>() {
            Some([22, 3, 0..=4, _]) if payload.get(5) == Some(&1) => App::TlsClientHello,
            Some([20..=23, 3, 0..=4, _]) => tls(payload),
            Some(b"GET " | b"PUT ") => http(payload, 4, whole),
            Some(b"POST" | b"HEAD") => http(payload, 5, whole),
            Some(b"PATC" | b"TRAC") => http(payload, 6, whole),
            Some(b"DELE") => http(payload, 7, whole),
            Some(b"OPTI") if payload.get(8) != Some(&b's') => http(payload, 8, whole),
            Some(b"HTTP") => App::HttpResponse,
            Some(b"REGI" | b"INVI" | b"OPTI" | b"SIP/") => match sip(payload) {
                App::None => rest(payload, whole),
                app => app,
            },
            _ => rest(payload, whole),
        }
    }

    /// The kind of a TCP segment's payload that was captured in full.
    #[cfg(test)]
    pub(crate) fn of(payload: &[u8]) -> App {
        App::of_tcp(payload, payload.len() as u16)
    }

    /// The kind of a UDP datagram's payload.
    #[inline]
    pub(super) fn of_udp(source_port: u16, destination_port: u16, payload: &[u8]) -> App {
        if destination_port == DNS || source_port == DNS {
            dns(destination_port, payload)
        } else if destination_port == SIP || source_port == SIP {
            sip(payload)
        } else {
            App::None
        }
    }
}

fn http(payload: &[u8], target_at: usize, whole: bool) -> App {
    // Redis and others have a GET command, too. The target of an HTTP request is a path, an asterisk or an absolute
    // URI.
    match payload.get(target_at) {
        Some(b'/' | b'*' | b'h') => {}
        Some(_) => return rest(payload, whole),
        None => return if whole { App::HttpIncomplete } else { App::None },
    }
    if !whole || payload.len() >= MIN_FULL_SEGMENT {
        return App::HttpRequest;
    }
    match payload.windows(4).position(|end| end == b"\r\n\r\n") {
        None => App::HttpIncomplete,
        Some(end) if end + 4 == payload.len() && matches!(payload.first(), Some(b'P')) && awaits_body(payload) => {
            App::HttpAwaitingBody
        }
        Some(_) => App::HttpRequest,
    }
}

fn awaits_body(head: &[u8]) -> bool {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    if request.parse(head).is_err() {
        return false;
    }
    let length = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let octets = length.and_then(|header| std::str::from_utf8(header.value).ok()?.trim().parse::<u64>().ok());
    octets.is_some_and(|octets| octets >= MIN_AWAITED_BODY)
}

/// Tells handshake and data apart. The end of a handshake is often sent with the first data. Once TLS 1.3 encrypts,
/// both have type 23 (RFC 8446 §5.2), after a change_cipher_spec for middleboxes (§D.4).
fn tls(payload: &[u8]) -> App {
    let mut left = payload;
    // Records of each type, 20 to 23.
    let (mut plain, mut changes, mut data) = (0, 0, 0);
    for _ in 0..MAX_RECORDS {
        let Some(&[kind @ 20..=23, 3, _, l0, l1]) = left.first_chunk::<5>() else { break };
        match kind {
            23 => data += 1,
            22 => plain += 1,
            _ => changes += 1,
        }
        left = left.get(5 + usize::from(u16::from_be_bytes([l0, l1]))..).unwrap_or_default();
    }
    // After a change_cipher_spec without plaintext handshake records, the first record of type 23 is the encrypted
    // Finished.
    let finished = u32::from(plain == 0 && changes > 0);
    if data > finished { App::TlsData } else { App::TlsHandshake }
}

#[inline]
fn rest(payload: &[u8], whole: bool) -> App {
    if !whole || payload.is_empty() {
        App::None
    } else if payload.ends_with(b"\r\n\r\n") || payload == b"\r\n" {
        App::HttpHeadEnd
    } else if payload.len() <= MAX_TINY_SEGMENT {
        App::TinySegment
    } else {
        App::None
    }
}

/// SIP over UDP or TCP: the method with a SIP URI, or the class of a response. Rare, so it must not grow its callers.
#[inline(never)]
fn sip(payload: &[u8]) -> App {
    match payload {
        [b'R', b'E', b'G', b'I', b'S', b'T', b'E', b'R', b' ', b's', b'i', b'p', ..]
        | [b'I', b'N', b'V', b'I', b'T', b'E', b' ', b's', b'i', b'p', ..]
        | [b'O', b'P', b'T', b'I', b'O', b'N', b'S', b' ', b's', b'i', b'p', ..] => App::SipRequest,
        [b'S', b'I', b'P', b'/', b'2', b'.', b'0', b' ', b'1' | b'2', ..] => App::SipAccepted,
        [b'S', b'I', b'P', b'/', b'2', b'.', b'0', b' ', b'3'..=b'6', ..] => App::SipRejected,
        _ => App::None,
    }
}

#[inline]
fn dns(destination_port: u16, payload: &[u8]) -> App {
    match payload.first_chunk::<12>() {
        // Standard query (OPCODE 0), one question, no answers.
        Some([_, _, flags, _, 0, 1, 0, 0, ..])
            if destination_port == DNS && flags & 0xf8 == 0 && payload.len() >= 17 =>
        {
            App::DnsQuery
        }
        Some([_, _, flags, code, ..]) if flags & 0xf8 == 0x80 => match code & 0x0f {
            0 if flags & 0x04 == 0 && code & 0x80 != 0 => App::DnsRecursiveResponse,
            0 => App::DnsResponse,
            3 => App::DnsNxdomain,
            _ => App::DnsFailure,
        },
        _ => App::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(payload: &[u8]) -> App {
        App::of_tcp(payload, payload.len() as u16)
    }

    #[test]
    fn requests_are_classified_by_their_first_octets() {
        assert_eq!(tcp(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), App::HttpRequest);
        assert_eq!(tcp(b"GET /?1 HTTP/1.1\r\nHost: a\r\n"), App::HttpIncomplete);
        assert_eq!(tcp(b"GET key\r\n"), App::TinySegment, "Redis");
        assert_eq!(tcp(b"POST /a HTTP/1.1\r\nContent-Length: 90000\r\n\r\n"), App::HttpAwaitingBody);
        assert_eq!(tcp(b"POST /a HTTP/1.1\r\nContent-Length: 90000\r\n\r\nx"), App::HttpRequest);
        assert_eq!(tcp(b"POST /a HTTP/1.1\r\nContent-Length: 9\r\n\r\n"), App::HttpRequest);
        assert_eq!(tcp(b"X-a: b\r\n"), App::TinySegment);
        assert_eq!(tcp(b"X-a: b\r\n\r\n"), App::HttpHeadEnd);
        assert_eq!(tcp(b"HTTP/1.1 200 OK\r\n"), App::HttpResponse);
        assert_eq!(tcp(&[b'a'; 500]), App::None);
        // A large cookie over two TCP segments, and a capture with a short snapshot length.
        let long = [b"GET / HTTP/1.1\r\nCookie: ".as_slice(), &[b'c'; 1400]].concat();
        assert_eq!((tcp(&long), App::of_tcp(b"GET / HTTP/1.1\r\nHo", 400)), (App::HttpRequest, App::HttpRequest));
    }

    #[test]
    fn tls_records_are_classified() {
        assert_eq!(tcp(&[22, 3, 1, 0, 5, 1, 0, 0, 1, 0]), App::TlsClientHello);
        assert_eq!(tcp(&[22, 3, 1, 0, 5, 16, 0, 0, 1, 0]), App::TlsHandshake);
        assert_eq!(tcp(&[23, 3, 3, 0, 1, 0]), App::TlsData);
        let end = [20, 3, 3, 0, 1, 1, 23, 3, 3, 0, 2, 9, 9];
        assert_eq!(tcp(&end), App::TlsHandshake, "the end of a handshake");
        assert_eq!(tcp(&[&end[..], &[23, 3, 3, 0, 1, 0]].concat()), App::TlsData);
    }

    #[test]
    fn sip_is_classified_over_udp_and_tcp() {
        let udp = |payload: &[u8]| App::of_udp(5060, 4000, payload);
        for (payload, app) in [
            (&b"REGISTER sip:pbx.example SIP/2.0\r\n"[..], App::SipRequest),
            (b"INVITE sips:100@pbx.example SIP/2.0\r\n", App::SipRequest),
            (b"OPTIONS sip:100@pbx.example SIP/2.0\r\n", App::SipRequest),
            (b"SIP/2.0 180 Ringing\r\nVia: SIP/2.0/TCP pbx.example;branch=z9hG4bK-1-2-3-4-5\r\n", App::SipAccepted),
            (b"SIP/2.0 401 Unauthorized\r\nVia: SIP/2.0/TCP pbx.example;branch=z9hG4bK-1-2\r\n", App::SipRejected),
        ] {
            assert_eq!((udp(payload), tcp(payload)), (app, app), "{}", payload.escape_ascii());
        }
        assert_eq!(udp(b"ACK sip:100@pbx.example SIP/2.0\r\n"), App::None);
        assert_eq!(udp(b"SIP/2.0 "), App::None);
        assert_eq!(tcp(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), App::HttpRequest);
    }

    #[test]
    fn queries_and_responses_are_classified() {
        let message = |flags: u8, code: u8| [0, 1, flags, code, 0, 1, 0, 0, 0, 0, 0, 0, 1, b'a', 0, 0, 1, 0, 1];
        assert_eq!(App::of_udp(4000, 53, &message(1, 0)), App::DnsQuery);
        assert_eq!(App::of_udp(53, 4000, &message(0x81, 0x83)), App::DnsNxdomain);
        assert_eq!(App::of_udp(53, 4000, &message(0x81, 5)), App::DnsFailure);
        assert_eq!(App::of_udp(53, 4000, &message(0x84, 0)), App::DnsResponse);
        assert_eq!(App::of_udp(53, 4000, &message(0x81, 0x80)), App::DnsRecursiveResponse);
        assert_eq!(App::of_udp(53, 4000, &message(0x85, 0x80)), App::DnsResponse);
        assert_eq!(App::of_udp(4000, 5353, &message(1, 0)), App::None);
    }
}
