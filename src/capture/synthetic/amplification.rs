//! Reflected and amplified floods (CISA TA14-017A): unsolicited answers of reflectors to a spoofed victim, one way.
//! Rates are datagrams a second; a datagram over 1,472 octets arrives as fragments.

use super::agenda::{Agenda, Model, Pacing};
use super::frames::Plan;
use super::payload::Payload;
use super::setting::Setting;

struct Amplification {
    setting: Setting,
    service: u16,
    payload: Payload,
    /// Octets of payload, from and to.
    sizes: (usize, usize),
}

impl Model for Amplification {
    fn begin(&mut self, now: u64, agenda: &mut Agenda) {
        let Setting { sources, targets, way, port, .. } = &self.setting;
        let source = sources.pick(&mut agenda.rng);
        let target = targets.pick(&mut agenda.rng);
        // The answer goes to the port that the attacker's request claimed to come from.
        let port = if *port == 0 { agenda.rng.between(1024, 65_535) as u16 } else { *port };
        let length = agenda.rng.between(self.sizes.0 as u64, self.sizes.1 as u64) as usize;
        let plan = Plan::udp(*way, (source, self.service), (target, port), self.payload, length);
        agenda.send(now, plan);
    }
}

/// Answers of `setting.payload` octets, give or take `spread` percent less.
fn answers(setting: &Setting, service: u16, payload: Payload, spread: usize) -> (Box<dyn Model>, Pacing) {
    let most = setting.payload;
    let sizes = (most - most * spread / 100, most);
    (Box::new(Amplification { setting: setting.clone(), service, payload, sizes }), Pacing::Rate(setting.rate))
}

pub fn dns(setting: &Setting) -> (Box<dyn Model>, Pacing) {
    answers(setting, 53, Payload::DnsUnasked, 5)
}

pub fn ntp(setting: &Setting) -> (Box<dyn Model>, Pacing) {
    answers(setting, 123, Payload::Monlist, 0)
}

pub fn snmp(setting: &Setting) -> (Box<dyn Model>, Pacing) {
    answers(setting, 161, Payload::Snmp, 20)
}

pub fn memcached(setting: &Setting) -> (Box<dyn Model>, Pacing) {
    answers(setting, 11_211, Payload::Memcached, 0)
}

pub fn cldap(setting: &Setting) -> (Box<dyn Model>, Pacing) {
    answers(setting, 389, Payload::Cldap, 50)
}

pub fn ssdp(setting: &Setting) -> (Box<dyn Model>, Pacing) {
    answers(setting, 1900, Payload::Ssdp, 10)
}
