//! A busy host over time: its last ten ticks in full, and sums over 1 s, 10 s and 60 s.

use super::applications::AppCounts;
use super::counts::Count;
use super::handshake_counts::{ClientSteps, HandshakeCounts};
use super::host_sums::{LongSum, Sum};
use super::host_tick::{HostTick, ServiceCounts};
use super::peer_ring::{PeerRing, PeerSum};
use super::peer_table::{PeerCount, PeerTable};
use super::points::{PointRing, PointWeights};
use super::registers::Registers;
use super::report::HostCounts;
use super::samples::Sample;
use super::scale::Scale;
use super::service_traffic::ServiceTraffic;
use super::span::Span;
use super::span_counts::SpanCounts;
use crate::base::{Addr, Direction, TICKS_PER_SECOND, Timestamp};
use crate::packet::{App, Class};
use std::cell::OnceCell;
use std::ops::Range;
use std::sync::LazyLock;

const SECONDS: usize = 10;
const TENS: usize = 6;

/// A tick without traffic.
static EMPTY_TICK: LazyLock<HostTick> = LazyLock::new(HostTick::default);

/// One busy host's windows.
pub struct HostWindow {
    address: Addr,
    ticks: [Box<HostTick>; TICKS_PER_SECOND],
    /// Bit n is set where the n-th of `ticks` has traffic; the others have stale content.
    filled: u16,
    seconds: [Sum; SECONDS],
    /// Sources and destinations of each of the last ten full seconds.
    second_peers: [(Registers, Registers); SECONDS],
    tens: [LongSum; TENS],
    /// The last ten ticks together, once they are asked for.
    second: OnceCell<Sum>,
    ten_seconds: Sum,
    minute: LongSum,
    points: PointRing,
    /// Its peers, received and sent, counted one by one while it is attacked.
    peers: [Option<Box<PeerRing>>; 2],
    /// Number of the last tick that was opened.
    tick: u64,
}

impl HostWindow {
    /// Empty windows that end just before tick `tick`.
    pub fn new(address: Addr, tick: u64) -> Box<HostWindow> {
        Box::new(HostWindow {
            address,
            ticks: Default::default(),
            filled: 0,
            seconds: [Sum::default(); SECONDS],
            second_peers: [Default::default(); SECONDS],
            tens: [LongSum::default(); TENS],
            second: OnceCell::new(),
            ten_seconds: Sum::default(),
            minute: LongSum::default(),
            points: PointRing::default(),
            peers: [None, None],
            tick: tick.wrapping_sub(1),
        })
    }

    /// Restarts for another host, in the same memory.
    pub(super) fn reuse(&mut self, address: Addr, tick: u64) {
        self.address = address;
        self.filled = 0;
        self.seconds.fill(Sum::default());
        self.second_peers.fill(Default::default());
        self.tens.fill(LongSum::default());
        self.second.take();
        self.ten_seconds = Sum::default();
        self.points = PointRing::default();
        self.minute = LongSum::default();
        self.peers = [None, None];
        self.tick = tick.wrapping_sub(1);
    }

    /// Address of the host; of a prefix, its network address.
    pub fn address(&self) -> Addr {
        self.address
    }

    /// Opens tick `tick`, empty; all windows slide. Ticks must be opened in order, without gaps.
    pub(super) fn roll(&mut self, tick: u64) {
        if tick.is_multiple_of(TICKS_PER_SECOND as u64) {
            // A second is complete: it is added to the ten seconds.
            let at = (tick / TICKS_PER_SECOND as u64) as usize;
            let second = *self.second();
            let seconds = &mut self.seconds[at % SECONDS];
            self.ten_seconds.subtract(seconds);
            *seconds = second;
            self.ten_seconds.add(seconds);
            let mut peers = (Registers::default(), Registers::default());
            for tick in self.recent(TICKS_PER_SECOND) {
                peers.0.merge(&tick.sources);
                peers.1.merge(&tick.destinations);
            }
            self.second_peers[at % SECONDS] = peers;
            for peers in &mut self.peers {
                peers.take_if(|peers| peers.is_over(tick));
            }
            if at.is_multiple_of(SECONDS) {
                let tens = &mut self.tens[at / SECONDS % TENS];
                self.minute.subtract(tens);
                *tens = LongSum::of(&self.ten_seconds);
                self.minute.add(tens);
            }
        }
        self.tick = tick;
        self.second.take();
        self.points.roll(tick);
        self.filled &= !(1 << (tick % TICKS_PER_SECOND as u64));
    }

    /// The last ten ticks together. Most hosts are never asked.
    fn second(&self) -> &Sum {
        self.second.get_or_init(|| {
            let mut sum = Sum::default();
            self.recent(TICKS_PER_SECOND).for_each(|tick| sum.add_tick(tick));
            sum
        })
    }

    /// Weighs what the open tick has by now.
    pub(super) fn weigh(&mut self, weights: &PointWeights) {
        let at = (self.tick % TICKS_PER_SECOND as u64) as usize;
        if self.filled & 1 << at != 0 {
            self.points.weigh(self.tick, &self.ticks[at], weights);
        }
    }

    /// The weights have changed: what was weighed before says nothing.
    pub(super) fn forget_points(&mut self) {
        self.points.fill(self.tick);
    }

    /// Whether some count of the last second may have reached what a detector needs; if not, no detector can find anything here.
    pub fn has_full_points(&self) -> bool {
        self.points.are_full()
    }

    /// Adds counts to the open tick. The first counts of a tick are swapped in, and `counts` has stale content
    /// afterwards.
    pub(super) fn absorb(&mut self, counts: &mut Box<HostTick>) {
        self.second.take();
        let at = (self.tick % TICKS_PER_SECOND as u64) as usize;
        if self.filled & 1 << at == 0 {
            self.filled |= 1 << at;
            std::mem::swap(&mut self.ticks[at], counts);
        } else {
            self.ticks[at].merge(counts);
        }
    }

    /// Adds a worker's table of the host's peers to the open tick.
    pub(super) fn absorb_peers(&mut self, table: &PeerTable) {
        if let Some(peers) = self.peers.get_mut(usize::from(table.sent)) {
            peers.get_or_insert_default().absorb(self.tick, table);
        }
    }

    /// Adds the counts of a quiet host to the open tick.
    pub(super) fn absorb_quiet(&mut self, host: &HostCounts, first: Timestamp, scale: Scale) {
        self.second.take();
        let at = (self.tick % TICKS_PER_SECOND as u64) as usize;
        if self.filled & 1 << at == 0 {
            self.filled |= 1 << at;
            self.ticks[at].reset(self.address);
            host.write(&mut self.ticks[at], first, scale);
        } else {
            let mut tick = HostTick { address: self.address, ..HostTick::default() };
            host.write(&mut tick, first, scale);
            self.ticks[at].merge(&tick);
        }
    }

    /// The tick `back` ticks ago, 0 to 9.
    pub fn tick_back(&self, back: usize) -> &HostTick {
        // `back` is at most nine.
        let at = (self.tick % TICKS_PER_SECOND as u64) as usize + TICKS_PER_SECOND - back.min(TICKS_PER_SECOND);
        let at = at % TICKS_PER_SECOND;
        if self.filled & 1 << at == 0 { &EMPTY_TICK } else { &self.ticks[at] }
    }

    fn recent(&self, count: usize) -> impl Iterator<Item = &HostTick> {
        (0..count.min(TICKS_PER_SECOND)).map(|back| self.tick_back(back))
    }

    /// This host's traffic in the direction of a possible attack.
    pub fn in_direction(&self, direction: Direction) -> HostDirection<'_> {
        HostDirection { host: self, outbound: direction == Direction::Outbound }
    }
}

/// One host seen in the direction of a possible attack (forward and reverse as in RFC 5103): *forward* is the possible
/// attack, *reverse* the replies. Inbound, forward is what the host receives; outbound, what it sends.
#[derive(Clone, Copy)]
pub struct HostDirection<'a> {
    host: &'a HostWindow,
    outbound: bool,
}

impl<'a> HostDirection<'a> {
    /// The host itself, in both directions.
    pub fn window(&self) -> &'a HostWindow {
        self.host
    }

    /// Whether forward is what the host sends; otherwise it is what the host receives.
    pub fn is_outbound(&self) -> bool {
        self.outbound
    }

    /// The same host in the opposite direction.
    pub fn opposite(&self) -> HostDirection<'a> {
        HostDirection { outbound: !self.outbound, ..*self }
    }

    fn counts(&self, span: Span, received: bool) -> SpanCounts<'a> {
        let of_tick = |back: usize| {
            let tick = self.host.tick_back(back);
            if received { &tick.received } else { &tick.sent }
        };
        let of_sum = |sum: &'a Sum| if received { &sum.received } else { &sum.sent };
        match span {
            Span::Tick => SpanCounts::Tick(of_tick(0)),
            Span::Burst => SpanCounts::Ticks(of_tick(0), of_tick(1)),
            Span::Second => SpanCounts::Sum(of_sum(self.host.second())),
            Span::TenSeconds => SpanCounts::Sum(of_sum(&self.host.ten_seconds)),
            Span::Minute => {
                let minute = &self.host.minute;
                SpanCounts::Minute(if received { &minute.received } else { &minute.sent })
            }
        }
    }

    /// Counts by class in the direction of the attack.
    pub fn forward(&self, span: Span) -> SpanCounts<'a> {
        self.counts(span, !self.outbound)
    }

    /// Counts by class of the replies.
    pub fn reverse(&self, span: Span) -> SpanCounts<'a> {
        self.counts(span, self.outbound)
    }

    /// Forward packets of the last second; cheap, for a first check.
    pub fn forward_packets(&self) -> u64 {
        let second = self.host.second();
        if self.outbound { second.sent.packets() } else { second.received.packets() }
    }

    fn handshakes(&self, span: Span) -> HandshakeCounts {
        match span {
            Span::Tick => self.host.tick_back(0).handshakes,
            Span::Burst => {
                let mut handshakes = self.host.tick_back(0).handshakes;
                handshakes.add(&self.host.tick_back(1).handshakes);
                handshakes
            }
            Span::Second => self.host.second().handshakes,
            Span::TenSeconds => self.host.ten_seconds.handshakes,
            // Not kept for a minute.
            Span::Minute => self.host.ten_seconds.handshakes,
        }
    }

    fn sum_app_packets(&self, span: Span, apps: &[App], sent: bool) -> u64 {
        let of = |counts: &AppCounts| apps.iter().map(|&app| counts.of(app, sent)).sum();
        match span {
            Span::Tick => of(&self.host.tick_back(0).apps),
            Span::Burst => self.host.recent(2).map(|tick| of(&tick.apps)).sum(),
            Span::Second => of(&self.host.second().apps),
            Span::TenSeconds => of(&self.host.ten_seconds.apps),
            Span::Minute => of(&self.host.minute.apps),
        }
    }

    /// Forward packets whose payload is recognised as one of `apps`.
    pub fn app_packets(&self, span: Span, apps: &[App]) -> u64 {
        self.sum_app_packets(span, apps, self.outbound)
    }

    /// Reverse packets whose payload is recognised as one of `apps`.
    pub fn reverse_app_packets(&self, span: Span, apps: &[App]) -> u64 {
        self.sum_app_packets(span, apps, !self.outbound)
    }

    /// Forward packets of one tick by payload: for [`HostDirection::onset`].
    pub fn app_packets_in_tick(&self, tick: &HostTick, apps: &[App]) -> u64 {
        apps.iter().map(|&app| tick.apps.of(app, self.outbound)).sum()
    }

    /// What became of TCP connections whose client is at the forward end: inbound the host's peers, outbound the host.
    pub fn client_steps(&self, span: Span) -> ClientSteps {
        self.client_steps_in(&self.handshakes(span))
    }

    /// The same of one tick: for [`HostDirection::in_last`].
    pub fn client_steps_in_tick(&self, tick: &HostTick) -> ClientSteps {
        self.client_steps_in(&tick.handshakes)
    }

    fn client_steps_in(&self, handshakes: &HandshakeCounts) -> ClientSteps {
        if self.outbound { handshakes.by_host() } else { handshakes.by_peers() }
    }

    /// Sum of `measure` over the last `ticks` ticks, at most ten.
    pub fn in_last(&self, ticks: usize, measure: impl Fn(&HostTick) -> u64) -> u64 {
        self.host.recent(ticks).map(measure).sum()
    }

    /// Forward SYN-ACKs after which more followed although the other end is silent: only this direction is captured.
    pub fn continued_syn_acks(&self, span: Span) -> u64 {
        self.client_steps(span).continued_syn_acks.into()
    }

    /// Forward first fragments of the last second.
    pub fn first_fragments(&self) -> u64 {
        self.host
            .recent(TICKS_PER_SECOND)
            .map(|tick| {
                u64::from(if self.outbound { tick.first_fragments_sent } else { tick.first_fragments_received })
            })
            .sum()
    }

    /// The forward peers of some ticks, the current one being 0, with their packets of these classes, without those that they were
    /// asked for: all of them, as far as the workers could count them. A peer that completes a handshake is none of a SYN flood.
    pub fn peer_counts(&self, ticks: Range<usize>, classes: &[Class]) -> PeerSum {
        let mut sum = PeerSum::default();
        let ring = self.host.peers.get(usize::from(self.outbound)).and_then(Option::as_ref);
        let of_syns = classes == [Class::TcpSyn];
        let clients = ring.filter(|_| of_syns).map(|ring| ring.clients(self.host.tick)).unwrap_or_default();
        for back in ticks.start..ticks.end.min(TICKS_PER_SECOND) {
            let number = self.host.tick.wrapping_sub(back as u64);
            let is_meant = |count: &PeerCount| count.is_of(classes) && !clients.contains(&count.peer);
            if ring.is_some_and(|ring| ring.add_to(&mut sum, number, is_meant)) {
                continue;
            }
            let tick = self.host.tick_back(back);
            let samples = if self.outbound { &tick.sent_samples } else { &tick.received_samples };
            // Too few for a table: the sample holds them all.
            if samples.is_complete() && !of_syns {
                let counts = samples.samples().iter().filter(|sample| has(classes, sample) && !sample.is_solicited());
                sum.counts.extend(counts.map(PeerCount::of));
            }
        }
        sum
    }

    /// Estimated number of distinct forward peers in the last second.
    pub fn distinct_peers(&self) -> f64 {
        self.peers().estimate()
    }

    /// The forward peers of the last second, to be counted or merged with others.
    pub fn peers(&self) -> Registers {
        let mut peers = Registers::default();
        for tick in self.host.recent(TICKS_PER_SECOND) {
            peers.merge(if self.outbound { &tick.destinations } else { &tick.sources });
        }
        peers
    }

    /// Estimated number of distinct forward peers over the last ten full seconds.
    pub fn distinct_peers_in_ten_seconds(&self) -> f64 {
        let mut peers = Registers::default();
        for (sources, destinations) in &self.host.second_peers {
            peers.merge(if self.outbound { destinations } else { sources });
        }
        peers.estimate()
    }

    /// Peers in those of the last ten full seconds that had at most `most_syns` forward SYNs: the peers from before an
    /// attack began.
    pub fn peers_before(&self, most_syns: u64) -> Registers {
        let mut peers = Registers::default();
        for (sum, (sources, destinations)) in self.host.seconds.iter().zip(&self.host.second_peers) {
            let counts = if self.outbound { &sum.sent } else { &sum.received };
            if counts.of(Class::TcpSyn).packets <= most_syns {
                peers.merge(if self.outbound { destinations } else { sources });
            }
        }
        peers
    }

    /// The forward peers of the current tick.
    pub fn tick_peers(&self) -> Registers {
        let tick = self.host.tick_back(0);
        if self.outbound { tick.destinations } else { tick.sources }
    }

    fn samples_of(&self, tick: &'a HostTick) -> &'a [Sample] {
        if self.outbound { tick.sent_samples.samples() } else { tick.received_samples.samples() }
    }

    /// Sampled forward packets of the last second, of the given classes.
    pub fn samples<'c>(&self, classes: &'c [Class]) -> impl Iterator<Item = &'a Sample> + use<'a, 'c> {
        let direction = *self;
        let ticks = direction.host.recent(TICKS_PER_SECOND);
        ticks.flat_map(move |tick| direction.samples_of(tick)).filter(move |sample| has(classes, sample))
    }

    /// Sampled forward packets of the current tick, of the given classes.
    pub fn tick_samples<'c>(&self, classes: &'c [Class]) -> impl Iterator<Item = &'a Sample> + use<'a, 'c> {
        self.samples_of(self.host.tick_back(0)).iter().filter(move |sample| has(classes, sample))
    }

    /// Traffic of amplification services over the last `span`, at most a second.
    pub fn services(&self, span: Span) -> Vec<ServiceTraffic> {
        let ticks = match span {
            Span::Tick => 1,
            Span::Burst => 2,
            _ => TICKS_PER_SECOND,
        };
        let mut services: Vec<ServiceTraffic> = Vec::new();
        for row in self.host.recent(ticks).flat_map(|tick| &tick.services) {
            let Some(service) = row.service else { continue };
            let traffic = ServiceTraffic::of(service, row, self.outbound);
            match services.iter_mut().find(|known| known.service == service) {
                Some(known) => known.merge(&traffic),
                None => services.push(traffic),
            }
        }
        services
    }

    /// Forward replies of amplification services in the last second, all of them and those of which it is not known that they were
    /// asked for; of services that no sound network uses across its edge, or of all others.
    pub fn replies(&self, unambiguous: bool) -> (u64, u64) {
        let rows =
            self.host.recent(TICKS_PER_SECOND).flat_map(|tick| tick.services.iter().map_while(ServiceCounts::kind));
        let meant = rows.filter(|(kind, _)| *kind == usize::from(unambiguous));
        let counts = meant.map(|(_, row)| if self.outbound { row.replies(true) } else { row.replies(false) });
        counts.fold((0, 0), |(all, doubtful), (more, of_these)| (all + more, doubtful + of_these))
    }

    /// Traffic of one service in one tick: for [`HostDirection::onset`].
    pub fn service_in_tick(&self, tick: &HostTick, service: crate::packet::Service) -> ServiceTraffic {
        let row = tick.services.iter().find(|row| row.service == Some(service)).copied().unwrap_or_default();
        ServiceTraffic::of(service, &row, self.outbound)
    }

    /// Start of the traffic that `measure` counts: going back from now while it is at least a tenth of its maximum, at
    /// most one second.
    pub fn onset(&self, measure: impl Fn(&HostTick) -> u64) -> Timestamp {
        let strongest = self.host.recent(TICKS_PER_SECOND).map(&measure).max().unwrap_or(0);
        let mut onset = self.host.tick_back(0).first;
        let mut quiet = 0;
        for tick in self.host.recent(TICKS_PER_SECOND) {
            if measure(tick).saturating_mul(10) >= strongest.max(1) {
                onset = tick.first;
                quiet = 0;
            } else {
                quiet += 1;
                // A single weak tick can be an irregularity of the sender or of the capture.
                if quiet > 1 {
                    break;
                }
            }
        }
        onset
    }

    /// Forward counts of one tick: for [`HostDirection::onset`].
    pub fn forward_in_tick<'t>(&self, tick: &'t HostTick) -> SpanCounts<'t> {
        SpanCounts::Tick(if self.outbound { &tick.sent } else { &tick.received })
    }

    /// When what `measure` counts began, at most ten seconds ago, as near as full seconds give it: going back while a second
    /// has at least a tenth of the strongest.
    pub fn onset_in_ten_seconds(&self, measure: impl Fn(SpanCounts<'a>) -> u64) -> Timestamp {
        let second = self.host.tick / TICKS_PER_SECOND as u64;
        let of = |back: u64| {
            let sum = self.host.seconds.get((second.wrapping_sub(back) % SECONDS as u64) as usize);
            sum.map_or(0, |sum| measure(SpanCounts::Sum(if self.outbound { &sum.sent } else { &sum.received })))
        };
        let strongest = (0..SECONDS as u64).map(of).max().unwrap_or(0).max(1);
        let lasting = (0..SECONDS as u64).take_while(|&back| of(back).saturating_mul(10) >= strongest).count() as u64;
        // Each full second ends where the next one begins; without one, the current second is all there is.
        Timestamp::from_tick(second.saturating_sub(lasting).saturating_mul(TICKS_PER_SECOND as u64))
    }

    /// All forward packets of one of the last nine full seconds, counted since 1970.
    pub fn forward_in_second(&self, second: u64) -> Count {
        let sum = self.host.seconds.get((second.wrapping_add(1) % SECONDS as u64) as usize);
        let counts = sum.map(|sum| if self.outbound { &sum.sent } else { &sum.received });
        counts.map_or_else(Count::default, |counts| SpanCounts::Sum(counts).of_all(Class::ALL))
    }

    /// Forward count of the given classes in one tick: for [`HostDirection::onset`].
    pub fn in_tick(&self, tick: &HostTick, classes: &[Class]) -> Count {
        if self.outbound { tick.sent.of_all(classes) } else { tick.received.of_all(classes) }
    }
}

fn has(classes: &[Class], sample: &Sample) -> bool {
    classes.iter().any(|class| *class as u8 == sample.class)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tick_with(packets: u32) -> Box<HostTick> {
        let mut tick = HostTick { first: Timestamp::from_nanos(1), ..HostTick::default() };
        tick.received.add(Class::Udp, packets, packets * 100);
        Box::new(tick)
    }

    #[test]
    fn windows_slide() {
        let mut host = HostWindow::new(Addr::from_v4_bits(1), 0);
        let forward_packets = |host: &HostWindow, span| host.in_direction(Direction::Inbound).forward(span).packets();
        for tick in 0..200 {
            host.roll(tick);
            if (50..60).contains(&tick) {
                host.absorb(&mut tick_with(10));
            }
            match tick {
                54 => assert_eq!(forward_packets(&host, Span::Second), 50),
                59 => {
                    assert_eq!(forward_packets(&host, Span::Tick), 10);
                    assert_eq!(forward_packets(&host, Span::Burst), 20);
                    assert_eq!(forward_packets(&host, Span::Second), 100);
                }
                60 => {
                    assert_eq!(forward_packets(&host, Span::Second), 90);
                    assert_eq!(forward_packets(&host, Span::TenSeconds), 100);
                }
                69 => assert_eq!(forward_packets(&host, Span::Second), 0),
                159 => assert_eq!(forward_packets(&host, Span::TenSeconds), 100),
                160 => assert_eq!(forward_packets(&host, Span::TenSeconds), 0),
                _ => {}
            }
        }
        assert_eq!(forward_packets(&host, Span::Minute), 100);
        for tick in 200..800 {
            host.roll(tick);
        }
        for span in [Span::Second, Span::TenSeconds, Span::Minute] {
            assert_eq!(forward_packets(&host, span), 0);
        }
    }

    #[test]
    fn outbound_swaps_the_sides() {
        let mut host = HostWindow::new(Addr::from_v4_bits(1), 5);
        host.roll(5);
        host.absorb(&mut tick_with(7));
        assert_eq!(host.in_direction(Direction::Outbound).reverse(Span::Second).of(Class::Udp).packets, 7);
        assert_eq!(host.in_direction(Direction::Outbound).forward_packets(), 0);
    }

    #[test]
    fn the_onset_is_the_first_strong_tick() {
        let mut host = HostWindow::new(Addr::from_v4_bits(1), 100);
        for tick in 100..108u64 {
            host.roll(tick);
            let mut counts = tick_with(if tick < 104 { 3 } else { 500 });
            counts.first = Timestamp::from_tick(tick);
            host.absorb(&mut counts);
        }
        let inbound = host.in_direction(Direction::Inbound);
        assert_eq!(inbound.onset(|tick| inbound.in_tick(tick, &[Class::Udp]).packets), Timestamp::from_tick(104));
    }
}
