//! What a detector inspects: one host or one prefix in one direction, with the limits that apply there.

use super::baseline::LearnedLevels;
use super::claim::ClaimCache;
use super::exceeded::{self, Exceeded, LEAST_BURST};
use super::explain::Notes;
use super::limit::Limit;
use super::mixture::FlagMixture;
use super::settings::Limits;
use super::shape::{self, ReflectedPort, SampleProfile};
use super::target::Target;
use super::threshold::Threshold;
use crate::base::Direction;
use crate::inventory::{GroupId, Site};
use crate::meter::{HostDirection, Span};
use crate::packet::Class;
use ipnet::IpNet;
use std::cell::{OnceCell, RefCell};
use std::ops::Deref;

pub(super) const THRESHOLDS: &[Threshold] = &[PREFIX_FACTOR, RADIATION];

const PREFIX_FACTOR: Threshold = Threshold {
    name: "prefix factor",
    value: 2.0,
    unit: "times a host's limit",
    reason: "a prefix is attacked on all of its addresses by a rate that none of its hosts reaches; its honest traffic is the sum of theirs",
    guarded_by: "carpet_bombing",
};

const RADIATION: Threshold = Threshold {
    name: "background radiation",
    value: 0.5,
    unit: "packets/s per address",
    reason: "scanners try every address of the Internet all the time; an announced network hears a fraction of this",
    guarded_by: "background_radiation",
};

/// Most addresses of a network that scanners are reckoned with.
const MOST_SCANNED: f64 = 1_048_576.0;

/// Addresses of a network that scanners of the whole Internet try. IPv6 is too large to be scanned: there, what is known of a
/// network grows with the sites in it, and a /48 counts as a /24.
fn scanned_addresses(network: IpNet) -> f64 {
    let bits = match network {
        IpNet::V4(network) => f64::from(32 - network.prefix_len()),
        IpNet::V6(network) => f64::from(64u8.saturating_sub(network.prefix_len())) / 2.0,
    };
    bits.exp2().min(MOST_SCANNED)
}

/// One [`HostDirection`] (to which it dereferences), its target, and the limits that apply. What several detectors ask of
/// the same host in the same tick is computed once, when it is first asked for.
pub struct HostContext<'a> {
    traffic: HostDirection<'a>,
    direction: Direction,
    target: Target,
    /// Of a prefix: about how many of its hosts receive.
    hosts: Option<f64>,
    /// Packets per second that scanners of the whole Internet send to it.
    radiation: f64,
    /// The part of the measured packets that is meant.
    share: f64,
    group: Option<GroupId>,
    /// Levels learned for this host, where there are any.
    learned: Option<LearnedLevels<'a>>,
    profiles: RefCell<Vec<(&'static [Class], SampleProfile)>>,
    mixture: OnceCell<FlagMixture>,
    reflected: OnceCell<Option<ReflectedPort>>,
    claims: ClaimCache,
    notes: Notes,
}

impl<'a> Deref for HostContext<'a> {
    type Target = HostDirection<'a>;

    fn deref(&self) -> &HostDirection<'a> {
        &self.traffic
    }
}

impl<'a> HostContext<'a> {
    fn new(
        traffic: HostDirection<'a>,
        direction: Direction,
        (target, hosts): (Target, Option<f64>),
        group: Option<GroupId>,
        learned: Option<LearnedLevels<'a>>,
    ) -> HostContext<'a> {
        HostContext {
            traffic,
            direction,
            target,
            hosts,
            radiation: 0.0,
            share: 1.0,
            group,
            learned,
            profiles: RefCell::default(),
            mixture: OnceCell::new(),
            reflected: OnceCell::new(),
            claims: ClaimCache::default(),
            notes: Notes::default(),
        }
    }

    /// A host of a group, or of none, with the limits that apply to it.
    pub fn of_host(
        traffic: HostDirection<'a>,
        direction: Direction,
        group: Option<GroupId>,
        learned: Option<LearnedLevels<'a>>,
    ) -> HostContext<'a> {
        let address = traffic.window().address();
        HostContext::new(traffic, direction, (Target::Host(address), None), group, learned)
    }

    /// A prefix of `length` bits, of which about `hosts` hosts receive, with the limits that apply to it. Nothing is
    /// learned for prefixes.
    pub fn of_prefix(
        traffic: HostDirection<'a>,
        direction: Direction,
        length: u8,
        hosts: f64,
        site: &Site,
    ) -> Option<HostContext<'a>> {
        let network = IpNet::new(traffic.window().address().ip(), length).ok()?;
        let group = site.group_of_network(network);
        Some(HostContext::new(traffic, direction, (Target::Prefix(network), Some(hosts)), group, None))
    }

    /// Our networks as a whole, as far as they are `network`, with its share of the packets that are meant and about how many of its
    /// hosts receive them; `None` until that is known. The limits are those of a prefix, and
    /// what scanners of the whole Internet send to the network.
    pub fn of_inside(traffic: HostDirection<'a>, network: Option<(IpNet, f64, f64)>) -> HostContext<'a> {
        let (network, share, hosts) = network.map_or((None, 1.0, 1.0), |(net, share, hosts)| (Some(net), share, hosts));
        let target = Target::Prefix(network.unwrap_or_default());
        let context = HostContext::new(traffic, Direction::Inbound, (target, Some(hosts)), None, None);
        HostContext { radiation: network.map_or(0.0, scanned_addresses) * RADIATION.value, share, ..context }
    }

    /// Of a prefix: about how many of its hosts receive.
    pub fn hosts(&self) -> Option<f64> {
        self.hosts
    }

    /// The group of hosts that the target belongs to.
    pub fn group(&self) -> Option<GroupId> {
        self.group
    }

    /// Direction of the forward traffic, relative to our networks.
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// The inside end: a host or a prefix.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// For evidence: "to 203.0.113.7" or "from 203.0.113.7", by direction.
    pub fn to_or_from(&self) -> String {
        format!("{} {}", if self.is_outbound() { "from" } else { "to" }, self.target)
    }

    /// The limit in force here.
    pub fn limit(&self, limits: &Limits) -> Limit {
        let learned = |quantity| self.learned.and_then(|levels| levels.of(quantity));
        let limit = limits.of(self.group, self.direction, learned);
        match self.hosts {
            Some(_) => limit.scaled(PREFIX_FACTOR.value).raised(self.radiation),
            None => limit,
        }
    }

    /// Whether a count exceeds its limit: see [`exceeded`].
    pub(super) fn exceeds(&self, limit: Limit, count: impl Fn(Span) -> u64) -> Option<Exceeded> {
        self.exceeds_from(LEAST_BURST, limit, count)
    }

    /// The same for packets of which `least` already make a burst.
    pub(super) fn exceeds_from(&self, least: f64, limit: Limit, count: impl Fn(Span) -> u64) -> Option<Exceeded> {
        let count = |span: Span| match self.share < 1.0 {
            true => (count(span) as f64 * self.share) as u64,
            false => count(span),
        };
        let exceeded = exceeded::exceeded_from(least, limit, count);
        self.notes.compared(limit, count, exceeded.as_ref());
        exceeded
    }

    /// Whether a count exceeds its limit, or together with what a shape excuses the ceiling of the limit.
    pub(super) fn exceeds_despite(
        &self,
        limit: Limit,
        count: impl Fn(Span) -> u64,
        excused: impl Fn(Span) -> u64,
    ) -> Option<Exceeded> {
        // Most hosts receive less in all.
        let may_exceed = self.forward_packets() as f64 * 2.0 >= limit.ceiling;
        let all = |span: Span| count(span).saturating_add(excused(span));
        self.exceeds(limit, &count).or_else(|| may_exceed.then(|| self.exceeds(limit.at_ceiling(), all))?)
    }

    /// Whether a shape keeps the detector silent although its limit is exceeded; if so, `reason` says why. No shape excuses
    /// what is beyond the ceiling.
    pub(super) fn is_excused(&self, exceeded: &Exceeded, reason: &'static str, condition: bool) -> bool {
        self.is_silent_because(reason, condition && !exceeded.is_beyond_ceiling())
    }

    /// Whether `condition` keeps the detector silent although its limit is exceeded; if so, `reason` says why.
    pub(super) fn is_silent_because(&self, reason: &'static str, condition: bool) -> bool {
        if condition {
            self.notes.silent(reason);
        }
        condition
    }

    pub(super) fn notes(&self) -> &Notes {
        &self.notes
    }

    /// The shape of the sampled packets of these classes.
    pub(super) fn profile(&self, classes: &'static [Class]) -> SampleProfile {
        let known = self.profiles.borrow().iter().find(|(of, _)| *of == classes).map(|(_, profile)| *profile);
        known.unwrap_or_else(|| {
            let profile = SampleProfile::new(&self.traffic, classes);
            self.profiles.borrow_mut().push((classes, profile));
            profile
        })
    }

    pub(super) fn flag_mixture(&self) -> FlagMixture {
        *self.mixture.get_or_init(|| FlagMixture::of(&self.traffic))
    }

    pub(super) fn reflected_port(&self) -> Option<ReflectedPort> {
        *self.reflected.get_or_init(|| shape::reflected_port(&self.traffic))
    }

    /// Which claims are known to apply to this host in this tick.
    pub(super) fn claims(&self) -> &ClaimCache {
        &self.claims
    }
}
