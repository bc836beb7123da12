//! Benign use of the services that reflectors run: each question gets its answers, whichever side asks.

use super::agenda::{Agenda, Model, Pacing};
use super::frames::{Plan, Way, round_trip, trait_of};
use super::payload::Payload;
use super::setting::Setting;
use super::tcp::TURNAROUND;
use super::templates::{self as messages, Template};
use crate::base::Addr;

type Built = (Box<dyn Model>, Pacing);

/// One kind of question and answer.
pub struct Talk {
    /// Whether our host asks.
    ours: bool,
    /// Whether the asker uses the port of the service too.
    same_port: bool,
    /// Message and octets of it.
    question: (&'static Template, usize),
    answer: (&'static Template, usize),
    answers: u64,
}

const fn talk_of(
    ours: bool,
    same_port: bool,
    question: (&'static Template, usize),
    answer: (&'static Template, usize),
) -> Talk {
    Talk { ours, same_port, question, answer, answers: 1 }
}

/// 100 Trying, 180 Ringing, 200 OK.
pub static SIP_TRUNK: [Talk; 2] = [
    Talk { answers: 3, ..talk_of(true, true, (&messages::SIP_REQUEST, 480), (&messages::SIP, 620)) },
    Talk { answers: 3, ..talk_of(false, true, (&messages::SIP_REQUEST, 480), (&messages::SIP, 620)) },
];
pub static OPENVPN_GATEWAY: [Talk; 3] = [
    talk_of(false, false, (&messages::OPENVPN_DATA, 120), (&messages::OPENVPN_DATA, 1_400)),
    talk_of(false, true, (&messages::OPENVPN_DATA, 1_400), (&messages::OPENVPN_DATA, 120)),
    talk_of(true, true, (&messages::OPENVPN_DATA, 80), (&messages::OPENVPN, 26)),
];
pub static TURN_SERVER: [Talk; 3] = [
    talk_of(false, false, (&messages::TURN_DATA, 180), (&messages::TURN_DATA, 180)),
    talk_of(false, false, (&messages::TURN_DATA, 1_100), (&messages::TURN_DATA, 1_100)),
    talk_of(false, false, (&messages::STUN_REQUEST, 20), (&messages::STUN, 92)),
];
pub static GAME_QUERIES: [Talk; 2] = [
    talk_of(false, false, (&messages::STEAM_QUERY, 25), (&messages::STEAM, 180)),
    talk_of(false, false, (&messages::QUAKE_QUERY, 14), (&messages::QUAKE, 900)),
];
pub static SERVER_BROWSER: [Talk; 2] = [
    talk_of(true, false, (&messages::STEAM_QUERY, 25), (&messages::STEAM, 180)),
    talk_of(true, false, (&messages::QUAKE_QUERY, 14), (&messages::QUAKE, 900)),
];
pub static TFTP_BOOT: [Talk; 1] = [talk_of(true, false, (&messages::TFTP_ACK, 4), (&messages::TFTP, 1_432))];
pub static IKE_GATEWAY: [Talk; 2] = [
    talk_of(true, true, (&messages::ISAKMP_REQUEST, 84), (&messages::ISAKMP, 84)),
    talk_of(false, true, (&messages::ISAKMP_REQUEST, 84), (&messages::ISAKMP, 84)),
];
pub static COAP_SENSORS: [Talk; 1] = [talk_of(true, false, (&messages::COAP_GET, 13), (&messages::COAP, 60))];
pub static DHT_NODE: [Talk; 2] = [
    talk_of(true, true, (&messages::BITTORRENT_QUERY, 95), (&messages::BITTORRENT, 460)),
    talk_of(false, true, (&messages::BITTORRENT_QUERY, 95), (&messages::BITTORRENT, 460)),
];

struct Talks {
    setting: Setting,
    talks: &'static [Talk],
    count: u64,
}

/// One after another of `talks`, with the peers in turn.
pub fn talk(setting: &Setting, talks: &'static [Talk]) -> Built {
    (Box::new(Talks { setting: setting.clone(), talks, count: 0 }), Pacing::Rate(setting.rate))
}

impl Model for Talks {
    fn begin(&mut self, now: u64, agenda: &mut Agenda) {
        let Setting { way, ref sources, .. } = self.setting;
        let kinds = self.talks.len().max(1) as u64;
        let Some(talk) = self.talks.get((self.count % kinds) as usize) else { return };
        let peer = sources.nth(self.count / kinds % sources.size().max(1));
        self.count += 1;
        let host = self.setting.target();
        let service = talk.question.0.port;
        let (asker, answerer, there) = match talk.ours {
            true => (host, peer, way.back()),
            false => (peer, host, way),
        };
        // An asker keeps its port.
        let port = if talk.same_port { service } else { 33_000 + (trait_of(asker) % 20_000) as u16 };
        let question = Payload::Template(talk.question.0);
        agenda.send(now, Plan::udp(there, (asker, port), (answerer, service), question, talk.question.1));
        let delay = if there == Way::Outward { round_trip(answerer) } else { TURNAROUND };
        for number in 1..=talk.answers {
            let answer = Payload::Template(talk.answer.0);
            let plan = Plan::udp(there.back(), (answerer, service), (asker, port), answer, talk.answer.1);
            agenda.send(now + delay * number, plan);
        }
    }
}

/// Neighbours that answer one question to a group.
const NEIGHBOURS: u8 = 30;

struct Discovery {
    setting: Setting,
    count: u64,
}

pub fn discovery(setting: &Setting) -> Built {
    (Box::new(Discovery { setting: setting.clone(), count: 0 }), Pacing::Rate(setting.rate))
}

impl Model for Discovery {
    fn begin(&mut self, now: u64, agenda: &mut Agenda) {
        let host = self.setting.target();
        if !host.is_v4() {
            return;
        }
        let (group, port, question, answer, length) = match self.count % 3 {
            0 => (0xe000_00fb, 5353, Payload::DnsQuery(0), Payload::Template(&messages::MDNS), 350),
            1 => (0xefff_fffa, 1900, Payload::SsdpSearch, Payload::Ssdp, 310),
            _ => (0xefff_fffa, 3702, Payload::Random, Payload::Template(&messages::WS_DISCOVERY), 1_100),
        };
        self.count += 1;
        let asker = (host, agenda.rng.port());
        let group = (Addr::from_v4_bits(group), port);
        agenda.send(now, Plan { ttl: 4, ..Plan::udp(Way::Internal, asker, group, question, 101) });
        for number in 0..NEIGHBOURS {
            let neighbour = Addr::from_v4_bits(host.bits() as u32 & !0xff | (100 + u32::from(number)));
            // RFC 6762 §6 has responders wait for 20 to 120 ms.
            let later = now + agenda.rng.between(20_000_000, 120_000_000);
            agenda.send(later, Plan::udp(Way::Internal, (neighbour, port), asker, answer, length));
        }
    }
}
