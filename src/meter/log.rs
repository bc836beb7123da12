//! The log of a quiet host: its few packets of a tick, two bytes each, in the host's own cache line.

use super::counts::SmallCount;
use super::handshakes::Handshake;
use super::host_tick::HostTick;
use crate::packet::{App, Class, Packet, Service};

/// Packets of a host in one tick before it needs a full [`HostTick`].
pub(super) const LOG: usize = 8;

/// One logged packet: class (5 bits), sent (1), completes a handshake or, for a SYN, retransmits (1), reply or request
/// of a service (2), first fragment (1), the service (6). If both the reply and the request bit are set, the last field
/// is the payload's application instead of the service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LogEntry(u16);

const SENT: u16 = 1 << 5;
const HANDSHAKE: u16 = 1 << 6;
const REPLY: u16 = 1 << 7;
const REQUEST: u16 = 1 << 8;
const FIRST_FRAGMENT: u16 = 1 << 9;
const SERVICE_SHIFT: u16 = 10;

// All must fit their bits.
const _: () = assert!(Class::COUNT <= 32 && Service::COUNT <= 64 && App::COUNT <= OF_SERVICE as usize);

/// The port of the one service whose packets also have an application, and the flag beside the application's index.
const DNS: u16 = 53;
const OF_SERVICE: u16 = 1 << 5;

impl LogEntry {
    #[inline]
    pub(super) fn new(packet: &Packet, sent: bool, handshake: Handshake) -> Self {
        let mut bits = packet.class as u16;
        bits |= if sent { SENT } else { 0 };
        bits |= if handshake == Handshake::None { 0 } else { HANDSHAKE };
        bits |= if packet.first_fragment { FIRST_FRAGMENT } else { 0 };
        if packet.app != App::None {
            // DNS queries and replies count for that service as well.
            let of_service = packet.reply_of.is_some() || packet.request_to.is_some();
            bits |= REPLY | REQUEST | (packet.app.index() as u16) << SERVICE_SHIFT;
            bits |= if of_service { OF_SERVICE << SERVICE_SHIFT } else { 0 };
        } else if let Some(service) = packet.reply_of {
            bits |= REPLY | (service.index() as u16) << SERVICE_SHIFT;
        } else if let Some(service) = packet.request_to {
            bits |= REQUEST | (service.index() as u16) << SERVICE_SHIFT;
        }
        LogEntry(bits)
    }

    #[inline]
    pub(super) fn is_sent(self) -> bool {
        self.0 & SENT != 0
    }

    /// Counts the packet with the packets and bytes that it stands for, and its effect on a handshake once.
    pub(super) fn apply(self, tick: &mut HostTick, stands_for: SmallCount) {
        let Some(&class) = Class::ALL.get(usize::from(self.0 & 0x1f)) else { return };
        let sent = self.is_sent();
        let SmallCount { packets, bytes } = stands_for;
        let handshake = match (self.0 & HANDSHAKE != 0, class) {
            (false, _) => Handshake::None,
            (true, Class::TcpSyn) => Handshake::SynRetransmitted,
            (true, _) => Handshake::Completed,
        };
        tick.handshakes.count(handshake, sent);
        let first_fragment = if self.0 & FIRST_FRAGMENT != 0 { packets } else { 0 };
        if sent {
            tick.sent.add(class, packets, bytes);
            tick.first_fragments_sent += first_fragment;
        } else {
            tick.received.add(class, packets, bytes);
            tick.first_fragments_received += first_fragment;
        }
        if self.0 & (REPLY | REQUEST) == 0 {
            return;
        }
        let number = self.0 >> SERVICE_SHIFT;
        let (service, reply) = if self.0 & (REPLY | REQUEST) == REPLY | REQUEST {
            let app = App::ALL.get(usize::from(number & !OF_SERVICE)).copied().unwrap_or_default();
            tick.apps.count(app, packets, sent);
            (Service::of_port(DNS).filter(|_| number & OF_SERVICE != 0), app != App::DnsQuery)
        } else {
            (Service::from_index(usize::from(number)), self.0 & REPLY != 0)
        };
        let Some(row) = service.and_then(|service| tick.service(service)) else { return };
        match (reply, sent) {
            (true, true) => row.replies_sent.merge(stands_for),
            (true, false) => row.replies_received.merge(stands_for),
            (false, true) => row.requests_sent += packets,
            (false, false) => row.requests_received += packets,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Timestamp;
    use crate::capture::FrameDirection;

    #[test]
    fn a_log_entry_keeps_what_detectors_need() {
        let mut packet = Packet::empty(Timestamp::ZERO, 1400, 0, FrameDirection::Unknown);
        packet.class = Class::Udp;
        packet.reply_of = Service::of_port(11211);
        packet.first_fragment = true;
        let mut tick = HostTick::default();
        LogEntry::new(&packet, false, Handshake::Completed).apply(&mut tick, SmallCount { packets: 1, bytes: 1400 });
        assert_eq!(tick.received.of(Class::Udp).packets, 1);
        assert_eq!((tick.handshakes.completed_by_peers, tick.first_fragments_received), (1, 1));
        assert_eq!(tick.services[0].service, Service::of_port(11211));
        assert_eq!(tick.services[0].replies_received.bytes, 1400);
    }
}
