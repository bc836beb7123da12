//! The requested names in incidents: the site or the zone under attack, and how hostile names are escaped.

use pegel::base::{Timestamp, Vector};
use pegel::capture::{CaptureError, Frame, FrameDirection, FrameSink, LinkType, PacketSource, Poll};
use pegel::config::Config;
use pegel::incident::Incident;
use pegel::runtime::replay::incidents;
use pegel::traffic::{Part, Scenario, TrafficModel};

fn config() -> Config {
    Config::for_networks(vec!["203.0.113.0/24".parse().expect("a network")])
}

/// The only incident of an attack on a host that also has normal traffic.
fn incident(model: TrafficModel, change: fn(&mut Part)) -> Incident {
    let mut attack = Part::new(model, 2.0, 5.0);
    change(&mut attack);
    let mut calm = Part::new(TrafficModel::HttpProgram, 0.0, 6.0);
    calm.params.target = "203.0.113.7/32".parse().ok();
    calm.params.rate = Some(50.0);
    let scenario = Scenario::new(3, vec![attack, calm]);
    let mut found = incidents(&config(), &mut scenario.source()).expect("synthetic traffic does not fail");
    assert_eq!(found.len(), 1, "{found:#?}");
    found.remove(0)
}

/// The name of most requests. Other names of the host's normal traffic may follow with a small share.
fn names(incident: &Incident) -> Vec<(&str, &str, bool)> {
    incident.names.iter().take(1).map(|name| (name.name.as_str(), name.kind, name.share > 0.8)).collect()
}

#[test]
fn the_site_under_attack_is_distinguished_from_others() {
    let found = incident(TrafficModel::HttpFlood, |_| {});
    assert_eq!((found.vector, names(&found)), (Vector::HttpFlood, vec![("site1.example", "http_host", true)]));
    let found = incident(TrafficModel::TlsFlood, |_| {});
    assert_eq!((found.vector, names(&found)), (Vector::TlsHandshakeFlood, vec![("site3.example", "tls_sni", true)]));
    let found = incident(TrafficModel::SlowHttp, |_| {});
    assert_eq!((found.vector, names(&found)), (Vector::SlowHttp, vec![("site1.example", "http_host", true)]));
    let found = incident(TrafficModel::DnsWaterTorture, |_| {});
    assert_eq!((found.vector, names(&found)), (Vector::DnsWaterTorture, vec![("shop.example", "dns_zone", true)]));
    // Tools that send no Host header: no request can be attributed.
    let found = incident(TrafficModel::HttpFloodPaths, |part| part.params.rate = Some(900.0));
    assert_eq!((found.vector, names(&found)), (Vector::HttpFlood, vec![("", "http_host", true)]));
}

/// ClientHellos, each for a different name.
struct Hellos {
    sent: u32,
    name: fn(u32) -> Vec<u8>,
}

impl Hellos {
    fn frame(&self, n: u32) -> Vec<u8> {
        let name = (self.name)(n);
        let length = name.len() as u16;
        let mut body = vec![3, 3];
        body.extend([0; 32]);
        body.extend([0, 0, 2, 0x13, 1, 1, 0]);
        body.extend((length + 9).to_be_bytes());
        body.extend([0, 0]);
        body.extend((length + 5).to_be_bytes());
        body.extend((length + 3).to_be_bytes());
        body.push(0);
        body.extend(length.to_be_bytes());
        body.extend(name);
        let mut hello = vec![22, 3, 1];
        hello.extend((body.len() as u16 + 4).to_be_bytes());
        hello.extend([1, 0]);
        hello.extend((body.len() as u16).to_be_bytes());
        hello.extend(body);
        let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0];
        frame.extend((hello.len() as u16 + 40).to_be_bytes());
        frame.extend([0, 0, 0, 0, 64, 6, 0, 0]);
        frame.extend((0xc612_0000 + n % 50_000).to_be_bytes());
        frame.extend([203, 0, 113, 7]);
        frame.extend([(n >> 8) as u8 | 0x80, n as u8, 1, 187, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 1, 0, 0, 0, 0, 0]);
        [frame, hello].concat()
    }
}

impl PacketSource for Hellos {
    fn poll<S: FrameSink>(&mut self, sink: &mut S) -> Result<Poll, CaptureError> {
        for _ in 0..1024 {
            if self.sent == 100_000 {
                return Ok(Poll::End);
            }
            let data = self.frame(self.sent);
            let time = Timestamp::from_parts(1_767_225_600, 0).plus_seconds(f64::from(self.sent) * 2e-5);
            let (link, direction) = (LinkType::Ethernet, FrameDirection::Unknown);
            let wire_len = data.len() as u32;
            sink.frame(Frame {
                time,
                data: &data,
                wire_len,
                link,
                direction,
                interface: 0,
                vlan: None,
                segments: 1,
                sampled: 1,
            });
            self.sent += 1;
        }
        Ok(Poll::Delivered)
    }
}

#[test]
fn a_hundred_thousand_names_are_one_incident_with_a_short_list() {
    let mut source = Hellos { sent: 0, name: |n| format!("n{n}.example").into_bytes() };
    let found = incidents(&config(), &mut source).expect("no error");
    let [incident] = &found[..] else { panic!("{found:#?}") };
    // There are no connections either.
    assert_eq!(incident.vectors, [Vector::AckFlood, Vector::TlsHandshakeFlood]);
    assert!(incident.names.len() <= 10, "{}", incident.names.len());
}

#[test]
fn hostile_names_are_escaped() {
    let name = |n: u32| [&b"\x1b]0;\"\xe2\x80\xae<b>\r\n\0"[..], &[b'a'; 240], &[b'0' + (n % 3) as u8]].concat();
    let found = incidents(&config(), &mut Hellos { sent: 0, name }).expect("no error");
    let [incident] = &found[..] else { panic!("{found:#?}") };
    let text = serde_json::to_string(&found).expect("JSON");
    assert!(text.contains(r"\\x1b]0\\x3b\\x22\\xe2\\x80\\xae\\x3cb\\x3e\\x0d\\x0a\\x00aaaa"), "{text}");
    for name in &incident.names {
        assert!(name.name.bytes().all(|octet| octet.is_ascii_graphic()) && name.name.len() < 512, "{}", name.name);
    }
    assert!(incident.evidence.iter().all(|evidence| evidence.message.bytes().all(|octet| !octet.is_ascii_control())));
}
