//! Benign use of the services on reflectors: each request is answered, in either direction.

use super::frames::{Plan, Way, address_hash, round_trip};
use super::payload::Payload;
use super::schedule::{Model, Pacing, Schedule};
use super::setting::Setting;
use super::tcp::TURNAROUND;
use super::templates::{self as messages, Template};
use crate::base::Addr;

type Built = (Box<dyn Model>, Pacing);

/// One kind of request and response.
pub(crate) struct Exchange {
    /// Whether the target sends the requests.
    outbound: bool,
    /// Whether the requests come from the port of the service as well.
    same_port: bool,
    /// Message and its length in octets.
    request: (&'static Template, usize),
    response: (&'static Template, usize),
    responses: u64,
}

const fn exchange(
    outbound: bool,
    same_port: bool,
    request: (&'static Template, usize),
    response: (&'static Template, usize),
) -> Exchange {
    Exchange { outbound, same_port, request, response, responses: 1 }
}

/// 100 Trying, 180 Ringing, 200 OK.
pub(crate) static SIP_TRUNK: [Exchange; 2] = [
    Exchange { responses: 3, ..exchange(true, true, (&messages::SIP_REQUEST, 480), (&messages::SIP, 620)) },
    Exchange { responses: 3, ..exchange(false, true, (&messages::SIP_REQUEST, 480), (&messages::SIP, 620)) },
];
/// REGISTER, OPTIONS and INVITE without an answer.
pub(crate) static SIP_FLOOD: [Exchange; 3] = [
    Exchange {
        responses: 0,
        ..exchange(false, false, (&messages::SIP_REGISTER, 420), (&messages::SIP_CHALLENGE, 480))
    },
    Exchange { responses: 0, ..exchange(false, false, (&messages::SIP_REQUEST, 420), (&messages::SIP, 480)) },
    Exchange { responses: 0, ..exchange(false, false, (&messages::SIP_INVITE, 700), (&messages::SIP, 480)) },
];
pub(crate) static SIP_FLOOD_CHALLENGED: [Exchange; 1] =
    [exchange(false, false, (&messages::SIP_REGISTER, 420), (&messages::SIP_CHALLENGE, 480))];
/// Each phone is challenged, then accepted.
pub(crate) static SIP_REGISTRAR: [Exchange; 2] = [
    exchange(false, false, (&messages::SIP_REGISTER, 420), (&messages::SIP_CHALLENGE, 480)),
    exchange(false, false, (&messages::SIP_REGISTER, 640), (&messages::SIP, 480)),
];
/// OPTIONS of monitors.
pub(crate) static SIP_MONITOR: [Exchange; 1] =
    [exchange(false, false, (&messages::SIP_REQUEST, 400), (&messages::SIP, 480))];
pub(crate) static OPENVPN_GATEWAY: [Exchange; 3] = [
    exchange(false, false, (&messages::OPENVPN_DATA, 120), (&messages::OPENVPN_DATA, 1_400)),
    exchange(false, true, (&messages::OPENVPN_DATA, 1_400), (&messages::OPENVPN_DATA, 120)),
    exchange(true, true, (&messages::OPENVPN_DATA, 80), (&messages::OPENVPN, 26)),
];
pub(crate) static TURN_SERVER: [Exchange; 3] = [
    exchange(false, false, (&messages::TURN_DATA, 180), (&messages::TURN_DATA, 180)),
    exchange(false, false, (&messages::TURN_DATA, 1_100), (&messages::TURN_DATA, 1_100)),
    exchange(false, false, (&messages::STUN_REQUEST, 20), (&messages::STUN, 92)),
];
pub(crate) static GAME_QUERIES: [Exchange; 2] = [
    exchange(false, false, (&messages::STEAM_QUERY, 25), (&messages::STEAM, 180)),
    exchange(false, false, (&messages::QUAKE_QUERY, 14), (&messages::QUAKE, 900)),
];
pub(crate) static SERVER_BROWSER: [Exchange; 2] = [
    exchange(true, false, (&messages::STEAM_QUERY, 25), (&messages::STEAM, 180)),
    exchange(true, false, (&messages::QUAKE_QUERY, 14), (&messages::QUAKE, 900)),
];
pub(crate) static TFTP_BOOT: [Exchange; 1] =
    [exchange(true, false, (&messages::TFTP_ACK, 4), (&messages::TFTP, 1_432))];
pub(crate) static IKE_GATEWAY: [Exchange; 2] = [
    exchange(true, true, (&messages::ISAKMP_REQUEST, 84), (&messages::ISAKMP, 84)),
    exchange(false, true, (&messages::ISAKMP_REQUEST, 84), (&messages::ISAKMP, 84)),
];
pub(crate) static COAP_SENSORS: [Exchange; 1] =
    [exchange(true, false, (&messages::COAP_GET, 13), (&messages::COAP, 60))];
pub(crate) static DHT_NODE: [Exchange; 2] = [
    exchange(true, true, (&messages::BITTORRENT_QUERY, 95), (&messages::BITTORRENT, 460)),
    exchange(false, true, (&messages::BITTORRENT_QUERY, 95), (&messages::BITTORRENT, 460)),
];

struct Exchanges {
    setting: Setting,
    exchanges: &'static [Exchange],
    count: u64,
}

/// `exchanges` in turn, each with all peers in turn.
pub(crate) fn exchanges(setting: &Setting, exchanges: &'static [Exchange]) -> Built {
    (Box::new(Exchanges { setting: setting.clone(), exchanges, count: 0 }), Pacing::Rate(setting.rate))
}

impl Model for Exchanges {
    fn begin(&mut self, now: u64, schedule: &mut Schedule) {
        let Setting { way, ref sources, .. } = self.setting;
        let kinds = self.exchanges.len().max(1) as u64;
        let Some(exchange) = self.exchanges.get((self.count % kinds) as usize) else { return };
        let peer = sources.nth(self.count / kinds % sources.size().max(1));
        self.count += 1;
        let host = self.setting.target();
        let service = exchange.request.0.port;
        let (client, server, request_way) = match exchange.outbound {
            true => (host, peer, way.reverse()),
            false => (peer, host, way),
        };
        // A client keeps its port.
        let port = if exchange.same_port { service } else { 33_000 + (address_hash(client) % 20_000) as u16 };
        let request = Payload::Template(exchange.request.0);
        schedule.send(now, Plan::udp(request_way, (client, port), (server, service), request, exchange.request.1));
        let delay = if request_way == Way::Outward { round_trip(server) } else { TURNAROUND };
        for number in 1..=exchange.responses {
            let response = Payload::Template(exchange.response.0);
            let plan =
                Plan::udp(request_way.reverse(), (server, service), (client, port), response, exchange.response.1);
            schedule.send(now + delay * number, plan);
        }
    }
}

/// Neighbours that answer one multicast query.
const NEIGHBOURS: u8 = 30;

struct Discovery {
    setting: Setting,
    count: u64,
}

pub(crate) fn discovery(setting: &Setting) -> Built {
    (Box::new(Discovery { setting: setting.clone(), count: 0 }), Pacing::Rate(setting.rate))
}

impl Model for Discovery {
    fn begin(&mut self, now: u64, schedule: &mut Schedule) {
        let host = self.setting.target();
        if !host.is_v4() {
            return;
        }
        let (group, port, request, response, length) = match self.count % 3 {
            0 => (0xe000_00fb, 5353, Payload::DnsQuery(0), Payload::Template(&messages::MDNS), 350),
            1 => (0xefff_fffa, 1900, Payload::SsdpSearch, Payload::Ssdp, 310),
            _ => (0xefff_fffa, 3702, Payload::Random, Payload::Template(&messages::WS_DISCOVERY), 1_100),
        };
        self.count += 1;
        let client = (host, schedule.rng.port());
        let group = (Addr::from_v4_bits(group), port);
        schedule.send(now, Plan { ttl: 4, ..Plan::udp(Way::Internal, client, group, request, 101) });
        for number in 0..NEIGHBOURS {
            let neighbour = Addr::from_v4_bits(host.bits() as u32 & !0xff | (100 + u32::from(number)));
            // Responders wait for 20 to 120 ms (RFC 6762 §6).
            let later = now + schedule.rng.between(20_000_000, 120_000_000);
            schedule.send(later, Plan::udp(Way::Internal, (neighbour, port), client, response, length));
        }
    }
}
