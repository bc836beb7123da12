//! Reflected TCP: responses of servers and middleboxes to packets with the spoofed address of the victim. Rates are
//! packets per second.

use super::frames::{ACK, Body, PSH, Plan, RST, SYN, Tcp, TcpOptions, address_hash};
use super::payload::Payload;
use super::schedule::{Model, Pacing, Schedule};
use super::setting::Setting;

type Built = (Box<dyn Model>, Pacing);

/// Ports of the reflectors, one each.
const PORTS: [u16; 4] = [443, 80, 25, 443];

struct Reflection {
    setting: Setting,
    middleboxes: bool,
}

pub(crate) fn syn_acks(setting: &Setting) -> Built {
    (Box::new(Reflection { setting: setting.clone(), middleboxes: false }), Pacing::Rate(setting.rate))
}

/// Two block pages for each RST.
pub(crate) fn pages(setting: &Setting) -> Built {
    (Box::new(Reflection { setting: setting.clone(), middleboxes: true }), Pacing::Rate(setting.rate))
}

impl Model for Reflection {
    fn begin(&mut self, now: u64, schedule: &mut Schedule) {
        let Setting { sources, way, port, payload, .. } = &self.setting;
        let rng = &mut schedule.rng;
        let source = sources.pick(rng);
        let reset = self.middleboxes && rng.below(3) == 0;
        let server = PORTS.get(address_hash(source) as usize % PORTS.len()).copied().unwrap_or(80);
        let tcp = Tcp {
            source_port: if self.middleboxes { 80 } else { server },
            // The response goes to the source port of the spoofed SYN.
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
        schedule.send(now, plan.with_payload(Payload::HttpOk, length));
    }
}
