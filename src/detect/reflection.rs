//! Shapes of reflected TCP, for the detector of it and for the claims that it makes.

use super::host_context::HostContext;
use super::shape::{self, SampleProfile};
use super::threshold::Threshold;
use crate::meter::{HostDirection, Span};
use crate::packet::Class;

pub(super) const SYN_ACK: &[Class] = &[Class::TcpSynAck];
/// What a middlebox sends besides.
pub(super) const PAGES: &[Class] = &[Class::TcpData, Class::TcpRst, Class::TcpFin, Class::TcpAck];
/// What a host sends that has connections.
pub(super) const CONVERSATION: &[Class] =
    &[Class::TcpSyn, Class::TcpSynAck, Class::TcpAck, Class::TcpData, Class::TcpFin];

pub(super) const THRESHOLDS: &[Threshold] = &[CONVERSATION_SHARE, SOLICITED_SHARE, UNSEEN_SYN_ACKS];

const CONVERSATION_SHARE: Threshold = Threshold {
    name: "conversation share",
    value: 0.25,
    unit: "segments sent per segment received",
    reason: "a host that has the connections acknowledges at least every second segment; offload makes that fewer",
    guarded_by: "download",
};
const SOLICITED_SHARE: Threshold = Threshold {
    name: "solicited share",
    value: 0.02,
    unit: "connections of the host's own per segment",
    reason: "connections that the host opened bring segments in both directions",
    guarded_by: "browser",
};
const UNSEEN_SYN_ACKS: Threshold = Threshold {
    name: "SYN-ACKs of unseen clients",
    value: 0.001,
    unit: "SYN-ACKs per segment",
    reason: "a gateway whose own packets are not captured still gets a SYN-ACK per connection",
    guarded_by: "one_way_clients",
};

/// Whether connections continue after their SYN-ACKs although none of their SYNs is captured: a client in a capture of
/// one direction. Servers then send at least as much data as SYN-ACKs.
pub(super) fn continues(host: &HostDirection<'_>) -> bool {
    if host.reverse(Span::Second).of(Class::TcpSyn).packets > 0 {
        return false;
    }
    let (mut data, mut syn_acks) = (0, 0);
    for sample in host.samples(&[Class::TcpData, Class::TcpSynAck, Class::TcpFin]) {
        match sample.class == Class::TcpSynAck as u8 {
            true => syn_acks += u64::from(sample.weight),
            false if sample.source_port == 0 || shape::is_service_port(sample.source_port) => {
                data += u64::from(sample.weight);
            }
            false => {}
        }
    }
    data >= syn_acks
}

/// Whether the host gets data and RSTs of middleboxes that answer a request with its address as a spoofed source (Bock
/// et al., USENIX Security 2021).
pub(super) fn are_middlebox_replies(host: &HostContext<'_>) -> bool {
    if host.is_outbound() {
        return false;
    }
    let (forward, reverse) = (host.forward(Span::Second), host.reverse(Span::Second));
    let pages = forward.of_all(PAGES).packets;
    let sent = reverse.of_all(CONVERSATION).packets;
    // Responses to the host's own connections come from service ports too; those to its services do not.
    let solicited = forward.of(Class::TcpSynAck).packets.min(reverse.of(Class::TcpSyn).packets);
    if pages == 0 || CONVERSATION_SHARE.is_reached_by(sent, pages) || SOLICITED_SHARE.is_reached_by(solicited, pages) {
        return false;
    }
    let syn_acks = forward.of(Class::TcpSynAck).packets;
    let unseen = sent == 0 && continues(host) && UNSEEN_SYN_ACKS.is_reached_by(syn_acks, pages);
    // The host's other connections must not blur the picture.
    let Some(ports) = shape::service_ports(host, PAGES).filter(|_| !unseen) else { return false };
    let is_from_them = |port: u16| ports.iter().any(|(known, _)| *known == port);
    let profile = SampleProfile::of(host.samples(PAGES).filter(|sample| is_from_them(sample.source_port)));
    profile.many_sources() && profile.many_flows()
}
