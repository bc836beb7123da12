//! DHCP on a LAN: which servers offer leases, which clients have one, and how many clients request one.

use super::bounded::Bounded;
use super::domain::BroadcastDomain;
use super::stations::KnownStations;
use crate::base::{Addr, Mac, TICKS_PER_SECOND, Timestamp};
use crate::meter::majority::MajorityVote;
use crate::meter::registers::Registers;
use crate::packet::{Control, ControlKind};

const SERVERS: usize = 64;
const LEASES: usize = 4096;
const CLIENTS: usize = 2048;
/// Broadcast domains with requesting clients per tick.
const DOMAINS: usize = 32;
/// Leased addresses kept per client: some have several, of both families.
const ADDRESSES: usize = 6;
/// Seconds for which clients count.
const CLIENT_SECONDS: f64 = 15.0;
/// Seconds after which a client uses its lease or, without one, has sent another request (RFC 2131 §4.1: 3 to 5 s), or
/// never will.
const USE_SECONDS: f64 = 5.5;
/// Seconds within which a client gets its lease, if it gets one.
const EXCHANGE_SECONDS: f64 = 1.0;
/// Estimated clients above which the table cannot follow them.
const TOO_MANY: f64 = 2.0 * CLIENTS as f64;
/// Seconds within which a server's reply belongs to a client's request.
const REPLY_SECONDS: f64 = 10.0;

/// Ticks of each of the two generations in which clients are counted: 10 s.
const GENERATION_TICKS: u64 = 10 * TICKS_PER_SECOND as u64;

/// A DHCP server.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DhcpServer {
    /// Segment and VLAN on which it replies.
    pub domain: BroadcastDomain,
    /// Number of the interface that showed its first reply.
    pub interface: u16,
    /// Source MAC address of its replies; of a relay where there is one.
    pub mac: Mac,
    /// The server address that it states.
    pub address: Addr,
    /// Time of its first reply.
    pub first: Timestamp,
    /// Time of its last reply.
    pub last: Timestamp,
    /// Replies since it was first seen.
    pub answers: u32,
    /// In this tick.
    pub answers_now: u32,
    /// An address that it leased, and the router that it named.
    pub leased: Addr,
    /// Router option of its last reply that had one; [`Addr::UNSPECIFIED`] before.
    pub router: Addr,
    /// Clients that both this and another server answered.
    pub shared: u32,
}

/// A client's last request, and the reply to it.
#[derive(Clone, Copy, Debug)]
struct Client {
    first: Timestamp,
    last: Timestamp,
    sender: Mac,
    /// The server that answered first.
    answered_by: Option<(Mac, Timestamp)>,
    /// Its requests in this second and in the previous one.
    second: u64,
    requests: u32,
    requests_before: u32,
}

/// DHCP requests in one broadcast domain.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DhcpRequests {
    /// Segment and VLAN of the clients.
    pub domain: BroadcastDomain,
    /// Number of the interface that showed the first request of this tick.
    pub interface: u16,
    /// Clients of the last fifteen seconds that sent one request, five seconds ago or longer, and those of them that
    /// sent nothing but DHCP.
    pub clients: u32,
    /// Of `clients`, those that sent nothing but DHCP; `distinct` where the table cannot follow them all.
    pub silent: u32,
    /// Estimated clients in the last ten to twenty seconds, beyond the capacity of the table.
    pub distinct: f64,
    /// Their requests in this tick.
    pub requests_now: u32,
    /// The station that sent most of the silent clients' requests, where one did.
    pub sender: Option<Mac>,
    /// Time of the first request of this tick, or of a silent client's first request where that is earlier.
    pub first: Timestamp,
}

/// A client and its requests per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DhcpClient {
    /// Segment and VLAN of the client.
    pub domain: BroadcastDomain,
    /// Number of the interface that showed its first request of this tick.
    pub interface: u16,
    /// The client's hardware address in the message, and the station that sent it.
    pub client: Mac,
    /// Source MAC address of its first request of this tick.
    pub sender: Mac,
    /// Requests in the busier of this second and the previous one.
    pub requests: u32,
    /// Requests in this tick.
    pub requests_now: u32,
    /// Time of its first request since it entered the table.
    pub first: Timestamp,
}

pub(super) struct Dhcp {
    servers: Bounded<(BroadcastDomain, bool, Mac), DhcpServer>,
    leases: Bounded<Mac, Vec<Addr>>,
    clients: Bounded<(BroadcastDomain, Mac), Client>,
    /// Clients by hash, of the current and the previous ten seconds.
    distinct: [Registers; 2],
    generation: u64,
    requests_by_domain: Vec<DhcpRequests>,
    clients_now: Vec<DhcpClient>,
}

impl Dhcp {
    /// Upper limit of [`Dhcp::len`].
    pub(super) const CAPACITY: usize = CLIENTS + LEASES;

    pub(super) fn new() -> Dhcp {
        Dhcp {
            servers: Bounded::new(SERVERS),
            leases: Bounded::new(LEASES),
            clients: Bounded::new(CLIENTS),
            distinct: Default::default(),
            generation: 0,
            requests_by_domain: Vec::new(),
            clients_now: Vec::new(),
        }
    }

    pub(super) fn clear(&mut self) {
        self.servers.clear();
        self.clients.clear();
        self.distinct = Default::default();
        self.open();
    }

    pub(super) fn open(&mut self) {
        self.requests_by_domain.clear();
        self.clients_now.clear();
        for (_, server) in self.servers.values_mut() {
            server.answers_now = 0;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.clients.len() + self.leases.len()
    }

    pub(super) fn evictions(&self) -> u64 {
        self.servers.evictions() + self.leases.evictions() + self.clients.evictions()
    }

    pub(super) fn servers(&self) -> impl Iterator<Item = &DhcpServer> {
        self.servers.iter().map(|(_, server)| server)
    }

    pub(super) fn requests(&self) -> &[DhcpRequests] {
        &self.requests_by_domain
    }

    pub(super) fn clients(&self) -> &[DhcpClient] {
        &self.clients_now
    }

    pub(super) fn has_leased(&self, mac: Mac, address: Addr) -> bool {
        self.leases.get(&mac).is_some_and(|leased| leased.contains(&address))
    }

    /// `hash` is the hash of the client's hardware address.
    pub(super) fn record(&mut self, control: &Control, domain: BroadcastDomain, hash: u64) {
        match control.kind {
            ControlKind::DhcpRequest => self.request(control, domain, hash),
            ControlKind::DhcpOffer | ControlKind::DhcpAck => self.reply(control, domain),
            _ => {}
        }
    }

    fn request(&mut self, control: &Control, domain: BroadcastDomain, hash: u64) {
        if control.mac == Mac::ZERO {
            return;
        }
        let now = control.time;
        let generation = now.tick() / GENERATION_TICKS;
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
        let client = self.clients.get_or_insert((domain, control.mac), now, || Client {
            first: now,
            last: now,
            sender: control.source_mac,
            answered_by: None,
            second: now.tick() / TICKS_PER_SECOND as u64,
            requests: 0,
            requests_before: 0,
        });
        let second = now.tick() / TICKS_PER_SECOND as u64;
        if second != client.second {
            client.requests_before = if second == client.second + 1 { client.requests } else { 0 };
            (client.requests, client.second) = (0, second);
        }
        client.requests += 1;
        client.last = now;
        client.sender = control.source_mac;
        client.answered_by = client.answered_by.filter(|(_, at)| now.seconds_since(*at) <= REPLY_SECONDS);
        let same = |known: &&mut DhcpClient| (known.domain, known.client) == (domain, control.mac);
        let requests = client.requests.max(client.requests_before);
        let first = client.first;
        if let Some(known) = self.clients_now.iter_mut().find(same) {
            known.requests = requests;
            known.requests_now += 1;
        } else if self.clients_now.len() < SERVERS {
            self.clients_now.push(DhcpClient {
                domain,
                interface: control.interface,
                client: control.mac,
                sender: control.source_mac,
                requests,
                requests_now: 1,
                first,
            });
        }
        let is_full = self.requests_by_domain.len() >= DOMAINS;
        match self.requests_by_domain.iter_mut().find(|known| known.domain == domain) {
            Some(known) => known.requests_now += 1,
            None if is_full => {}
            None => self.requests_by_domain.push(DhcpRequests {
                domain,
                interface: control.interface,
                requests_now: 1,
                first: now,
                ..DhcpRequests::default()
            }),
        }
    }

    fn reply(&mut self, control: &Control, domain: BroadcastDomain) {
        let (now, v4) = (control.time, control.target.is_v4());
        let key = (domain, v4, control.source_mac);
        let server = self.servers.get_or_insert(key, now, || DhcpServer {
            domain,
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
        if let Some(client) = self.clients.get_mut(&(domain, control.mac)) {
            match client.answered_by {
                Some((other, _)) if other != control.source_mac => {
                    server.shared += 1;
                    first = Some(other);
                }
                Some(_) => {}
                None => client.answered_by = Some((control.source_mac, now)),
            }
        }
        if let Some(first) = first.and_then(|mac| self.servers.get_mut(&(domain, v4, mac))) {
            first.shared += 1;
        }
        if control.kind == ControlKind::DhcpAck && control.address != Addr::UNSPECIFIED {
            let leased = self.leases.get_or_insert(control.mac, now, Vec::new);
            if !leased.contains(&control.address) {
                if leased.len() >= ADDRESSES {
                    leased.remove(0);
                }
                leased.push(control.address);
            }
        }
    }

    /// Closes the tick after all its frames have been recorded.
    pub(super) fn close(&mut self, now: Timestamp, stations: &KnownStations) {
        if self.requests_by_domain.is_empty() {
            return;
        }
        let mut all = Registers::default();
        self.distinct.iter().for_each(|registers| all.merge(registers));
        let distinct = all.estimate();
        for requests in &mut self.requests_by_domain {
            let recent = self.clients.iter().filter(|((domain, _), client)| {
                *domain == requests.domain
                    && now.seconds_since(client.last) <= CLIENT_SECONDS
                    && now.seconds_since(client.first) >= USE_SECONDS
                    // A client that repeats its request has no lease: that shows a dead server, not an exhausted one.
                    && client.last.seconds_since(client.first) <= EXCHANGE_SECONDS
            });
            let mut sender = MajorityVote::default();
            for ((_, mac), client) in recent {
                requests.clients += 1;
                if stations.of(requests.domain, *mac).is_some_and(|station| station.sends_other_traffic) {
                    continue;
                }
                requests.silent += 1;
                requests.first = requests.first.min(client.first);
                sender.cast(client.sender);
            }
            requests.sender = (u32::from(sender.lead) * 2 > requests.silent).then_some(sender.value);
            requests.distinct = distinct;
            if distinct >= TOO_MANY {
                requests.silent = requests.silent.max(distinct as u32);
                requests.clients = requests.clients.max(requests.silent);
            }
        }
    }
}
