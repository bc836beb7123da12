//! Which station uses an address: the source addresses of IP packets. They show who holds an address whatever is said in ARP and
//! neighbour discovery. Routers send from the addresses of others: they are no users.

use super::bounded::Bounded;
use super::domain::BroadcastDomain;
use crate::base::{Addr, Mac, Timestamp};

const USERS: usize = 4096;
/// Seconds after which another station may be the user.
const IDLE_SECONDS: f64 = 30.0;
/// Ticks in which a station must have used an address: a router is known as one only after a while.
const LEAST_TICKS: u32 = 2;

/// A station that sends from an address.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct User {
    pub mac: Mac,
    /// When it first did.
    pub first: Timestamp,
    /// When it last did.
    pub last: Timestamp,
    ticks: u32,
}

pub(super) struct Users(Bounded<(BroadcastDomain, Addr), User>);

impl Users {
    pub(super) fn new() -> Users {
        Users(Bounded::new(USERS))
    }

    /// A station sent an IP packet from an address.
    pub(super) fn record(&mut self, domain: BroadcastDomain, address: Addr, mac: Mac, now: Timestamp) {
        let new = User { mac, first: now, last: now, ticks: 0 };
        let user = self.0.get_or_insert((domain, address), now, || new);
        if user.mac != mac {
            if now.seconds_since(user.last) <= IDLE_SECONDS {
                return;
            }
            *user = new;
        }
        user.last = now;
        user.ticks = user.ticks.saturating_add(1);
    }

    /// The user of an address.
    pub(super) fn of(&self, domain: BroadcastDomain, address: Addr) -> Option<User> {
        self.0.get(&(domain, address)).copied().filter(|user| user.ticks >= LEAST_TICKS)
    }

    /// Whether a station was the last to send from an address, be it once.
    pub(super) fn sent(&self, domain: BroadcastDomain, address: Addr, mac: Mac) -> bool {
        self.0.get(&(domain, address)).is_some_and(|user| user.mac == mac)
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn evictions(&self) -> u64 {
        self.0.evictions()
    }
}
