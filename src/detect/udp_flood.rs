//! `udp_flood`: one-way UDP.
//!
//! UDP has no handshake, so the shape decides which limit counts. Ever new sources or ports that get no answer are a
//! flood already at a modest rate; a few steady one-way flows (a video stream, a log shipper) only at a rate that no
//! such service reaches. Replies of amplifiers are counted by `amplification`, not here.

use super::shape::{self, Over, Profile};
use super::{Case, Detector, DetectorSpec, Finding, Setting, settings::Limit, settings::Limits};
use crate::base::Vector;
use crate::meter::{Flow, Span, Window};
use crate::packet::Class;

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "udp_flood",
    vectors: &[Vector::UdpFlood],
    summary: "UDP that gets no answer: ever new sources or ports, or a torrent of few flows",
    settings: &[
        Setting {
            key: "packets_per_second",
            default: 1000.0,
            min: 1.0,
            max: 1e9,
            unit: "packets/s",
            doc: "Unanswered UDP packets a second where nearly each has its own source or ports. A tenth of it is enough over ten seconds from ever new sources.",
        },
        Setting {
            key: "steady_packets_per_second",
            default: 30000.0,
            min: 1.0,
            max: 1e9,
            unit: "packets/s",
            doc: "Unanswered UDP packets a second in few flows.",
        },
    ],
    build: |settings, _| {
        Box::new(UdpFlood {
            diverse: settings.limit("packets_per_second"),
            steady: settings.limit("steady_packets_per_second"),
        })
    },
};

const CLASSES: &[Class] = &[Class::Udp, Class::Quic];

/// Share of the limit that is enough where ten seconds make it unmistakable.
const SLOW: f64 = 0.1;

struct UdpFlood {
    diverse: Limits,
    steady: Limits,
}

impl Detector for UdpFlood {
    fn judge(&self, case: &Case<'_>, window: &Window<'_>, findings: &mut Vec<Finding>) {
        findings.extend(self.find(case, window));
    }
}

/// Octets of a frame on average from which on UDP is bulk data.
const BULK: u64 = 600;

/// UDP beyond what answers account for, replies of amplifiers aside: receivers of bulk data (QUIC, tunnels) send a packet
/// for about every fourth, everyone else at least one for every second.
fn unanswered(flow: &Flow<'_>, span: Span) -> u64 {
    let forward = flow.forward(span).of_all(CLASSES);
    let back = flow.back(span).of_all(CLASSES).packets;
    let per_answer = if forward.bytes >= BULK * forward.packets { 5 } else { 2 };
    forward.packets.saturating_sub(back.saturating_mul(per_answer))
}

fn amplified(flow: &Flow<'_>, span: Span) -> u64 {
    flow.services(span).iter().map(|service| service.replies.packets).sum()
}

impl UdpFlood {
    fn find(&self, flow: &Case<'_>, window: &Window<'_>) -> Option<Finding> {
        let (diverse_limit, steady_limit) = (flow.limit(&self.diverse), flow.limit(&self.steady));
        // The slow rule asks for half of a tenth of the limit in the last second; everything else for more. Most hosts
        // talk both ways and end here.
        let lowest = diverse_limit.value.min(steady_limit.value) * SLOW / 2.0;
        if (unanswered(flow, Span::Second).max(unanswered(flow, Span::Burst)) as f64) < lowest {
            return None;
        }
        let count = |span: Span| unanswered(flow, span).saturating_sub(amplified(flow, span));
        let profile = Profile::of_flow(flow, CLASSES);
        let diverse = profile.many_flows();
        let (over, since) = match shape::over(if diverse { diverse_limit } else { steady_limit }, count) {
            Some(over) => (over, flow.onset(shape::packets_in(flow, CLASSES))),
            None => (slow(flow, diverse_limit, &profile)?, shape::ten_seconds_before(window.end)),
        };
        // One source trying ports one by one: a scan, until its rate alone does harm.
        if profile.is_port_scan() && over.rate < diverse_limit.value * 10.0 {
            return None;
        }
        let mut finding = flow.finding(Vector::UdpFlood, CLASSES).graded(over.rate, over.limit.value);
        finding.since = since;
        finding.spoofing_likely = !flow.is_outbound() && profile.many_sources();
        let answers = flow.back(Span::Second).of_all(CLASSES).packets;
        let shape = match (diverse, over.span) {
            (_, Span::TenSeconds) => "nearly each from a source of its own for ten seconds",
            (true, _) => "nearly each with its own source or ports",
            (false, _) => "in few flows",
        };
        finding.evidence = vec![
            over.evidence(
                "unanswered_udp_per_second",
                &format!("UDP packets/s {}", flow.whom()),
                &format!("; {shape}, {answers} answers in the last second"),
            ),
            profile.evidence(flow.distinct_peers(), flow.is_outbound()),
        ];
        Some(finding)
    }
}

/// Ten seconds in which nearly every packet had a source of its own. Services with many senders (log collectors,
/// telemetry) hear the same ones again within that time.
fn slow(flow: &Flow<'_>, diverse: Limit, profile: &Profile) -> Option<Over> {
    let ten = unanswered(flow, Span::TenSeconds);
    let limit = diverse.times(SLOW);
    let enough = ten as f64 >= limit.value * Span::TenSeconds.seconds();
    let lasting = unanswered(flow, Span::Second) as f64 >= limit.value / 2.0;
    (enough && lasting && profile.many_sources() && amplified(flow, Span::Second) == 0)
        .then(|| shape::steadily_spread(flow, ten, 0.0))
        .filter(|spread| *spread)
        .map(|_| Over { rate: ten as f64 / 10.0, limit, span: Span::TenSeconds })
}
