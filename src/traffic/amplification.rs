//! Reflected and amplified floods (CISA TA14-017A): unsolicited responses of reflectors to the victim, one way. Rates
//! are datagrams per second; a datagram of more than 1,472 octets arrives as fragments.

use super::frames::Plan;
use super::payload::Payload;
use super::schedule::{Model, Pacing, Schedule};
use super::setting::Setting;
use super::tcp::TURNAROUND;
use super::templates::{self, Template};

struct Amplification {
    setting: Setting,
    service: u16,
    payload: Payload,
    /// Octets of payload, from and to.
    sizes: (usize, usize),
}

impl Model for Amplification {
    fn begin(&mut self, now: u64, schedule: &mut Schedule) {
        let Setting { sources, targets, way, port, .. } = &self.setting;
        let source = sources.pick(&mut schedule.rng);
        let target = targets.pick(&mut schedule.rng);
        // The response goes to the source port of the spoofed request.
        let port = if *port == 0 { schedule.rng.between(1024, 65_535) as u16 } else { *port };
        let length = schedule.rng.between(self.sizes.0 as u64, self.sizes.1 as u64) as usize;
        let plan = Plan::udp(*way, (source, self.service), (target, port), self.payload, length);
        schedule.send(now, plan);
    }
}

/// Responses of `setting.payload` octets, up to `spread` percent less.
fn answers(setting: &Setting, service: u16, payload: Payload, spread: usize) -> (Box<dyn Model>, Pacing) {
    let most = setting.payload;
    let sizes = (most - most * spread / 100, most);
    (Box::new(Amplification { setting: setting.clone(), service, payload, sizes }), Pacing::Rate(setting.rate))
}

pub(crate) fn dns(setting: &Setting) -> (Box<dyn Model>, Pacing) {
    answers(setting, 53, Payload::DnsUnsolicited, 5)
}

pub(crate) fn ntp(setting: &Setting) -> (Box<dyn Model>, Pacing) {
    answers(setting, 123, Payload::Monlist, 0)
}

pub(crate) fn snmp(setting: &Setting) -> (Box<dyn Model>, Pacing) {
    answers(setting, 161, Payload::Snmp, 20)
}

pub(crate) fn memcached(setting: &Setting) -> (Box<dyn Model>, Pacing) {
    answers(setting, 11_211, Payload::Memcached, 0)
}

pub(crate) fn cldap(setting: &Setting) -> (Box<dyn Model>, Pacing) {
    answers(setting, 389, Payload::Cldap, 50)
}

pub(crate) fn ssdp(setting: &Setting) -> (Box<dyn Model>, Pacing) {
    answers(setting, 1900, Payload::Ssdp, 10)
}

/// Responses of a service from its template.
pub(crate) fn template(setting: &Setting, template: &'static Template) -> (Box<dyn Model>, Pacing) {
    answers(setting, template.port, Payload::Template(template), 10)
}

/// Requests with the spoofed addresses of victims, and the responses of the abused host.
struct Answered {
    setting: Setting,
    service: u16,
    request: (Payload, usize),
    answer: (Payload, usize),
    answers: u64,
}

impl Model for Answered {
    fn begin(&mut self, now: u64, schedule: &mut Schedule) {
        let Setting { sources, way, .. } = &self.setting;
        let victim = (sources.pick(&mut schedule.rng), schedule.rng.port());
        let host = (self.setting.target(), self.service);
        schedule.send(now, Plan::udp(*way, victim, host, self.request.0, self.request.1));
        for number in 1..=self.answers {
            let answer = Plan::udp(way.reverse(), host, victim, self.answer.0, self.answer.1);
            schedule.send(now + number * TURNAROUND, answer);
        }
    }
}

pub(crate) fn monlist_answered(setting: &Setting) -> (Box<dyn Model>, Pacing) {
    // 48 octets: a mode 7 request with its padding.
    let request = (Payload::Template(&templates::MONLIST_REQUEST), 48);
    let answer = (Payload::Monlist, 440);
    let model = Answered { setting: setting.clone(), service: 123, request, answer, answers: 10 };
    (Box::new(model), Pacing::Rate(setting.rate))
}

pub(crate) fn dns_any_answered(setting: &Setting) -> (Box<dyn Model>, Pacing) {
    let (request, answer) = ((Payload::DnsQuery(7), 44), (Payload::DnsUnsolicited, setting.payload));
    let model = Answered { setting: setting.clone(), service: 53, request, answer, answers: 1 };
    (Box::new(model), Pacing::Rate(setting.rate))
}
