//! Plain counters: packets and bytes, in total and by class.

use super::bits::ones;
use super::conversations::Outcome;
use super::scale::Scale;
use super::verdicts::{Content, VerdictCounts, Verdicts, asks};
use crate::packet::Class;

/// Packets and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Packets on the wire; a frame from segmentation offload counts as its segments.
    pub packets: u64,
    /// Octets on the wire, with the link header and without FCS.
    pub bytes: u64,
}

impl Count {
    /// Adds packets and their bytes.
    #[inline]
    pub fn add(&mut self, packets: u16, bytes: u32) {
        self.packets += u64::from(packets);
        self.bytes += u64::from(bytes);
    }

    /// Adds another count.
    pub fn merge(&mut self, other: Count) {
        self.packets += other.packets;
        self.bytes += other.bytes;
    }

    /// Whether there are no packets.
    pub fn is_zero(&self) -> bool {
        self.packets == 0
    }

    pub(super) fn scale_up(&mut self, scale: Scale) {
        self.packets = scale.of(self.packets);
        self.bytes = scale.of(self.bytes);
    }

    /// The sum of several counts.
    pub fn sum(counts: impl Iterator<Item = Count>) -> Count {
        counts.fold(Count::default(), |mut sum, count| {
            sum.merge(count);
            sum
        })
    }
}

/// Packets and bytes of one tick. Bytes saturate at 4 GiB: no link carries more in 100 ms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SmallCount {
    pub packets: u32,
    pub bytes: u32,
}

impl SmallCount {
    /// Adds packets and their bytes.
    #[inline]
    pub fn add(&mut self, packets: u32, bytes: u32) {
        self.packets = self.packets.wrapping_add(packets);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    pub fn merge(&mut self, other: SmallCount) {
        self.packets = self.packets.saturating_add(other.packets);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }

    pub(super) fn scale_up(&mut self, scale: Scale) {
        self.packets = scale.of_small(self.packets);
        self.bytes = scale.of_small(self.bytes);
    }
}

impl From<SmallCount> for Count {
    fn from(small: SmallCount) -> Count {
        Count { packets: small.packets.into(), bytes: small.bytes.into() }
    }
}

const _: () = assert!(Class::PER_HOST <= u32::BITS as usize);

/// One direction of one host in one tick, by class of traffic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassTick {
    all: u32,
    /// Bits of the classes that may have counts.
    used: u32,
    cells: [SmallCount; Class::PER_HOST],
    verdicts: VerdictCounts,
}

impl ClassTick {
    /// The classes that are counted per host of all `counts`, which are by class, with these verdicts.
    pub(super) fn of_sums(counts: &[Count], verdicts: VerdictCounts) -> ClassTick {
        let small = |number: u64| number.min(u32::MAX.into()) as u32;
        let mut tick =
            ClassTick { verdicts, used: u32::MAX >> (u32::BITS as usize - Class::PER_HOST), ..ClassTick::default() };
        for (cell, count) in tick.cells.iter_mut().zip(counts) {
            *cell = SmallCount { packets: small(count.packets), bytes: small(count.bytes) };
            tick.all = tick.all.saturating_add(cell.packets);
        }
        tick
    }

    pub(super) fn scale_up(&mut self, scale: Scale) {
        self.all = scale.of_small(self.all);
        self.cells.iter_mut().for_each(|cell| cell.scale_up(scale));
        self.verdicts.scale_up(scale);
    }

    /// Makes all counts zero.
    pub(super) fn clear(&mut self) {
        for class in ones(std::mem::take(&mut self.used)) {
            if let Some(cell) = self.cells.get_mut(class) {
                *cell = SmallCount::default();
            }
        }
        self.all = 0;
        self.verdicts.clear();
    }

    /// Adds packets of a class and their bytes, with the verdict on them.
    #[inline(always)]
    pub(super) fn add_judged(&mut self, content: Content, outcome: &Outcome, packets: u32, bytes: u32) {
        self.add(content.class, packets, bytes);
        self.verdicts.add(content, outcome, packets);
    }

    /// Counts what a packet of the opposite direction excuses.
    #[inline]
    pub(super) fn excuse(&mut self, content: Content, outcome: &Outcome) {
        self.verdicts.excuse(content, outcome);
    }

    /// Packets of all classes that were unsolicited when they came, those included that ask and answer nothing.
    pub(super) fn unsolicited_at_first(&self) -> u64 {
        let asking = self.cells.iter().zip(Class::ALL).filter(|(_, class)| asks(**class));
        let asking = asking.map(|(cell, _)| u64::from(cell.packets));
        self.verdicts.unsolicited_at_first() + asking.sum::<u64>()
    }

    /// Bits of the classes that may have counts.
    #[inline]
    pub(super) fn used(&self) -> u32 {
        self.used
    }

    /// See [`VerdictCounts::visit_unsolicited`].
    #[inline]
    pub(super) fn visit_unsolicited(&self, visitor: impl FnMut(usize, u64, u64)) {
        self.verdicts.visit_unsolicited(visitor);
    }

    /// See [`VerdictCounts::unsolicited_at_most`].
    #[inline]
    pub(super) fn unsolicited_at_most(&self, class: Class) -> u64 {
        self.verdicts.unsolicited_at_most(class)
    }

    /// DNS queries by verdict.
    pub fn dns_queries(&self) -> Verdicts {
        self.verdicts.dns_queries()
    }

    /// Replies of services that amplify by verdict, whatever port they arrive at.
    pub fn amplifier_replies(&self) -> Verdicts {
        self.verdicts.amplifier_replies()
    }

    /// Packets of several classes by verdict; UDP is without DNS queries and replies of services
    /// that amplify.
    pub fn verdicts(&self, classes: &[Class]) -> Verdicts {
        self.verdicts.of(classes, |class| self.of(class).packets)
    }

    /// Adds packets of a class and their bytes.
    #[inline(always)]
    pub fn add(&mut self, class: Class, packets: u32, bytes: u32) {
        if let Some(cell) = self.cells.get_mut(class.index()) {
            cell.add(packets, bytes);
            self.used |= 1 << class.index();
            self.all = self.all.wrapping_add(packets);
        }
    }

    /// Adds all counts of another tick.
    pub fn merge(&mut self, other: &ClassTick) {
        self.all = self.all.saturating_add(other.all);
        self.used |= other.used;
        for class in ones(other.used) {
            if let (Some(mine), Some(theirs)) = (self.cells.get_mut(class), other.cells.get(class)) {
                mine.merge(*theirs);
            }
        }
        self.verdicts.merge(&other.verdicts);
    }

    /// Packets and bytes of a class.
    #[inline]
    pub fn of(&self, class: Class) -> Count {
        self.cells.get(class.index()).copied().unwrap_or_default().into()
    }

    /// Packets and bytes of several classes together.
    pub fn of_all(&self, classes: &[Class]) -> Count {
        Count::sum(classes.iter().map(|&class| self.of(class)))
    }

    /// Packets of all classes together.
    #[inline]
    pub fn packets(&self) -> u64 {
        self.all.into()
    }
}

/// Packets and bytes of one direction of one host over some time, by class of traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassSums {
    /// Packets of all classes.
    all: u64,
    /// Bits of the classes that may have counts.
    used: u32,
    /// Apart, since a pair of both would be a quarter larger, and every window has a dozen sums.
    packets: [u32; Class::PER_HOST],
    bytes: [u64; Class::PER_HOST],
}

impl Default for ClassSums {
    fn default() -> Self {
        ClassSums { all: 0, used: 0, packets: [0; Class::PER_HOST], bytes: [0; Class::PER_HOST] }
    }
}

/// Sums wrap: what is subtracted was added before, and no link carries 2³² packets in a minute.
impl ClassSums {
    /// The sums of a class.
    #[inline]
    fn cell(&mut self, class: usize) -> Option<(&mut u32, &mut u64)> {
        Some((self.packets.get_mut(class)?, self.bytes.get_mut(class)?))
    }

    fn add_tick(&mut self, tick: &ClassTick) {
        self.all = self.all.wrapping_add(tick.all.into());
        self.used |= tick.used;
        for class in ones(tick.used) {
            if let (Some((packets, bytes)), Some(cell)) = (self.cell(class), tick.cells.get(class)) {
                *packets = packets.wrapping_add(cell.packets);
                *bytes = bytes.wrapping_add(cell.bytes.into());
            }
        }
    }

    /// Adds all counts of another period.
    pub(super) fn merge(&mut self, other: &ClassSums) {
        self.all = self.all.wrapping_add(other.all);
        self.used |= other.used;
        for class in ones(other.used) {
            let theirs = other.at(class);
            if let Some((packets, bytes)) = self.cell(class) {
                *packets = packets.wrapping_add(theirs.0);
                *bytes = bytes.wrapping_add(theirs.1);
            }
        }
    }

    /// Subtracts counts that were added before.
    pub(super) fn subtract(&mut self, other: &ClassSums) {
        self.all = self.all.wrapping_sub(other.all);
        for class in ones(other.used) {
            let theirs = other.at(class);
            if let Some((packets, bytes)) = self.cell(class) {
                *packets = packets.wrapping_sub(theirs.0);
                *bytes = bytes.wrapping_sub(theirs.1);
            }
        }
    }

    #[inline]
    fn at(&self, class: usize) -> (u32, u64) {
        (self.packets.get(class).copied().unwrap_or(0), self.bytes.get(class).copied().unwrap_or(0))
    }

    /// Packets and bytes of a class.
    #[inline]
    pub fn of(&self, class: Class) -> Count {
        let (packets, bytes) = self.at(class.index());
        Count { packets: packets.into(), bytes }
    }

    /// Packets of all classes together.
    #[inline]
    pub fn packets(&self) -> u64 {
        self.all
    }
}

/// One direction of one host over a minute: all packets, and TCP data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MinuteCounts {
    all: u64,
    data: Count,
}

impl MinuteCounts {
    pub(super) fn of(counts: &ClassCounts) -> MinuteCounts {
        MinuteCounts { all: counts.packets(), data: counts.of(Class::TcpData) }
    }

    /// Adds all counts of another period.
    pub(super) fn merge(&mut self, other: &MinuteCounts) {
        self.all += other.all;
        self.data.merge(other.data);
    }

    /// Subtracts counts that were added before.
    pub(super) fn subtract(&mut self, other: &MinuteCounts) {
        self.all = self.all.saturating_sub(other.all);
        self.data.packets = self.data.packets.saturating_sub(other.data.packets);
        self.data.bytes = self.data.bytes.saturating_sub(other.data.bytes);
    }

    /// Packets and bytes of a class; only TCP data is kept.
    pub fn of_class(&self, class: Class) -> Count {
        debug_assert!(class == Class::TcpData, "{} is not kept for a minute", class.name());
        self.data
    }

    /// Packets of all classes together.
    pub fn packets(&self) -> u64 {
        self.all
    }
}

/// One direction of one host over some seconds: by class of traffic, and by verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassCounts {
    /// Packets and bytes.
    pub sums: ClassSums,
    verdicts: VerdictCounts,
}

impl ClassCounts {
    /// Adds a tick.
    pub(super) fn add_tick(&mut self, tick: &ClassTick) {
        self.sums.add_tick(tick);
        self.verdicts.merge(&tick.verdicts);
    }

    /// Adds all counts of another period.
    pub(super) fn merge(&mut self, other: &ClassCounts) {
        self.sums.merge(&other.sums);
        self.verdicts.merge(&other.verdicts);
    }

    /// Subtracts counts that were added before.
    pub(super) fn subtract(&mut self, other: &ClassCounts) {
        self.sums.subtract(&other.sums);
        self.verdicts.subtract(&other.verdicts);
    }

    /// Packets and bytes of a class.
    #[inline]
    pub fn of(&self, class: Class) -> Count {
        self.sums.of(class)
    }

    /// See [`VerdictCounts::unsolicited_at_most`].
    #[inline]
    pub(super) fn unsolicited_at_most(&self, class: Class) -> u64 {
        self.verdicts.unsolicited_at_most(class)
    }

    /// DNS queries by verdict.
    pub fn dns_queries(&self) -> Verdicts {
        self.verdicts.dns_queries()
    }

    /// Replies of services that amplify by verdict, whatever port they arrive at.
    pub fn amplifier_replies(&self) -> Verdicts {
        self.verdicts.amplifier_replies()
    }

    /// Packets of several classes by verdict; UDP is without DNS queries and replies of services that amplify.
    pub fn verdicts(&self, classes: &[Class]) -> Verdicts {
        self.verdicts.of(classes, |class| self.of(class).packets)
    }

    /// Packets of all classes together.
    #[inline]
    pub fn packets(&self) -> u64 {
        self.sums.packets()
    }
}
