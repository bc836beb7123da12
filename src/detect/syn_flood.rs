//! `syn_flood`: SYNs whose handshakes are not completed (RFC 4987).
//!
//! Rate: SYNs that were neither completed by the client nor retransmitted by it. Shape: real clients complete nearly all of
//! their handshakes whatever the load (flash crowds, speed tests), and retransmit a SYN that is not answered (a dead
//! service); floods do neither. One source that tries many ports is a scan. Peers that were all there before, and that
//! now open a few connections each, return after a restart ([`is_return`]).

use super::exceeded::Exceeded;
use super::finding::part_of;
use super::limit::Limit;
use super::quantities::{self, Handshakes};
use super::settings::Limits;
use super::shape::{self, SampleProfile};
use super::{
    Claim, Detector, DetectorSpec, Finding, Gauge, HostContext, Merging, Mitigation, Need, Quantity, Setting, Threshold,
};
use crate::base::{TICKS_PER_SECOND, Vector};
use crate::meter::{HostDirection, Span, Window};
use crate::packet::Class;

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "syn_flood",
    vectors: &[Vector::SynFlood],
    summary: "TCP SYNs that are neither completed nor retransmitted by their senders",
    settings: &[PACKETS],
    needs: &[Need::lasting(Gauge::Syns, &[PACKETS], SUSTAINED_FRACTION.value)],
    thresholds: &[
        PATIENT_SHARE,
        PATIENT_FACTOR,
        OPEN_SHARE,
        BURST_OPEN_SHARE,
        BARE_SYN_V4,
        BARE_SYN_V6,
        BURST_FACTOR,
        FORGED_TTLS,
        CROWD_OPEN_SHARE,
        SUSTAINED_FRACTION,
        SUSTAINED_COMPLETED,
        SYNS_PER_CLIENT,
        UNKNOWN_PEERS,
        PEERS_BEFORE,
    ],
    claims: &[],
    yields_to: &[Claim::FlagMixture],
    merging: Merging::IntoPrefix,
    mitigation: Mitigation::Packets,
    build: |settings, _| Box::new(SynFlood { limit: settings.limit(&PACKETS) }),
};

const PACKETS: Setting = Setting {
    key: "packets_per_second",
    default: 300.0,
    min: 1.0,
    max: 1e9,
    unit: "packets/s",
    doc: "Unanswered SYNs per second to (or from) one host. A fifth of it suffices over ten seconds of constantly changing sources.",
    learns: Some(Quantity::UnansweredSyns),
};

const PATIENT_SHARE: Threshold = Threshold {
    name: "patient clients",
    value: 0.3,
    unit: "retransmitted share of SYNs",
    reason: "clients of a service that is down retransmit; what they send again they also sent once",
    guarded_by: "service_restart",
};
const PATIENT_FACTOR: Threshold = Threshold {
    name: "patient clients' factor",
    value: 10.0,
    unit: "times the limit",
    reason: "a popular service that is down gets this many SYNs that are not answered",
    guarded_by: "service_restart",
};
const OPEN_SHARE: Threshold = Threshold {
    name: "open share",
    value: 0.3,
    unit: "share of SYNs",
    reason: "at a steady rate a share of handshakes is always under way; floods leave far more open",
    guarded_by: "flash_crowd",
};
const BURST_OPEN_SHARE: Threshold = Threshold {
    name: "open share of a burst",
    value: 0.8,
    unit: "share of SYNs",
    reason: "a burst is evaluated before its handshakes had time to complete, so nearly all must be open",
    guarded_by: "browser",
};
const BARE_SYN_V4: Threshold = Threshold {
    name: "bare SYN, IPv4",
    value: 64.0,
    unit: "octets per frame on average",
    reason: "the SYNs of all common stacks carry more options than the maximum segment size and fill 66 octets or more",
    guarded_by: "syn_flood_options",
};
const BARE_SYN_V6: Threshold = Threshold {
    name: "bare SYN, IPv6",
    value: 84.0,
    unit: "octets per frame on average",
    reason: "as for IPv4, whose header is 20 octets shorter",
    guarded_by: "syn_flood_ipv6",
};
const BURST_FACTOR: Threshold = Threshold {
    name: "burst with options",
    value: 8.0,
    unit: "times the limit",
    reason: "clients 300 ms away that arrive all at once have completed nothing yet; a stronger burst is no rush",
    guarded_by: "rush",
};
const FORGED_TTLS: Threshold = Threshold {
    name: "implausible TTLs",
    value: 0.2,
    unit: "share of sampled SYNs",
    reason: "stacks begin at 64, 128 or 255 and routes have at most some thirty hops; drawn TTLs lie outside half of the time",
    guarded_by: "syn_flood_options",
};
const CROWD_OPEN_SHARE: Threshold = Threshold {
    name: "open share of a burst's second",
    value: 0.7,
    unit: "share of SYNs",
    reason: "the handshakes of a crowd that arrives within 0.2 s complete within the second",
    guarded_by: "flash_crowd",
};
const SUSTAINED_FRACTION: Threshold = Threshold {
    name: "sustained fraction",
    value: 0.2,
    unit: "times the limit",
    reason: "ten seconds of constantly changing sources that complete nothing are unmistakable",
    guarded_by: "syn_flood_slow",
};
const SUSTAINED_COMPLETED: Threshold = Threshold {
    name: "completed share of a sustained flood",
    value: 0.1,
    unit: "share of SYNs",
    reason: "honest clients complete or retransmit nearly all",
    guarded_by: "many_connections",
};
const SYNS_PER_CLIENT: Threshold = Threshold {
    name: "SYNs per returning client",
    value: 8.0,
    unit: "SYNs/s",
    reason: "a client that returns opens a few connections, not all at the same time",
    guarded_by: "syn_flood_of_known_peers",
};
const UNKNOWN_PEERS: Threshold = Threshold {
    name: "unknown peers of a return",
    value: 0.2,
    unit: "share of peers",
    reason: "some of the clients of a restarted service are new",
    guarded_by: "syn_flood_after_restart",
};
const PEERS_BEFORE: Threshold = Threshold {
    name: "peers before a return",
    value: 10.0,
    unit: "peers before per peer now",
    reason: "among very many known peers a few unknown ones would not show",
    guarded_by: "syn_flood_after_restart",
};

const CLASSES: &[Class] = &[Class::TcpSyn];

/// Ticks of a long round trip, to the antipodes and back by satellite.
const LONG_ROUND_TRIP: usize = 4;

struct SynFlood {
    limit: Limits,
}

impl Detector for SynFlood {
    fn inspect_host(&self, host: &HostContext<'_>, _: &Window<'_>, findings: &mut Vec<Finding>) {
        findings.extend(self.find(host));
    }
}

impl SynFlood {
    fn find(&self, host: &HostContext<'_>) -> Option<Finding> {
        let base = host.limit(&self.limit);
        let second = Handshakes::of(host, Span::Second);
        if (second.syns as f64) < base.unlearned * SUSTAINED_FRACTION.value / 2.0 {
            return None;
        }
        let patient = PATIENT_SHARE.is_reached_by(second.repeated, second.syns);
        let limit = base.times(if patient { PATIENT_FACTOR.value } else { 1.0 });
        let unanswered = quantities::unanswered_syns(host, Span::Second);
        let exceeded = match host.exceeds(limit, |span| if span == Span::Second { unanswered } else { 0 }) {
            Some(exceeded) if OPEN_SHARE.is_reached_by(second.open(), second.syns) => Some(exceeded),
            _ => exceeded_by_burst(host, limit).or_else(|| exceeded_by_all(host, base)),
        };
        let profile = host.profile(CLASSES);
        let (exceeded, since) = match exceeded {
            Some(exceeded) => (exceeded, host.onset(shape::packets_in(host, CLASSES))),
            None => {
                let exceeded = sustained(host, base, &profile)?;
                (exceeded, host.onset_in_ten_seconds(|counts| counts.of(Class::TcpSyn).packets))
            }
        };
        // Where the SYNs are those of real stacks, they are given the time of a long round trip.
        let strong = exceeded.rate >= exceeded.limit.value * BURST_FACTOR.value;
        let may_settle = exceeded.span != Span::TenSeconds && !strong && !are_forged(host) && !stay_open(host);
        if host.is_excused(&exceeded, "the handshakes may still complete: clients may be far away", may_settle) {
            return None;
        }
        let scattered = host.is_outbound() && !profile.is_concentrated();
        if host.is_excused(&exceeded, shape::SCAN, profile.is_port_scan())
            || host.is_excused(&exceeded, "they go to many hosts: checks or a sweep", scattered)
        {
            return None;
        }
        let returns = !host.is_outbound() && is_return(host, base);
        if host.is_silent_because("the peers of before return, a few connections each: a restart", returns) {
            return None;
        }
        let mut finding = Finding::new(host, Vector::SynFlood, CLASSES).graded_by(&exceeded);
        finding.since = since;
        for (count, span) in [(&mut finding.now.count, Span::Tick), (&mut finding.recent.count, Span::Second)] {
            let handshakes = Handshakes::of(host, span);
            *count = part_of(*count, handshakes.syns.saturating_sub(handshakes.completed));
        }
        finding.spoofing_likely = !host.is_outbound() && profile.many_sources();
        let seen = Handshakes::of(host, exceeded.span);
        let completed = Handshakes::share(seen.completed, seen.syns) * 100.0;
        finding.evidence = vec![
            exceeded.evidence(
                "unanswered_syn_per_second",
                &format!("unanswered SYN/s {}", host.to_or_from()),
                &format!("; {completed:.1} % of SYNs were completed"),
            ),
            profile.evidence(host.distinct_peers(), host.is_outbound()),
        ];
        Some(finding)
    }
}

/// Ten seconds of constantly changing sources that complete nothing.
fn sustained(host: &HostDirection<'_>, base: Limit, profile: &SampleProfile) -> Option<Exceeded> {
    let span = Span::TenSeconds;
    let ten = Handshakes::of(host, span);
    let unanswered = quantities::unanswered_syns(host, span);
    let limit = base.lasting(SUSTAINED_FRACTION.value);
    let enough = unanswered as f64 >= limit.value * span.seconds();
    let barren = Handshakes::share(ten.completed + ten.repeated, ten.syns) < SUSTAINED_COMPLETED.value;
    // The flood must still continue, or its end would be reported for nine more seconds.
    let lasting = Handshakes::of(host, Span::Second).open() as f64 >= limit.value / 2.0;
    (enough && barren && lasting && profile.many_sources() && shape::is_steadily_spread(host, unanswered))
        .then_some(Exceeded { rate: unanswered as f64 / span.seconds(), limit, span })
}

/// Whether the SYNs are none of common stacks: they carry hardly any options, or have TTLs that no route leaves.
fn are_forged(host: &HostDirection<'_>) -> bool {
    let is_implausible = |ttl: u8| matches!(ttl, 1..=24 | 65..=88 | 129..=215);
    let (mut implausible, mut all) = (0, 0);
    for sample in host.samples(CLASSES) {
        all += 1;
        implausible += u64::from(is_implausible(sample.ttl));
    }
    FORGED_TTLS.is_reached_by(implausible, all) && implausible > 1 || are_bare(host)
}

fn are_bare(host: &HostDirection<'_>) -> bool {
    let count = host.forward(Span::Second).of(Class::TcpSyn);
    // Our networks together have no address of their own.
    let is_v4 = host.samples(CLASSES).next().map_or(host.window().address(), |sample| sample.peer).is_v4();
    let most = if is_v4 { BARE_SYN_V4 } else { BARE_SYN_V6 };
    count.bytes as f64 <= most.value * count.packets as f64
}

/// Whether handshakes stay open for longer than the longest round trip: SYNs of more than [`LONG_ROUND_TRIP`] ticks ago
/// beyond the handshakes completed since, whatever the round trip of the honest clients among them is.
fn stay_open(host: &HostDirection<'_>) -> bool {
    let syns = |ticks: usize| host.in_last(ticks, |tick| host.in_tick(tick, CLASSES).packets);
    let completed = |ticks: usize| host.in_last(ticks, |tick| host.client_steps_in_tick(tick).completed.into());
    let old = syns(TICKS_PER_SECOND).saturating_sub(syns(LONG_ROUND_TRIP));
    let completed_after = |ticks: usize| {
        let (first, last) = (TICKS_PER_SECOND - ticks, LONG_ROUND_TRIP - ticks);
        completed(first).saturating_sub(completed(last))
    };
    let completed = (0..=LONG_ROUND_TRIP).map(completed_after).max().unwrap_or(0);
    old > 0 && OPEN_SHARE.is_reached_by(old.saturating_sub(completed), old)
}

/// A burst of more SYNs than any client opens at the same time.
fn exceeded_by_burst(host: &HostContext<'_>, limit: Limit) -> Option<Exceeded> {
    let burst = Handshakes::of(host, Span::Burst);
    if Handshakes::share(burst.open(), burst.syns) < BURST_OPEN_SHARE.value {
        return None;
    }
    let exceeded = host.exceeds(limit, |span| if span == Span::Burst { burst.open() } else { 0 })?;
    // A crowd that arrives within 0.2 s is evaluated by its second.
    let second = Handshakes::of(host, Span::Second);
    let open = Handshakes::share(second.open(), second.syns) >= CROWD_OPEN_SHARE.value;
    open.then_some(exceeded)
}

/// SYNs that are not completed, retransmitted or not, beyond the ceiling: patience can be feigned.
fn exceeded_by_all(host: &HostContext<'_>, base: Limit) -> Option<Exceeded> {
    let second = Handshakes::of(host, Span::Second);
    let failed = second.syns.saturating_sub(second.completed);
    let mostly = OPEN_SHARE.is_reached_by(failed, second.syns);
    host.exceeds(base.at_ceiling(), |span| if mostly && span == Span::Second { failed } else { 0 })
}

/// Clients that return after the service, or the whole host, restarted: all at the same time, and perhaps without an answer,
/// but nearly all of them were there in the seconds before, and each opens few connections. Unknown peers are a flood, and
/// so is a known peer that sends more. After ten seconds no peer was there before, so that a flood is excused for no longer
/// than that.
fn is_return(host: &HostDirection<'_>, base: Limit) -> bool {
    let before = host.peers_before((base.value * SUSTAINED_FRACTION.value) as u64);
    let (known, now) = (before.estimate(), host.peers());
    let all = {
        let mut all = before;
        all.merge(&now);
        all.estimate()
    };
    let present = now.estimate();
    let syns = host.forward(Span::Second).of(Class::TcpSyn).packets as f64;
    let unknown_would_show = known <= present * PEERS_BEFORE.value;
    unknown_would_show && (all - known) <= present * UNKNOWN_PEERS.value && syns <= present * SYNS_PER_CLIENT.value
}
