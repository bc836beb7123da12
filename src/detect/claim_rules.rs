//! The shape of traffic that each claim stands for.

use super::claim::Claim;
use super::host_context::HostContext;
use super::mixture::FlagMixture;
use super::quantities::{self, amplifier_replies};
use super::reflection;
use super::shape;
use super::threshold::Threshold;
use crate::meter::Span;
use crate::packet::Class;

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

/// Whether a detector claims some of this host's packets. Decided once per host and tick.
pub(super) fn applies(claim: Claim, host: &HostContext<'_>) -> bool {
    host.claims().get_or_init(claim, || has_shape(claim, host))
}

/// Whether the host's traffic of the last second has this shape.
fn has_shape(claim: Claim, host: &HostContext<'_>) -> bool {
    match claim {
        Claim::FlagMixture => host.flag_mixture() != FlagMixture::None,
        Claim::ReflectedSynAcks => shape::service_ports(host, reflection::SYN_ACK).is_some(),
        Claim::MiddleboxReplies => reflection::are_middlebox_replies(host),
        Claim::ReflectedUdp => !host.is_outbound() && host.reflected_port().is_some(),
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
