//! Verdicts by kind of packet: how many packets of a host are unsolicited.

use super::bits::ones;
use super::conversations::{Outcome, Verdict};
use super::scale::Scale;
use crate::packet::{App, Class, Packet};

const _: () = assert!(Verdict::Solicited as usize == 0 && Verdict::Unknown as usize == 3);

/// Kinds of packets with verdicts of their own. Classes whose packets are never answers have none: all of them are
/// unsolicited. Classes that are evaluated together, or of which a host has one by its address family, share a kind.
pub(super) const KINDS: usize = 14;
const UDP: usize = 4;
const QUIC: usize = 5;
/// DNS queries, which are no mere UDP.
const DNS_QUERIES: usize = 12;
/// Replies of services that amplify, whatever port they arrive at.
const REPLIES: usize = 13;

/// The kind of each class, to save a comparison per class.
#[expect(clippy::indexing_slicing, reason = "evaluated at compile time: an index out of bounds would not build")]
const KIND_OF: [Option<u8>; Class::COUNT] = {
    let mut kinds = [None; Class::COUNT];
    let mut index = 0;
    while index < Class::COUNT {
        if let Some(kind) = kind(Class::ALL[index]) {
            kinds[index] = Some(kind as u8);
        }
        index += 1;
    }
    kinds
};

/// The kind of a packet by its class and its payload.
#[inline]
fn kind_of(content: Content) -> Option<usize> {
    let kind = usize::from((*KIND_OF.get(content.class.index())?)?);
    Some(match kind {
        UDP | QUIC if content.app == App::DnsQuery => DNS_QUERIES,
        UDP | QUIC if content.is_reply => REPLIES,
        kind => kind,
    })
}

/// The kind of the packets that a packet answers: segments pend, whatever the answer is.
fn answered_kind(content: Content) -> Option<usize> {
    match (content.class, content.app) {
        (_, App::DnsResponse | App::DnsRecursiveResponse | App::DnsNxdomain | App::DnsFailure) => Some(DNS_QUERIES),
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

/// The kind of a class; `None` where all of its packets ask.
#[inline]
pub(super) const fn kind(class: Class) -> Option<usize> {
    Some(match class {
        Class::TcpAck | Class::TcpData => 0,
        Class::TcpSynAck => 1,
        Class::TcpRst => 2,
        Class::TcpFin => 3,
        Class::Udp => UDP,
        Class::Quic => QUIC,
        Class::IcmpReply | Class::Icmpv6Reply => 6,
        Class::IcmpError | Class::Icmpv6Error => 7,
        Class::IcmpOther | Class::Icmpv6Other | Class::Icmpv6Nd => 8,
        Class::Fragment => 9,
        Class::Gre => 10,
        Class::IpTunnel | Class::IpOther => 11,
        _ => return None,
    })
}

/// Packets of some classes by verdict. All that are in none of these are solicited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdicts {
    /// Unsolicited packets, those that were excused later included.
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

    /// Unsolicited packets.
    pub fn unsolicited(&self) -> u64 {
        self.unsolicited.saturating_sub(self.excused)
    }

    /// Packets that were unsolicited when they came, whatever was learned of them later.
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
    /// Packets by [`Verdict`]. In the place of the solicited ones, which are not counted, those that were excused.
    by_verdict: [u32; 4],
}

impl Cell {
    fn excuse(&mut self, packets: u8) {
        let [excused, ..] = &mut self.by_verdict;
        *excused = excused.wrapping_add(packets.into());
    }

    fn with(&self, other: &Cell, join: impl Fn(u32, u32) -> u32) -> Cell {
        let mut joined = *self;
        for (mine, theirs) in joined.by_verdict.iter_mut().zip(other.by_verdict) {
            *mine = join(*mine, theirs);
        }
        joined
    }

    fn verdicts(&self) -> Verdicts {
        let of = |verdict: Verdict| self.by_verdict.get(verdict as usize).copied().unwrap_or(0).into();
        Verdicts {
            unsolicited: of(Verdict::Unsolicited),
            excused: of(Verdict::Solicited),
            unknown: of(Verdict::Unknown),
            steady: of(Verdict::Steady),
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

/// Kinds whose flows are counted: UDP and QUIC, in this order.
const FLOWS: [usize; 2] = [UDP, QUIC];
const _: () = assert!(QUIC == UDP + 1);

/// One direction of one host over some time: verdicts by kind of packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct VerdictCounts {
    /// Bits of the kinds that may have counts.
    used: u16,
    cells: [Cell; KINDS],
    flows: [Flows; FLOWS.len()],
}

impl VerdictCounts {
    fn flows(&mut self, kind: usize) -> Option<&mut Flows> {
        self.flows.get_mut(kind.wrapping_sub(UDP))
    }

    /// Counts packets in the direction that this counts.
    #[inline]
    pub(super) fn add(&mut self, content: Content, outcome: &Outcome, packets: u32) {
        let Some(kind) = kind_of(content) else { return };
        // Most honest packets end here.
        if outcome.verdict != Verdict::Solicited || outcome.continues {
            self.add_to_kind(kind, outcome, packets);
        }
    }

    /// Counts packets with the same verdict. Where they `open`, each begins a flow.
    pub(super) fn add_packets(&mut self, content: Content, verdict: Verdict, packets: u32, open: bool) {
        let Some(kind) = kind_of(content).filter(|_| verdict != Verdict::Solicited) else { return };
        self.used |= 1 << kind;
        if let Some(count) = self.cells.get_mut(kind).and_then(|cell| cell.by_verdict.get_mut(verdict as usize)) {
            *count = count.wrapping_add(packets);
        }
        if let Some(flows) = self.flows(kind).filter(|_| open) {
            flows.opened = flows.opened.wrapping_add(packets);
        }
    }

    /// Counts DNS queries as mere UDP from here on.
    pub(super) fn join_dns_queries(&mut self) {
        let queries = self.cells.get_mut(DNS_QUERIES).map(std::mem::take).unwrap_or_default();
        self.used |= 1 << UDP;
        if let Some(cell) = self.cells.get_mut(UDP) {
            *cell = cell.with(&queries, u32::wrapping_add);
        }
    }

    /// Counts what a packet says of its flow beyond its verdict.
    pub(super) fn add_flow(&mut self, content: Content, outcome: &Outcome) {
        let Some(kind) = kind_of(content) else { return };
        self.used |= 1 << kind;
        if let Some(cell) = self.cells.get_mut(kind).filter(|_| !outcome.answers) {
            cell.excuse(outcome.excused);
        }
        if let Some(flows) = self.flows(kind) {
            flows.continued = flows.continued.wrapping_add(outcome.continues.into());
        }
    }

    fn add_to_kind(&mut self, kind: usize, outcome: &Outcome, packets: u32) {
        let Some(cell) = self.cells.get_mut(kind) else { return };
        self.used |= 1 << kind;
        if outcome.verdict != Verdict::Solicited
            && let Some(count) = cell.by_verdict.get_mut(outcome.verdict as usize)
        {
            *count = count.wrapping_add(packets);
        }
        if outcome.excused > 0 && !outcome.answers {
            cell.excuse(outcome.excused);
        }
        if (outcome.continues || outcome.opens())
            && let Some(flows) = self.flows(kind)
        {
            flows.opened = flows.opened.wrapping_add(outcome.opens().into());
            flows.continued = flows.continued.wrapping_add(outcome.continues.into());
        }
    }

    /// Counts what a packet of the opposite direction answers and excuses.
    pub(super) fn excuse(&mut self, content: Content, outcome: &Outcome) {
        let Some(kind) = answered_kind(content) else { return };
        self.used |= 1 << kind;
        if let Some(cell) = self.cells.get_mut(kind) {
            cell.excuse(outcome.excused);
        }
        if let Some(flows) = self.flows(kind) {
            flows.answered = flows.answered.wrapping_add(1);
        }
    }

    /// Makes all counts zero.
    pub(super) fn clear(&mut self) {
        if self.used != 0 {
            *self = VerdictCounts::default();
        }
    }

    pub(super) fn merge(&mut self, other: &VerdictCounts) {
        self.join(other, u32::wrapping_add);
    }

    pub(super) fn subtract(&mut self, other: &VerdictCounts) {
        self.join(other, u32::wrapping_sub);
    }

    /// Most hosts use few kinds.
    fn join(&mut self, other: &VerdictCounts, join: impl Fn(u32, u32) -> u32 + Copy) {
        self.used |= other.used;
        let mut left = other.used;
        while left != 0 {
            let kind = left.trailing_zeros() as usize;
            if let (Some(mine), Some(theirs)) = (self.cells.get_mut(kind), other.cells.get(kind)) {
                *mine = mine.with(theirs, join);
            }
            left &= left - 1;
        }
        if other.used & (1 << UDP | 1 << QUIC) != 0 {
            for (mine, theirs) in self.flows.iter_mut().zip(&other.flows) {
                *mine = mine.with(theirs, join);
            }
        }
    }

    /// Scales the counts of captured packets to the traffic that they stand for.
    pub(super) fn scale_up(&mut self, scale: Scale) {
        let same = *self;
        self.join(&same, |count, _| scale.of_small(count));
    }

    /// Verdicts of these classes, of which the host has `packets`; UDP and QUIC are without DNS queries and replies of
    /// services that amplify.
    pub(super) fn of(&self, classes: &[Class], packets: impl Fn(Class) -> u64) -> Verdicts {
        let asking = classes.iter().copied().filter(|&class| asks(class)).map(packets).sum();
        let mut sum = Verdicts::asking(asking);
        // Most hosts have used none of them.
        if self.used == 0 {
            return sum;
        }
        let kinds = classes.iter().filter_map(|&class| kind(class)).fold(0u16, |kinds, kind| kinds | 1 << kind);
        let mut left = kinds & self.used;
        while left != 0 {
            let kind = left.trailing_zeros() as usize;
            if let Some(cell) = self.cells.get(kind) {
                sum.merge(&cell.verdicts());
            }
            if let Some(flows) = self.flows.get(kind.wrapping_sub(UDP)) {
                sum.opened += u64::from(flows.opened);
                sum.answered += u64::from(flows.answered);
                sum.continued += u64::from(flows.continued);
            }
            left &= left - 1;
        }
        sum
    }

    /// Packets of all kinds that were unsolicited when they came.
    pub(super) fn unsolicited_at_first(&self) -> u64 {
        let (mut sum, mut left) = (0, self.used);
        while left != 0 {
            let cell = self.cells.get(left.trailing_zeros() as usize).copied().unwrap_or_default();
            sum += cell.verdicts().unsolicited_at_first();
            left &= left - 1;
        }
        sum
    }

    /// At most this many packets of a class were not asked for, in any shorter span as well; all others were. 0 for classes that ask.
    #[inline]
    pub(super) fn unsolicited_at_most(&self, class: Class) -> u64 {
        kind(class).map_or(0, |kind| self.doubtful_of(kind))
    }

    #[inline]
    fn doubtful_of(&self, kind: usize) -> u64 {
        // Most hosts have none.
        if self.used >> kind & 1 == 0 {
            return 0;
        }
        let [_, unsolicited @ ..] = self.cells.get(kind).copied().unwrap_or_default().by_verdict;
        unsolicited.iter().map(|&packets| u64::from(packets)).sum()
    }

    /// Calls `visitor` with each kind that may have counts, its packets as in [`VerdictCounts::unsolicited_at_most`], and its
    /// answered flows.
    #[inline]
    pub(super) fn visit_unsolicited(&self, mut visitor: impl FnMut(usize, u64, u64)) {
        for kind in ones(self.used.into()) {
            let answered = self.flows.get(kind.wrapping_sub(UDP)).map_or(0, |flows| flows.answered.into());
            visitor(kind, self.doubtful_of(kind), answered);
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
