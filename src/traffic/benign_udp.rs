//! Benign traffic over UDP and ICMP: DNS and NTP servers, media, tunnels, games, monitoring, and the discovery
//! protocols of a LAN.

use super::frames::{Body, Plan, Way, address_hash, round_trip};
use super::payload::Payload;
use super::schedule::{Model, Pacing, Schedule};
use super::setting::Setting;
use super::tcp::TURNAROUND;
use crate::base::Addr;

type Built = (Box<dyn Model>, Pacing);

/// What the model begins each time; the registry describes each kind.
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

pub(crate) fn dns_resolver(setting: &Setting) -> Built {
    exchange(setting, Kind::DnsResolver, Pacing::Rate(setting.rate))
}

pub(crate) fn dns_server(setting: &Setting) -> Built {
    exchange(setting, Kind::DnsServer, Pacing::Rate(setting.rate))
}

pub(crate) fn ntp_server(setting: &Setting) -> Built {
    exchange(setting, Kind::NtpServer, Pacing::Rate(setting.rate))
}

pub(crate) fn ntp_client(setting: &Setting) -> Built {
    exchange(setting, Kind::NtpClient, Pacing::Rate(setting.rate))
}

/// `rate` packets per second each way in each of `sources` calls.
pub(crate) fn voip(setting: &Setting) -> Built {
    exchange(setting, Kind::Voip, Pacing::Rate(setting.rate * setting.sources.size() as f64))
}

pub(crate) fn nfs_fragments(setting: &Setting) -> Built {
    exchange(setting, Kind::Nfs, Pacing::Rate(setting.rate))
}

pub(crate) fn ping_monitor(setting: &Setting) -> Built {
    exchange(setting, Kind::Ping, Pacing::Rate(setting.rate))
}

pub(crate) fn multicast_iptv(setting: &Setting) -> Built {
    exchange(setting, Kind::Iptv, Pacing::Rate(setting.rate))
}

pub(crate) fn chatter(setting: &Setting) -> Built {
    exchange(setting, Kind::Chatter, Pacing::Rate(setting.rate))
}

pub(crate) fn http3_site(setting: &Setting) -> Built {
    exchange(setting, Kind::Http3, Pacing::Rate(setting.rate))
}

pub(crate) fn routing_chatter(setting: &Setting) -> Built {
    exchange(setting, Kind::Routing, Pacing::Rate(setting.rate))
}

pub(crate) fn group_ping(setting: &Setting) -> Built {
    exchange(setting, Kind::GroupPing, Pacing::Rate(setting.rate))
}

pub(crate) fn bfd_echo(setting: &Setting) -> Built {
    exchange(setting, Kind::BfdEcho, Pacing::Rate(setting.rate))
}

/// `rate` packets per second each way for each of `sources` players.
pub(crate) fn game_server(setting: &Setting) -> Built {
    exchange(setting, Kind::Game, Pacing::Rate(setting.rate * setting.sources.size() as f64))
}

/// A host and the port it uses.
type Socket = (Addr, u16);

impl Exchange {
    /// A request of `client` and its response, at the times when they pass the edge; returns the time of the response.
    fn request(
        (way, client, server): (Way, Socket, Socket),
        now: u64,
        request: (Payload, usize),
        answer: (Payload, usize),
        schedule: &mut Schedule,
    ) -> u64 {
        let delay = match way {
            Way::Outward => round_trip(server.0),
            _ => TURNAROUND + schedule.rng.below(TURNAROUND),
        };
        schedule.send(now, Plan::udp(way, client, server, request.0, request.1));
        schedule.send(now + delay, Plan::udp(way.reverse(), server, client, answer.0, answer.1));
        now + delay
    }

    /// The constant port of a peer.
    fn fixed_port(peer: Addr) -> u16 {
        1024 + (address_hash(peer) >> 20) as u16 % 60_000
    }

    /// The next peer in turn.
    fn peer(&self) -> Addr {
        self.setting.sources.nth(self.count % self.setting.sources.size().max(1))
    }

    fn resolve(&self, now: u64, schedule: &mut Schedule) {
        let Setting { way, ref sources, .. } = self.setting;
        let resolver = self.setting.target();
        let rng = &mut schedule.rng;
        // The resolver queries with its own identifier for the same name, which depends on the last digit.
        let id = rng.next_u16();
        let client_id = rng.below(6_500) as u16 * 10 + id % 10;
        let query = rng.between(43, 60) as usize;
        let answer = match rng.below(10) {
            0..3 => rng.between(1_100, 1_432),
            3..6 => rng.between(250, 600),
            _ => rng.between(60, 200),
        } as usize;
        let authority = (sources.pick(rng), 53);
        // Every query of a resolver comes from a different port (RFC 5452).
        let path = (way.reverse(), (resolver, rng.port()), authority);
        let client = (neighbour(resolver, 100 + rng.below(100) as u8), rng.port());
        let done =
            Self::request(path, now, (Payload::DnsQuery(id), query), (Payload::DnsResponse(id), answer), schedule);
        if way == Way::Inward {
            let queried = now.saturating_sub(TURNAROUND).max(self.setting.start);
            schedule
                .send(queried, Plan::udp(Way::Internal, client, (resolver, 53), Payload::DnsQuery(client_id), query));
            let reply =
                Plan::udp(Way::Internal, (resolver, 53), client, Payload::DnsResponse(client_id), answer.min(512));
            schedule.send(done + TURNAROUND, reply);
        }
    }

    /// A new HTTP/3 connection: handshake (RFC 9001 §4.1), one request, its response with acknowledgements.
    fn visit(&self, now: u64, schedule: &mut Schedule) {
        let Setting { way, port, ref sources, .. } = self.setting;
        let client = (sources.pick(&mut schedule.rng), schedule.rng.port());
        let server = (self.setting.target(), port);
        let response_delay = if way == Way::Inward { round_trip(client.0) } else { round_trip(server.0) };
        let mut up = |time, kind, length| schedule.send(time, Plan::udp(way, client, server, kind, length));
        up(now, Payload::QuicInitial, 1_200);
        let connected = now + TURNAROUND + response_delay;
        up(connected, Payload::QuicInitial, 1_200);
        up(connected + 200_000, Payload::QuicData, 300);
        let requested = connected + 300_000 + response_delay;
        let segments = schedule.rng.between(5, 30);
        for number in 0..=segments / 3 {
            let time = requested + TURNAROUND + number * 60_000;
            schedule.send(time, Plan::udp(way, client, server, Payload::QuicData, 32));
        }
        let mut down = |time, kind| schedule.send(time, Plan::udp(way.reverse(), server, client, kind, 1_200));
        for number in 0..3 {
            down(now + TURNAROUND + number * 5_000, Payload::QuicInitial);
        }
        for number in 0..segments {
            down(connected + 300_000 + TURNAROUND + number * 20_000, Payload::QuicData);
        }
    }

    /// Messages of routers: OSPF (RFC 2328), VRRP (RFC 9568), PIM (RFC 7761) and IGMP (RFC 3376) to their groups, and
    /// OSPF also from router to router.
    fn route(&self, now: u64, schedule: &mut Schedule) {
        let host = self.setting.target();
        let router = neighbour(host, 240 + (self.count % 3) as u8);
        let (protocol, group) = [(89, 5u8), (112, 18), (103, 13), (2, 22), (89, 0)][self.count as usize % 5];
        let to = match (group, host.is_v4()) {
            (0, _) => host,
            (_, true) => Addr::from_v4_bits(0xe000_0000 | u32::from(group)),
            (_, false) => Addr::from_v6_bits(0xff02 << 112 | u128::from(group)),
        };
        let plan = Plan::new(Way::Internal, router, to, Body::Raw(protocol));
        let plan =
            if protocol == 2 { plan.with_payload(Payload::Igmp, 8) } else { plan.with_payload(Payload::Random, 44) };
        schedule.send(now, Plan { ttl: if group == 18 { 255 } else { 1 }, ..plan });
    }

    /// mDNS announcements (TTL 255, RFC 6762 §11) over both families, and SSDP searches, of neighbours in turn.
    fn chat(&self, now: u64, schedule: &mut Schedule) {
        let host = neighbour(self.setting.target(), 20 + (self.count % 40) as u8);
        let v4 = host.is_v4();
        let own = |group: u32| Addr::from_v4_bits(group);
        let group6 = |group: u128| Addr::from_v6_bits(0xff02 << 112 | group);
        let mdns = schedule.rng.percent(60);
        let (target, port, payload, length, ttl) = match (mdns, v4) {
            (true, true) => (own(0xe000_00fb), 5353, Payload::Mdns, schedule.rng.between(80, 400), 255),
            (true, false) => (group6(0xfb), 5353, Payload::Mdns, schedule.rng.between(80, 400), 255),
            (false, true) => (own(0xefff_fffa), 1900, Payload::SsdpSearch, 101, 2),
            (false, false) => (group6(0x0c), 1900, Payload::SsdpSearch, 101, 2),
        };
        let source_port = if mdns { 5353 } else { schedule.rng.port() };
        let plan = Plan::udp(Way::Internal, (host, source_port), (target, port), payload, length as usize);
        schedule.send(now, Plan { ttl, ..plan });
    }
}

/// The neighbour of `host` with `last` as the last octet.
const fn neighbour(host: Addr, last: u8) -> Addr {
    let bits = host.bits() & !0xff | last as u128;
    if host.is_v4() { Addr::from_v4_bits(bits as u32) } else { Addr::from_v6_bits(bits) }
}

impl Model for Exchange {
    fn begin(&mut self, now: u64, schedule: &mut Schedule) {
        let Setting { way, port, payload, ref sources, .. } = self.setting;
        let host = self.setting.target();
        match self.kind {
            Kind::DnsResolver => self.resolve(now, schedule),
            Kind::DnsServer => {
                let client = (sources.pick(&mut schedule.rng), schedule.rng.port());
                let id = schedule.rng.next_u16();
                let query = (Payload::DnsQuery(id), schedule.rng.between(43, 60) as usize);
                let answer = (Payload::DnsResponse(id), schedule.rng.between(80, 1_232) as usize);
                Self::request((way, client, (host, port)), now, query, answer, schedule);
            }
            Kind::NtpServer => {
                let client = sources.pick(&mut schedule.rng);
                // Half of the clients send from port 123 as well.
                let client_port = if address_hash(client) & 1 == 0 { 123 } else { schedule.rng.port() };
                let path = (way, (client, client_port), (host, port));
                Self::request(path, now, (Payload::NtpRequest, 48), (Payload::NtpReply, 48), schedule);
            }
            Kind::NtpClient => {
                let path = (way.reverse(), (host, 123), (self.peer(), port));
                Self::request(path, now, (Payload::NtpRequest, 48), (Payload::NtpReply, 48), schedule);
            }
            Kind::Voip => {
                let calls = sources.size().max(1);
                let sequence = (self.count / calls) as u16;
                let far = (self.peer(), Self::fixed_port(self.peer()) & !1);
                let near = (host, 10_000 + 2 * (self.count % calls % 5_000) as u16);
                let payload = Payload::Rtp(sequence);
                schedule.send(now, Plan::udp(way, far, near, payload, 172));
                let later = now + schedule.rng.below(10_000_000);
                schedule.send(later, Plan::udp(way.reverse(), near, far, payload, 172));
            }
            Kind::Nfs => {
                let client = (self.peer(), 700 + (address_hash(self.peer()) % 300) as u16);
                let call = Payload::Rpc { xid: self.count as u32, reply: false };
                let reply = Payload::Rpc { xid: self.count as u32, reply: true };
                // A write, then a read of the same size.
                let sizes = if self.count.is_multiple_of(2) { (payload + 140, 136) } else { (132, payload + 128) };
                Self::request((way, client, (host, port)), now, (call, sizes.0), (reply, sizes.1), schedule);
            }
            Kind::Ping => {
                let identifier = (self.setting.start >> 30) as u16;
                let hosts = sources.size().max(1);
                let echo = |reply| Body::Echo { reply, identifier, sequence: (self.count / hosts) as u16 };
                let peer = self.peer();
                let delay = if way == Way::Inward { round_trip(peer) } else { TURNAROUND };
                schedule
                    .send(now, Plan::new(way.reverse(), host, peer, echo(false)).with_payload(Payload::Ping, payload));
                let answer = Plan::new(way, peer, host, echo(true)).with_payload(Payload::Ping, payload);
                schedule.send(now + delay, answer);
            }
            Kind::Iptv => {
                let source = (self.peer(), 5004);
                let plan = Plan::udp(way, source, (host, port), Payload::MpegTs(self.count as u16), payload);
                schedule.send(now, plan);
            }
            Kind::Chatter => self.chat(now, schedule),
            Kind::Http3 => self.visit(now, schedule),
            Kind::Routing => self.route(now, schedule),
            Kind::BfdEcho => {
                let plan = Plan::udp(Way::Internal, (host, port), (host, port), Payload::Random, 24);
                schedule.send(now, Plan { ttl: 255, ..plan });
            }
            Kind::GroupPing => {
                let echo = |reply| Body::Echo { reply, identifier: 77, sequence: self.count as u16 };
                let all = Addr::from_v6_bits(0xff02 << 112 | 1);
                let all = if host.is_v4() { Addr::from_v4_bits(0xe000_0001) } else { all };
                let ask = Plan::new(Way::Internal, host, all, echo(false)).with_payload(Payload::Ping, payload);
                schedule.send(now, Plan { ttl: 1, ..ask });
                for number in 0..40 {
                    let answer = Plan::new(Way::Internal, neighbour(host, 100 + number), host, echo(true));
                    schedule.send(now + u64::from(number) * 20_000, answer.with_payload(Payload::Ping, payload));
                }
            }
            Kind::Game => {
                let player = (self.peer(), Self::fixed_port(self.peer()));
                let state = Payload::Game((self.count / sources.size().max(1)) as u16);
                let up = schedule.rng.between(40, 140) as usize;
                let down = schedule.rng.between(80, 480) as usize;
                schedule.send(now, Plan::udp(way, player, (host, port), state, up));
                let later = now + schedule.rng.below(15_000_000);
                schedule.send(later, Plan::udp(way.reverse(), (host, port), player, state, down));
            }
        }
        self.count += 1;
    }
}

/// A bulk transfer over UDP: QUIC with acknowledgements, or a tunnel with traffic both ways.
struct Bulk {
    setting: Setting,
    tunnel: Option<Tunnel>,
    count: u64,
    /// Packet count at which the next acknowledgement is due.
    acknowledge_at: u64,
}

/// Protocol of a tunnel.
#[derive(Clone, Copy)]
enum Tunnel {
    WireGuard,
    Gre,
    Esp,
}

/// `mbit` towards the target, one acknowledgement for 2 to 4 packets.
pub(crate) fn quic_download(setting: &Setting) -> Built {
    let model = Bulk { setting: setting.clone(), tunnel: None, count: 0, acknowledge_at: 2 };
    (Box::new(model), Pacing::Rate(packets_a_second(setting)))
}

fn tunnel(setting: &Setting, tunnel: Tunnel) -> Built {
    let model = Bulk { setting: setting.clone(), tunnel: Some(tunnel), count: 0, acknowledge_at: 0 };
    (Box::new(model), Pacing::Rate(packets_a_second(setting)))
}

/// `mbit` each way.
pub(crate) fn wireguard(setting: &Setting) -> Built {
    tunnel(setting, Tunnel::WireGuard)
}

pub(crate) fn gre_tunnel(setting: &Setting) -> Built {
    tunnel(setting, Tunnel::Gre)
}

pub(crate) fn esp_tunnel(setting: &Setting) -> Built {
    tunnel(setting, Tunnel::Esp)
}

/// Full packets per second at `mbit`, including UDP, IP and Ethernet headers.
fn packets_a_second(setting: &Setting) -> f64 {
    let headers = if setting.target().is_v4() { 42 } else { 62 };
    setting.mbit * 1e6 / 8.0 / (setting.payload + headers) as f64
}

impl Model for Bulk {
    fn begin(&mut self, now: u64, schedule: &mut Schedule) {
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
            schedule.send(now, Plan::new(way, peer, host, body).with_payload(data, payload));
            let later = now + schedule.rng.below(50_000);
            schedule.send(later, Plan::new(way.reverse(), host, peer, body).with_payload(data, payload));
        } else {
            let (far, near) = ((peer, port), (host, 50_000 + (address_hash(host) % 10_000) as u16));
            if self.count == 0 {
                schedule.send(now, Plan::udp(way.reverse(), near, far, Payload::QuicInitial, 1_200));
            }
            let begun = now + round_trip(if way == Way::Inward { peer } else { host });
            let data = if self.count < 2 { Payload::QuicInitial } else { Payload::QuicData };
            schedule.send(begun, Plan::udp(way, far, near, data, payload));
            if self.count >= self.acknowledge_at {
                let length = schedule.rng.between(28, 45) as usize;
                let acknowledged = Plan::udp(way.reverse(), near, far, Payload::QuicData, length);
                schedule.send(begun + TURNAROUND, acknowledged);
                self.acknowledge_at = self.count + schedule.rng.between(2, 4);
            }
        }
        self.count += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Part, Scenario, TrafficModel};
    use crate::capture::FrameDirection;

    /// Ingress, egress and internal frames in two seconds.
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
    fn requests_are_answered() {
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
            // Responses of the last round trip are missing at the end.
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
