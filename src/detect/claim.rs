//! Precedence between detectors, as data. Some packets fit two detectors: the SYNs of a flood with random flags are
//! unanswered SYNs as well. One of the two *claims* such packets, and the others' specs say that they yield to the claim
//! ([`DetectorSpec::yields_to`](super::DetectorSpec)). Neither knows the other.

use super::host_context::HostContext;
use super::mixture::FlagMixture;
use super::quantities::{self, amplifier_replies};
use super::reflection;
use super::shape;
use super::threshold::Threshold;
use crate::meter::Span;
use crate::packet::Class;
use std::cell::Cell;

/// A shape of traffic that one detector claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Several TCP flag patterns flood at the same time: reported as `tcp_flood`, not by pattern.
    FlagMixture,
    /// SYN-ACKs from few service ports: real servers that answer spoofed SYNs. Invented ones come from any port.
    ReflectedSynAcks,
    /// Data and RSTs of middleboxes that answer a spoofed request.
    MiddleboxReplies,
    /// UDP reflected by a service that is not in the table of amplifiers.
    ReflectedUdp,
    /// SIP requests: most of the host's UDP.
    SipRequests,
    /// Later fragments of large replies of amplifiers.
    AmplifierFragments,
    /// Later fragments of large replies of other reflectors.
    ReflectedFragments,
}

impl Claim {
    pub const ALL: [Claim; 7] = [
        Claim::FlagMixture,
        Claim::ReflectedSynAcks,
        Claim::MiddleboxReplies,
        Claim::ReflectedUdp,
        Claim::SipRequests,
        Claim::AmplifierFragments,
        Claim::ReflectedFragments,
    ];

    /// Whether the host's traffic of the last second has this shape.
    pub(super) fn applies(self, host: &HostContext<'_>) -> bool {
        match self {
            Claim::FlagMixture => host.flag_mixture() != FlagMixture::None,
            Claim::ReflectedSynAcks => shape::service_ports(host, reflection::SYN_ACK).is_some(),
            Claim::MiddleboxReplies => reflection::are_middlebox_replies(host),
            Claim::ReflectedUdp => host.reflected_port().is_some(),
            Claim::SipRequests => {
                let udp = host.forward(Span::Second).of(Class::Udp).packets;
                SIP_SHARE.is_reached_by(quantities::sip_requests(host, Span::Second), udp)
            }
            Claim::AmplifierFragments => {
                let fragments = quantities::later_fragments(host, Span::Second);
                REPLIES_PER_FRAGMENT.is_reached_by(amplifier_replies(host, Span::Second), fragments)
            }
            Claim::ReflectedFragments => {
                let (fragments, firsts) = (quantities::later_fragments(host, Span::Second), host.first_fragments());
                let udp = host.forward(Span::Second).of(Class::Udp).packets;
                FIRSTS_PER_FRAGMENT.is_reached_by(firsts, fragments)
                    && FIRSTS_PER_DATAGRAM.is_reached_by(firsts, udp)
                    && host.reflected_port().is_some()
            }
        }
    }
}

pub(super) const THRESHOLDS: &[Threshold] =
    &[SIP_SHARE, REPLIES_PER_FRAGMENT, FIRSTS_PER_FRAGMENT, FIRSTS_PER_DATAGRAM];

const SIP_SHARE: Threshold = Threshold {
    name: "SIP share",
    value: 0.5,
    unit: "share of UDP packets",
    reason: "a flood of SIP requests is most of the UDP that the host receives; media of calls is not SIP",
    guarded_by: "sip_flood",
};

const REPLIES_PER_FRAGMENT: Threshold = Threshold {
    name: "replies per fragment",
    value: 0.1,
    unit: "amplifier replies per later fragment",
    reason: "a reply of 4,096 octets makes two later fragments; one of ten is captured at least",
    guarded_by: "dns_amplification_fragments",
};
const FIRSTS_PER_FRAGMENT: Threshold = Threshold {
    name: "first fragments per later one",
    value: 0.1,
    unit: "first fragments",
    reason: "the largest datagram makes 45 fragments at the usual MTU; of replies with ten, the first must be here",
    guarded_by: "other_amplification_fragments",
};
const FIRSTS_PER_DATAGRAM: Threshold = Threshold {
    name: "fragmented datagrams",
    value: 0.5,
    unit: "share of UDP packets",
    reason: "where the reflected replies are what is fragmented, most of them are",
    guarded_by: "other_amplification_fragments",
};

/// Which claims apply to one host in one tick: each is decided once, when it is first asked for.
#[derive(Default)]
pub(super) struct ClaimCache([Cell<Option<bool>>; Claim::ALL.len()]);

impl ClaimCache {
    pub fn get_or_init(&self, claim: Claim, decide: impl FnOnce() -> bool) -> bool {
        // Every claim has an index below the array's length.
        let Some(cell) = self.0.get(claim as usize) else { return decide() };
        let applies = cell.get().unwrap_or_else(decide);
        cell.set(Some(applies));
        applies
    }
}
