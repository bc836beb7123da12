//! Verdicts by kind of packet: how many packets of a host nobody asked for.

use super::conversations::{Outcome, Verdict};
use super::scale::Scale;
use crate::packet::{App, Class, Packet};

/// Kinds of packets with verdicts of their own. Classes whose packets are never answers have none: all of them are
/// unsolicited. Classes that are evaluated together, or of which a host has one by its address family, share a kind.
const KINDS: usize = 14;
/// DNS queries, which are no mere UDP.
const DNS_QUERIES: usize = 12;
/// Replies of services that amplify, whatever port they arrive at.
const REPLIES: usize = 13;

/// The kind of a packet by its class and its payload.
#[inline]
fn kind_of(content: Content) -> Option<usize> {
    match content {
        Content { app: App::DnsQuery, .. } => Some(DNS_QUERIES),
        Content { is_reply: true, .. } => Some(REPLIES),
        Content { class, .. } => kind(class),
    }
}

/// The kind of the packets that a packet answers: segments pend, whatever the answer is.
fn answered_kind(content: Content) -> Option<usize> {
    match (content.class, content.app) {
        (_, App::DnsResponse | App::DnsNxdomain | App::DnsFailure) => Some(DNS_QUERIES),
        (Class::TcpFin, _) => kind(Class::TcpAck),
        (class, _) => kind(class),
    }
}

/// What decides the kind of a packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Content {
    pub class: Class,
    pub app: App,
    /// It looks like a reply of a service that amplifies.
    pub is_reply: bool,
}

impl Content {
    #[inline]
    pub(super) fn of(packet: &Packet) -> Content {
        Content { class: packet.class, app: packet.app, is_reply: packet.reply_of.is_some() }
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
    pub steady: u64,
    /// Flows that began, of UDP and QUIC.
    pub opened: u64,
    /// Flows that were answered for the first time.
    pub answered: u64,
    /// Flows whose opener continued after the first answer.
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
        self.answered += other.answered;
        self.continued += other.continued;
    }

    /// Packets that nobody asked for.
    pub fn unsolicited(&self) -> u64 {
        self.unsolicited.saturating_sub(self.excused)
    }

    /// Packets that nobody had asked for when they came, whatever was learned of them later.
    pub fn unsolicited_at_first(&self) -> u64 {
        self.unsolicited
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
}

impl Cell {
    fn with(&self, other: &Cell, join: impl Fn(u32, u32) -> u32) -> Cell {
        Cell {
            unsolicited: join(self.unsolicited, other.unsolicited),
            unknown: join(self.unknown, other.unknown),
            steady: join(self.steady, other.steady),
            excused: join(self.excused, other.excused),
        }
    }

    fn verdicts(&self) -> Verdicts {
        Verdicts {
            unsolicited: self.unsolicited.into(),
            excused: self.excused.into(),
            unknown: self.unknown.into(),
            steady: self.steady.into(),
            ..Verdicts::default()
        }
    }
}

/// What became of the flows that began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Flows {
    opened: u32,
    answered: u32,
    continued: u32,
}

impl Flows {
    fn with(&self, other: &Flows, join: impl Fn(u32, u32) -> u32) -> Flows {
        Flows {
            opened: join(self.opened, other.opened),
            answered: join(self.answered, other.answered),
            continued: join(self.continued, other.continued),
        }
    }
}

/// Kinds whose flows are counted: UDP and QUIC.
const FLOWS: [usize; 2] = [4, 5];

/// One direction of one host over some time: verdicts by kind of packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct VerdictCounts {
    cells: [Cell; KINDS],
    flows: [Flows; FLOWS.len()],
}

impl VerdictCounts {
    fn flows(&mut self, kind: usize) -> Option<&mut Flows> {
        self.flows.get_mut(FLOWS.iter().position(|&counted| counted == kind)?)
    }

    /// Counts packets in the direction that this counts.
    #[inline]
    pub(super) fn add(&mut self, content: Content, judged: Judged, packets: u32) {
        let Some(kind) = kind_of(content) else { return };
        let Some(cell) = self.cells.get_mut(kind) else { return };
        match judged.verdict {
            Verdict::Solicited => {}
            Verdict::Unsolicited => cell.unsolicited = cell.unsolicited.saturating_add(packets),
            Verdict::Unknown => cell.unknown = cell.unknown.saturating_add(packets),
            Verdict::Steady => cell.steady = cell.steady.saturating_add(packets),
        }
        if judged.excused > 0 && !judged.answers {
            cell.excused = cell.excused.saturating_add(judged.excused.into());
        }
        if (judged.opens || judged.continues)
            && let Some(flows) = self.flows(kind)
        {
            flows.opened = flows.opened.saturating_add(judged.opens.into());
            flows.continued = flows.continued.saturating_add(judged.continues.into());
        }
    }

    /// Counts what a packet of the opposite direction answers and excuses.
    pub(super) fn excuse(&mut self, content: Content, judged: Judged) {
        let Some(kind) = answered_kind(content).filter(|_| judged.answers) else { return };
        if let Some(cell) = self.cells.get_mut(kind) {
            cell.excused = cell.excused.saturating_add(judged.excused.into());
        }
        if let Some(flows) = self.flows(kind) {
            flows.answered = flows.answered.saturating_add(1);
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
        for (mine, theirs) in self.flows.iter_mut().zip(&other.flows) {
            *mine = mine.with(theirs, join);
        }
    }

    /// Scales the counts of captured packets to the traffic that they stand for.
    pub(super) fn scale_up(&mut self, scale: Scale) {
        let same = *self;
        self.join(&same, |count, _| scale.of_small(count));
    }

    /// Adds these classes' verdicts to `sum`; UDP and QUIC are without DNS queries and replies of services that amplify.
    pub(super) fn add_to(&self, classes: &[Class], sum: &mut Verdicts) {
        let kinds = classes.iter().filter_map(|&class| kind(class)).fold(0u32, |kinds, kind| kinds | 1 << kind);
        for (_, cell) in self.cells.iter().enumerate().filter(|(kind, _)| kinds >> kind & 1 != 0) {
            sum.merge(&cell.verdicts());
        }
        for (_, flows) in FLOWS.iter().zip(&self.flows).filter(|(kind, _)| kinds >> **kind & 1 != 0) {
            sum.opened += u64::from(flows.opened);
            sum.answered += u64::from(flows.answered);
            sum.continued += u64::from(flows.continued);
        }
    }

    /// DNS queries.
    pub(super) fn dns_queries(&self) -> Verdicts {
        self.cells.get(DNS_QUERIES).map_or_else(Verdicts::default, Cell::verdicts)
    }

    /// Replies of services that amplify.
    pub(super) fn amplifier_replies(&self) -> Verdicts {
        self.cells.get(REPLIES).map_or_else(Verdicts::default, Cell::verdicts)
    }
}

/// Whether all packets of a class are unsolicited by nature: they ask, and answer nothing.
pub(super) const fn asks(class: Class) -> bool {
    kind(class).is_none()
}
