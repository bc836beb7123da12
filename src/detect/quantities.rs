//! Quantities: what detectors measure of a host in one direction, each defined once.
//!
//! A detector, the flag mixture (`mixture`) and the learned baseline all call the same function, so that a limit
//! is learned for exactly the figure that it is compared with. [`Quantity`] lists those that a baseline learns.
//!
//! All counts are packets in the span, forward. Whether a packet was asked for is measured for the packet itself
//! ([`Verdicts`]); honest traffic of the host is never credited against an attack on it.

use super::shape::{self, SampleProfile};
use super::threshold::Threshold;
use crate::meter::{HostDirection, ServiceTraffic, Span, Verdicts, Window};
use crate::packet::{App, Class, Service};

/// A quantity that the baseline learns per host and direction. Each is measured *before* any shape is considered where the
/// shape is not part of its name: a busy web server completes its handshakes, so thousands of clients do not raise
/// [`Quantity::UnansweredSyns`], and a flood that completes none stays as visible as on a quiet host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// SYNs that were neither completed nor retransmitted by the client.
    UnansweredSyns,
    /// ACKs, with or without data, of connections on which the host is silent.
    UnmatchedAcks,
    /// RSTs of connections, and from peers, that the host has not heard lately.
    UnprovokedRsts,
    /// Unanswered UDP of flows that are no streams, where nearly every packet begins a flow.
    UnansweredUdpSpread,
    /// Unanswered UDP in few flows, streams included.
    UnansweredUdpSteady,
    /// ICMP and ICMPv6; an address has one of the two.
    UnsolicitedIcmp,
    /// Unsolicited IP fragments other than the first of their datagram.
    LaterFragments,
}

impl Quantity {
    /// Number of quantities.
    pub const COUNT: usize = 7;
    /// Every quantity, in the order of declaration.
    pub const ALL: [Quantity; Quantity::COUNT] = [
        Quantity::UnansweredSyns,
        Quantity::UnmatchedAcks,
        Quantity::UnprovokedRsts,
        Quantity::UnansweredUdpSpread,
        Quantity::UnansweredUdpSteady,
        Quantity::UnsolicitedIcmp,
        Quantity::LaterFragments,
    ];

    /// Position in [`Quantity::ALL`], and in the profiles and levels of a host.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The name in the store and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Quantity::UnansweredSyns => "unanswered_syns",
            Quantity::UnmatchedAcks => "unmatched_acks",
            Quantity::UnprovokedRsts => "unprovoked_rsts",
            Quantity::UnansweredUdpSpread => "unanswered_udp_spread",
            Quantity::UnansweredUdpSteady => "unanswered_udp_steady",
            Quantity::UnsolicitedIcmp => "unsolicited_icmp",
            Quantity::LaterFragments => "later_fragments",
        }
    }

    /// Packets of the last second.
    pub fn measure(self, host: &HostDirection<'_>) -> u64 {
        let span = Span::Second;
        match self {
            Quantity::UnansweredSyns => unanswered_syns(host, span),
            Quantity::UnmatchedAcks => unsolicited(host, span, ACKS),
            Quantity::UnprovokedRsts => unsolicited(host, span, RSTS),
            Quantity::UnansweredUdpSpread => unanswered_udp_if(host, true),
            Quantity::UnansweredUdpSteady => unanswered_udp_if(host, false),
            Quantity::UnsolicitedIcmp => unsolicited_icmp(host, span, &ICMP) + unsolicited_icmp(host, span, &ICMPV6),
            Quantity::LaterFragments => later_fragments(host, span),
        }
    }
}

pub(super) const THRESHOLDS: &[Threshold] = &[SETTLING_SHARE, NEW_FLOWS, SAME_PEERS];

const SAME_PEERS: Threshold = Threshold {
    name: "same peers",
    value: 0.6,
    unit: "share of all peers",
    reason: "a service that answers sends to those that it hears; within the error of the counts (13 %), a flood beside other traffic has other peers",
    guarded_by: "ntp_server_busy",
};

/// Unsolicited packets. Those of which the memory cannot tell may each answer one of the reverse direction: they
/// count where they are more than that.
pub(super) fn unsolicited(host: &HostDirection<'_>, span: Span, classes: &[Class]) -> u64 {
    of(host, span, &host.forward(span).verdicts(classes), host.reverse(span).verdicts(classes).unknown)
}

/// `answers` are packets of the reverse direction that may answer some which did not enter the memory.
fn of(host: &HostDirection<'_>, span: Span, verdicts: &Verdicts, answers: u64) -> u64 {
    let undecided = match verdicts.unknown {
        0 => 0,
        unknown => unknown.saturating_sub(host.reverse(span).packets()),
    };
    verdicts.unsolicited().saturating_sub(answers) + undecided
}

/// Packets that [`unsolicited`] does not count since they may answer what the host sends, where it sends that to others.
pub(super) fn excused_by_volume(host: &HostDirection<'_>, span: Span, classes: &[Class]) -> u64 {
    let verdicts = host.forward(span).verdicts(classes);
    let credited = (verdicts.unsolicited() + verdicts.unknown).saturating_sub(unsolicited(host, span, classes));
    if credited > 0 && !may_answer(host) { credited } else { 0 }
}

/// The same, and packets of TCP flows whose other end is silent although their own packets show them to be real, as where
/// another path carries the other direction. Of a capture that shows one direction only, those are all that there are.
pub(super) fn excused(host: &HostDirection<'_>, window: &Window<'_>, span: Span, classes: &[Class]) -> u64 {
    let steady = if window.shows_both_ends() { host.forward(span).verdicts(classes).steady } else { 0 };
    steady + excused_by_volume(host, span, classes)
}

/// Whether what the host sends may ask for what it receives: both go to and come from about the same peers.
fn may_answer(host: &HostDirection<'_>) -> bool {
    let (senders, receivers) = (host.peers(), host.opposite().peers());
    // Of prefixes, and of our networks together, the receivers are not counted.
    if receivers.is_empty() {
        return true;
    }
    let mut all = senders;
    all.merge(&receivers);
    SAME_PEERS.value * all.estimate() <= senders.estimate().min(receivers.estimate())
}

/// Whether the host was not seen to send anything for a minute: it is dark, or only the other direction is captured.
pub(super) fn is_silent(host: &HostDirection<'_>) -> bool {
    [Span::Second, Span::TenSeconds, Span::Minute].into_iter().all(|span| host.reverse(span).packets() == 0)
}

/// SYNs of a span and what became of them.
#[derive(Clone, Copy)]
pub(super) struct Handshakes {
    pub syns: u64,
    pub completed: u64,
    /// Retransmitted by a client that still waits for an answer.
    pub repeated: u64,
}

impl Handshakes {
    pub(crate) fn of(host: &HostDirection<'_>, span: Span) -> Self {
        let steps = host.client_steps(span);
        // Of a host that is never seen sending, what its clients send on shows that it answers them.
        let continued = if steps.continued_syns > 0 && is_silent(host) { steps.continued_syns } else { 0 };
        Handshakes {
            syns: host.forward(span).of(Class::TcpSyn).packets,
            completed: u64::from(steps.completed) + u64::from(continued),
            repeated: steps.repeated_syns.into(),
        }
    }

    /// SYNs that were neither completed nor retransmitted, those under way included.
    pub(crate) fn open(self) -> u64 {
        self.syns.saturating_sub(self.completed).saturating_sub(self.repeated)
    }

    pub(crate) fn share(part: u64, whole: u64) -> f64 {
        part as f64 / whole.max(1) as f64
    }
}

const SETTLING_SHARE: Threshold = Threshold {
    name: "open handshakes that are not waited for",
    value: 0.7,
    unit: "share of SYNs",
    reason: "clients that reconnect at the same time have half of their handshakes under way for a moment; a flood has nearly all open",
    guarded_by: "service_restart",
};

/// SYNs that were neither completed by the client nor retransmitted (RFC 4987). Where many are completed, the SYNs of the
/// last 0.2 s of a second are given the time to be.
pub(super) fn unanswered_syns(host: &HostDirection<'_>, span: Span) -> u64 {
    let handshakes = Handshakes::of(host, span);
    let open = handshakes.open();
    if span != Span::Second || SETTLING_SHARE.is_reached_by(open, handshakes.syns) {
        return open;
    }
    open.saturating_sub(Handshakes::of(host, Span::Burst).open())
}

pub(super) const ACKS: &[Class] = &[Class::TcpAck, Class::TcpData];
pub(super) const RSTS: &[Class] = &[Class::TcpRst];
pub(super) const FINS: &[Class] = &[Class::TcpFin];
pub(super) const SYN_ACKS: &[Class] = &[Class::TcpSynAck];

/// Segments of a flag pattern that no stack sends. Captures that cut packets very short hide the flags in both directions,
/// so twice the reverse direction's count is subtracted.
pub(super) fn abnormal_segments(host: &HostDirection<'_>, span: Span, class: Class) -> u64 {
    let reverse = host.reverse(span).of(class).packets;
    host.forward(span).of(class).packets.saturating_sub(reverse.saturating_mul(2))
}

/// SYN-ACKs that answer no SYN of the host. Where only this direction is captured, what follows them shows that they do.
pub(super) fn unsolicited_syn_acks(host: &HostDirection<'_>, span: Span) -> u64 {
    let continued = host.continued_syn_acks(span);
    let continued = if continued > 0 && is_silent(host) { continued } else { 0 };
    unsolicited(host, span, SYN_ACKS).saturating_sub(continued)
}

pub(super) const UDP: &[Class] = &[Class::Udp];
const DNS_QUERIES: &[App] = &[App::DnsQuery];
const DNS_REPLIES: &[App] = &[App::DnsResponse, App::DnsRecursiveResponse, App::DnsNxdomain, App::DnsFailure];

/// Valid DNS queries, which are evaluated as such and not as mere UDP.
pub(super) fn dns_queries(host: &HostDirection<'_>, span: Span) -> u64 {
    host.app_packets(span, DNS_QUERIES)
}

/// Those that got no reply of any kind.
pub(super) fn unanswered_dns_queries(host: &HostDirection<'_>, span: Span) -> u64 {
    let answers = host.reverse(span).amplifier_replies().unknown;
    of(host, span, &host.forward(span).dns_queries(), answers)
}

/// Replies to them of any kind.
pub(super) fn dns_replies(host: &HostDirection<'_>, span: Span) -> u64 {
    host.reverse_app_packets(span, DNS_REPLIES)
}

const SIP_REQUESTS: &[App] = &[App::SipRequest];
/// A request is accepted by at least one response; a REGISTER takes a second request after its challenge.
const SIP_REQUESTS_PER_ACCEPTED: u64 = 2;

/// SIP requests that start something.
pub(super) fn sip_requests(host: &HostDirection<'_>, span: Span) -> u64 {
    host.app_packets(span, SIP_REQUESTS)
}

/// SIP requests beyond those that the host accepted.
pub(super) fn unaccepted_sip_requests(host: &HostDirection<'_>, span: Span) -> u64 {
    let accepted = host.reverse_app_packets(span, &[App::SipAccepted]);
    sip_requests(host, span).saturating_sub(accepted.saturating_mul(SIP_REQUESTS_PER_ACCEPTED))
}

const NEW_FLOWS: Threshold = Threshold {
    name: "new flows",
    value: 0.7,
    unit: "flows that begin per unsolicited packet",
    reason: "streams, collectors and players send many packets in each flow, generators often one",
    guarded_by: "voip",
};

/// Whether nearly each of the unsolicited packets begins a flow, as counted over all of them.
pub(super) fn is_of_new_flows(host: &HostDirection<'_>, span: Span, classes: &[Class]) -> bool {
    let verdicts = host.forward(span).verdicts(classes);
    let packets = verdicts.unsolicited() + verdicts.unknown;
    packets > 0 && NEW_FLOWS.is_reached_by(verdicts.opened, packets)
}

/// Flows that began and were not answered.
pub(super) fn unanswered_flows(host: &HostDirection<'_>, span: Span, classes: &[Class]) -> u64 {
    let verdicts = host.forward(span).verdicts(classes);
    verdicts.opened.saturating_sub(verdicts.answered).saturating_sub(host.reverse(span).verdicts(classes).unknown)
}

/// Whether nearly every unsolicited UDP packet begins a flow, and the service is none that does that by nature: tunnels.
pub(super) fn is_spread_udp(host: &HostDirection<'_>, classes: &[Class]) -> bool {
    is_of_new_flows(host, Span::Second, classes) && !shape::is_tunnel(&SampleProfile::new(host, classes))
}

/// Packets of flows whose other end is silent, streams included.
pub(super) fn one_way(host: &HostDirection<'_>, span: Span, classes: &[Class]) -> u64 {
    unsolicited(host, span, classes) + host.forward(span).verdicts(classes).steady
}

/// UDP flows that begin with a question and end with its answer: no client sends just one packet. Requests of services that
/// are asked so by nature are none.
pub(super) fn single_questions(host: &HostDirection<'_>, span: Span, classes: &[Class]) -> u64 {
    let verdicts = host.forward(span).verdicts(classes);
    let answered = verdicts.answered + host.reverse(span).verdicts(classes).unknown;
    let by_nature: u64 = match classes.contains(&Class::Udp) {
        true => host.services(span).iter().filter(|service| is_asked_once(service)).map(|service| service.asked).sum(),
        false => 0,
    };
    answered.saturating_sub(verdicts.continued).saturating_sub(by_nature)
}

/// Whether clients ask the service once and are done: time and address discovery.
fn is_asked_once(service: &ServiceTraffic) -> bool {
    const PORTS: [u16; 2] = [123, 3478];
    PORTS.into_iter().any(|port| Service::of_port(port) == Some(service.service))
}

/// For the baseline: the quantity where UDP has the shape asked for, else 0.
fn unanswered_udp_if(host: &HostDirection<'_>, spread: bool) -> u64 {
    match is_spread_udp(host, UDP) == spread {
        true if spread => unsolicited(host, Span::Second, UDP),
        true => one_way(host, Span::Second, UDP),
        false => 0,
    }
}

/// Unsolicited replies of services that amplify.
pub(super) fn amplifier_replies(host: &HostDirection<'_>, span: Span) -> u64 {
    host.services(span).iter().map(unrequested_replies).sum()
}

/// Replies that the host did not request. Those of which the memory cannot tell count where they are more than its requests
/// may have brought.
pub(super) fn unrequested_replies(service: &ServiceTraffic) -> u64 {
    let answers = service.service.row().map_or(0, |row| row.answers);
    service.unsolicited + service.unknown.saturating_sub(service.requests.saturating_mul(answers))
}

/// The classes of one family of ICMP.
pub(super) struct IcmpFamily {
    pub all: &'static [Class],
    pub echo: Class,
    pub reply: Class,
    pub error: Class,
    pub other: Class,
}

pub(super) static ICMP: IcmpFamily = IcmpFamily {
    all: &[Class::IcmpEcho, Class::IcmpReply, Class::IcmpError, Class::IcmpOther],
    echo: Class::IcmpEcho,
    reply: Class::IcmpReply,
    error: Class::IcmpError,
    other: Class::IcmpOther,
};

pub(super) static ICMPV6: IcmpFamily = IcmpFamily {
    all: &[Class::Icmpv6Echo, Class::Icmpv6Reply, Class::Icmpv6Error, Class::Icmpv6Nd, Class::Icmpv6Other],
    echo: Class::Icmpv6Echo,
    reply: Class::Icmpv6Reply,
    error: Class::Icmpv6Error,
    other: Class::Icmpv6Other,
};

/// ICMP that the host did not provoke: echo requests, replies to none of its own, errors that quote nothing that it sent,
/// and all else. Replies of whole networks belong to `smurf`.
pub(super) fn unsolicited_icmp(host: &HostDirection<'_>, span: Span, family: &IcmpFamily) -> u64 {
    let forward = host.forward(span);
    if forward.of_all(family.all).is_zero() {
        return 0;
    }
    let replies = match !host.is_outbound() && shape::is_of_same_networks(host, family.reply) {
        true => 0,
        false => unsolicited(host, span, &[family.reply]),
    };
    let errors = unsolicited(host, span, &[family.error]) - excused_errors(host, span, family);
    // Echo requests that leave for many hosts are monitoring or a sweep; an outbound flood has few victims.
    let many = host.is_outbound() && !SampleProfile::new(host, family.all).is_concentrated();
    let requests = if many { 0 } else { forward.of(family.echo).packets };
    let others: Vec<Class> =
        family.all.iter().copied().filter(|class| ![family.echo, family.reply, family.error].contains(class)).collect();
    requests + replies + errors + unsolicited(host, span, &others)
}

/// Errors that quote packets with the host's address as a spoofed source: they belong to the attack whose replies they come
/// with.
pub(super) fn excused_errors(host: &HostDirection<'_>, span: Span, family: &IcmpFamily) -> u64 {
    let forged = || amplifier_replies(host, span).saturating_add(unsolicited_syn_acks(host, span));
    match unsolicited(host, span, &[family.error]) {
        0 => 0,
        errors => errors.min(forged()),
    }
}

/// IP fragments other than the first, of datagrams that are unsolicited or whose first is missing.
pub(super) fn later_fragments(host: &HostDirection<'_>, span: Span) -> u64 {
    unsolicited(host, span, &[Class::Fragment])
}
