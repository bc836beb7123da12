//! What the kept packets say: lengths, TTLs, MAC addresses and ports, of the attack and of other packets of its target.

use super::language::Language;
use super::model::{Bars, Block, Cell, Plot, Shape, Table};
use super::phrases::{P, say};
use crate::base::{Addr, Direction, Mac};
use crate::capture::LinkType;
use crate::incident::Incident;
use crate::store::KeptPacket;
use etherparse::{EtherType, LaxNetSlice, LaxSlicedPacket, TransportSlice};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Fewest packets that a distribution is drawn from.
const LEAST: usize = 20;
/// Upper ends of the classes of lengths, in octets on the wire.
const LENGTHS: [u32; 9] = [64, 128, 256, 512, 768, 1024, 1280, 1518, u32::MAX];
/// Upper ends of the classes of TTLs.
const TTLS: [u32; 8] = [32, 48, 64, 96, 128, 192, 240, 255];
/// Most MAC addresses that are named.
const MACS: usize = 4;
/// Octets of an Ethernet header without tags.
const ETHERNET: usize = 14;

/// What an incident is about, for the names of packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Packets to a target.
    Target,
    /// Packets of one of our hosts.
    Host,
    /// Frames of a station.
    Station,
    /// Frames of a LAN or link.
    Lan,
}

impl Side {
    pub(super) fn of(incident: &Incident) -> Side {
        match incident.target.kind {
            "station" => Side::Station,
            "segment" | "interface" | "sensor" => Side::Lan,
            _ if incident.direction == Direction::Outbound => Side::Host,
            _ => Side::Target,
        }
    }

    pub(super) const fn all_traffic(self) -> P {
        match self {
            Side::Target => P::AllOfTarget,
            Side::Host => P::AllOfHost,
            Side::Station => P::AllOfStation,
            Side::Lan => P::AllOfLan,
        }
    }

    /// Kept packets are distinguished by target, direction and class: honest ones can be among those of the attack.
    const fn groups(self) -> (P, P) {
        match self {
            Side::Target => (P::GroupAttack, P::GroupOther),
            Side::Host => (P::GroupAttack, P::GroupOtherHost),
            Side::Station => (P::GroupStation, P::GroupOtherLan),
            Side::Lan => (P::GroupLan, P::GroupOtherLan),
        }
    }
}

/// The packets, read.
#[derive(Debug, Default)]
pub(super) struct Kept {
    attack: Vec<Seen>,
    other: Vec<Seen>,
}

/// What one packet says.
#[derive(Clone, Copy, Debug)]
struct Seen {
    length: u32,
    ttl: Option<u8>,
    source: Option<Addr>,
    source_port: Option<u16>,
    mac: Option<Mac>,
}

impl Kept {
    pub(super) fn read(packets: &[KeptPacket]) -> Kept {
        let mut kept = Kept::default();
        for packet in packets {
            let side = if packet.is_attack { &mut kept.attack } else { &mut kept.other };
            side.push(Seen::read(packet));
        }
        kept
    }

    pub(super) fn is_empty(&self) -> bool {
        self.attack.is_empty() && self.other.is_empty()
    }

    /// The MAC addresses that sent the packets of an outbound incident, busiest first.
    pub(super) fn source_macs(&self, incident: &Incident) -> Vec<String> {
        if incident.direction != Direction::Outbound {
            return Vec::new();
        }
        let from = |seen: &&Seen| incident.target.address.is_none_or(|address| seen.source == Some(address));
        let macs = self.attack.iter().filter(from).filter_map(|seen| seen.mac);
        busiest(macs).into_iter().take(MACS).map(|mac| mac.to_string()).collect()
    }

    /// The source ports of an address in the attack, busiest first.
    pub(super) fn source_ports(&self, address: Addr) -> Vec<u16> {
        busiest(self.attack.iter().filter(|seen| seen.source == Some(address)).filter_map(|seen| seen.source_port))
    }

    pub(super) fn plots(&self, side: Side, language: Language) -> Vec<Block> {
        if self.attack.len() < LEAST {
            return Vec::new();
        }
        let length = |seen: &Seen| Some(seen.length);
        let ttl = |seen: &Seen| seen.ttl.map(u32::from);
        let plots =
            [(P::PlotLengths, &LENGTHS[..], &length as &dyn Fn(&Seen) -> Option<u32>), (P::PlotTtls, &TTLS, &ttl)];
        let plot = |(title, ends, value)| self.plot(title, ends, value, side, language);
        plots.into_iter().filter_map(plot).map(|plot| Block::Plot(Box::new(plot))).collect()
    }

    fn plot(
        &self,
        title: P,
        ends: &[u32],
        value: &dyn Fn(&Seen) -> Option<u32>,
        side: Side,
        language: Language,
    ) -> Option<Plot> {
        let (attack, rest) = side.groups();
        let count = |side: &[Seen]| {
            let mut counts = vec![0u64; ends.len()];
            for value in side.iter().filter_map(value) {
                if let Some(count) = ends.iter().position(|end| value <= *end).and_then(|at| counts.get_mut(at)) {
                    *count += 1;
                }
            }
            counts
        };
        let mut groups = vec![(say(language, attack, &[]), count(&self.attack))];
        let other = count(&self.other);
        if other.iter().sum::<u64>() >= LEAST as u64 {
            groups.push((say(language, rest, &[]), other));
        }
        let sums: Vec<u64> = groups.iter().map(|(_, counts)| counts.iter().sum()).collect();
        if sums.first().is_none_or(|sum| *sum < LEAST as u64) {
            return None;
        }
        let title = say(language, title, &[]);
        let class = say(language, P::ClassLabel, &[]);
        let head: Vec<(&str, bool)> = std::iter::once((class.as_str(), false))
            .chain(groups.iter().map(|(name, _)| (name.as_str(), true)))
            .collect();
        let mut table = Table::new(String::new(), &head);
        let mut bars = Vec::new();
        for (index, end) in ends.iter().enumerate() {
            let below = index.checked_sub(1).and_then(|before| ends.get(before)).map_or(0, |end| *end);
            let name = if *end == u32::MAX { format!(">{below}") } else { end.to_string() };
            let share = |(at, (_, counts)): (usize, &(String, Vec<u64>))| {
                let sum = sums.get(at).copied().unwrap_or(0).max(1);
                counts.get(index).copied().unwrap_or(0) as f64 / sum as f64
            };
            let shares: Vec<f64> = groups.iter().enumerate().map(share).collect();
            let cells = shares.iter().map(|share| Cell::from(language.percent(*share)));
            table.rows.push(std::iter::once(Cell::from(name.clone())).chain(cells).collect());
            bars.push((name, shares));
        }
        let described: Vec<String> = groups
            .iter()
            .zip(&sums)
            .map(|((name, _), sum)| say(language, P::GroupOf, &[name, &language.count(*sum)]))
            .collect();
        let groups = described.clone();
        Some(Plot {
            description: format!("{title}: {}", described.join(", ")),
            title,
            shape: Shape::Bars(Bars { groups, bars }),
            table,
            table_title: say(language, P::AsTable, &[]),
            language,
        })
    }

    pub(super) fn json(&self) -> Value {
        json!({"attack": self.attack.len(), "other": self.other.len()})
    }
}

impl Seen {
    fn read(packet: &KeptPacket) -> Seen {
        let data = &packet.data;
        let is_ethernet = packet.link == LinkType::Ethernet;
        let cooked = |at: usize, header: usize| {
            let kind = data.get(at..at + 2).and_then(|octets| octets.try_into().ok()).map(u16::from_be_bytes)?;
            Some(LaxSlicedPacket::from_ether_type(EtherType(kind), data.get(header..)?))
        };
        // Kept packets are shortened, so that lengths within them point past their end.
        let sliced = match packet.link {
            LinkType::Ethernet => LaxSlicedPacket::from_ethernet(data).ok(),
            LinkType::RawIp => LaxSlicedPacket::from_ip(data).ok(),
            LinkType::LinuxSll => cooked(14, 16),
            LinkType::LinuxSll2 => cooked(0, 20),
            _ => None,
        };
        let mut seen = Seen { length: packet.wire_len, ttl: None, source: None, source_port: None, mac: None };
        if is_ethernet && data.len() >= ETHERNET {
            seen.mac = data.get(6..12).and_then(|octets| <[u8; 6]>::try_from(octets).ok()).map(Mac);
        }
        match sliced.as_ref().and_then(|sliced| sliced.net.as_ref()) {
            Some(LaxNetSlice::Ipv4(ip)) => {
                seen.ttl = Some(ip.header().ttl());
                seen.source = Some(std::net::IpAddr::from(ip.header().source()).into());
            }
            Some(LaxNetSlice::Ipv6(ip)) => {
                seen.ttl = Some(ip.header().hop_limit());
                seen.source = Some(std::net::IpAddr::from(ip.header().source()).into());
            }
            _ => {}
        }
        seen.source_port = match sliced.and_then(|sliced| sliced.transport) {
            Some(TransportSlice::Udp(udp)) => Some(udp.source_port()),
            Some(TransportSlice::Tcp(tcp)) => Some(tcp.source_port()),
            _ => None,
        };
        seen
    }
}

/// Values, most frequent first.
fn busiest<T: Ord + Copy>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut counts: BTreeMap<T, u64> = BTreeMap::new();
    values.for_each(|value| *counts.entry(value).or_default() += 1);
    let mut sorted: Vec<(T, u64)> = counts.into_iter().collect();
    sorted.sort_by_key(|(value, count)| (std::cmp::Reverse(*count), *value));
    sorted.into_iter().map(|(value, _)| value).collect()
}
