//! Frames of a guest with a MAC address that is not allowed, before its first TCP packet: ARP, RARP (with which
//! hypervisors announce a migrated guest), DHCP, and the multicast of an IPv6 stack that starts.

use super::checksum::{fold, pseudo_sum, put, sum};
use super::frames::{Body, Plan, Way};
use super::schedule::{Model, Pacing, Schedule};
use super::setting::Setting;
use crate::base::{Addr, Mac};

/// With the locally administered prefix of KVM guests.
const DEFAULT_MAC: Mac = Mac([0x52, 0x54, 0, 0, 0, 0x99]);

struct Foreign {
    count: usize,
}

/// Frames of `source_mac` in turn: ARP probe, RARP, DHCP discover, MLDv2 report, neighbour solicitation.
pub(crate) fn build(setting: &mut Setting) -> (Box<dyn Model>, Pacing) {
    setting.macs.inside = setting.macs.inside.or(Some(DEFAULT_MAC));
    (Box::new(Foreign { count: 0 }), Pacing::Rate(setting.rate))
}

type Writer = fn(&mut Vec<u8>, Mac, u64);

const FRAMES: [(Mac, Writer); 5] = [
    (Mac::BROADCAST, arp_probe),
    (Mac::BROADCAST, rarp),
    (Mac::BROADCAST, dhcp_discover),
    (Mac([0x33, 0x33, 0, 0, 0, 0x16]), mld_report),
    (Mac([0x33, 0x33, 0xff, 0, 0, 0x99]), neighbour_solicitation),
];

impl Model for Foreign {
    fn begin(&mut self, now: u64, schedule: &mut Schedule) {
        if let Some(&(target, write)) = FRAMES.get(self.count % FRAMES.len()) {
            let body = Body::Link(target, write);
            schedule.send(now, Plan::new(Way::Outward, Addr::UNSPECIFIED, Addr::from_v6_bits(1), body));
        }
        self.count += 1;
    }
}

/// ARP probe (RFC 5227 §2.1.1): a request without a sender address.
fn arp_probe(out: &mut Vec<u8>, mac: Mac, draw: u64) {
    out.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, 1]);
    out.extend(mac.0);
    out.extend([0; 10]);
    out.extend([203, 0, 113, draw as u8]);
}

/// RARP "request reverse" for the own address (RFC 903).
fn rarp(out: &mut Vec<u8>, mac: Mac, _draw: u64) {
    out.extend([0x80, 0x35, 0, 1, 8, 0, 6, 4, 0, 3]);
    out.extend(mac.0);
    out.extend([0; 4]);
    out.extend(mac.0);
    out.extend([0; 4]);
}

/// RFC 2131: from 0.0.0.0:68 to 255.255.255.255:67, 300 octets.
fn dhcp_discover(out: &mut Vec<u8>, mac: Mac, draw: u64) {
    out.extend([8, 0]);
    let ip = out.len();
    out.extend([0x45, 0x10, 1, 0x48, 0, 0, 0, 0, 128, 17, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255]);
    let checksum = !fold(sum(out.get(ip..).unwrap_or_default()));
    put(out, ip + 10, checksum);
    let udp = out.len();
    out.extend([0, 68, 0, 67, 1, 0x34, 0, 0]);
    out.extend([1, 1, 6, 0]);
    out.extend((draw as u32).to_be_bytes());
    out.resize(out.len() + 20, 0);
    out.extend(mac.0);
    out.resize(udp + 8 + 236, 0);
    out.extend([0x63, 0x82, 0x53, 0x63, 53, 1, 1, 55, 4, 1, 3, 6, 15, 255]);
    out.resize(udp + 308, 0);
    let pseudo = pseudo_sum(Addr::from_v4_bits(0), Addr::from_v4_bits(u32::MAX), 17, 308);
    let checksum = !fold(pseudo + sum(out.get(udp..).unwrap_or_default()));
    put(out, udp + 6, checksum);
}

/// IPv6 header, extension headers and ICMPv6 message with its checksum.
fn icmpv6(out: &mut Vec<u8>, (source, target): (u128, u128), next: u8, extension: &[u8], message: &[u8]) {
    out.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
    out.extend(((extension.len() + message.len()) as u16).to_be_bytes());
    // MLD has hop limit 1 (RFC 3810 §5), neighbour discovery 255 (RFC 4861 §4).
    out.extend([next, if extension.is_empty() { 255 } else { 1 }]);
    out.extend(source.to_be_bytes());
    out.extend(target.to_be_bytes());
    out.extend(extension);
    let at = out.len();
    out.extend(message);
    let pseudo = pseudo_sum(Addr::from_v6_bits(source), Addr::from_v6_bits(target), 58, message.len());
    put(out, at + 2, !fold(pseudo + sum(message)));
}

const SOLICITED_NODE: u128 = 0xff02_0000_0000_0000_0000_0001_ff00_0099;

/// RFC 3810 §5.2: joins the solicited-node group, with the router alert option.
fn mld_report(out: &mut Vec<u8>, _mac: Mac, _draw: u64) {
    let mut message = [0u8; 28];
    if let Some((head, group)) = message.split_at_mut_checked(12) {
        head.copy_from_slice(&[143, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0]);
        group.copy_from_slice(&SOLICITED_NODE.to_be_bytes());
    }
    let routers: u128 = 0xff02_0000_0000_0000_0000_0000_0000_0016;
    icmpv6(out, (0, routers), 0, &[58, 0, 5, 2, 0, 0, 1, 0], &message);
}

/// RFC 4862 §5.4: duplicate address detection for fe80::99.
fn neighbour_solicitation(out: &mut Vec<u8>, _mac: Mac, _draw: u64) {
    let wanted: u128 = 0xfe80_0000_0000_0000_0000_0000_0000_0099;
    let mut message = [0u8; 24];
    if let Some((head, target)) = message.split_at_mut_checked(8) {
        head.copy_from_slice(&[135, 0, 0, 0, 0, 0, 0, 0]);
        target.copy_from_slice(&wanted.to_be_bytes());
    }
    icmpv6(out, (0, SOLICITED_NODE), 58, &[], &message);
}
