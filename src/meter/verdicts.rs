//! Verdicts by kind of packet: how many packets of a host nobody asked for.

use super::conversations::{Outcome, Verdict};
use super::scale::Scale;
use crate::packet::{App, Class};

/// Kinds of packets with verdicts of their own. Classes whose packets are never answers have none: all of them are
/// unsolicited. Classes that are evaluated together, or of which a host has one by its address family, share a kind.
const KINDS: usize = 13;
/// DNS queries, which are no mere UDP.
const DNS_QUERIES: usize = 12;

/// The kind of a packet by its class and its payload.
#[inline]
fn kind_of(class: Class, app: App) -> Option<usize> {
    if app == App::DnsQuery { Some(DNS_QUERIES) } else { kind(class) }
}

/// The kind of the packets that a packet answers: segments pend, whatever the answer is.
fn answered_kind(class: Class, app: App) -> Option<usize> {
    match (class, app) {
        (_, App::DnsResponse | App::DnsNxdomain | App::DnsFailure) => Some(DNS_QUERIES),
        (Class::TcpFin, _) => kind(Class::TcpAck),
        _ => kind(class),
    }
}

#[inline]
const fn kind(class: Class) -> Option<usize> {
    Some(match class {
        Class::TcpAck | Class::TcpData => 0,
        Class::TcpSynAck => 1,
        Class::TcpRst => 2,
        Class::TcpFin => 3,
        Class::Udp => 4,
        Class::Quic => 5,
        Class::IcmpReply | Class::Icmpv6Reply => 6,
        Class::IcmpError | Class::Icmpv6Error => 7,
        Class::IcmpOther | Class::Icmpv6Other | Class::Icmpv6Nd => 8,
        Class::Fragment => 9,
        Class::Gre => 10,
        Class::IpTunnel | Class::IpOther => 11,
        _ => return None,
    })
}

/// What is kept of a packet's [`Outcome`] beside its class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Judged {
    pub verdict: Verdict,
    /// It is the first packet of its flow.
    pub opens: bool,
    pub excused: u8,
    pub answers: bool,
    /// The end that opened the flow continues after an answer.
    pub continues: bool,
}

impl Judged {
    #[inline]
    pub(super) fn of(outcome: &Outcome) -> Judged {
        Judged {
            verdict: outcome.verdict,
            opens: outcome.opens(),
            excused: outcome.excused,
            answers: outcome.answers,
            continues: outcome.continues,
        }
    }
}

/// Packets of some classes by verdict. All that are in none of these are solicited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdicts {
    /// Packets that nobody asked for, those that were excused later included.
    unsolicited: u64,
    excused: u64,
    /// Packets of which the memory cannot tell.
    pub unknown: u64,
    /// Packets of one-way flows that their own packets excuse, those included that were excused later.
    steady: u64,
    /// Flows that began.
    pub opened: u64,
    /// Flows that began and whose opener continued after an answer.
    pub continued: u64,
}

impl Verdicts {
    /// Packets that ask, and answer nothing: all of them are unsolicited, each in a flow of its own.
    pub(super) fn asking(packets: u64) -> Verdicts {
        Verdicts { unsolicited: packets, opened: packets, ..Verdicts::default() }
    }

    /// Adds the verdicts of another period.
    pub fn merge(&mut self, other: &Verdicts) {
        self.unsolicited += other.unsolicited;
        self.excused += other.excused;
        self.unknown += other.unknown;
        self.steady += other.steady;
        self.opened += other.opened;
        self.continued += other.continued;
    }

    /// Packets that nobody asked for.
    pub fn unsolicited(&self) -> u64 {
        self.unsolicited.saturating_sub(self.excused)
    }

    /// Packets of flows whose other end is silent: the unsolicited, and those of steady streams.
    pub fn one_way(&self) -> u64 {
        self.unsolicited() + self.steady
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Cell {
    unsolicited: u32,
    unknown: u32,
    steady: u32,
    excused: u32,
    opened: u32,
    continued: u32,
}

impl Cell {
    fn verdicts(&self) -> Verdicts {
        Verdicts {
            unsolicited: self.unsolicited.into(),
            excused: self.excused.into(),
            unknown: self.unknown.into(),
            steady: self.steady.into(),
            opened: self.opened.into(),
            continued: self.continued.into(),
        }
    }

    fn with(&self, other: &Cell, join: impl Fn(u32, u32) -> u32) -> Cell {
        Cell {
            unsolicited: join(self.unsolicited, other.unsolicited),
            unknown: join(self.unknown, other.unknown),
            steady: join(self.steady, other.steady),
            excused: join(self.excused, other.excused),
            opened: join(self.opened, other.opened),
            continued: join(self.continued, other.continued),
        }
    }
}

/// One direction of one host over some time: verdicts by kind of packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct VerdictCounts {
    cells: [Cell; KINDS],
}

impl VerdictCounts {
    /// Counts packets in the direction that this counts.
    #[inline]
    pub(super) fn add(&mut self, class: Class, app: App, judged: Judged, packets: u32) {
        let Some(cell) = kind_of(class, app).and_then(|kind| self.cells.get_mut(kind)) else { return };
        match judged.verdict {
            Verdict::Solicited => {}
            Verdict::Unsolicited => cell.unsolicited = cell.unsolicited.saturating_add(packets),
            Verdict::Unknown => cell.unknown = cell.unknown.saturating_add(packets),
            Verdict::Steady => cell.steady = cell.steady.saturating_add(packets),
        }
        cell.opened = cell.opened.saturating_add(u32::from(judged.opens));
        cell.continued = cell.continued.saturating_add(u32::from(judged.continues));
        if judged.excused > 0 && !judged.answers {
            cell.excused = cell.excused.saturating_add(judged.excused.into());
        }
    }

    /// Counts what a packet of the opposite direction excuses.
    #[inline]
    pub(super) fn excuse(&mut self, class: Class, app: App, judged: Judged) {
        if judged.excused > 0
            && judged.answers
            && let Some(cell) = answered_kind(class, app).and_then(|kind| self.cells.get_mut(kind))
        {
            cell.excused = cell.excused.saturating_add(judged.excused.into());
        }
    }

    pub(super) fn merge(&mut self, other: &VerdictCounts) {
        self.join(other, u32::saturating_add);
    }

    pub(super) fn subtract(&mut self, other: &VerdictCounts) {
        self.join(other, u32::saturating_sub);
    }

    fn join(&mut self, other: &VerdictCounts, join: impl Fn(u32, u32) -> u32 + Copy) {
        for (mine, theirs) in self.cells.iter_mut().zip(&other.cells) {
            *mine = mine.with(theirs, join);
        }
    }

    /// Scales the counts of captured packets to the traffic that they stand for.
    pub(super) fn scale_up(&mut self, scale: Scale) {
        for cell in &mut self.cells {
            *cell = cell.with(cell, |count, _| scale.of_small(count));
        }
    }

    /// Adds these classes' verdicts to `sum`; UDP is without DNS queries.
    pub(super) fn add_to(&self, classes: &[Class], sum: &mut Verdicts) {
        let kinds = classes.iter().filter_map(|&class| kind(class)).fold(0u32, |kinds, kind| kinds | 1 << kind);
        for (_, cell) in self.cells.iter().enumerate().filter(|(kind, _)| kinds >> kind & 1 != 0) {
            sum.merge(&cell.verdicts());
        }
    }

    /// DNS queries.
    pub(super) fn dns_queries(&self) -> Verdicts {
        self.cells.get(DNS_QUERIES).map_or_else(Verdicts::default, Cell::verdicts)
    }
}

/// Whether all packets of a class are unsolicited by nature: they ask, and answer nothing.
pub(super) const fn asks(class: Class) -> bool {
    kind(class).is_none()
}
