//! `syn_flood`: SYNs whose handshakes are not completed (RFC 4987).
//!
//! Rate: SYNs that were neither completed by the client nor repeated by it. Shape: real clients complete nearly all of
//! their handshakes whatever the load (flash crowds, speed tests), and repeat a SYN that nobody answers (a dead
//! service); floods do neither. One source walking through ports is a scan. Peers that were all there before, and that
//! now open a few connections each, come back after a restart ([`is_return`]).

use super::baseline::Quantity;
use super::shape::{self, Exceeded, SampleProfile};
use super::{Detector, DetectorSpec, Finding, HostContext, Setting, settings::Limit, settings::Limits, tcp_flags};
use crate::base::Vector;
use crate::meter::{HostDirection, Span, Window};
use crate::packet::Class;

pub(super) const SPEC: DetectorSpec = DetectorSpec {
    name: "syn_flood",
    vectors: &[Vector::SynFlood],
    summary: "TCP SYNs that are neither completed nor repeated by their senders",
    settings: &[Setting {
        key: "packets_per_second",
        default: 300.0,
        min: 1.0,
        max: 1e9,
        unit: "packets/s",
        doc: "Unanswered SYNs a second to (or from) one host. A fifth of it is enough over ten seconds from ever new sources.",
        learns: Some(Quantity::Syn),
    }],
    build: |settings, _| Box::new(SynFlood { limit: settings.limit("packets_per_second") }),
};

const CLASSES: &[Class] = &[Class::TcpSyn];
/// Share of the limit that is enough where ten seconds make it unmistakable.
const SUSTAINED_FRACTION: f64 = 0.2;

/// How many times the limit a second of SYNs from port to port is no mere scan.
const HARM: f64 = 30.0;

struct SynFlood {
    limit: Limits,
}

/// SYNs of a span and what became of them.
#[derive(Clone, Copy)]
struct Handshakes {
    syns: u64,
    completed: u64,
    repeated: u64,
}

impl Handshakes {
    fn of(host: &HostDirection<'_>, span: Span) -> Self {
        Handshakes {
            syns: host.forward(span).of(Class::TcpSyn).packets,
            completed: host.completed(span),
            repeated: host.repeated_syns(span),
        }
    }

    fn unanswered(self) -> u64 {
        self.syns.saturating_sub(self.completed).saturating_sub(self.repeated)
    }

    fn share(part: u64, whole: u64) -> f64 {
        part as f64 / whole.max(1) as f64
    }
}

impl Detector for SynFlood {
    fn inspect_host(&self, host: &HostContext<'_>, window: &Window<'_>, findings: &mut Vec<Finding>) {
        findings.extend(self.find(host, window));
    }
}

impl SynFlood {
    fn find(&self, host: &HostContext<'_>, window: &Window<'_>) -> Option<Finding> {
        let base = host.limit(&self.limit);
        let second = Handshakes::of(host, Span::Second);
        if (second.syns as f64) < base.value * SUSTAINED_FRACTION / 2.0 {
            return None;
        }
        // Nobody waits for repeats of a service that is down: what real clients send again, they also sent once.
        let patient = Handshakes::share(second.repeated, second.syns) >= 0.3;
        let limit = base.times(if patient { 10.0 } else { 1.0 });
        let burst = exceeded_burst(host, limit);
        let settled = settled(host, second);
        let over = match shape::exceeded(limit, |span| if span == Span::Second { settled } else { 0 }) {
            // At a steady rate a share of handshakes is still under way; floods leave far more.
            Some(over) if Handshakes::share(second.unanswered(), second.syns) >= 0.3 => Some(over),
            _ => burst,
        };
        let profile = SampleProfile::of_flow(host, CLASSES);
        let (over, since) = match over {
            Some(over) => (over, host.onset(shape::packets_in(host, CLASSES))),
            None => (sustained(host, base, &profile)?, shape::ten_seconds_before(window.end)),
        };
        // One source that walks through ports scans, until its rate alone does harm.
        let scan = profile.is_port_scan() && (over.span != Span::Second || over.rate < base.value * HARM);
        if scan || (host.is_outbound() && !profile.is_concentrated()) || tcp_flags::is_mixture(host) {
            return None;
        }
        if !host.is_outbound() && is_return(host, base) {
            return None;
        }
        let distinct = host.distinct_peers();
        let mut finding = host.finding(Vector::SynFlood, CLASSES).graded(over.rate, over.limit.value);
        finding.since = since;
        finding.spoofing_likely = !host.is_outbound() && profile.many_sources();
        let span = over.span;
        let seen = Handshakes::of(host, span);
        let completed = Handshakes::share(seen.completed, seen.syns) * 100.0;
        finding.evidence = vec![
            over.evidence(
                "unanswered_syn_per_second",
                &format!("unanswered SYN/s {}", host.whom()),
                &format!("; {completed:.1} % of SYNs were completed, 97 % is usual"),
            ),
            profile.evidence(distinct, host.is_outbound()),
        ];
        Some(finding)
    }
}

/// Unanswered SYNs of a second. Where many are completed, those of the last 0.2 s are given the time to be: all clients of a
/// service that connect anew at once have half of their handshakes under way for a moment.
fn settled(host: &HostDirection<'_>, second: Handshakes) -> u64 {
    let unanswered = second.unanswered();
    if Handshakes::share(unanswered, second.syns) >= 0.7 {
        return unanswered;
    }
    unanswered.saturating_sub(Handshakes::of(host, Span::Burst).unanswered())
}

/// Ten seconds of ever new sources that complete nothing: unmistakable at a fifth of the limit.
fn sustained(host: &HostDirection<'_>, base: Limit, profile: &SampleProfile) -> Option<Exceeded> {
    let ten = Handshakes::of(host, Span::TenSeconds);
    let limit = base.times(SUSTAINED_FRACTION);
    let enough = ten.unanswered() as f64 >= limit.value * Span::TenSeconds.seconds();
    let barren = Handshakes::share(ten.completed + ten.repeated, ten.syns) < 0.1;
    // The flood must still go on, or its end would be reported for nine more seconds.
    let lasting = Handshakes::of(host, Span::Second).unanswered() as f64 >= limit.value / 2.0;
    (enough && barren && lasting && profile.many_sources() && shape::steadily_spread(host, ten.unanswered(), 0.0))
        .then_some(Exceeded { rate: ten.unanswered() as f64 / 10.0, limit, span: Span::TenSeconds })
}

/// A burst is judged before its handshakes had time to complete, so nearly all must be open and there must be more than
/// any client opens at once.
fn exceeded_burst(host: &HostDirection<'_>, limit: Limit) -> Option<Exceeded> {
    let burst = Handshakes::of(host, Span::Burst);
    if Handshakes::share(burst.unanswered(), burst.syns) < 0.8 {
        return None;
    }
    let over = shape::exceeded(limit, |span| if span == Span::Burst { burst.unanswered() } else { 0 })?;
    // A crowd that arrives within 0.2 s is judged by its second; unless each packet is a stranger or it is a torrent.
    let second = Handshakes::of(host, Span::Second);
    let open = Handshakes::share(second.unanswered(), second.syns) >= 0.7;
    open.then_some(over)
}

/// SYNs that one client sends in a second when it comes back: some connections, not all at the same moment.
const SYNS_OF_ONE: f64 = 8.0;

/// Clients that come back after the service, or the whole host, restarted: all at once, and maybe to no answer, but nearly
/// all of them were there in the seconds before, and each opens few connections. Strangers are a flood, and so is a known
/// peer that sends more. After ten seconds nobody was there before, so that a flood is excused for no longer than that.
fn is_return(host: &HostDirection<'_>, base: Limit) -> bool {
    let before = host.peers_before((base.value * SUSTAINED_FRACTION) as u64);
    let (known, now) = (before.estimate(), host.peers());
    let all = {
        let mut all = before;
        all.merge(&now);
        all.estimate()
    };
    let present = now.estimate();
    let syns = host.forward(Span::Second).of(Class::TcpSyn).packets as f64;
    // Among very many others, some strangers would not show.
    let shows = known <= present * 10.0;
    shows && (all - known) <= present * 0.2 && syns <= present * SYNS_OF_ONE
}
