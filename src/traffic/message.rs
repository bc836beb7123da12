//! Application messages: HTTP, TLS and DNS.

use super::rng::mix;

/// A message of an application. Its octets depend on these fields alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    /// Path and query number (0: none), to site number `site`.
    Get { path: u32, query: u32, site: u8 },
    /// As LOIC sends it: no headers at all.
    BareGet { path: u32 },
    /// The same with the header by which a proxy names its client.
    ForwardedGet { path: u32, client: u32 },
    /// The first part of a request head.
    HalfGet { query: u32 },
    /// The rest of that head.
    HeadEnd,
    /// The header line that slowloris.py sends every 15 s to keep a connection open.
    HeaderLine(u16),
    /// Request head that announces a form of a million octets.
    FormHead,
    /// One octet of that form.
    FormByte,
    /// A small request to an API.
    ApiCall { number: u32 },
    /// ClientHello for site number `site`, 220 octets.
    ClientHello { site: u8 },
    /// ChangeCipherSpec and encrypted Finished.
    Finished,
    /// An encrypted handshake record, as a renegotiation sends it.
    Renegotiation,
    /// DNS query with this identifier for a name below `shop.example`.
    Query { id: u32, name: QueryName },
    /// Its response: the name does not exist.
    Nxdomain { id: u32, name: QueryName },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QueryName {
    /// Always the same name.
    Fixed,
    /// 8 to 16 random letters, different for each identifier.
    Random,
    /// Four numbers: an address to look up on a block list.
    BlockListEntry,
    /// A number of seven digits, different for each identifier.
    Number,
}

impl Message {
    pub(crate) fn octets(self) -> Vec<u8> {
        match self {
            Message::Get { path, query, site } => {
                let path = if path == 0 { "/".to_owned() } else { format!("/item/{path}.html") };
                let query = if query == 0 { String::new() } else { format!("?{:x}={:x}", query, mix(query.into())) };
                format!("GET {path}{query} HTTP/1.1\r\nHost: site{site}.example\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept: */*\r\nAccept-Encoding: gzip\r\nConnection: keep-alive\r\n\r\n").into_bytes()
            }
            Message::BareGet { path } => format!("GET /{:x} HTTP/1.0\r\n\r\n", mix(path.into())).into_bytes(),
            Message::ForwardedGet { path, client } => format!("GET /{path} HTTP/1.1\r\nHost: site1.example\r\nX-Forwarded-For: 198.51.100.{}\r\n\r\n", client % 250).into_bytes(),
            Message::HalfGet { query } => {
                format!("GET /?{} HTTP/1.1\r\nHost: site1.example\r\nUser-Agent: Mozilla/5.0 (X11)\r\n", query % 2000).into_bytes()
            }
            Message::HeadEnd => b"Accept: */*\r\nCookie: session=0123456789abcdef\r\n\r\n".to_vec(),
            Message::HeaderLine(number) => format!("X-a: {}\r\n", 1 + number % 5000).into_bytes(),
            Message::FormHead => b"POST /login HTTP/1.1\r\nHost: site1.example\r\nContent-Length: 1000000\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n".to_vec(),
            Message::FormByte => b"A".to_vec(),
            Message::ApiCall { number } => {
                let body = format!("{{\"order\":{number}}}");
                format!("POST /v1/orders HTTP/1.1\r\nHost: site2.example\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
            }
            Message::ClientHello { site } => client_hello(format!("site{site}.example").as_bytes()),
            Message::Finished => [&[20, 3, 3, 0, 1, 1, 23, 3, 3, 0, 53][..], &[0x5a; 53]].concat(),
            Message::Renegotiation => [&[22, 3, 3, 0, 200, 0xe7][..], &[0x5a; 199]].concat(),
            Message::Query { id, name } => dns([1, 0], id, name),
            Message::Nxdomain { id, name } => dns([0x81, 0x83], id, name),
        }
    }
}

/// A ClientHello with one extension, the server name.
fn client_hello(name: &[u8]) -> Vec<u8> {
    let length = name.len() as u16;
    let mut body = vec![3, 3];
    body.extend([0x5a; 32]);
    body.extend([0, 0, 6, 0x13, 1, 0x13, 2, 0x13, 3, 1, 0]);
    body.extend((length + 9).to_be_bytes());
    for part in [0, length + 5, length + 3] {
        body.extend(part.to_be_bytes());
    }
    body.push(0);
    body.extend(length.to_be_bytes());
    body.extend(name);
    let mut record = vec![22, 3, 1];
    record.extend((body.len() as u16 + 4).to_be_bytes());
    record.extend([1, 0]);
    record.extend((body.len() as u16).to_be_bytes());
    [record, body].concat()
}

/// A DNS message with one question.
fn dns(flags: [u8; 2], id: u32, name: QueryName) -> Vec<u8> {
    let random = mix(id.into());
    let name = match name {
        QueryName::Fixed => "www.shop.example".to_owned(),
        QueryName::Random => {
            let letters = (0..8 + random % 9).map(|n| char::from(b'a' + (mix(random + n) % 26) as u8));
            format!("{}.shop.example", letters.collect::<String>())
        }
        QueryName::Number => format!("{:07}.shop.example", random % 10_000_000),
        QueryName::BlockListEntry => {
            let [a, b, c, d, ..] = random.to_be_bytes();
            format!("{a}.{b}.{c}.{d}.zen.shop.example")
        }
    };
    let mut out = (id as u16).to_be_bytes().to_vec();
    out.extend(flags);
    out.extend([0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        out.push(label.len() as u8);
        out.extend(label.bytes());
    }
    out.extend([0, 0, 1, 0, 1]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::{App, name};

    #[test]
    fn messages_are_what_they_are_called() {
        let app = |message: Message| App::of(&message.octets());
        assert_eq!(app(Message::Get { path: 0, query: 5, site: 1 }), App::HttpRequest);
        assert_eq!(app(Message::HalfGet { query: 5 }), App::HttpIncomplete);
        assert_eq!((app(Message::HeadEnd), app(Message::HeaderLine(5))), (App::HttpHeadEnd, App::TinySegment));
        assert_eq!(app(Message::FormHead), App::HttpAwaitingBody);
        assert_eq!((app(Message::Finished), app(Message::Renegotiation)), (App::TlsHandshake, App::TlsHandshake));
        let hello = Message::ClientHello { site: 3 }.octets();
        assert_eq!(
            (App::of(&hello), name::read(App::TlsClientHello, &hello).name.to_string()),
            (App::TlsClientHello, "site3.example".into())
        );
        let query = Message::Query { id: 9, name: QueryName::Random }.octets();
        let read = name::read(App::DnsQuery, &query);
        assert_eq!((read.name.to_string().as_str(), read.plain), ("shop.example", true));
    }
}
