//! Benign traffic over UDP and ICMP: name and time servers, media, tunnels, games, monitoring, and the chatter of a
//! local network.

use super::agenda::{Agenda, Model, Pacing};
use super::frames::{Body, Plan, Way, round_trip, trait_of};
use super::payload::Payload;
use super::setting::Setting;
use super::tcp::TURNAROUND;
use crate::base::Addr;

type Built = (Box<dyn Model>, Pacing);

/// What one beginning means; see the registry for each.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    DnsResolver,
    DnsServer,
    NtpServer,
    NtpClient,
    Voip,
    Nfs,
    Ping,
    Iptv,
    Chatter,
    Game,
    Http3,
    /// OSPF, VRRP, PIM, IGMP.
    Routing,
    GroupPing,
    BfdEcho,
}

struct Exchange {
    setting: Setting,
    kind: Kind,
    count: u64,
}

fn exchange(setting: &Setting, kind: Kind, pacing: Pacing) -> Built {
    (Box::new(Exchange { setting: setting.clone(), kind, count: 0 }), pacing)
}

pub fn dns_resolver(setting: &Setting) -> Built {
    exchange(setting, Kind::DnsResolver, Pacing::Rate(setting.rate))
}

pub fn dns_server(setting: &Setting) -> Built {
    exchange(setting, Kind::DnsServer, Pacing::Rate(setting.rate))
}

pub fn ntp_server(setting: &Setting) -> Built {
    exchange(setting, Kind::NtpServer, Pacing::Rate(setting.rate))
}

pub fn ntp_client(setting: &Setting) -> Built {
    exchange(setting, Kind::NtpClient, Pacing::Rate(setting.rate))
}

/// `rate` packets a second each way in each of `sources` calls.
pub fn voip(setting: &Setting) -> Built {
    exchange(setting, Kind::Voip, Pacing::Rate(setting.rate * setting.sources.size() as f64))
}

pub fn nfs_fragments(setting: &Setting) -> Built {
    exchange(setting, Kind::Nfs, Pacing::Rate(setting.rate))
}

pub fn ping_monitor(setting: &Setting) -> Built {
    exchange(setting, Kind::Ping, Pacing::Rate(setting.rate))
}

pub fn multicast_iptv(setting: &Setting) -> Built {
    exchange(setting, Kind::Iptv, Pacing::Rate(setting.rate))
}

pub fn chatter(setting: &Setting) -> Built {
    exchange(setting, Kind::Chatter, Pacing::Rate(setting.rate))
}

pub fn http3_site(setting: &Setting) -> Built {
    exchange(setting, Kind::Http3, Pacing::Rate(setting.rate))
}

pub fn routing_chatter(setting: &Setting) -> Built {
    exchange(setting, Kind::Routing, Pacing::Rate(setting.rate))
}

pub fn group_ping(setting: &Setting) -> Built {
    exchange(setting, Kind::GroupPing, Pacing::Rate(setting.rate))
}

pub fn bfd_echo(setting: &Setting) -> Built {
    exchange(setting, Kind::BfdEcho, Pacing::Rate(setting.rate))
}

/// `rate` packets a second each way for each of `sources` players.
pub fn game_server(setting: &Setting) -> Built {
    exchange(setting, Kind::Game, Pacing::Rate(setting.rate * setting.sources.size() as f64))
}

/// A host and the port it uses.
type Socket = (Addr, u16);

impl Exchange {
    /// A question from `asker` and its answer, each as it passes the edge; returns when the answer passes.
    fn ask(
        (way, asker, answerer): (Way, Socket, Socket),
        now: u64,
        question: (Payload, usize),
        answer: (Payload, usize),
        agenda: &mut Agenda,
    ) -> u64 {
        let delay = match way {
            Way::Outward => round_trip(answerer.0),
            _ => TURNAROUND + agenda.rng.below(TURNAROUND),
        };
        agenda.send(now, Plan::udp(way, asker, answerer, question.0, question.1));
        agenda.send(now + delay, Plan::udp(way.back(), answerer, asker, answer.0, answer.1));
        now + delay
    }

    /// The port of a peer that keeps its port.
    fn port_of(peer: Addr) -> u16 {
        1024 + (trait_of(peer) >> 20) as u16 % 60_000
    }

    /// Peer number `count` in turn.
    fn peer(&self) -> Addr {
        self.setting.sources.nth(self.count % self.setting.sources.size().max(1))
    }

    fn resolve(&self, now: u64, agenda: &mut Agenda) {
        let Setting { way, ref sources, .. } = self.setting;
        let resolver = self.setting.target();
        let rng = &mut agenda.rng;
        // The resolver asks under its own identifier, for the same name: that of the last digit.
        let id = rng.next_u16();
        let asked_id = rng.below(6_500) as u16 * 10 + id % 10;
        let query = rng.between(43, 60) as usize;
        let answer = match rng.below(10) {
            0..3 => rng.between(1_100, 1_432),
            3..6 => rng.between(250, 600),
            _ => rng.between(60, 200),
        } as usize;
        let authority = (sources.pick(rng), 53);
        // Every query of a resolver comes from another port (RFC 5452).
        let path = (way.back(), (resolver, rng.port()), authority);
        let client = (neighbour(resolver, 100 + rng.below(100) as u8), rng.port());
        let done = Self::ask(path, now, (Payload::DnsQuery(id), query), (Payload::DnsAnswer(id), answer), agenda);
        if way == Way::Inward {
            let asked = now.saturating_sub(TURNAROUND).max(self.setting.start);
            agenda.send(asked, Plan::udp(Way::Internal, client, (resolver, 53), Payload::DnsQuery(asked_id), query));
            let reply = Plan::udp(Way::Internal, (resolver, 53), client, Payload::DnsAnswer(asked_id), answer.min(512));
            agenda.send(done + TURNAROUND, reply);
        }
    }

    /// A new connection of HTTP/3: handshake (RFC 9001 §4.1), one request, its answer with acknowledgements.
    fn visit(&self, now: u64, agenda: &mut Agenda) {
        let Setting { way, port, ref sources, .. } = self.setting;
        let client = (sources.pick(&mut agenda.rng), agenda.rng.port());
        let server = (self.setting.target(), port);
        let lag = if way == Way::Inward { round_trip(client.0) } else { round_trip(server.0) };
        let mut up = |time, kind, length| agenda.send(time, Plan::udp(way, client, server, kind, length));
        up(now, Payload::QuicInitial, 1_200);
        let shaken = now + TURNAROUND + lag;
        up(shaken, Payload::QuicInitial, 1_200);
        up(shaken + 200_000, Payload::QuicData, 300);
        let asked = shaken + 300_000 + lag;
        let segments = agenda.rng.between(5, 30);
        for number in 0..=segments / 3 {
            let time = asked + TURNAROUND + number * 60_000;
            agenda.send(time, Plan::udp(way, client, server, Payload::QuicData, 32));
        }
        let mut down = |time, kind| agenda.send(time, Plan::udp(way.back(), server, client, kind, 1_200));
        for number in 0..3 {
            down(now + TURNAROUND + number * 5_000, Payload::QuicInitial);
        }
        for number in 0..segments {
            down(shaken + 300_000 + TURNAROUND + number * 20_000, Payload::QuicData);
        }
    }

    /// What routers tell each other: OSPF (RFC 2328), VRRP (RFC 9568), PIM (RFC 7761), and IGMP (RFC 3376) to their groups;
    /// and OSPF also from router to router.
    fn route(&self, now: u64, agenda: &mut Agenda) {
        let host = self.setting.target();
        let router = neighbour(host, 240 + (self.count % 3) as u8);
        let (protocol, group) = [(89, 5u8), (112, 18), (103, 13), (2, 22), (89, 0)][self.count as usize % 5];
        let to = match (group, host.is_v4()) {
            (0, _) => host,
            (_, true) => Addr::from_v4_bits(0xe000_0000 | u32::from(group)),
            (_, false) => Addr::from_v6_bits(0xff02 << 112 | u128::from(group)),
        };
        let plan = Plan::new(Way::Internal, router, to, Body::Raw(protocol));
        let plan = if protocol == 2 { plan.carrying(Payload::Igmp, 8) } else { plan.carrying(Payload::Random, 44) };
        agenda.send(now, Plan { ttl: if group == 18 { 255 } else { 1 }, ..plan });
    }

    /// mDNS announcements (TTL 255, RFC 6762 §11) over both families, and SSDP searches, of neighbours in turn.
    fn chat(&self, now: u64, agenda: &mut Agenda) {
        let host = neighbour(self.setting.target(), 20 + (self.count % 40) as u8);
        let v4 = host.is_v4();
        let own = |group: u32| Addr::from_v4_bits(group);
        let group6 = |group: u128| Addr::from_v6_bits(0xff02 << 112 | group);
        let mdns = agenda.rng.percent(60);
        let (target, port, payload, length, ttl) = match (mdns, v4) {
            (true, true) => (own(0xe000_00fb), 5353, Payload::Mdns, agenda.rng.between(80, 400), 255),
            (true, false) => (group6(0xfb), 5353, Payload::Mdns, agenda.rng.between(80, 400), 255),
            (false, true) => (own(0xefff_fffa), 1900, Payload::SsdpSearch, 101, 2),
            (false, false) => (group6(0x0c), 1900, Payload::SsdpSearch, 101, 2),
        };
        let source_port = if mdns { 5353 } else { agenda.rng.port() };
        let plan = Plan::udp(Way::Internal, (host, source_port), (target, port), payload, length as usize);
        agenda.send(now, Plan { ttl, ..plan });
    }
}

/// The host with `last` as the last octet beside another.
const fn neighbour(host: Addr, last: u8) -> Addr {
    let bits = host.bits() & !0xff | last as u128;
    if host.is_v4() { Addr::from_v4_bits(bits as u32) } else { Addr::from_v6_bits(bits) }
}

impl Model for Exchange {
    fn begin(&mut self, now: u64, agenda: &mut Agenda) {
        let Setting { way, port, payload, ref sources, .. } = self.setting;
        let host = self.setting.target();
        match self.kind {
            Kind::DnsResolver => self.resolve(now, agenda),
            Kind::DnsServer => {
                let client = (sources.pick(&mut agenda.rng), agenda.rng.port());
                let id = agenda.rng.next_u16();
                let query = (Payload::DnsQuery(id), agenda.rng.between(43, 60) as usize);
                let answer = (Payload::DnsAnswer(id), agenda.rng.between(80, 1_232) as usize);
                Self::ask((way, client, (host, port)), now, query, answer, agenda);
            }
            Kind::NtpServer => {
                let client = sources.pick(&mut agenda.rng);
                // Half of the clients ask from port 123 themselves.
                let client_port = if trait_of(client) & 1 == 0 { 123 } else { agenda.rng.port() };
                let path = (way, (client, client_port), (host, port));
                Self::ask(path, now, (Payload::NtpRequest, 48), (Payload::NtpReply, 48), agenda);
            }
            Kind::NtpClient => {
                let path = (way.back(), (host, 123), (self.peer(), port));
                Self::ask(path, now, (Payload::NtpRequest, 48), (Payload::NtpReply, 48), agenda);
            }
            Kind::Voip => {
                let calls = sources.size().max(1);
                let sequence = (self.count / calls) as u16;
                let far = (self.peer(), Self::port_of(self.peer()) & !1);
                let near = (host, 10_000 + 2 * (self.count % calls % 5_000) as u16);
                let payload = Payload::Rtp(sequence);
                agenda.send(now, Plan::udp(way, far, near, payload, 172));
                let later = now + agenda.rng.below(10_000_000);
                agenda.send(later, Plan::udp(way.back(), near, far, payload, 172));
            }
            Kind::Nfs => {
                let client = (self.peer(), 700 + (trait_of(self.peer()) % 300) as u16);
                let call = Payload::Rpc { xid: self.count as u32, reply: false };
                let reply = Payload::Rpc { xid: self.count as u32, reply: true };
                // A write, then a read of the same size.
                let sizes = if self.count.is_multiple_of(2) { (payload + 140, 136) } else { (132, payload + 128) };
                Self::ask((way, client, (host, port)), now, (call, sizes.0), (reply, sizes.1), agenda);
            }
            Kind::Ping => {
                let identifier = (self.setting.start >> 30) as u16;
                let hosts = sources.size().max(1);
                let echo = |reply| Body::Echo { reply, identifier, sequence: (self.count / hosts) as u16 };
                let peer = self.peer();
                let delay = if way == Way::Inward { round_trip(peer) } else { TURNAROUND };
                agenda.send(now, Plan::new(way.back(), host, peer, echo(false)).carrying(Payload::Ping, payload));
                let answer = Plan::new(way, peer, host, echo(true)).carrying(Payload::Ping, payload);
                agenda.send(now + delay, answer);
            }
            Kind::Iptv => {
                let source = (self.peer(), 5004);
                let plan = Plan::udp(way, source, (host, port), Payload::MpegTs(self.count as u16), payload);
                agenda.send(now, plan);
            }
            Kind::Chatter => self.chat(now, agenda),
            Kind::Http3 => self.visit(now, agenda),
            Kind::Routing => self.route(now, agenda),
            Kind::BfdEcho => {
                let plan = Plan::udp(Way::Internal, (host, port), (host, port), Payload::Random, 24);
                agenda.send(now, Plan { ttl: 255, ..plan });
            }
            Kind::GroupPing => {
                let echo = |reply| Body::Echo { reply, identifier: 77, sequence: self.count as u16 };
                let all = Addr::from_v6_bits(0xff02 << 112 | 1);
                let all = if host.is_v4() { Addr::from_v4_bits(0xe000_0001) } else { all };
                let ask = Plan::new(Way::Internal, host, all, echo(false)).carrying(Payload::Ping, payload);
                agenda.send(now, Plan { ttl: 1, ..ask });
                for number in 0..40 {
                    let answer = Plan::new(Way::Internal, neighbour(host, 100 + number), host, echo(true));
                    agenda.send(now + u64::from(number) * 20_000, answer.carrying(Payload::Ping, payload));
                }
            }
            Kind::Game => {
                let player = (self.peer(), Self::port_of(self.peer()));
                let state = Payload::Game((self.count / sources.size().max(1)) as u16);
                let up = agenda.rng.between(40, 140) as usize;
                let down = agenda.rng.between(80, 480) as usize;
                agenda.send(now, Plan::udp(way, player, (host, port), state, up));
                let later = now + agenda.rng.below(15_000_000);
                agenda.send(later, Plan::udp(way.back(), (host, port), player, state, down));
            }
        }
        self.count += 1;
    }
}

/// A transfer over UDP that fills a line: QUIC down with acknowledgements up, or a tunnel full both ways.
struct Bulk {
    setting: Setting,
    tunnel: Option<Tunnel>,
    count: u64,
    /// When the next acknowledgement is due, in packets.
    acknowledge_at: u64,
}

/// What a tunnel is made of.
#[derive(Clone, Copy)]
enum Tunnel {
    WireGuard,
    Gre,
    Esp,
}

/// `mbit` towards the target, one acknowledgement for 2 to 4 packets.
pub fn quic_download(setting: &Setting) -> Built {
    let model = Bulk { setting: setting.clone(), tunnel: None, count: 0, acknowledge_at: 2 };
    (Box::new(model), Pacing::Rate(packets_a_second(setting)))
}

fn tunnel(setting: &Setting, tunnel: Tunnel) -> Built {
    let model = Bulk { setting: setting.clone(), tunnel: Some(tunnel), count: 0, acknowledge_at: 0 };
    (Box::new(model), Pacing::Rate(packets_a_second(setting)))
}

/// `mbit` each way.
pub fn wireguard(setting: &Setting) -> Built {
    tunnel(setting, Tunnel::WireGuard)
}

pub fn gre_tunnel(setting: &Setting) -> Built {
    tunnel(setting, Tunnel::Gre)
}

pub fn esp_tunnel(setting: &Setting) -> Built {
    tunnel(setting, Tunnel::Esp)
}

/// Full packets a second that make `mbit`: payload, UDP, IP and Ethernet header.
fn packets_a_second(setting: &Setting) -> f64 {
    let headers = if setting.target().is_v4() { 42 } else { 62 };
    setting.mbit * 1e6 / 8.0 / (setting.payload + headers) as f64
}

impl Model for Bulk {
    fn begin(&mut self, now: u64, agenda: &mut Agenda) {
        let Setting { way, port, payload, ref sources, .. } = self.setting;
        let host = self.setting.target();
        let peer = sources.nth(0);
        if let Some(tunnel) = self.tunnel {
            let number = self.count as u32;
            let (data, body) = match tunnel {
                Tunnel::WireGuard => (Payload::WireGuard(number), Body::Udp { source_port: port, target_port: port }),
                Tunnel::Gre => (Payload::GreIp, Body::Raw(47)),
                Tunnel::Esp => (Payload::Esp(number), Body::Raw(50)),
            };
            agenda.send(now, Plan::new(way, peer, host, body).carrying(data, payload));
            let later = now + agenda.rng.below(50_000);
            agenda.send(later, Plan::new(way.back(), host, peer, body).carrying(data, payload));
        } else {
            let (far, near) = ((peer, port), (host, 50_000 + (trait_of(host) % 10_000) as u16));
            if self.count == 0 {
                agenda.send(now, Plan::udp(way.back(), near, far, Payload::QuicInitial, 1_200));
            }
            let begun = now + round_trip(if way == Way::Inward { peer } else { host });
            let data = if self.count < 2 { Payload::QuicInitial } else { Payload::QuicData };
            agenda.send(begun, Plan::udp(way, far, near, data, payload));
            if self.count >= self.acknowledge_at {
                let length = agenda.rng.between(28, 45) as usize;
                let acknowledged = Plan::udp(way.back(), near, far, Payload::QuicData, length);
                agenda.send(begun + TURNAROUND, acknowledged);
                self.acknowledge_at = self.count + agenda.rng.between(2, 4);
            }
        }
        self.count += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Part, Scenario, TrafficModel};
    use crate::capture::FrameDirection;

    /// Frames that entered, left, and stayed inside, in two seconds.
    fn count(model: TrafficModel) -> [u64; 3] {
        let mut part = Part::new(model, 0.0, 2.0);
        part.params.mbit = Some(20.0);
        let mut source = Scenario::new(4, vec![part]).source();
        let mut counts = [0; 3];
        while let Some(frame) = source.next_frame() {
            counts[match frame.direction {
                FrameDirection::Ingress => 0,
                FrameDirection::Egress => 1,
                FrameDirection::Unknown => 2,
            }] += 1;
        }
        counts
    }

    #[test]
    fn questions_are_answered() {
        for model in [
            TrafficModel::DnsResolver,
            TrafficModel::DnsServer,
            TrafficModel::NtpServer,
            TrafficModel::NtpClient,
            TrafficModel::Voip,
            TrafficModel::PingMonitor,
            TrafficModel::GameServer,
            TrafficModel::Wireguard,
        ] {
            let [entered, left, _] = count(model);
            // Answers of the last round trip are cut off at the end.
            assert!(entered > 0 && entered.abs_diff(left) <= 2 + left / 20, "{model:?}: {entered} {left}");
        }
    }

    #[test]
    fn some_traffic_is_one_sided_by_nature() {
        assert_eq!(count(TrafficModel::MulticastIptv), [2_000, 0, 0]);
        assert_eq!(count(TrafficModel::MdnsSsdpChatter)[..2], [0, 0]);
        let [data, acknowledgements, _] = count(TrafficModel::QuicDownload);
        assert!((2 * acknowledgements..5 * acknowledgements).contains(&data), "{data} {acknowledgements}");
        let [entered, left, _] = count(TrafficModel::NfsFragments);
        assert!(entered.abs_diff(left) < entered / 10, "{entered} {left}");
    }
}
