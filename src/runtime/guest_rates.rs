//! Rates of guests: what each of their NICs sends and receives.
//!
//! A frame of a guest passes its tap, perhaps a firewall bridge, the bridge and the uplink, and is captured on each of
//! these interfaces that is monitored. For every NIC one interface is chosen as its observation point (RFC 7011), and
//! only the traffic there counts.

use crate::base::{CountPolicy, InterfaceRole, Mac, TICKS_PER_SECOND, Timestamp};
use crate::inventory::{Guest, Nic, Origin, Site};
use crate::meter::{Count, Meter, StationCounts};
use std::collections::BTreeMap;

/// Rates are averages over this number of ticks: a second.
const TICKS: u64 = TICKS_PER_SECOND as u64;
/// Ticks (a minute) without frames of the NIC at its observation point before a worse interface replaces it. Long
/// enough that a frame in a late report is not counted at both.
const PATIENCE: u64 = 60 * TICKS;

/// How well an interface observes a NIC, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Observation {
    /// The host's end of the NIC, according to the inventory.
    OwnPort,
    /// A port where the NIC's frames enter.
    IngressPort,
    /// An interface that counts the traffic of the LAN.
    CountingInterface,
}

/// What a NIC received and sent in one tick.
#[derive(Clone, Copy, Debug, Default)]
struct Tick {
    number: u64,
    received: Count,
    sent: Count,
}

/// Counters of one NIC of a guest.
#[derive(Clone, Debug)]
pub struct NicRates {
    /// Origin, ID and name of the guest.
    owner: (Origin, String, String),
    /// The observation point and its interface index.
    observed: Option<(Observation, u16)>,
    /// Tick of the NIC's last frames there.
    last_tick: u64,
    /// Since the guest is known.
    pub received: Count,
    pub sent: Count,
    ticks: [Tick; TICKS as usize],
    /// 0: untagged.
    pub vlan: u16,
    /// Time of the last frame that the NIC sent.
    pub last_seen: Option<Timestamp>,
}

impl NicRates {
    /// `own_port`: index of the host's end of the NIC, if that is captured. It is the observation point from the start.
    fn new(guest: &Guest, own_port: Option<u16>, tick: u64) -> NicRates {
        NicRates {
            owner: (guest.origin, guest.id.clone(), guest.name.clone()),
            observed: own_port.map(|interface| (Observation::OwnPort, interface)),
            last_tick: tick,
            received: Count::default(),
            sent: Count::default(),
            ticks: Default::default(),
            vlan: 0,
            last_seen: None,
        }
    }

    fn belongs_to(&self, guest: &Guest) -> bool {
        let (origin, id, name) = &self.owner;
        (*origin, id, name) == (guest.origin, &guest.id, &guest.name)
    }

    /// Index of the interface whose traffic counts.
    pub fn interface(&self) -> Option<u16> {
        self.observed.map(|(_, interface)| interface)
    }

    /// Received and sent within the last second before the end of tick `now`.
    pub fn last_second(&self, now: u64) -> (Count, Count) {
        let (mut received, mut sent) = (Count::default(), Count::default());
        for tick in self.ticks.iter().filter(|tick| tick.number <= now && now - tick.number < TICKS) {
            received.merge(tick.received);
            sent.merge(tick.sent);
        }
        (received, sent)
    }

    /// Makes an interface that observes the NIC its observation point, if it is better or the present one has been
    /// silent for long.
    fn offer(&mut self, observation: Observation, interface: u16, tick: u64) {
        let is_silent = tick.abs_diff(self.last_tick) > PATIENCE;
        if self.observed.is_none_or(|(known, _)| is_silent || observation < known) {
            self.observed = Some((observation, interface));
            self.last_tick = tick;
        }
    }

    fn add(&mut self, tick: u64, station: &StationCounts) {
        let Some((observation, _)) = self.observed.filter(|(_, interface)| *interface == station.interface) else {
            return;
        };
        let mut sent = station.sent;
        if observation != Observation::CountingInterface {
            // Frames with the NIC's address that leave by its own port come from elsewhere.
            sent.packets = sent.packets.saturating_sub(station.left.packets);
            sent.bytes = sent.bytes.saturating_sub(station.left.bytes);
        }
        self.last_tick = tick;
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

/// Counters of the NICs of all guests that sent or received frames. Bounded by the inventory.
#[derive(Debug, Default)]
pub struct GuestRates {
    nics: BTreeMap<Mac, NicRates>,
    tick: u64,
    /// Indices of the tick's stations that are guests'; a field to reuse its memory.
    observed: Vec<usize>,
}

impl GuestRates {
    /// Adds a tick that `meter` has closed. `interfaces`: names by index.
    pub fn observe(&mut self, tick: u64, meter: &Meter, site: &Site, interfaces: &[String]) {
        let GuestRates { nics, observed, .. } = self;
        if tick / TICKS != self.tick / TICKS {
            nics.retain(|mac, nic| site.guest_of_mac(*mac).is_some_and(|(guest, _)| nic.belongs_to(guest)));
        }
        self.tick = tick;
        observed.clear();
        // Observation points first, counters second: the stations of different interfaces are in no particular order.
        for (index, station) in meter.stations().iter().enumerate() {
            let Some((guest, nic)) = site.guest_of_mac(station.mac) else { continue };
            let new = || NicRates::new(guest, own_port(nic, interfaces), tick);
            let rates = nics.entry(station.mac).or_insert_with(new);
            if !rates.belongs_to(guest) {
                *rates = new();
            }
            if let Some(observation) = observation(station, nic, meter, interfaces) {
                rates.offer(observation, station.interface, tick);
                observed.push(index);
            }
        }
        for station in observed.iter().filter_map(|&index| meter.stations().get(index)) {
            if let Some(rates) = nics.get_mut(&station.mac) {
                rates.add(tick, station);
            }
        }
    }

    /// The last tick that was added.
    pub fn tick(&self) -> u64 {
        self.tick
    }

    /// Counters of a NIC of a guest, if it sent or received anything.
    pub fn nic(&self, guest: &Guest, nic: &Nic) -> Option<&NicRates> {
        self.nics.get(&nic.mac).filter(|rates| rates.belongs_to(guest))
    }
}

fn own_port(nic: &Nic, interfaces: &[String]) -> Option<u16> {
    let port = nic.port.as_ref()?;
    interfaces.iter().position(|name| name == port).and_then(|index| u16::try_from(index).ok())
}

/// How well the station's interface observes its NIC; `None` if its traffic there must not count.
fn observation(station: &StationCounts, nic: &Nic, meter: &Meter, interfaces: &[String]) -> Option<Observation> {
    let interface = meter.lan().interface(station.interface);
    let enters = || meter.lan().port_of(interface.segment, station.mac) == Some(station.interface);
    if nic.port.is_some() && nic.port.as_ref() == interfaces.get(usize::from(station.interface)) {
        Some(Observation::OwnPort)
    } else if interface.role == InterfaceRole::Port && enters() {
        Some(Observation::IngressPort)
    } else {
        (interface.counted != CountPolicy::Nothing).then_some(Observation::CountingInterface)
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
            meter.set_topology(site.captured_interfaces(&interfaces), Arc::default(), Vec::new());
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

        fn nic(&self) -> &NicRates {
            let guest = &self.site.inventory().guests[0];
            self.rates.nic(guest, &guest.nics[0]).expect("counters")
        }

        /// Packets received and sent.
        fn total(&self) -> (u64, u64) {
            (self.nic().received.packets, self.nic().sent.packets)
        }
    }

    fn count(packets: u64) -> Count {
        Count { packets, bytes: packets * 100 }
    }

    /// The counters on one interface of a NIC that receives and sends these numbers of packets.
    fn observed(interface: u16, received: u64, sent: u64, entered: bool) -> StationCounts {
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
        let everywhere = [observed(UPLINK, 30, 20, false), observed(BRIDGE, 30, 20, true), observed(TAP, 30, 20, true)];
        for port in [Some("tap104i0"), None] {
            let mut bench = Bench::new(vec![guest("shop", MAC, port)], ALL);
            bench.pass(20, &everywhere);
            assert_eq!((bench.total(), bench.nic().interface()), ((600, 400), Some(TAP)), "{port:?}");
            assert_eq!(bench.nic().last_second(bench.tick), (count(300), count(200)));
            assert_eq!(bench.nic().last_seen, Some(Timestamp::from_tick(7)));
            let now = bench.tick + 4;
            assert_eq!(bench.nic().last_second(now), (count(180), count(120)), "rates fade out within a second");
            assert_eq!(bench.nic().last_second(now + 6), Default::default());
        }
    }

    #[test]
    fn without_the_tap_a_counting_interface_is_the_observation_point() {
        for interfaces in [&[ALL[1], ALL[2]][..], &[ALL[2], ALL[1]]] {
            let mut bench = Bench::new(vec![guest("shop", MAC, Some("tap104i0"))], interfaces);
            bench.pass(10, &[observed(0, 3, 2, false), observed(1, 3, 2, true)]);
            assert_eq!(bench.total(), (30, 20));
            let bridge = bench.nic().interface().map(|index| bench.interfaces[usize::from(index)].clone());
            assert_eq!(bridge.as_deref(), Some("vmbr0"));
        }
    }

    #[test]
    fn a_silent_own_port_is_replaced_after_a_while() {
        let mut bench = Bench::new(vec![guest("shop", MAC, Some("tap104i0"))], ALL);
        // The report of the tap comes a tick later than that of the bridge.
        bench.pass(1, &[observed(BRIDGE, 3, 2, true)]);
        bench.pass(1, &[observed(TAP, 3, 2, true)]);
        assert_eq!(bench.total(), (3, 2));
        // The guest migrates to another machine; its frames enter by the uplink.
        bench.pass(PATIENCE + 10, &[observed(BRIDGE, 1, 1, true), observed(UPLINK, 1, 1, true)]);
        assert_eq!((bench.total(), bench.nic().interface()), ((13, 12), Some(BRIDGE)));
        bench.pass(1, &[observed(BRIDGE, 1, 1, true), observed(TAP, 1, 1, true)]);
        assert_eq!((bench.total(), bench.nic().interface()), ((14, 13), Some(TAP)), "back again");
    }

    #[test]
    fn frames_that_leave_by_the_own_port_are_not_from_the_guest() {
        let mut bench = Bench::new(vec![guest("shop", MAC, Some("tap104i0"))], ALL);
        bench.pass(1, &[observed(TAP, 5, 50, false), observed(BRIDGE, 5, 50, true)]);
        assert_eq!((bench.total(), bench.nic().last_seen), ((5, 0), None));
    }

    #[test]
    fn guests_that_leave_the_inventory_are_forgotten() {
        let mut bench = Bench::new(vec![guest("shop", MAC, None)], ALL);
        bench.pass(1, &[observed(BRIDGE, 5, 5, true)]);
        assert_eq!(bench.total(), (5, 5));
        bench.site = site(vec![guest("mail", MAC, None)], ALL);
        bench.pass(1, &[observed(BRIDGE, 1, 1, true)]);
        assert_eq!(bench.total(), (1, 1), "the address is another guest's now");
        bench.site = site(vec![guest("shop", OTHER, None)], ALL);
        bench.pass(TICKS, &[observed(BRIDGE, 1, 1, true)]);
        assert!(bench.rates.nics.is_empty());
    }
}
