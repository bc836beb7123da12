//! Answers to TCP that the victim never began: of servers, and of middleboxes on the way to them. Rates are packets a
//! second.

use super::agenda::{Agenda, Model, Pacing};
use super::frames::{ACK, Body, PSH, Plan, RST, SYN, Tcp, TcpOptions, trait_of};
use super::payload::Payload;
use super::setting::Setting;

type Built = (Box<dyn Model>, Pacing);

/// What servers listen on: each reflector has one of these.
const PORTS: [u16; 4] = [443, 80, 25, 443];

struct Reflection {
    setting: Setting,
    middleboxes: bool,
}

pub fn syn_acks(setting: &Setting) -> Built {
    (Box::new(Reflection { setting: setting.clone(), middleboxes: false }), Pacing::Rate(setting.rate))
}

/// Two block pages for each RST.
pub fn pages(setting: &Setting) -> Built {
    (Box::new(Reflection { setting: setting.clone(), middleboxes: true }), Pacing::Rate(setting.rate))
}

impl Model for Reflection {
    fn begin(&mut self, now: u64, agenda: &mut Agenda) {
        let Setting { sources, way, port, payload, .. } = &self.setting;
        let rng = &mut agenda.rng;
        let source = sources.pick(rng);
        let reset = self.middleboxes && rng.below(3) == 0;
        let server = PORTS.get(trait_of(source) as usize % PORTS.len()).copied().unwrap_or(80);
        let tcp = Tcp {
            source_port: if self.middleboxes { 80 } else { server },
            // The answer goes to the port that the forged SYN claimed to come from.
            target_port: if *port == 0 { rng.between(1024, 65_535) as u16 } else { *port },
            sequence: rng.next_u32(),
            acknowledged: rng.next_u32(),
            flags: match (self.middleboxes, reset) {
                (false, _) => SYN | ACK,
                (true, false) => PSH | ACK,
                (true, true) => RST | ACK,
            },
            window: if reset { 0 } else { 64_240 },
            options: if self.middleboxes { TcpOptions::None } else { TcpOptions::Mss(1460) },
        };
        let length = if self.middleboxes && !reset { *payload } else { 0 };
        let target = self.setting.targets.pick(rng);
        let plan = Plan::new(*way, source, target, Body::Tcp(tcp));
        agenda.send(now, plan.carrying(Payload::HttpOk, length));
    }
}
