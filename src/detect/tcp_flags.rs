//! `fin_flood`, `tcp_null_flood`, `xmas_flood` and `tcp_flood`: segments identified by their flags.
//!
//! FINs that end no connection; segments without any flag, or with FIN, PSH and URG set; other patterns that no stack sends
//! (RFC 9293 §3.5). Where several patterns flood at the same time ([`FlagMixture`]), the mixture as a whole is a
//! `tcp_flood`, and no pattern is reported by itself.

use super::exceeded::LEAST_BURST;
use super::limit::Limit;
use super::mixture::{FlagMixture, UnmatchedTcp};
use super::settings::Limits;
use super::shape;
use super::{
    Claim, Detector, DetectorSpec, Finding, Gauge, HostContext, Merging, Mitigation, Need, Setting, Threshold,
};
use crate::base::Vector;
use crate::meter::{Span, Window};
use crate::packet::Class;

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "tcp_flags",
    vectors: &[Vector::FinFlood, Vector::TcpNullFlood, Vector::XmasFlood, Vector::TcpFlood],
    summary: "TCP FINs that end nothing, flag patterns that no stack sends, and mixtures of flag patterns",
    settings: &[FINS, ABNORMAL, MIXED],
    needs: &[
        Need::exceeded(Gauge::Fins, &[FINS], LEAST_BURST),
        Need::exceeded(Gauge::Abnormal, &[ABNORMAL], ABNORMAL_BURST.value),
        Need::exceeded(Gauge::Unmatched, &[MIXED], ABNORMAL_BURST.value),
    ],
    thresholds: &[ABNORMAL_BURST, GATHERED_FACTOR],
    claims: &[Claim::FlagMixture],
    yields_to: &[],
    merging: Merging::IntoPrefix,
    mitigation: Mitigation::Packets,
    build: |settings, _| {
        Box::new(TcpFlags {
            fin: settings.limit(&FINS),
            abnormal: settings.limit(&ABNORMAL),
            mixed: settings.limit(&MIXED),
        })
    },
};

const FINS: Setting = Setting {
    key: "fin_packets_per_second",
    default: 500.0,
    min: 1.0,
    max: 1e9,
    unit: "packets/s",
    doc: "FINs per second that end no connection.",
    learns: None,
};
const ABNORMAL: Setting = Setting {
    key: "abnormal_packets_per_second",
    default: 100.0,
    min: 1.0,
    max: 1e9,
    unit: "packets/s",
    doc: "Segments per second without flags, with FIN, PSH and URG (Xmas), or with another pattern that no stack sends.",
    learns: None,
};
const MIXED: Setting = Setting {
    key: "mixed_packets_per_second",
    default: 300.0,
    min: 1.0,
    max: 1e9,
    unit: "packets/s",
    doc: "Segments per second of no connection where several flag patterns occur together; twice as many where stacks send each of them. No pattern is then evaluated by itself.",
    learns: None,
};

const ABNORMAL_BURST: Threshold = Threshold {
    name: "burst of abnormal segments",
    value: 30.0,
    unit: "packets in 0.2 s",
    reason: "no stack sends any, so few suffice; a scan's first probes stay below",
    guarded_by: "xmas_scan",
};
const GATHERED_FACTOR: Threshold = Threshold {
    name: "gathered mixture's factor",
    value: 2.0,
    unit: "times the limit",
    reason: "patterns that stacks send as well need more to be called a flood",
    guarded_by: "tcp_flood_three_tools",
};

/// Flag patterns of a mixture. Segments with data count where no connection sends them.
const MIXTURE: &[Class] = &[
    Class::TcpSyn,
    Class::TcpSynAck,
    Class::TcpAck,
    Class::TcpRst,
    Class::TcpFin,
    Class::TcpNull,
    Class::TcpXmas,
    Class::TcpOther,
];

struct TcpFlags {
    fin: Limits,
    abnormal: Limits,
    mixed: Limits,
}

/// One of the floods: what it is called, which segments it counts, and what a burst of them is.
struct Kind {
    vector: Vector,
    classes: &'static [Class],
    least_burst: f64,
    count: fn(&UnmatchedTcp) -> u64,
    measure: &'static str,
    what: &'static str,
}

const FIN_KIND: Kind = Kind {
    vector: Vector::FinFlood,
    classes: &[Class::TcpFin],
    least_burst: LEAST_BURST,
    count: |unmatched| unmatched.fin,
    measure: "unmatched_fin_per_second",
    what: "FIN/s that end no connection",
};
const ABNORMAL_KINDS: [Kind; 3] = [
    Kind {
        vector: Vector::TcpNullFlood,
        classes: &[Class::TcpNull],
        least_burst: ABNORMAL_BURST.value,
        count: |unmatched| unmatched.null,
        measure: "null_segments_per_second",
        what: "segments/s without any flag",
    },
    Kind {
        vector: Vector::XmasFlood,
        classes: &[Class::TcpXmas],
        least_burst: ABNORMAL_BURST.value,
        count: |unmatched| unmatched.xmas,
        measure: "xmas_segments_per_second",
        what: "segments/s with FIN, PSH and URG",
    },
    Kind {
        vector: Vector::TcpFlood,
        classes: &[Class::TcpOther],
        least_burst: ABNORMAL_BURST.value,
        count: |unmatched| unmatched.other,
        measure: "abnormal_segments_per_second",
        what: "segments/s with flags that no stack sets together",
    },
];
const MIXED_KIND: Kind = Kind {
    vector: Vector::TcpFlood,
    classes: MIXTURE,
    least_burst: ABNORMAL_BURST.value,
    count: UnmatchedTcp::total,
    measure: "mixed_segments_per_second",
    what: "segments/s of no connection, with varying flags",
};

impl Detector for TcpFlags {
    fn inspect_host(&self, host: &HostContext<'_>, _: &Window<'_>, findings: &mut Vec<Finding>) {
        // The least that can exceed any limit: most hosts end here.
        let least = [&self.fin, &self.abnormal, &self.mixed].map(|limit| host.limit(limit).value);
        let least = least.into_iter().fold(ABNORMAL_BURST.value, f64::min);
        if (host.forward(Span::Second).of_all(MIXTURE).packets as f64) < least {
            return;
        }
        let mixed = host.limit(&self.mixed);
        match host.flag_mixture() {
            FlagMixture::Drawn => findings.extend(find(host, mixed, &MIXED_KIND)),
            FlagMixture::Gathered => findings.extend(find(host, mixed.times(GATHERED_FACTOR.value), &MIXED_KIND)),
            FlagMixture::None => {
                findings.extend(find(host, host.limit(&self.fin), &FIN_KIND));
                let abnormal = host.limit(&self.abnormal);
                findings.extend(ABNORMAL_KINDS.iter().filter_map(|kind| find(host, abnormal, kind)));
            }
        }
    }
}

fn find(host: &HostContext<'_>, limit: Limit, kind: &Kind) -> Option<Finding> {
    let packets = host.forward(Span::Second).of_all(kind.classes).packets;
    if (packets as f64) < limit.value.min(kind.least_burst) {
        return None;
    }
    let count = |span| (kind.count)(&UnmatchedTcp::of(host, span));
    let exceeded = host.exceeds_from(kind.least_burst, limit, count)?;
    let profile = host.profile(kind.classes);
    if host.is_excused(&exceeded, shape::SCAN, profile.is_port_scan()) {
        return None;
    }
    let mut finding = Finding::new(host, kind.vector, kind.classes).graded_by(&exceeded);
    finding.spoofing_likely = !host.is_outbound() && profile.many_sources();
    let resets = host.reverse(Span::Second).of(Class::TcpRst).packets;
    finding.evidence = vec![
        exceeded.evidence(
            kind.measure,
            &format!("{} {}", kind.what, host.to_or_from()),
            &format!("; {resets} RSTs in the reverse direction in the last second"),
        ),
        profile.evidence(host.distinct_peers(), host.is_outbound()),
    ];
    Some(finding)
}
