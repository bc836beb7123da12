//! Where the hosts and the conversation of a packet are in the tables of a worker.

use super::conversations::{Ends, Key};
use super::set_table::{NO_SLOT, SlotIndex};

/// Both ends of a packet, the table slots of its hosts, and where its conversation is.
#[derive(Clone, Copy)]
pub(super) struct PacketHosts {
    pub(super) ends: Ends,
    pub(super) source_slot: SlotIndex,
    pub(super) destination_slot: SlotIndex,
    pub(super) conversation: Key,
    /// The destination is inside and can be a target.
    pub(super) is_target: bool,
    /// The destination is a multicast or broadcast address.
    pub(super) to_group: bool,
}

impl Default for PacketHosts {
    fn default() -> Self {
        PacketHosts {
            ends: Ends::default(),
            source_slot: NO_SLOT,
            destination_slot: NO_SLOT,
            conversation: Key::default(),
            is_target: false,
            to_group: false,
        }
    }
}
