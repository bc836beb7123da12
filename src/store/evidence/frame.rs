//! Removes the payload of captured frames, and replaces addresses in their headers.
//!
//! Only octets whose meaning is known are kept: at the first header of another kind, or one that is cut off, the frame ends.

use super::pseudonym::Pseudonyms;
use crate::base::{Addr, Mac};
use crate::capture::LinkType;

#[cfg(test)]
mod tests;

/// Nested headers that are followed: tunnels and quoted packets.
const MOST_NESTED: u32 = 4;
/// VLAN tags, MPLS labels or IPv6 extension headers that are followed.
const MOST_REPEATED: usize = 8;

/// Rewrites frames.
pub(super) struct Rewriter<'a> {
    pseudonyms: Option<&'a mut Pseudonyms>,
    /// Octets that a frame must not contain: the first are those of the target, then come those that were replaced in it.
    hidden: Vec<Vec<u8>>,
    always_hidden: usize,
}

/// The original addresses of an IP header, and how deep it is nested.
#[derive(Clone, Copy)]
struct Outer {
    source: Addr,
    destination: Addr,
    is_v6: bool,
    depth: u32,
}

fn word(data: &[u8], at: usize) -> u16 {
    data.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |octets| u16::from_be_bytes(*octets))
}

fn octet(data: &[u8], at: usize) -> u8 {
    data.get(at).copied().unwrap_or_default()
}

fn fill(data: &mut [u8], from: usize, to: usize, with: u8) {
    let to = to.min(data.len());
    if let Some(octets) = data.get_mut(from.min(to)..to) {
        octets.fill(with);
    }
}

fn after(data: &mut [u8], at: usize) -> &mut [u8] {
    data.get_mut(at..).unwrap_or_default()
}

fn address4(data: &[u8], at: usize) -> Addr {
    data.get(at..)
        .and_then(|rest| rest.first_chunk())
        .map_or(Addr::UNSPECIFIED, |octets| Addr::from_v4_bits(u32::from_be_bytes(*octets)))
}

fn address6(data: &[u8], at: usize) -> Addr {
    data.get(at..)
        .and_then(|rest| rest.first_chunk())
        .map_or(Addr::UNSPECIFIED, |octets| Addr::from_v6_bits(u128::from_be_bytes(*octets)))
}

/// The Internet checksum (RFC 1071).
fn checksum(octets: &[u8]) -> u16 {
    let sum: u32 = octets.chunks(2).map(|pair| u32::from(word(&[octet(pair, 0), octet(pair, 1)], 0))).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    // Folded twice, it has 16 bits.
    !u16::try_from(folded).unwrap_or(u16::MAX)
}

impl<'a> Rewriter<'a> {
    /// Without pseudonyms, addresses stay. With them, frames do not contain the octets of `targets` anywhere.
    pub(super) fn new(pseudonyms: Option<&'a mut Pseudonyms>, targets: &[Addr]) -> Rewriter<'a> {
        let mut rewriter = Rewriter { pseudonyms, hidden: Vec::new(), always_hidden: 0 };
        targets.iter().for_each(|target| rewriter.hide(*target));
        rewriter.always_hidden = rewriter.hidden.len();
        rewriter
    }

    fn hide(&mut self, address: Addr) {
        match address.ip() {
            std::net::IpAddr::V4(v4) => {
                let [a, b, c, d] = v4.octets();
                self.hidden.extend([vec![a, b, c, d], vec![d, c, b, a]]);
            }
            std::net::IpAddr::V6(v6) => self.hidden.push(v6.octets().to_vec()),
        }
    }

    /// Rewrites a frame and cuts it behind its last known header. A malformed frame can have an address where none belongs: it is
    /// cut there.
    pub(super) fn rewrite(&mut self, link: LinkType, data: &mut Vec<u8>) {
        self.hidden.truncate(self.always_hidden);
        let kept = self.frame(link, data);
        data.truncate(kept);
        if self.pseudonyms.is_some() {
            let found =
                self.hidden.iter().filter_map(|part| data.windows(part.len()).position(|window| window == part));
            if let Some(first) = found.min() {
                data.truncate(first);
            }
        }
    }

    fn frame(&mut self, link: LinkType, data: &mut [u8]) -> usize {
        match link {
            LinkType::Ethernet => self.ethernet(data),
            LinkType::RawIp => self.ip(data, 0),
            LinkType::Null | LinkType::Loop if data.len() >= 4 => 4 + self.ip(after(data, 4), 0),
            LinkType::LinuxSll if data.len() >= 16 => {
                self.station(data, 6, word(data, 4));
                16 + self.body(word(data, 14), after(data, 16))
            }
            LinkType::LinuxSll2 if data.len() >= 20 => {
                self.station(data, 12, u16::from(octet(data, 11)));
                20 + self.body(word(data, 0), after(data, 20))
            }
            LinkType::Ppp => {
                let at = if data.starts_with(&[0xff, 0x03]) { 2 } else { 0 };
                if data.len() < at + 2 { 0 } else { self.ppp(data, at) }
            }
            _ => 0,
        }
    }

    /// The address field of a cooked header: 8 octets, of which `length` are used.
    fn station(&mut self, data: &mut [u8], at: usize, length: u16) {
        if length == 6 {
            self.mac(data, at);
            fill(data, at + 6, at + 8, 0);
        } else if self.pseudonyms.is_some() {
            fill(data, at, at + 8, 0);
        }
    }

    fn ppp(&mut self, data: &mut [u8], at: usize) -> usize {
        let (protocol, at) = (word(data, at), at + 2);
        match protocol {
            0x0021 => at + self.ipv4(after(data, at), 0),
            0x0057 => at + self.ipv6(after(data, at), 0),
            _ => at,
        }
    }

    fn ethernet(&mut self, data: &mut [u8]) -> usize {
        if data.len() < 14 {
            return 0;
        }
        self.mac(data, 0);
        self.mac(data, 6);
        14 + self.body(word(data, 12), after(data, 14))
    }

    /// What follows an EtherType.
    fn body(&mut self, mut ethertype: u16, data: &mut [u8]) -> usize {
        let mut at = 0;
        for _ in 0..MOST_REPEATED {
            if !matches!(ethertype, 0x8100 | 0x88a8 | 0x9100) || data.len() < at + 4 {
                break;
            }
            ethertype = word(data, at + 2);
            at += 4;
        }
        let rest = after(data, at);
        at + match ethertype {
            0x0800 => self.ipv4(rest, 0),
            0x86dd => self.ipv6(rest, 0),
            0x0806 => self.arp(rest),
            0x8847 | 0x8848 => self.mpls(rest),
            // PPPoE sessions (RFC 2516).
            0x8864 if rest.len() >= 8 => self.ppp(rest, 6),
            _ => 0,
        }
    }

    fn mpls(&mut self, data: &mut [u8]) -> usize {
        for label in 0..MOST_REPEATED {
            let at = label * 4;
            if data.len() < at + 4 {
                return at;
            }
            if octet(data, at + 2) & 1 == 1 {
                return at + 4 + self.ip(after(data, at + 4), 0);
            }
        }
        MOST_REPEATED * 4
    }

    fn arp(&mut self, data: &mut [u8]) -> usize {
        if data.len() < 8 {
            return 0;
        }
        if data.len() < 28 || word(data, 4) != 0x0604 {
            return 8;
        }
        for (mac, address) in [(8, 14), (18, 24)] {
            self.mac(data, mac);
            self.address4(data, address);
        }
        28
    }

    fn ip(&mut self, data: &mut [u8], depth: u32) -> usize {
        match octet(data, 0) >> 4 {
            4 => self.ipv4(data, depth),
            6 => self.ipv6(data, depth),
            _ => 0,
        }
    }

    fn ipv4(&mut self, data: &mut [u8], depth: u32) -> usize {
        if data.len() < 20 || octet(data, 0) >> 4 != 4 || depth > MOST_NESTED {
            return 0;
        }
        let length = usize::from(octet(data, 0) & 15) * 4;
        let is_whole = length >= 20 && length <= data.len();
        let outer = Outer { source: address4(data, 12), destination: address4(data, 16), is_v6: false, depth };
        let was_right = is_whole && data.get(..length).is_some_and(|header| checksum(header) == 0);
        self.address4(data, 12);
        self.address4(data, 16);
        if self.pseudonyms.is_some() {
            // Options may contain addresses: no operation.
            fill(data, 20, length, 1);
            self.identification(data, 4, &outer);
            fill(data, 10, 12, 0);
            if was_right {
                let [high, low] = checksum(data.get(..length).unwrap_or_default()).to_be_bytes();
                fill(data, 10, 11, high);
                fill(data, 11, 12, low);
            }
        }
        if !is_whole {
            return 20;
        }
        let is_later_fragment = word(data, 6) & 0x1fff != 0;
        if is_later_fragment { length } else { length + self.transport(octet(data, 9), after(data, length), &outer) }
    }

    fn ipv6(&mut self, data: &mut [u8], depth: u32) -> usize {
        if data.len() < 40 || octet(data, 0) >> 4 != 6 || depth > MOST_NESTED {
            return 0;
        }
        let outer = Outer { source: address6(data, 8), destination: address6(data, 24), is_v6: true, depth };
        self.address6(data, 8);
        self.address6(data, 24);
        let (mut next, mut at) = (octet(data, 6), 40);
        for _ in 0..MOST_REPEATED {
            if !matches!(next, 0 | 43 | 44 | 60) {
                return at + self.transport(next, after(data, at), &outer);
            }
            let length = if next == 44 { 8 } else { (usize::from(octet(data, at + 1)) + 1) * 8 };
            if data.len() < at + length {
                return at;
            }
            if self.pseudonyms.is_some() && next != 44 {
                // Options and routes may contain addresses: padding (Pad1), and segments that are unspecified.
                fill(data, at + if next == 43 { 4 } else { 2 }, at + length, 0);
            }
            if next == 44 {
                self.identification(data, at + 4, &outer);
                self.identification(data, at + 6, &outer);
            }
            let is_later_fragment = next == 44 && word(data, at + 2) & 0xfff8 != 0;
            next = octet(data, at);
            at += length;
            if is_later_fragment {
                return at;
            }
        }
        at
    }

    fn transport(&mut self, protocol: u8, data: &mut [u8], outer: &Outer) -> usize {
        match protocol {
            6 => self.tcp(data, outer),
            17 | 136 => {
                fill(data, 6, 8, 0);
                data.len().min(8)
            }
            132 => {
                fill(data, 8, 12, 0);
                data.len().min(12)
            }
            1 if !outer.is_v6 => self.icmp(data, outer.depth),
            58 if outer.is_v6 => self.icmpv6(data, outer.depth),
            4 => self.ipv4(data, outer.depth + 1),
            41 => self.ipv6(data, outer.depth + 1),
            47 => data.len().min(4),
            _ => 0,
        }
    }

    fn tcp(&mut self, data: &mut [u8], outer: &Outer) -> usize {
        // The checksum includes payload and addresses.
        fill(data, 16, 18, 0);
        self.numbers(data, outer);
        if data.len() < 20 {
            return if data.len() < 12 { data.len().min(8) } else { data.len() };
        }
        let length = (usize::from(octet(data, 12) >> 4) * 4).clamp(20, data.len());
        if self.pseudonyms.is_some() {
            tcp_options(data.get_mut(20..length).unwrap_or_default());
        }
        length
    }

    /// Shifts sequence and acknowledgement numbers by a keyed offset of their flow: some attack tools make them from the addresses.
    /// Differences between the packets of a flow stay.
    fn numbers(&mut self, data: &mut [u8], outer: &Outer) {
        let Some(names) = &self.pseudonyms else { return };
        let (from, to) = (u32::from(word(data, 0)), u32::from(word(data, 2)));
        let there = names.flow(outer.source, outer.destination, from << 16 | to);
        let back = names.flow(outer.destination, outer.source, to << 16 | from);
        let has_ack = octet(data, 13) & 0x10 != 0;
        if let Some(octets) = after(data, 4).first_chunk_mut() {
            *octets = u32::from_be_bytes(*octets).wrapping_add(there).to_be_bytes();
        }
        if let Some(octets) = after(data, 8).first_chunk_mut() {
            let number = u32::from_be_bytes(*octets);
            *octets = if has_ack { number.wrapping_add(back).to_be_bytes() } else { [0; 4] };
        }
    }

    /// Masks 16 bits of an IP identification, for the same reason; those of the fragments of a packet stay equal. Zero stays zero.
    fn identification(&mut self, data: &mut [u8], at: usize, outer: &Outer) {
        if let (Some(names), Some(octets)) = (&self.pseudonyms, after(data, at).first_chunk_mut())
            && *octets != [0; 2]
        {
            let [.., high, low] =
                names.flow(outer.source, outer.destination, u16::from_be_bytes(*octets).into()).to_be_bytes();
            *octets = [high, low];
        }
    }

    fn icmp(&mut self, data: &mut [u8], depth: u32) -> usize {
        fill(data, 2, 4, 0);
        if data.len() < 8 {
            return data.len().min(4);
        }
        match octet(data, 0) {
            kind @ (3 | 4 | 5 | 11 | 12) => {
                if kind == 5 {
                    self.address4(data, 4);
                }
                8 + self.ipv4(after(data, 8), depth + 1)
            }
            0 | 8 | 9 | 10 | 13 | 14 => 8,
            _ => 4,
        }
    }

    fn icmpv6(&mut self, data: &mut [u8], depth: u32) -> usize {
        fill(data, 2, 4, 0);
        if data.len() < 8 {
            return data.len().min(4);
        }
        match octet(data, 0) {
            1..=4 => 8 + self.ipv6(after(data, 8), depth + 1),
            128 | 129 => 8,
            130..=132 if data.len() >= 24 => {
                self.address6(data, 8);
                24
            }
            133 => self.neighbour_options(data, 8),
            134 if data.len() >= 16 => self.neighbour_options(data, 16),
            135 | 136 if data.len() >= 24 => {
                self.address6(data, 8);
                self.neighbour_options(data, 24)
            }
            137 if data.len() >= 40 => {
                self.address6(data, 8);
                self.address6(data, 24);
                self.neighbour_options(data, 40)
            }
            130..=137 => 8,
            _ => 4,
        }
    }

    /// Options of neighbour discovery (RFC 4861 §4.6), up to the first that is unknown.
    fn neighbour_options(&mut self, data: &mut [u8], mut at: usize) -> usize {
        for _ in 0..MOST_REPEATED {
            let length = usize::from(octet(data, at + 1)) * 8;
            if length == 0 || data.len() < at + length {
                break;
            }
            match (octet(data, at), length) {
                (1 | 2, 8) => self.mac(data, at + 2),
                (3, 32) => self.prefix(data, at + 16, octet(data, at + 2)),
                (5, 8) => {}
                _ => break,
            }
            at += length;
        }
        at
    }

    fn mac(&mut self, data: &mut [u8], at: usize) {
        if let (Some(names), Some(octets)) = (&mut self.pseudonyms, after(data, at).first_chunk_mut()) {
            let Mac(mapped) = names.mac(Mac(*octets));
            if mapped != *octets {
                self.hidden.push(octets.to_vec());
            }
            *octets = mapped;
        }
    }

    fn address4(&mut self, data: &mut [u8], at: usize) {
        if let (Some(names), Some(octets)) = (&mut self.pseudonyms, after(data, at).first_chunk_mut()) {
            let address = Addr::from_v4_bits(u32::from_be_bytes(*octets));
            let mapped = names.address(address);
            if let std::net::IpAddr::V4(v4) = mapped.ip()
                && mapped != address
            {
                *octets = v4.octets();
                self.hide(address);
            }
        }
    }

    fn address6(&mut self, data: &mut [u8], at: usize) {
        if let (Some(names), Some(octets)) = (&mut self.pseudonyms, after(data, at).first_chunk_mut()) {
            // An IPv4-mapped address stays one.
            let address = Addr::from_v6_bits(u128::from_be_bytes(*octets));
            let mapped = names.address(address);
            if mapped != address {
                *octets = mapped.bits().to_be_bytes();
                self.hide(address);
            }
        }
    }

    fn prefix(&mut self, data: &mut [u8], at: usize, length: u8) {
        self.address6(data, at);
        if self.pseudonyms.is_some()
            && let Some(octets) = after(data, at).first_chunk_mut()
        {
            let host = u128::MAX.checked_shr(length.into()).unwrap_or_default();
            *octets = (u128::from_be_bytes(*octets) & !host).to_be_bytes();
        }
    }
}

/// Replaces TCP options by no operation, except those without addresses, digests or sequence numbers: MSS, window scale, SACK
/// permitted, timestamps.
fn tcp_options(mut options: &mut [u8]) {
    while let Some(&kind) = options.first() {
        if kind == 0 {
            break;
        }
        let length = match kind {
            1 => 1,
            _ => usize::from(octet(options, 1)),
        };
        let is_known = matches!((kind, length), (1, 1) | (2, 4) | (3, 3) | (4, 2) | (8, 10));
        if length == 0 || length > options.len() || (kind != 1 && length < 2) {
            break;
        }
        if !is_known {
            fill(options, 0, length, 1);
        }
        options = options.get_mut(length..).unwrap_or_default();
    }
    // Behind the end of options, or in a malformed one.
    options.fill(0);
}
