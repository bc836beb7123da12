//! Detectors of layer 2: false claims to addresses, MAC addresses that do not belong, storms and loops, rogue DHCP
//! servers and routers, and new stations.
//!
//! A finding is about the station that causes it, or about the segment where no single station does. The inventory
//! gives the guest's name.

mod claims;
mod common;
mod dhcp;
mod gateway_silent;
mod l2_loop;
mod mac_flap;
mod mac_flood;
mod mac_ip_mismatch;
mod mac_not_allowed;
mod pairings;
mod rogue_ra;
mod storms;
mod stp_from_guest;
mod unknown_unicast;

pub(super) use claims::{ARP_SPOOF, GATEWAY_MAC_CHANGED, IP_CONFLICT, ND_SPOOF};
pub(super) use common::port_of;
pub(super) use dhcp::{FLOOD as DHCP_FLOOD, ROGUE as ROGUE_DHCP, STARVATION as DHCP_STARVATION};
pub(super) use gateway_silent::SPEC as GATEWAY_SILENT;
pub(super) use l2_loop::SPEC as L2_LOOP;
pub(super) use mac_flap::SPEC as MAC_FLAP;
pub(super) use mac_flood::SPEC as MAC_FLOOD;
pub(super) use mac_ip_mismatch::SPEC as MAC_IP_MISMATCH;
pub(super) use mac_not_allowed::SPEC as MAC_NOT_ALLOWED;
pub(super) use pairings::{CHANGED_STATION, FLIP_FLOP, NEW_STATION};
pub(super) use rogue_ra::SPEC as ROGUE_RA;
pub(super) use storms::{
    ARP_FLOOD, BROADCAST as BROADCAST_STORM, GRATUITOUS as GRATUITOUS_ARP_STORM, MULTICAST as MULTICAST_STORM,
};
pub(super) use stp_from_guest::SPEC as STP_FROM_GUEST;
pub(super) use unknown_unicast::SPEC as UNKNOWN_UNICAST_FLOOD;
