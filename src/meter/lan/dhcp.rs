//! DHCP as a segment sees it: who offers leases, who has one, and who asks for how many.

use super::bounded::Bounded;
use super::{BroadcastDomain, HeardAll};
use crate::base::{Addr, Mac, Timestamp};
use crate::meter::attempts::Vote;
use crate::meter::registers::Registers;
use crate::packet::{Control, ControlKind};

const SERVERS: usize = 64;
const LEASES: usize = 4096;
const CLIENTS: usize = 2048;
/// Segments and VLANs with clients that ask, in a tick.
const PLACES: usize = 32;
/// Addresses that one client is remembered to have leased: some have several, of both families.
const ADDRESSES: usize = 6;
/// Seconds for which clients count.
const MEMORY: f64 = 15.0;
/// Seconds after which a client has begun to use its lease or, if it got none, has asked again (RFC 2131 §4.1: 3 to 5 s), or
/// never will.
const USES: f64 = 5.5;
/// Seconds within which a client has its lease, if it gets one.
const DONE: f64 = 1.0;
/// Clients from which on they are more than the table can follow.
const TOO_MANY: f64 = 2.0 * CLIENTS as f64;
/// Seconds within which a server's answer belongs to a client's question.
const ANSWERS: f64 = 10.0;

/// A DHCP server.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Server {
    pub place: BroadcastDomain,
    pub interface: u16,
    pub mac: Mac,
    /// The address that it calls itself by.
    pub address: Addr,
    pub first: Timestamp,
    pub last: Timestamp,
    pub answers: u32,
    /// In this tick.
    pub answers_now: u32,
    /// An address that it gave away, and the router that it named.
    pub leased: Addr,
    pub router: Addr,
    /// Clients that it and another answered.
    pub shared: u32,
}

/// A client's last word, and what became of it.
#[derive(Clone, Copy, Debug)]
struct Client {
    first: Timestamp,
    last: Timestamp,
    sender: Mac,
    /// Who answered first.
    answered_by: Option<(Mac, Timestamp)>,
    /// Its words in this second and in the one before.
    second: u64,
    asks: u32,
    asks_before: u32,
}

/// Who asks, on one segment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Asking {
    pub place: BroadcastDomain,
    pub interface: u16,
    /// Clients of the last fifteen seconds that asked once, five seconds ago or longer, and those of them that say nothing else.
    pub clients: u32,
    pub silent: u32,
    /// Estimated clients in the last ten to twenty seconds, beyond what the table holds.
    pub distinct: f64,
    /// Their questions in this tick.
    pub asks_now: u32,
    /// The station that most of the silent ones' questions came from, where one did.
    pub sender: Option<Mac>,
    pub first: Timestamp,
}

/// The client that asks most in a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Asker {
    pub place: BroadcastDomain,
    pub interface: u16,
    /// By its hardware address in the message, and the station that sent it.
    pub client: Mac,
    pub sender: Mac,
    pub asks: u32,
    pub asks_now: u32,
    pub first: Timestamp,
}

pub(super) struct Dhcp {
    servers: Bounded<(BroadcastDomain, bool, Mac), Server>,
    leases: Bounded<Mac, Vec<Addr>>,
    clients: Bounded<(BroadcastDomain, Mac), Client>,
    /// Clients by hash, of this ten seconds and the ten before.
    distinct: [Registers; 2],
    generation: u64,
    asking: Vec<Asking>,
    askers: Vec<Asker>,
}

impl Dhcp {
    /// Most that [`Dhcp::len`] counts.
    pub const CAPACITY: usize = CLIENTS + LEASES;

    pub fn new() -> Dhcp {
        Dhcp {
            servers: Bounded::new(SERVERS),
            leases: Bounded::new(LEASES),
            clients: Bounded::new(CLIENTS),
            distinct: Default::default(),
            generation: 0,
            asking: Vec::new(),
            askers: Vec::new(),
        }
    }

    pub fn clear(&mut self) {
        self.servers.clear();
        self.clients.clear();
        self.distinct = Default::default();
        self.open();
    }

    pub fn open(&mut self) {
        self.asking.clear();
        self.askers.clear();
        for (_, server) in self.servers.values_mut() {
            server.answers_now = 0;
        }
    }

    pub fn len(&self) -> usize {
        self.clients.len() + self.leases.len()
    }

    pub fn evictions(&self) -> u64 {
        self.servers.evictions() + self.leases.evictions() + self.clients.evictions()
    }

    pub fn servers(&self) -> impl Iterator<Item = &Server> {
        self.servers.iter().map(|(_, server)| server)
    }

    pub fn asking(&self) -> &[Asking] {
        &self.asking
    }

    pub fn askers(&self) -> &[Asker] {
        &self.askers
    }

    pub fn has_leased(&self, mac: Mac, address: Addr) -> bool {
        self.leases.get(&mac).is_some_and(|leased| leased.contains(&address))
    }

    /// `hash` is that of the client's hardware address.
    pub fn take(&mut self, control: &Control, place: BroadcastDomain, hash: u64) {
        match control.kind {
            ControlKind::DhcpAsk => self.ask(control, place, hash),
            ControlKind::DhcpOffer | ControlKind::DhcpAck => self.answer(control, place),
            _ => {}
        }
    }

    fn ask(&mut self, control: &Control, place: BroadcastDomain, hash: u64) {
        if control.mac == Mac::ZERO {
            return;
        }
        let now = control.time;
        let generation = now.tick() / 100;
        if generation != self.generation {
            self.distinct.swap(0, 1);
            let [this, before] = &mut self.distinct;
            this.clear();
            if generation > self.generation + 1 {
                before.clear();
            }
            self.generation = generation;
        }
        if let Some(this) = self.distinct.first_mut() {
            this.add(hash);
        }
        let client = self.clients.at((place, control.mac), now, || Client {
            first: now,
            last: now,
            sender: control.source_mac,
            answered_by: None,
            second: now.tick() / 10,
            asks: 0,
            asks_before: 0,
        });
        let second = now.tick() / 10;
        if second != client.second {
            client.asks_before = if second == client.second + 1 { client.asks } else { 0 };
            (client.asks, client.second) = (0, second);
        }
        client.asks += 1;
        client.last = now;
        client.sender = control.source_mac;
        client.answered_by = client.answered_by.filter(|(_, at)| now.seconds_since(*at) <= ANSWERS);
        let asks_now = |asker: &&mut Asker| (asker.place, asker.client) == (place, control.mac);
        let asks = client.asks.max(client.asks_before);
        let first = client.first;
        if let Some(asker) = self.askers.iter_mut().find(asks_now) {
            asker.asks = asks;
            asker.asks_now += 1;
        } else if self.askers.len() < SERVERS {
            self.askers.push(Asker {
                place,
                interface: control.interface,
                client: control.mac,
                sender: control.source_mac,
                asks,
                asks_now: 1,
                first,
            });
        }
        let is_full = self.asking.len() >= PLACES;
        match self.asking.iter_mut().find(|asking| asking.place == place) {
            Some(asking) => asking.asks_now += 1,
            None if is_full => {}
            None => self.asking.push(Asking {
                place,
                interface: control.interface,
                asks_now: 1,
                first: now,
                ..Asking::default()
            }),
        }
    }

    fn answer(&mut self, control: &Control, place: BroadcastDomain) {
        let (now, v4) = (control.time, control.target.is_v4());
        let key = (place, v4, control.source_mac);
        let server = self.servers.at(key, now, || Server {
            place,
            interface: control.interface,
            mac: control.source_mac,
            address: control.target,
            first: now,
            last: now,
            answers: 0,
            answers_now: 0,
            leased: Addr::UNSPECIFIED,
            router: Addr::UNSPECIFIED,
            shared: 0,
        });
        server.last = now;
        server.answers += 1;
        server.answers_now += 1;
        if control.address != Addr::UNSPECIFIED {
            server.leased = control.address;
        }
        if control.router != Addr::UNSPECIFIED {
            server.router = control.router;
        }
        let mut first = None;
        if let Some(client) = self.clients.get_mut(&(place, control.mac)) {
            match client.answered_by {
                Some((other, _)) if other != control.source_mac => {
                    server.shared += 1;
                    first = Some(other);
                }
                Some(_) => {}
                None => client.answered_by = Some((control.source_mac, now)),
            }
        }
        if let Some(first) = first.and_then(|mac| self.servers.get_mut(&(place, v4, mac))) {
            first.shared += 1;
        }
        if control.kind == ControlKind::DhcpAck && control.address != Addr::UNSPECIFIED {
            let leased = self.leases.at(control.mac, now, Vec::new);
            if !leased.contains(&control.address) {
                if leased.len() >= ADDRESSES {
                    leased.remove(0);
                }
                leased.push(control.address);
            }
        }
    }

    /// All frames of the tick have been told.
    pub fn close(&mut self, now: Timestamp, heard: &HeardAll) {
        if self.asking.is_empty() {
            return;
        }
        let mut all = Registers::default();
        self.distinct.iter().for_each(|registers| all.merge(registers));
        let distinct = all.estimate();
        for asking in &mut self.asking {
            let recent = self.clients.iter().filter(|((place, _), client)| {
                *place == asking.place
                    && now.seconds_since(client.last) <= MEMORY
                    && now.seconds_since(client.first) >= USES
                    // Who asks again has no lease: a server that is down, not one that is emptied.
                    && client.last.seconds_since(client.first) <= DONE
            });
            let mut sender = Vote::default();
            for ((_, mac), client) in recent {
                asking.clients += 1;
                if heard.of(asking.place, *mac).is_some_and(|heard| heard.talks) {
                    continue;
                }
                asking.silent += 1;
                asking.first = asking.first.min(client.first);
                sender.cast(client.sender);
            }
            asking.sender = (u32::from(sender.lead) * 2 > asking.silent).then_some(sender.value);
            asking.distinct = distinct;
            if distinct >= TOO_MANY {
                asking.silent = asking.silent.max(distinct as u32);
                asking.clients = asking.clients.max(asking.silent);
            }
        }
    }
}
