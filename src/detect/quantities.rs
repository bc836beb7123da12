//! Quantities: what detectors measure of a host in one direction, each defined once.
//!
//! A detector, the flag mixture (`mixture`) and the learned baseline all call the same function, so that a limit
//! is learned for exactly the figure that it is compared with. [`Quantity`] lists those that a baseline learns.
//!
//! All counts are packets in the span, forward, minus what the reverse direction explains.

use super::shape::{self, SampleProfile};
use super::threshold::Threshold;
use crate::meter::{HostDirection, ServiceTraffic, Span};
use crate::packet::{App, Class};

/// A quantity that the baseline learns per host and direction. Each is measured *before* any shape is considered where the
/// shape is not part of its name: a busy web server completes its handshakes, so thousands of clients do not raise
/// [`Quantity::UnansweredSyns`], and a flood that completes none stays as visible as on a quiet host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// SYNs that were neither completed nor retransmitted by the client.
    UnansweredSyns,
    /// ACKs beyond those that acknowledge what the host sent, and data segments beyond what it acknowledges.
    UnmatchedAcks,
    /// RSTs beyond one per segment that the host sent and one per completed handshake.
    UnprovokedRsts,
    /// Unanswered UDP where nearly every packet belongs to a flow of its own.
    UnansweredUdpSpread,
    /// Unanswered UDP in few flows.
    UnansweredUdpSteady,
    /// ICMP and ICMPv6; an address has one of the two.
    UnsolicitedIcmp,
    /// IP fragments other than the first of their datagram.
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

    /// Packets of the last second.
    pub fn measure(self, host: &HostDirection<'_>) -> u64 {
        let span = Span::Second;
        match self {
            Quantity::UnansweredSyns => unanswered_syns(host, span),
            Quantity::UnmatchedAcks => unmatched_acks(host, span),
            Quantity::UnprovokedRsts => unprovoked_rsts(host, span),
            Quantity::UnansweredUdpSpread => unanswered_udp_if(host, true),
            Quantity::UnansweredUdpSteady => unanswered_udp_if(host, false),
            Quantity::UnsolicitedIcmp => unsolicited_icmp(host, span, &ICMP) + unsolicited_icmp(host, span, &ICMPV6),
            Quantity::LaterFragments => later_fragments(host, span),
        }
    }
}

pub(super) const THRESHOLDS: &[Threshold] = &[
    SETTLING_SHARE,
    SEGMENTS_PER_ACK,
    SMALL_SEGMENTS_PER_ANSWER,
    FULL_SEGMENTS_PER_ANSWER,
    FULL_FRAME,
    REFUSED_SHARE,
    BULK_UDP,
    BULK_UDP_PER_ANSWER,
    UDP_PER_ANSWER,
    CLOSED_SHARE,
];

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
        Handshakes {
            syns: host.forward(span).of(Class::TcpSyn).packets,
            completed: host.completed(span),
            repeated: host.repeated_syns(span),
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

/// What a host sends on connections that it has.
const CONVERSATION: &[Class] = &[Class::TcpAck, Class::TcpData, Class::TcpSynAck, Class::TcpSyn, Class::TcpFin];
pub(super) const ACKS: &[Class] = &[Class::TcpAck, Class::TcpData];

const FULL_SEGMENT: u64 = 1400;
const SEGMENTS_PER_ACK: Threshold = Threshold {
    name: "ACKs per segment sent",
    value: 1.5,
    unit: "ACKs",
    reason: "a receiver acknowledges a segment once (RFC 5681 §4.2); half more covers duplicates after loss",
    guarded_by: "upload",
};
const SMALL_SEGMENTS_PER_ANSWER: Threshold = Threshold {
    name: "small segments per answer",
    value: 10.0,
    unit: "segments",
    reason: "receivers acknowledge every second segment, slow ones every tenth",
    guarded_by: "upload",
};
const FULL_SEGMENTS_PER_ANSWER: Threshold = Threshold {
    name: "full segments per answer",
    value: 1000.0,
    unit: "segments",
    reason: "with segmentation offload a slow receiver answers once for a whole window of up to 1 MiB",
    guarded_by: "download",
};
const FULL_FRAME: Threshold = Threshold {
    name: "full frame",
    value: 1000.0,
    unit: "octets on average",
    reason: "bulk data fills its frames; floods with payloads that large exceed the bit rate of a second anyway",
    guarded_by: "download",
};
const REFUSED_SHARE: Threshold = Threshold {
    name: "refused share",
    value: 0.5,
    unit: "RSTs per segment",
    reason: "a host answers a segment without a connection by a RST (RFC 9293 §3.5.2); half allows for rate limits",
    guarded_by: "ack_flood",
};

/// Whether the host refuses most of the ACK segments that it gets.
pub(super) fn refuses_acks(host: &HostDirection<'_>) -> bool {
    let resets = host.reverse(Span::Second).of(Class::TcpRst).packets;
    REFUSED_SHARE.is_reached_by(resets, host.forward(Span::Second).of_all(ACKS).packets)
}

/// Whether the host sends anything on connections: if not, only the other direction may be captured.
pub(super) fn is_conversing(host: &HostDirection<'_>) -> bool {
    !host.reverse(Span::Second).of_all(CONVERSATION).is_zero()
}

/// ACK segments beyond those that acknowledge what the host sent, and data beyond what it acknowledges.
pub(super) fn unmatched_acks(host: &HostDirection<'_>, span: Span) -> u64 {
    let (forward, answers) = (host.forward(span), host.reverse(span).of_all(CONVERSATION));
    // What leaves through segmentation offload is many segments.
    let segments = answers.packets.max(answers.bytes / FULL_SEGMENT);
    let expected = (segments as f64 * SEGMENTS_PER_ACK.value) as u64;
    let acks = forward.of(Class::TcpAck).packets.saturating_sub(expected);
    let data = forward.of(Class::TcpData);
    let full = data.bytes as f64 >= FULL_FRAME.value * data.packets.max(1) as f64;
    let per_answer = if full && !refuses_acks(host) { FULL_SEGMENTS_PER_ANSWER } else { SMALL_SEGMENTS_PER_ANSWER };
    acks + data.packets.saturating_sub((answers.packets as f64 * per_answer.value) as u64)
}

/// What may be answered by a RST.
const PROVOKING: &[Class] = &[
    Class::TcpSyn,
    Class::TcpSynAck,
    Class::TcpAck,
    Class::TcpData,
    Class::TcpFin,
    Class::TcpNull,
    Class::TcpXmas,
    Class::TcpOther,
];

/// RSTs beyond the segments that the host sent, one for each, and beyond the handshakes that its peers completed: they may
/// abort these connections.
pub(super) fn unprovoked_rsts(host: &HostDirection<'_>, span: Span) -> u64 {
    let forward = host.forward(span);
    let provoking = host.reverse(span).of_all(PROVOKING).packets;
    let opened = host.completed(span);
    forward.of(Class::TcpRst).packets.saturating_sub(provoking).saturating_sub(opened)
}

/// Each end of a connection sends one FIN, and retransmits it where it is not acknowledged.
const FINS_PER_END: u64 = 2;

/// FINs beyond those of connections.
pub(super) fn unmatched_fins(host: &HostDirection<'_>, span: Span) -> u64 {
    let (forward, reverse) = (host.forward(span), host.reverse(span));
    // Where only one direction is captured, the handshakes show that there are connections.
    let opened = host.completed(span) + forward.of(Class::TcpSynAck).packets;
    let ended = reverse.of(Class::TcpFin).packets.saturating_add(opened).saturating_mul(FINS_PER_END);
    forward.of(Class::TcpFin).packets.saturating_sub(ended)
}

/// Segments of a flag pattern that no stack sends. Captures that cut packets very short hide the flags in both directions,
/// so twice the reverse direction's count is subtracted.
pub(super) fn abnormal_segments(host: &HostDirection<'_>, span: Span, class: Class) -> u64 {
    let reverse = host.reverse(span).of(class).packets;
    host.forward(span).of(class).packets.saturating_sub(reverse.saturating_mul(2))
}

/// What follows a SYN-ACK on a connection.
const FOLLOWING: &[Class] = &[Class::TcpAck, Class::TcpData, Class::TcpFin];
/// A SYN is answered by a SYN-ACK and, after a moment, a retransmission of it (RFC 9293 §3.8.1).
const SYN_ACKS_PER_SYN: u64 = 2;

/// SYN-ACKs beyond those that the host's own SYNs account for.
pub(super) fn unsolicited_syn_acks(host: &HostDirection<'_>, span: Span) -> u64 {
    let (forward, reverse) = (host.forward(span), host.reverse(span));
    let syn_acks = forward.of(Class::TcpSynAck).packets;
    if syn_acks == 0 {
        return 0;
    }
    if host.reverse(Span::Second).packets() == 0 {
        // Only this direction is captured; real connections bring more than their SYN-ACK.
        return syn_acks.saturating_sub(forward.of_all(FOLLOWING).packets);
    }
    let requested = reverse.of(Class::TcpSyn).packets.saturating_mul(SYN_ACKS_PER_SYN);
    // The SYN-ACKs of handshakes that an outbound SYN flood left half open are retransmitted for a minute.
    let own = host.opposite();
    let half_open = |span: Span| own.forward(span).of(Class::TcpSyn).packets.saturating_sub(own.completed(span));
    let waiting = half_open(Span::Second) + half_open(Span::TenSeconds) + half_open(Span::Minute);
    syn_acks.saturating_sub(requested).saturating_sub(waiting)
}

const CLOSED_SHARE: Threshold = Threshold {
    name: "closed share",
    value: 0.5,
    unit: "FINs per SYN-ACK",
    reason: "reflectors never close what was never open; in a capture of one direction FINs show real connections",
    guarded_by: "short_connections_one_way",
};

/// SYN-ACKs of real servers to SYNs with the host's address as a spoofed source. Unlike [`unsolicited_syn_acks`] it
/// allows for servers that answer SYNs of the last ten seconds again, and asks FINs for proof of connections.
pub(super) fn reflected_syn_acks(host: &HostDirection<'_>, span: Span) -> u64 {
    let syns = |span: Span| host.reverse(span).of(Class::TcpSyn).packets;
    let requested = syns(Span::Second).saturating_mul(SYN_ACKS_PER_SYN).saturating_add(syns(Span::TenSeconds));
    let closed = if syns(Span::Second) == 0 { host.forward(Span::Second).of(Class::TcpFin).packets } else { 0 };
    if CLOSED_SHARE.is_reached_by(closed, host.forward(Span::Second).of(Class::TcpSynAck).packets) {
        return 0;
    }
    host.forward(span).of(Class::TcpSynAck).packets.saturating_sub(requested)
}

pub(super) const UDP: &[Class] = &[Class::Udp];
const DNS_QUERIES: &[App] = &[App::DnsQuery];
const DNS_REPLIES: &[App] = &[App::DnsResponse, App::DnsNxdomain, App::DnsFailure];

/// Valid DNS queries, which are evaluated as such and not as mere UDP.
pub(super) fn dns_queries(host: &HostDirection<'_>, span: Span) -> u64 {
    host.app_packets(span, DNS_QUERIES)
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

const BULK_UDP: Threshold = Threshold {
    name: "bulk UDP",
    value: 600.0,
    unit: "octets on average",
    reason: "QUIC and tunnels carry bulk data in frames at least this large",
    guarded_by: "quic_download",
};
const BULK_UDP_PER_ANSWER: Threshold = Threshold {
    name: "bulk UDP packets per answer",
    value: 5.0,
    unit: "packets",
    reason: "a receiver of bulk data acknowledges about every fourth packet",
    guarded_by: "quic_download",
};
const UDP_PER_ANSWER: Threshold = Threshold {
    name: "UDP packets per answer",
    value: 2.0,
    unit: "packets",
    reason: "request and response protocols, voice and games answer at least every second packet",
    guarded_by: "voip",
};

/// UDP beyond what answers account for, without DNS queries and the answers to them.
pub(super) fn unanswered_udp(host: &HostDirection<'_>, span: Span, classes: &[Class]) -> u64 {
    let forward = host.forward(span).of_all(classes);
    let (queries, replies) = match classes.contains(&Class::Udp) {
        true => (dns_queries(host, span), dns_replies(host, span)),
        false => (0, 0),
    };
    let answers = host.reverse(span).of_all(classes).packets.saturating_sub(replies);
    let bulk = forward.bytes as f64 >= BULK_UDP.value * forward.packets as f64;
    let per_answer = if bulk { BULK_UDP_PER_ANSWER } else { UDP_PER_ANSWER };
    let answered = (answers as f64 * per_answer.value) as u64;
    forward.packets.saturating_sub(queries).saturating_sub(answered)
}

/// The same without replies of services that amplify, which `amplification` counts.
pub(super) fn unanswered_udp_without_amplifiers(host: &HostDirection<'_>, span: Span) -> u64 {
    unanswered_udp(host, span, UDP).saturating_sub(amplifier_replies(host, span))
}

/// For the baseline: the quantity where UDP has the shape asked for, else 0.
fn unanswered_udp_if(host: &HostDirection<'_>, spread: bool) -> u64 {
    // The shape costs more than the count: most hosts have none.
    match unanswered_udp_without_amplifiers(host, Span::Second) {
        0 => 0,
        count if shape::is_spread_udp(host, &SampleProfile::new(host, UDP), UDP) == spread => count,
        _ => 0,
    }
}

/// Replies of services that amplify, asked for or not.
pub(super) fn amplifier_replies(host: &HostDirection<'_>, span: Span) -> u64 {
    host.services(span).iter().map(|service| service.replies.packets).sum()
}

/// Replies beyond those that the host requested. A request may bring more than one packet of response; a client that
/// retransmits requests more than it gets.
pub(super) fn unrequested_replies(service: &ServiceTraffic) -> u64 {
    let answers = service.service.row().map_or(0, |row| row.answers);
    service.replies.packets.saturating_sub(service.requests.saturating_mul(answers))
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

/// Neighbour discovery belongs to layer 2 and is not counted.
pub(super) static ICMPV6: IcmpFamily = IcmpFamily {
    all: &[Class::Icmpv6Echo, Class::Icmpv6Reply, Class::Icmpv6Error, Class::Icmpv6Other],
    echo: Class::Icmpv6Echo,
    reply: Class::Icmpv6Reply,
    error: Class::Icmpv6Error,
    other: Class::Icmpv6Other,
};

/// ICMP beyond what the host provoked: echo replies beyond its requests, errors beyond its packets, and all else. Replies
/// of whole networks belong to `smurf`.
pub(super) fn unsolicited_icmp(host: &HostDirection<'_>, span: Span, family: &IcmpFamily) -> u64 {
    let forward = host.forward(span);
    let total = forward.of_all(family.all).packets;
    if total == 0 {
        return 0;
    }
    let reverse = host.reverse(span);
    let replies = forward.of(family.reply).packets;
    let requested = match shape::is_of_same_networks(host, family.reply) {
        true => replies,
        false => replies.min(reverse.of(family.echo).packets),
    };
    // Any packet of the host's own can bring one error. So can one with its address as a spoofed source, of which the
    // unrequested replies give the number.
    let forged: u64 = host.services(span).iter().map(unrequested_replies).sum();
    let sent = reverse.packets().saturating_sub(reverse.of_all(family.all).packets);
    let sent = sent.saturating_add(forged).saturating_add(reflected_syn_acks(host, span));
    let provoked = forward.of(family.error).packets.min(sent);
    // Echo requests that leave for many hosts, and are answered, are monitoring; an outbound flood has few victims.
    let monitors = host.is_outbound() && !SampleProfile::new(host, family.all).is_concentrated();
    let answered = if monitors { forward.of(family.echo).packets.min(reverse.of(family.reply).packets) } else { 0 };
    total.saturating_sub(requested).saturating_sub(provoked).saturating_sub(answered)
}

/// IP fragments other than the first of their datagram.
pub(super) fn later_fragments(host: &HostDirection<'_>, span: Span) -> u64 {
    host.forward(span).of(Class::Fragment).packets
}
