//! Runs: consecutive frames between the same stations, which are counted together.

use super::counts::SmallCount;
use crate::base::Timestamp;
use crate::packet::{Class, Packet};

/// Consecutive frames between the same stations, counted together: in a flood nearly all are.
pub(super) struct Run<'a> {
    pub first: &'a Packet,
    pub last: Timestamp,
    pub count: SmallCount,
    pub arp: u32,
    pub nd: u32,
    pub dhcp: u32,
    pub spoofed: Option<&'a Packet>,
    pub spoofed_count: u32,
}

impl<'a> Run<'a> {
    #[inline]
    pub(super) fn new(first: &'a Packet) -> Self {
        Run {
            first,
            last: first.time,
            count: SmallCount::default(),
            arp: 0,
            nd: 0,
            dhcp: 0,
            spoofed: None,
            spoofed_count: 0,
        }
    }

    #[inline]
    pub(super) fn continues_with(&self, packet: &Packet) -> bool {
        let first = self.first;
        first.source_mac == packet.source_mac
            && first.destination_mac == packet.destination_mac
            && first.interface == packet.interface
            && first.direction == packet.direction
    }

    /// Adds a packet that leaves with neither address ours, or whose source is a group.
    #[cold]
    pub(super) fn add_spoofed(&mut self, packet: &'a Packet) {
        let Packet { source, destination, .. } = *packet;
        // An address of the link must not be used beyond it; neighbour discovery asks global addresses from it (RFC 4861).
        let beyond_link = !source.is_group_or_none()
            && destination.private_use().is_none()
            && !destination.is_group_or_none()
            && packet.class != Class::Icmpv6Nd;
        if source.is_valid_on_any_link() && !beyond_link || !source.is_group() && destination.is_group_or_none() {
            return;
        }
        self.spoofed = Some(packet);
        self.spoofed_count += u32::from(packet.segments);
    }

    #[inline]
    pub(super) fn add(&mut self, packet: &Packet) {
        self.last = packet.time;
        self.count.add(packet.segments.into(), packet.wire_len);
        // All of these have low ports or none.
        if packet.destination_port < 548 && !packet.class.is_tcp() {
            self.arp += u32::from(packet.class == Class::Arp);
            self.nd += u32::from(packet.class == Class::Icmpv6Nd);
            // DHCPv4 between 67 and 68 (RFC 2131), DHCPv6 between 546 and 547 (RFC 8415).
            let dhcp = matches!(packet.destination_port, 67 | 68 | 546 | 547) && packet.class == Class::Udp;
            self.dhcp += u32::from(dhcp);
        }
    }
}
