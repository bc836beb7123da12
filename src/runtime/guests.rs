//! Rates of guests: what each of their network cards sends and receives, from one point of view.
//!
//! A frame of a guest passes its tap, perhaps a firewall bridge, the bridge and the uplink, and each of these that is
//! captured shows it. For every card one interface is chosen, and only what is seen there counts.

use crate::base::{CountPolicy, InterfaceRole, Mac, Timestamp};
use crate::inventory::{Guest, Nic, Origin, Site};
use crate::meter::{Count, Meter, StationCounts};
use std::collections::BTreeMap;

/// Ticks that rates are over.
const TICKS: u64 = 10;
/// Ticks for which the chosen interface may be silent before one that shows less of the card takes its place. Long
/// enough that reports which come late do not have a frame counted at both.
const PATIENCE: u64 = 600;

/// How good a view of a card an interface gives: the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Standpoint {
    /// The other end of the card, by the inventory's word.
    Own,
    /// A port where its frames enter.
    Entrance,
    /// Where the traffic of the segment is counted.
    CountPolicy,
}

/// What a card did in one tick.
#[derive(Clone, Copy, Debug, Default)]
struct Tick {
    number: u64,
    received: Count,
    sent: Count,
}

/// One network card of a guest.
#[derive(Clone, Debug)]
pub struct Card {
    owner: (Origin, String, String),
    standpoint: Option<(Standpoint, u16)>,
    /// Tick in which the chosen interface last showed it.
    heard: u64,
    /// Since the guest is known.
    pub received: Count,
    pub sent: Count,
    ticks: [Tick; TICKS as usize],
    /// 0: untagged.
    pub vlan: u16,
    /// When it last sent something.
    pub last_seen: Option<Timestamp>,
}

impl Card {
    /// `own`: the other end of the card, where that is captured: what it shows is waited for.
    fn new(guest: &Guest, own: Option<u16>, tick: u64) -> Card {
        Card {
            owner: (guest.origin, guest.id.clone(), guest.name.clone()),
            standpoint: own.map(|interface| (Standpoint::Own, interface)),
            heard: tick,
            received: Count::default(),
            sent: Count::default(),
            ticks: Default::default(),
            vlan: 0,
            last_seen: None,
        }
    }

    pub fn is_of(&self, guest: &Guest) -> bool {
        let (origin, id, name) = &self.owner;
        (*origin, id, name) == (guest.origin, &guest.id, &guest.name)
    }

    /// Index of the interface that is looked at.
    pub fn interface(&self) -> Option<u16> {
        self.standpoint.map(|(_, interface)| interface)
    }

    /// Received and sent within the last second.
    pub fn second(&self, now: u64) -> (Count, Count) {
        let (mut received, mut sent) = (Count::default(), Count::default());
        for tick in self.ticks.iter().filter(|tick| tick.number <= now && now - tick.number < TICKS) {
            received.merge(tick.received);
            sent.merge(tick.sent);
        }
        (received, sent)
    }

    /// An interface shows the card: it is chosen if it is a better one, or the chosen one has been silent for long.
    fn offer(&mut self, standpoint: Standpoint, interface: u16, tick: u64) {
        let gone = tick.abs_diff(self.heard) > PATIENCE;
        if self.standpoint.is_none_or(|(known, _)| gone || standpoint < known) {
            self.standpoint = Some((standpoint, interface));
            self.heard = tick;
        }
    }

    fn add(&mut self, tick: u64, station: &StationCounts) {
        let Some((standpoint, _)) = self.standpoint.filter(|(_, interface)| *interface == station.interface) else {
            return;
        };
        let mut sent = station.sent;
        if standpoint != Standpoint::CountPolicy {
            // What leaves at a guest's own port with its address is not from it.
            sent.packets = sent.packets.saturating_sub(station.left.packets);
            sent.bytes = sent.bytes.saturating_sub(station.left.bytes);
        }
        self.heard = tick;
        self.received.merge(station.received);
        self.sent.merge(sent);
        if !sent.is_zero() {
            self.last_seen = Some(station.last);
            self.vlan = station.vlan;
        }
        if let Some(slot) = self.ticks.get_mut((tick % TICKS) as usize) {
            if slot.number != tick {
                *slot = Tick { number: tick, ..Tick::default() };
            }
            slot.received.merge(station.received);
            slot.sent.merge(sent);
        }
    }
}

/// The cards of all guests that were heard or spoken to. Bounded by the inventory.
#[derive(Debug, Default)]
pub struct GuestRates {
    cards: BTreeMap<Mac, Card>,
    tick: u64,
    /// Stations of the tick that are guests', by their place; kept for its memory.
    seen: Vec<usize>,
}

impl GuestRates {
    /// Adds a tick that `meter` has closed. `interfaces`: names by index.
    pub fn observe(&mut self, tick: u64, meter: &Meter, site: &Site, interfaces: &[String]) {
        let GuestRates { cards, seen, .. } = self;
        if tick / TICKS != self.tick / TICKS {
            cards.retain(|mac, card| site.guest_of_mac(*mac).is_some_and(|(guest, _)| card.is_of(guest)));
        }
        self.tick = tick;
        seen.clear();
        // First where to look, then what is seen there: stations come in any order.
        for (at, station) in meter.stations().iter().enumerate() {
            let Some((guest, nic)) = site.guest_of_mac(station.mac) else { continue };
            let new = || Card::new(guest, own_port(nic, interfaces), tick);
            let card = cards.entry(station.mac).or_insert_with(new);
            if !card.is_of(guest) {
                *card = new();
            }
            if let Some(standpoint) = standpoint(station, nic, meter, interfaces) {
                card.offer(standpoint, station.interface, tick);
                seen.push(at);
            }
        }
        for station in seen.iter().filter_map(|&at| meter.stations().get(at)) {
            if let Some(card) = cards.get_mut(&station.mac) {
                card.add(tick, station);
            }
        }
    }

    /// The last tick that was added.
    pub fn tick(&self) -> u64 {
        self.tick
    }

    /// A card of a guest, where anything was seen of it.
    pub fn card(&self, guest: &Guest, nic: &Nic) -> Option<&Card> {
        self.cards.get(&nic.mac).filter(|card| card.is_of(guest))
    }
}

fn own_port(nic: &Nic, interfaces: &[String]) -> Option<u16> {
    let port = nic.port.as_ref()?;
    interfaces.iter().position(|name| name == port).and_then(|at| u16::try_from(at).ok())
}

fn standpoint(station: &StationCounts, nic: &Nic, meter: &Meter, interfaces: &[String]) -> Option<Standpoint> {
    let view = meter.lan().interface(station.interface);
    let enters = || meter.lan().port_of(view.segment, station.mac) == Some(station.interface);
    if nic.port.is_some() && nic.port.as_ref() == interfaces.get(usize::from(station.interface)) {
        Some(Standpoint::Own)
    } else if view.role == InterfaceRole::Port && enters() {
        Some(Standpoint::Entrance)
    } else {
        (view.counted != CountPolicy::Nothing).then_some(Standpoint::CountPolicy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::{InterfacePolicy, Inventory};
    use crate::meter::{Hasher, MeterSizes, PrefixLengths, TickReport};
    use std::sync::Arc;

    const MAC: Mac = Mac([0x52, 0x54, 0, 0, 1, 4]);
    const OTHER: Mac = Mac([0x52, 0x54, 0, 0, 1, 5]);
    const TAP: u16 = 0;
    const BRIDGE: u16 = 1;
    const UPLINK: u16 = 2;

    struct Bench {
        meter: Meter,
        site: Site,
        interfaces: Vec<String>,
        rates: GuestRates,
        tick: u64,
    }

    fn guest(name: &str, mac: Mac, port: Option<&str>) -> Guest {
        let nic = Nic { mac, port: port.map(str::to_owned), ..Nic::default() };
        Guest { id: "104".to_owned(), name: name.to_owned(), origin: Origin::Proxmox, nics: vec![nic] }
    }

    fn site(guests: Vec<Guest>, interfaces: &[(&str, InterfaceRole)]) -> Site {
        let policy = |(name, role): &(&str, InterfaceRole)| InterfacePolicy {
            name: (*name).to_owned(),
            role: Some(*role),
            bridge: Some("vmbr0".to_owned()),
            ..InterfacePolicy::default()
        };
        let policies = interfaces.iter().map(policy).collect();
        let inventory = Inventory { guests, ..Inventory::default() };
        Site::new(Arc::default(), policies).with_inventory(Arc::new(inventory))
    }

    const ALL: &[(&str, InterfaceRole)] =
        &[("tap104i0", InterfaceRole::Port), ("vmbr0", InterfaceRole::Bridge), ("eno1", InterfaceRole::Uplink)];

    impl Bench {
        fn new(guests: Vec<Guest>, interfaces: &[(&str, InterfaceRole)]) -> Bench {
            let sizes = MeterSizes {
                hosts: 64,
                busy_hosts: 4,
                stations: 64,
                prefixes: 4,
                prefix_lengths: PrefixLengths { v4: 24, v6: 48 },
            };
            let site = site(guests, interfaces);
            let interfaces: Vec<String> = interfaces.iter().map(|(name, _)| (*name).to_owned()).collect();
            let mut meter = Meter::new(sizes, Hasher::fixed());
            meter.set_topology(site.views(&interfaces), Arc::default(), Vec::new());
            Bench { meter, site, interfaces, rates: GuestRates::default(), tick: 1_000 }
        }

        fn pass(&mut self, ticks: u64, stations: &[StationCounts]) {
            for _ in 0..ticks {
                self.tick += 1;
                self.meter.open(self.tick);
                let mut report = TickReport::default();
                report.stations.extend_from_slice(stations);
                self.meter.absorb(&mut report);
                self.meter.close(Timestamp::from_tick(self.tick + 1));
                self.rates.observe(self.tick, &self.meter, &self.site, &self.interfaces);
            }
        }

        fn card(&self) -> &Card {
            let guest = &self.site.inventory().guests[0];
            self.rates.card(guest, &guest.nics[0]).expect("a card")
        }

        /// Packets received and sent.
        fn total(&self) -> (u64, u64) {
            (self.card().received.packets, self.card().sent.packets)
        }
    }

    fn count(packets: u64) -> Count {
        Count { packets, bytes: packets * 100 }
    }

    /// What one interface shows of a card that receives so much and sends so much.
    fn shows(interface: u16, received: u64, sent: u64, entered: bool) -> StationCounts {
        let none = Count::default();
        StationCounts {
            interface,
            mac: MAC,
            received: count(received),
            sent: count(sent),
            entered: if entered { count(sent) } else { none },
            left: if entered { none } else { count(sent) },
            last: Timestamp::from_tick(7),
            ..StationCounts::default()
        }
    }

    #[test]
    fn a_frame_on_tap_bridge_and_uplink_counts_once() {
        let everywhere = [shows(UPLINK, 30, 20, false), shows(BRIDGE, 30, 20, true), shows(TAP, 30, 20, true)];
        for port in [Some("tap104i0"), None] {
            let mut bench = Bench::new(vec![guest("shop", MAC, port)], ALL);
            bench.pass(20, &everywhere);
            assert_eq!((bench.total(), bench.card().interface()), ((600, 400), Some(TAP)), "{port:?}");
            assert_eq!(bench.card().second(bench.tick), (count(300), count(200)));
            assert_eq!(bench.card().last_seen, Some(Timestamp::from_tick(7)));
            let now = bench.tick + 4;
            assert_eq!(bench.card().second(now), (count(180), count(120)), "rates fade out within a second");
            assert_eq!(bench.card().second(now + 6), Default::default());
        }
    }

    #[test]
    fn without_the_tap_the_counted_interface_is_looked_at() {
        for interfaces in [&[ALL[1], ALL[2]][..], &[ALL[2], ALL[1]]] {
            let mut bench = Bench::new(vec![guest("shop", MAC, Some("tap104i0"))], interfaces);
            bench.pass(10, &[shows(0, 3, 2, false), shows(1, 3, 2, true)]);
            assert_eq!(bench.total(), (30, 20));
            let bridge = bench.card().interface().map(|at| bench.interfaces[usize::from(at)].clone());
            assert_eq!(bridge.as_deref(), Some("vmbr0"));
        }
    }

    #[test]
    fn an_own_port_is_waited_for_but_not_forever() {
        let mut bench = Bench::new(vec![guest("shop", MAC, Some("tap104i0"))], ALL);
        // The report of the tap comes a tick later than that of the bridge.
        bench.pass(1, &[shows(BRIDGE, 3, 2, true)]);
        bench.pass(1, &[shows(TAP, 3, 2, true)]);
        assert_eq!(bench.total(), (3, 2));
        // It has gone to another machine, and comes in by the uplink.
        bench.pass(PATIENCE + 10, &[shows(BRIDGE, 1, 1, true), shows(UPLINK, 1, 1, true)]);
        assert_eq!((bench.total(), bench.card().interface()), ((13, 12), Some(BRIDGE)));
        bench.pass(1, &[shows(BRIDGE, 1, 1, true), shows(TAP, 1, 1, true)]);
        assert_eq!((bench.total(), bench.card().interface()), ((14, 13), Some(TAP)), "back again");
    }

    #[test]
    fn what_leaves_at_its_own_port_is_not_from_the_guest() {
        let mut bench = Bench::new(vec![guest("shop", MAC, Some("tap104i0"))], ALL);
        bench.pass(1, &[shows(TAP, 5, 50, false), shows(BRIDGE, 5, 50, true)]);
        assert_eq!((bench.total(), bench.card().last_seen), ((5, 0), None));
    }

    #[test]
    fn who_leaves_the_inventory_is_forgotten() {
        let mut bench = Bench::new(vec![guest("shop", MAC, None)], ALL);
        bench.pass(1, &[shows(BRIDGE, 5, 5, true)]);
        assert_eq!(bench.total(), (5, 5));
        bench.site = site(vec![guest("mail", MAC, None)], ALL);
        bench.pass(1, &[shows(BRIDGE, 1, 1, true)]);
        assert_eq!(bench.total(), (1, 1), "the address is another guest's now");
        bench.site = site(vec![guest("shop", OTHER, None)], ALL);
        bench.pass(TICKS, &[shows(BRIDGE, 1, 1, true)]);
        assert!(bench.rates.cards.is_empty());
    }
}
