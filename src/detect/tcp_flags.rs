//! `fin_flood`, `tcp_null_flood`, `xmas_flood` and `tcp_flood`: segments told by their flags.
//!
//! FINs that end no connection; segments without any flag, or with FIN, PSH and URG lit; other patterns that no stack sends
//! (RFC 9293 §3.5). Where several patterns flood at once, as from tools that draw the flags by lot, the mixture as a whole
//! is a `tcp_flood`, and no pattern is told of by itself.

use super::rst_flood::PROVOKING;
use super::shape::{self, SampleProfile};
use super::syn_ack_flood::unsolicited;
use super::{Detector, DetectorSpec, Finding, HostContext, Setting, settings::Limit, settings::Limits};
use crate::base::Vector;
use crate::meter::{HostDirection, Span, Window};
use crate::packet::Class;

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "tcp_flags",
    vectors: &[Vector::FinFlood, Vector::TcpNullFlood, Vector::XmasFlood, Vector::TcpFlood],
    summary: "TCP FINs that end nothing, flag patterns that no stack sends, and mixtures of flag patterns",
    settings: &[
        Setting {
            key: "fin_packets_per_second",
            default: 500.0,
            min: 1.0,
            max: 1e9,
            unit: "packets/s",
            doc: "FINs a second that end no connection.",
            learns: None,
        },
        Setting {
            key: "abnormal_packets_per_second",
            default: 100.0,
            min: 1.0,
            max: 1e9,
            unit: "packets/s",
            doc: "Segments a second without flags, with those of a Christmas tree, or with another pattern that no stack sends.",
            learns: None,
        },
        Setting {
            key: "mixed_packets_per_second",
            default: 300.0,
            min: 1.0,
            max: 1e9,
            unit: "packets/s",
            doc: "Segments a second of no connection where several flag patterns come at once; twice as many where stacks send each of them. Then none of them is judged by itself.",
            learns: None,
        },
    ],
    build: |settings, _| {
        Box::new(TcpFlags {
            fin: settings.limit("fin_packets_per_second"),
            abnormal: settings.limit("abnormal_packets_per_second"),
            mixed: settings.limit("mixed_packets_per_second"),
        })
    },
};

/// Flag patterns of a mixture; segments with data are counted where no connection sends them.
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
const CONVERSATION: &[Class] = &[Class::TcpAck, Class::TcpData];

/// Packets in 0.2 s of patterns that no stack sends that make a burst.
const LEAST_BURST: f64 = 30.0;

/// Segments that belong to no connection, by flag pattern.
struct UnmatchedTcp {
    syn: u64,
    syn_ack: u64,
    ack: u64,
    rst: u64,
    fin: u64,
    null: u64,
    xmas: u64,
    other: u64,
}

impl UnmatchedTcp {
    fn of(host: &HostDirection<'_>, span: Span) -> UnmatchedTcp {
        let (forward, reverse) = (host.forward(span), host.reverse(span));
        let completed = host.completed(span);
        // Flags are unknown where captures are cut very short; then both ways are.
        let abnormal = |class| forward.of(class).packets.saturating_sub(reverse.of(class).packets.saturating_mul(2));
        let rst = forward.of(Class::TcpRst).packets.saturating_sub(reverse.of_all(PROVOKING).packets);
        UnmatchedTcp {
            syn: forward.of(Class::TcpSyn).packets.saturating_sub(completed).saturating_sub(host.repeated_syns(span)),
            syn_ack: unsolicited(host, span),
            ack: forward
                .of_all(CONVERSATION)
                .packets
                .saturating_sub(reverse.of_all(CONVERSATION).packets.saturating_mul(4)),
            rst,
            fin: stray_fins(host, span),
            null: abnormal(Class::TcpNull),
            xmas: abnormal(Class::TcpXmas),
            other: abnormal(Class::TcpOther),
        }
    }

    fn all(&self) -> [u64; 8] {
        [self.syn, self.syn_ack, self.ack, self.rst, self.fin, self.null, self.xmas, self.other]
    }

    fn total(&self) -> u64 {
        self.all().iter().sum()
    }
}

/// FINs beyond those of connections: each end sends one, and again where it is not acknowledged.
fn stray_fins(host: &HostDirection<'_>, span: Span) -> u64 {
    let (forward, reverse) = (host.forward(span), host.reverse(span));
    // Where only one direction is captured, the openings show that there are connections.
    let opened = host.completed(span) + forward.of(Class::TcpSynAck).packets;
    let ended = reverse.of(Class::TcpFin).packets.saturating_add(opened).saturating_mul(2);
    forward.of(Class::TcpFin).packets.saturating_sub(ended)
}

/// How flag patterns come together.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mix {
    /// One or two patterns: each is judged by itself.
    Single,
    /// Several, among them such as no stack sends: a tool that draws them by lot.
    Drawn,
    /// Several that stacks send, too, but all of them astray: it takes more of these.
    Gathered,
}

impl Mix {
    /// As the last second shows it. At the onset most of that is still without the flood, at the end again: there the last
    /// 0.2 s show it, and the last ten seconds.
    fn of(host: &HostDirection<'_>) -> Mix {
        let spans = [Span::Second, Span::Burst, Span::TenSeconds];
        spans.into_iter().map(|span| Mix::within(host, span)).find(|&mix| mix != Mix::Single).unwrap_or(Mix::Single)
    }

    fn within(host: &HostDirection<'_>, span: Span) -> Mix {
        /// Segments, together and of each pattern, that nobody takes for noise: 600 and 100 a second.
        const FLOOD: u64 = 120;
        const PART: u64 = 20;
        let fifths = match span {
            Span::Burst => 1,
            Span::TenSeconds => 50,
            _ => 5,
        };
        let unmatched = UnmatchedTcp::of(host, span);
        let total = unmatched.total();
        let abnormal = unmatched.null + unmatched.xmas + unmatched.other;
        let with_part = |least: u64| unmatched.all().into_iter().filter(|&count| count > 0 && count >= least).count();
        if abnormal * 10 >= total && with_part(total / 25) >= 3 {
            Mix::Drawn
        } else if total >= FLOOD * fifths && with_part((total / 7).max(PART * fifths)) >= 3 {
            Mix::Gathered
        } else {
            Mix::Single
        }
    }
}

/// Whether several flag patterns flood at once, so that none is to be told of by itself.
pub(super) fn is_mixture(host: &HostDirection<'_>) -> bool {
    Mix::of(host) != Mix::Single
}

struct TcpFlags {
    fin: Limits,
    abnormal: Limits,
    mixed: Limits,
}

impl Detector for TcpFlags {
    fn inspect_host(&self, host: &HostContext<'_>, _: &Window<'_>, findings: &mut Vec<Finding>) {
        // The least that can be over any limit: most hosts end here.
        let least = [&self.fin, &self.abnormal, &self.mixed].map(|limit| host.limit(limit).value);
        let least = least.into_iter().fold(LEAST_BURST, f64::min);
        if (host.forward(Span::Second).of_all(MIXTURE).packets as f64) < least {
            return;
        }
        let mixed = host.limit(&self.mixed);
        let mixed = match Mix::of(host) {
            Mix::Single => None,
            Mix::Drawn => Some(mixed),
            Mix::Gathered => Some(mixed.times(2.0)),
        };
        if let Some(limit) = mixed {
            findings.extend(find(host, limit, Vector::TcpFlood, MIXTURE, |unmatched| unmatched.total()));
            return;
        }
        let (fin, abnormal) = (host.limit(&self.fin), host.limit(&self.abnormal));
        let fin = find(host, fin, Vector::FinFlood, &[Class::TcpFin], |unmatched| unmatched.fin);
        let null = find(host, abnormal, Vector::TcpNullFlood, &[Class::TcpNull], |unmatched| unmatched.null);
        let xmas = find(host, abnormal, Vector::XmasFlood, &[Class::TcpXmas], |unmatched| unmatched.xmas);
        let other = find(host, abnormal, Vector::TcpFlood, &[Class::TcpOther], |unmatched| unmatched.other);
        findings.extend([fin, null, xmas, other].into_iter().flatten());
    }
}

fn find(
    host: &HostContext<'_>,
    limit: Limit,
    vector: Vector,
    classes: &'static [Class],
    count: fn(&UnmatchedTcp) -> u64,
) -> Option<Finding> {
    let least = if vector == Vector::FinFlood { shape::LEAST_BURST } else { LEAST_BURST };
    if (host.forward(Span::Second).of_all(classes).packets as f64) < limit.value.min(least) {
        return None;
    }
    let over = shape::exceeded_from(least, limit, |span| count(&UnmatchedTcp::of(host, span)))?;
    let profile = SampleProfile::of_flow(host, classes);
    if profile.is_port_scan() {
        return None;
    }
    let mut finding = host.finding(vector, classes).graded(over.rate, over.limit.value);
    finding.spoofing_likely = !host.is_outbound() && profile.many_sources();
    let (measure, what) = match vector {
        Vector::FinFlood => ("stray_fin_per_second", "FIN/s that end no connection"),
        Vector::TcpNullFlood => ("null_segments_per_second", "segments/s without any flag"),
        Vector::XmasFlood => ("xmas_segments_per_second", "segments/s with FIN, PSH and URG"),
        _ if classes.len() > 1 => ("mixed_segments_per_second", "segments/s of no connection, with ever other flags"),
        _ => ("abnormal_segments_per_second", "segments/s with flags that no stack sets together"),
    };
    let resets = host.reverse(Span::Second).of(Class::TcpRst).packets;
    finding.evidence = vec![
        over.evidence(
            measure,
            &format!("{what} {}", host.whom()),
            &format!("; {resets} RSTs went the other way in the last second"),
        ),
        profile.evidence(host.distinct_peers(), host.is_outbound()),
    ];
    Some(finding)
}
