//! The log of a quiet host: its few packets of a tick, three bytes each, in the host's own cache line.

use super::conversations::{Earlier, Outcome, TcpStep, Verdict};
use super::counts::SmallCount;
use super::host_tick::HostTick;
use super::verdicts::Content;
use crate::packet::{App, Class, Packet, Service};

/// Packets of a host in one tick before it needs a full [`HostTick`].
pub(super) const LOG: usize = 8;

/// One logged packet, in 24 bits: class (5), sent (1), reply or request of a service (2), first fragment (1), the service
/// (6), verdict (2), opens its flow (1), step of its connection (3), excused packets (2) and whether it answers them (1); where it
/// answers none, it continues its flow.
/// If both the reply and the request bit are set, the service is the payload's application instead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LogEntry([u8; 3]);

const SENT: u32 = 1 << 5;
const FIRST_FRAGMENT: u32 = 1 << 6;
const REPLY: u32 = 1 << 7;
const REQUEST: u32 = 1 << 8;
const SERVICE_SHIFT: u32 = 9;
const VERDICT_SHIFT: u32 = 15;
const OPENS: u32 = 1 << 17;
const STEP_SHIFT: u32 = 18;
const EXCUSED_SHIFT: u32 = 21;
const MOST_EXCUSED: u8 = 3;
const ANSWERS: u32 = 1 << 23;

// All must fit their bits.
const _: () = assert!(Class::COUNT <= 32 && Service::COUNT <= 64 && App::COUNT <= OF_SERVICE as usize);

/// The port of the one service whose packets also have an application, and the flag beside the application's index.
const DNS: u16 = 53;
const OF_SERVICE: u32 = 1 << 5;

impl LogEntry {
    #[inline]
    pub(super) fn new(packet: &Packet, sent: bool, outcome: &Outcome) -> Self {
        let mut bits = packet.class as u32;
        // A packet that continues its flow neither answers nor excuses.
        let excused = if outcome.continues { 0 } else { outcome.excused.min(MOST_EXCUSED) };
        bits |= if sent { SENT } else { 0 };
        bits |= if packet.first_fragment { FIRST_FRAGMENT } else { 0 };
        bits |= (outcome.verdict as u32) << VERDICT_SHIFT;
        bits |= if outcome.opens() { OPENS } else { 0 };
        bits |= (outcome.step as u32) << STEP_SHIFT;
        bits |= u32::from(excused) << EXCUSED_SHIFT;
        bits |= if outcome.answers || outcome.continues { ANSWERS } else { 0 };
        if packet.app != App::None {
            // DNS queries and replies count for that service as well.
            let of_service = packet.reply_of.is_some() || packet.request_to.is_some();
            bits |= REPLY | REQUEST | (packet.app.index() as u32) << SERVICE_SHIFT;
            bits |= if of_service { OF_SERVICE << SERVICE_SHIFT } else { 0 };
        } else if let Some(service) = packet.reply_of {
            bits |= REPLY | (service.index() as u32) << SERVICE_SHIFT;
        } else if let Some(service) = packet.request_to {
            bits |= REQUEST | (service.index() as u32) << SERVICE_SHIFT;
        }
        let [low, middle, high, _] = bits.to_le_bytes();
        LogEntry([low, middle, high])
    }

    #[inline]
    fn bits(self) -> u32 {
        let [low, middle, high] = self.0;
        u32::from_le_bytes([low, middle, high, 0])
    }

    #[inline]
    pub(super) fn is_sent(self) -> bool {
        self.bits() & SENT != 0
    }

    /// Counts the packet with the packets and bytes that it stands for, and its effect on a handshake once.
    pub(super) fn apply(self, tick: &mut HostTick, stands_for: SmallCount) {
        let bits = self.bits();
        let Some(&class) = Class::ALL.get((bits & 0x1f) as usize) else { return };
        let sent = self.is_sent();
        let SmallCount { packets, bytes } = stands_for;
        let step = TcpStep::ALL.get((bits >> STEP_SHIFT & 7) as usize).copied().unwrap_or_default();
        tick.handshakes.count(step, sent);
        let is_app = bits & (REPLY | REQUEST) == REPLY | REQUEST;
        let number = bits >> SERVICE_SHIFT & 63;
        let app = match is_app {
            true => App::ALL.get((number & !OF_SERVICE) as usize).copied().unwrap_or_default(),
            false => App::None,
        };
        let is_reply = match is_app {
            true => number & OF_SERVICE != 0 && app != App::DnsQuery,
            false => bits & REPLY != 0,
        };
        let content = Content { class, app, is_reply };
        let excused = (bits >> EXCUSED_SHIFT) as u8 & MOST_EXCUSED;
        let outcome = Outcome {
            step,
            verdict: match bits >> VERDICT_SHIFT & 3 {
                verdict if verdict == Verdict::Solicited as u32 => Verdict::Solicited,
                verdict if verdict == Verdict::Steady as u32 => Verdict::Steady,
                verdict if verdict == Verdict::Unknown as u32 => Verdict::Unknown,
                _ => Verdict::Unsolicited,
            },
            earlier: if bits & OPENS != 0 { Earlier::None } else { Earlier::Forward },
            excused,
            answers: bits & ANSWERS != 0 && excused > 0,
            continues: bits & ANSWERS != 0 && excused == 0,
        };
        let first_fragment = if bits & FIRST_FRAGMENT != 0 { packets } else { 0 };
        if sent {
            tick.sent.add_judged(content, &outcome, packets, bytes);
            if outcome.answers {
                tick.received.excuse(content, &outcome);
            }
            tick.first_fragments_sent += first_fragment;
        } else {
            tick.received.add_judged(content, &outcome, packets, bytes);
            if outcome.answers {
                tick.sent.excuse(content, &outcome);
            }
            tick.first_fragments_received += first_fragment;
        }
        if bits & (REPLY | REQUEST) == 0 {
            return;
        }
        let (service, reply) = if is_app {
            tick.apps.count(app, packets, sent);
            (Service::of_port(DNS).filter(|_| number & OF_SERVICE != 0), app != App::DnsQuery)
        } else {
            (Service::from_index(number as usize), bits & REPLY != 0)
        };
        let Some(row) = service.and_then(|service| tick.service(service)) else { return };
        match (reply, sent) {
            (true, true) => row.replies_sent.merge(stands_for),
            (true, false) => row.replies_received.merge(stands_for),
            (false, true) => row.requests_sent += packets,
            (false, false) => row.requests_received += packets,
        }
        if reply {
            row.judge(outcome.verdict, packets, sent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Timestamp;
    use crate::capture::FrameDirection;
    use crate::meter::Verdicts;

    #[test]
    fn a_log_entry_keeps_what_detectors_need() {
        let mut packet = Packet::empty(Timestamp::ZERO, 1400, 0, FrameDirection::Unknown);
        packet.class = Class::Udp;
        packet.reply_of = Service::of_port(11211);
        packet.first_fragment = true;
        let mut tick = HostTick::default();
        let outcome = Outcome { step: TcpStep::Completed, excused: 2, answers: false, ..Outcome::default() };
        LogEntry::new(&packet, false, &outcome).apply(&mut tick, SmallCount { packets: 1, bytes: 1400 });
        assert_eq!(tick.received.of(Class::Udp).packets, 1);
        assert_eq!((tick.handshakes.by_peers().completed, tick.first_fragments_received), (1, 1));
        let mut verdicts = tick.received.amplifier_replies();
        assert_eq!((verdicts.unsolicited_at_first(), verdicts.unsolicited()), (1, 0), "one packet, two excused");
        verdicts.merge(&Verdicts::asking(5));
        assert_eq!(verdicts.unsolicited(), 4);
    }
}
