//! Clients that come back: a service that was restarted, and a host that reboots. Their connections were there before.

use super::agenda::{Agenda, Model, Pacing};
use super::payload::Payload;
use super::setting::Setting;
use super::tcp::{Connection, End};

type Built = (Box<dyn Model>, Pacing);

struct Restart {
    setting: Setting,
    /// Whether the host answers after the middle of the span.
    answers: bool,
    next: u64,
}

pub fn answered(setting: &Setting) -> Built {
    (Box::new(Restart { setting: setting.clone(), answers: true, next: 0 }), Pacing::Rate(setting.rate))
}

pub fn silent(setting: &Setting) -> Built {
    (Box::new(Restart { setting: setting.clone(), answers: false, next: 0 }), Pacing::Rate(setting.rate))
}

/// Time within which all come back, in nanoseconds.
const AT_ONCE: u64 = 100_000_000;

impl Restart {
    fn middle(&self) -> u64 {
        self.setting.start + (self.setting.seconds * 5e8) as u64
    }

    fn connection(&self, index: u64, agenda: &mut Agenda) -> Connection {
        let client = (self.setting.sources.nth(index % self.setting.sources.size().max(1)), agenda.rng.port());
        Connection::new(self.setting.way, client, (self.setting.target(), self.setting.port), agenda)
    }
}

impl Model for Restart {
    /// A request on a connection that has been there for long; the first call also plans the return of all.
    fn begin(&mut self, now: u64, agenda: &mut Agenda) {
        if self.next == 0 {
            for token in 0..self.setting.sources.size() {
                let returns = self.middle() + agenda.rng.below(AT_ONCE);
                agenda.resume(returns, token as u32);
            }
        }
        self.next += 1;
        if now < self.middle() {
            let mut connection = self.connection(self.next, agenda);
            connection.segment(now, End::Client, Payload::TlsData, 200, true, agenda);
            connection.acknowledge(now, End::Server, agenda);
        }
    }

    fn resume(&mut self, now: u64, token: u32, agenda: &mut Agenda) {
        let mut connection = self.connection(token.into(), agenda);
        if self.answers {
            // They greet, and go on as before.
            let opened = connection.open(now, agenda);
            let said = connection.message(opened, End::Client, Payload::TlsHello, 517, 0, agenda);
            let answered = connection.message(said, End::Server, Payload::TlsData, 3_500, 24_000, agenda);
            connection.message(answered, End::Client, Payload::TlsData, 200, 0, agenda);
        } else {
            // RFC 6298: a second, then twice as long each time.
            for waited in [0, 1, 3, 7, 15, 31] {
                let again = now + waited * 1_000_000_000 + agenda.rng.below(4_000_000);
                connection.knock(again, agenda);
            }
        }
    }
}
