//! Clients that reconnect: to a restarted service, and to a host that reboots. Their connections existed before the
//! capture.

use super::payload::Payload;
use super::schedule::{Model, Pacing, Schedule};
use super::setting::Setting;
use super::tcp::{Connection, End};

type Built = (Box<dyn Model>, Pacing);

struct Restart {
    setting: Setting,
    /// Whether the host answers after the middle of the span.
    answers: bool,
    next: u64,
}

pub(crate) fn answered(setting: &Setting) -> Built {
    (Box::new(Restart { setting: setting.clone(), answers: true, next: 0 }), Pacing::Rate(setting.rate))
}

pub(crate) fn silent(setting: &Setting) -> Built {
    (Box::new(Restart { setting: setting.clone(), answers: false, next: 0 }), Pacing::Rate(setting.rate))
}

/// Time within which all clients reconnect, in nanoseconds.
const RECONNECT_SPREAD: u64 = 100_000_000;

impl Restart {
    fn middle(&self) -> u64 {
        self.setting.start + (self.setting.seconds * 5e8) as u64
    }

    fn connection(&self, index: u64, schedule: &mut Schedule) -> Connection {
        let client = (self.setting.sources.nth(index % self.setting.sources.size().max(1)), schedule.rng.port());
        Connection::new(self.setting.way, client, (self.setting.target(), self.setting.port), schedule)
    }
}

impl Model for Restart {
    /// A request on an old connection; the first call also plans the reconnection of all clients.
    fn begin(&mut self, now: u64, schedule: &mut Schedule) {
        if self.next == 0 {
            for token in 0..self.setting.sources.size() {
                let returns = self.middle() + schedule.rng.below(RECONNECT_SPREAD);
                schedule.resume(returns, token as u32);
            }
        }
        self.next += 1;
        if now < self.middle() {
            let mut connection = self.connection(self.next, schedule);
            connection.segment(now, End::Client, Payload::TlsData, 200, true, schedule);
            connection.acknowledge(now, End::Server, schedule);
        }
    }

    fn resume(&mut self, now: u64, token: u32, schedule: &mut Schedule) {
        let mut connection = self.connection(token.into(), schedule);
        if self.answers {
            // A TLS handshake, then a request as before.
            let opened = connection.open(now, schedule);
            let said = connection.message(opened, End::Client, Payload::TlsHello, 517, 0, schedule);
            let answered = connection.message(said, End::Server, Payload::TlsData, 3_500, 24_000, schedule);
            connection.message(answered, End::Client, Payload::TlsData, 200, 0, schedule);
        } else {
            // Retransmissions (RFC 6298): after a second, then twice as long each time.
            for waited in [0, 1, 3, 7, 15, 31] {
                let again = now + waited * 1_000_000_000 + schedule.rng.below(4_000_000);
                connection.send_syn(again, schedule);
            }
        }
    }
}
