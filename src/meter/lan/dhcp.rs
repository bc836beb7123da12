//! DHCP on a LAN: which servers offer leases, which clients have one, and how many clients request one.

#[cfg(test)]
mod tests;

use super::bounded::Bounded;
use super::domain::BroadcastDomain;
use super::stations::{KnownStation, KnownStations};
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
/// Seconds for which clients count as recent, and for which they count at all: a tool that stays slow shows in the longer
/// time alone.
const RECENT_SECONDS: f64 = 15.0;
const LASTING_SECONDS: f64 = 120.0;
/// Seconds after which a client uses its lease or, without one, has sent another request (RFC 2131 §4.1: 3 to 5 s), or
/// never will.
const USE_SECONDS: f64 = 5.5;
/// Seconds within which a client gets its lease, if it gets one.
const EXCHANGE_SECONDS: f64 = 1.0;
/// Estimated clients above which the table cannot follow them.
const TOO_MANY: f64 = 2.0 * CLIENTS as f64;
/// Seconds within which a server's reply belongs to a client's request.
const REPLY_SECONDS: f64 = 10.0;

/// Distinct routers, and name servers, remembered of a server: one that serves several networks of a LAN names several.
const NAMED: usize = 4;

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
    /// An address that it leased.
    pub leased: Addr,
    /// The first router of its last reply that named one; [`Addr::UNSPECIFIED`] before.
    pub router: Addr,
    /// The same for its first name server.
    pub dns: Addr,
    /// The routers that it named lately, the last one first; [`Addr::UNSPECIFIED`] fills the rest.
    pub routers: [Addr; NAMED],
    /// The same for name servers.
    pub name_servers: [Addr; NAMED],
    /// Clients that both this and another server answered.
    pub shared: u32,
}

/// A client's last request, and the reply to it.
#[derive(Clone, Copy, Debug)]
struct Client {
    first: Timestamp,
    last: Timestamp,
    sender: Mac,
    interface: u16,
    /// Its last request may have come through a router.
    may_be_elsewhere: bool,
    /// The server that answered first.
    answered_by: Option<(Mac, Timestamp)>,
    /// Its requests in this second and in the previous one.
    second: u64,
    requests: u32,
    requests_before: u32,
}

/// Clients that sent one request, five seconds ago or longer.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OnceHeard {
    /// All of them.
    pub clients: u32,
    /// Those that sent nothing but DHCP.
    pub silent: u32,
    /// Of the silent ones, those whose five seconds ended in this tick.
    pub silent_now: u32,
}

/// DHCP clients of one broadcast domain.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DhcpRequests {
    /// Segment and VLAN of the clients.
    pub domain: BroadcastDomain,
    /// Number of the interface that showed the first request of this tick; without one, that of a client.
    pub interface: u16,
    /// Clients of the last fifteen seconds; `distinct` where the table cannot follow them all.
    pub recent: OnceHeard,
    /// Clients of the last two minutes; none where no silent one came in the last fifteen seconds.
    pub lasting: OnceHeard,
    /// Estimated clients in the last ten to twenty seconds, beyond the capacity of the table.
    pub distinct: f64,
    /// Their requests in this tick.
    pub requests_now: u32,
    /// The station that sent most of the silent clients' requests, where one did.
    pub sender: Option<Mac>,
    /// The station that sent the requests of the most clients other than itself in the last two minutes, and their number;
    /// zero where it has sent none for fifteen seconds.
    pub proxy: Mac,
    /// Number of clients that `proxy` sent requests for, and those of them whose five seconds ended in this tick.
    pub proxied: u32,
    /// See `proxied`.
    pub proxied_now: u32,
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
    last_request: Timestamp,
    /// End of the last tick that counted clients.
    closed: Timestamp,
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
            last_request: Timestamp::ZERO,
            closed: Timestamp::ZERO,
            requests_by_domain: Vec::new(),
            clients_now: Vec::new(),
        }
    }

    pub(super) fn clear(&mut self) {
        self.servers.clear();
        self.clients.clear();
        self.distinct = Default::default();
        self.last_request = Timestamp::ZERO;
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

    /// `hash` is the hash of the client's hardware address; `from_router`: the sender of the frame forwards traffic of others.
    pub(super) fn record(&mut self, control: &Control, domain: BroadcastDomain, hash: u64, from_router: bool) {
        match control.kind {
            // A client elsewhere renews its lease with a server here.
            ControlKind::DhcpRequest if from_router && may_be_forwarded(control) => {}
            ControlKind::DhcpRequest => self.request(control, domain, hash),
            ControlKind::DhcpOffer | ControlKind::DhcpAck if may_be_forwarded(control) => {
                let client = self.clients.get(&(domain, control.mac));
                let requested = client.is_some_and(|client| control.time.seconds_since(client.last) <= REPLY_SECONDS);
                match (requested, from_router, is_original(control.ttl)) {
                    // What a router forwards is a distant server's reply to a client that renews its lease. It says nothing
                    // about the servers here, and without a request it says nothing at all.
                    // A distant server only acknowledges: a sender of offers is a server of this LAN, or poses as one.
                    (true, true, false) if control.kind == ControlKind::DhcpAck => self.lease(control),
                    (true, ..) | (false, false, true) => self.reply(control, domain),
                    (false, ..) => {}
                }
            }
            ControlKind::DhcpOffer | ControlKind::DhcpAck => self.reply(control, domain),
            _ => {}
        }
    }

    /// Starts the next generation of counted clients when it is time.
    fn renew(&mut self, now: Timestamp) {
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
    }

    fn request(&mut self, control: &Control, domain: BroadcastDomain, hash: u64) {
        let now = control.time;
        self.renew(now);
        self.last_request = self.last_request.max(now);
        if let Some(this) = self.distinct.first_mut() {
            this.add(hash);
        }
        let client = self.clients.get_or_insert((domain, control.mac), now, || Client {
            first: now,
            last: now,
            sender: control.source_mac,
            interface: control.interface,
            may_be_elsewhere: false,
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
        (client.sender, client.interface) = (control.source_mac, control.interface);
        client.may_be_elsewhere = may_be_forwarded(control);
        client.answered_by = client.answered_by.filter(|(_, at)| now.seconds_since(*at) <= REPLY_SECONDS);
        let same = |known: &&mut DhcpClient| (known.domain, known.client) == (domain, control.mac);
        let requests = client.requests.max(client.requests_before);
        let first = client.first;
        if may_be_forwarded(control) && !is_original(control.ttl) {
            // Probably from elsewhere: the sender shows later whether it is a router.
        } else if let Some(known) = self.clients_now.iter_mut().find(same) {
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
            dns: Addr::UNSPECIFIED,
            routers: Default::default(),
            name_servers: Default::default(),
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
            remember(&mut server.routers, control.router);
        }
        if control.dns != Addr::UNSPECIFIED {
            server.dns = control.dns;
            remember(&mut server.name_servers, control.dns);
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
        self.lease(control);
    }

    fn lease(&mut self, control: &Control) {
        let now = control.time;
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

    /// Closes the tick after all its frames have been recorded. What became of the clients is decided by time: a tick without
    /// requests counts them too.
    pub(super) fn close(&mut self, now: Timestamp, stations: &KnownStations) {
        if now.seconds_since(self.last_request) > LASTING_SECONDS {
            return;
        }
        self.renew(now);
        let since_close = now.seconds_since(self.closed);
        self.closed = now;
        let mut all = Registers::default();
        self.distinct.iter().for_each(|registers| all.merge(registers));
        let distinct = all.estimate();
        let Dhcp { clients, requests_by_domain, .. } = self;
        let mut votes = [MajorityVote::default(); DOMAINS];
        let mut lively = [false; DOMAINS];
        let mut proxies = Vec::new();
        for ((domain, mac), client) in clients.iter() {
            let (since_first, since_last) = (now.seconds_since(client.first), now.seconds_since(client.last));
            let is_elsewhere = || stations.of(*domain, client.sender).is_some_and(KnownStation::is_router);
            if since_last > LASTING_SECONDS || client.may_be_elsewhere && is_elsewhere() {
                continue;
            }
            let at = requests_by_domain.iter().position(|known| known.domain == *domain);
            let at = at.unwrap_or(requests_by_domain.len());
            if at == requests_by_domain.len() && at < DOMAINS {
                let (domain, interface) = (*domain, client.interface);
                requests_by_domain.push(DhcpRequests { domain, interface, first: now, ..DhcpRequests::default() });
            }
            let Some(requests) = requests_by_domain.get_mut(at) else { continue };
            let is_recent = since_last <= RECENT_SECONDS;
            let ends_now = since_first < USE_SECONDS + since_close;
            let is_silent = !stations.of(*domain, *mac).is_some_and(|station| station.sends_other_traffic);
            if since_first < USE_SECONDS {
                continue;
            }
            if is_silent && client.sender != *mac {
                proxies.push((at, client.sender, is_recent, ends_now));
            }
            // A client that repeats its request has no lease: that shows a dead server, not an exhausted one.
            if client.last.seconds_since(client.first) > EXCHANGE_SECONDS {
                continue;
            }
            requests.lasting.count(is_silent, ends_now);
            if is_recent {
                requests.recent.count(is_silent, ends_now);
            }
            if is_silent {
                requests.first = requests.first.min(client.first);
                votes.get_mut(at).into_iter().for_each(|vote| vote.cast(client.sender));
                lively.get_mut(at).into_iter().for_each(|lively| *lively |= is_recent);
            }
        }
        proxies.sort_unstable();
        for proxy in proxies.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            let Some(&(at, mac, is_recent, _)) = proxy.last() else { continue };
            if let Some(requests) = requests_by_domain.get_mut(at).filter(|_| is_recent)
                && proxy.len() > requests.proxied as usize
            {
                (requests.proxy, requests.proxied) = (mac, proxy.len() as u32);
                requests.proxied_now = proxy.iter().filter(|(.., ends_now)| *ends_now).count() as u32;
            }
        }
        for ((requests, vote), lively) in requests_by_domain.iter_mut().zip(votes).zip(lively) {
            requests.sender = (u32::from(vote.lead) * 2 > requests.lasting.silent).then_some(vote.value);
            if !lively {
                requests.lasting = OnceHeard::default();
            }
            requests.distinct = distinct;
            if distinct >= TOO_MANY {
                requests.recent.silent = requests.recent.silent.max(distinct as u32);
                requests.recent.clients = requests.recent.clients.max(requests.recent.silent);
            }
        }
    }
}

impl OnceHeard {
    fn count(&mut self, is_silent: bool, ends_now: bool) {
        self.clients += 1;
        self.silent += u32::from(is_silent);
        self.silent_now += u32::from(is_silent && ends_now);
    }
}

/// Puts an address first among the remembered ones.
fn remember(known: &mut [Addr; NAMED], address: Addr) {
    let at = known.iter().position(|other| *other == address).unwrap_or(NAMED - 1);
    if let Some(part) = known.get_mut(..=at) {
        part.rotate_right(1);
    }
    if let Some(first) = known.first_mut() {
        *first = address;
    }
}

/// Whether a router can have forwarded a frame: it goes to one station, and names a sender elsewhere.
fn may_be_forwarded(control: &Control) -> bool {
    let is_request = control.kind == ControlKind::DhcpRequest;
    let sender = if is_request { control.address } else { control.target };
    let is_own = is_request && sender.is_v4() && control.mac == control.source_mac;
    let is_local = !sender.is_v4() && sender.bits() >> 118 == 0xfe80 >> 6;
    !control.destination_mac.is_group() && sender != Addr::UNSPECIFIED && !is_own && !is_local
}

/// Whether no router has lowered a TTL: systems begin with 255 or a power of two.
fn is_original(ttl: u8) -> bool {
    ttl == u8::MAX || ttl.is_power_of_two()
}
