//! Shapes of reflected TCP, for the detector of it and for the claims that it makes.

use super::host_context::HostContext;
use super::quantities;
use super::shape::{self, SampleProfile};
use super::threshold::Threshold;
use crate::meter::{HostDirection, Span};
use crate::packet::Class;

pub(super) const SYN_ACK: &[Class] = &[Class::TcpSynAck];
/// What a middlebox sends besides.
pub(super) const PAGES: &[Class] = &[Class::TcpData, Class::TcpRst, Class::TcpFin, Class::TcpAck];

pub(super) const THRESHOLDS: &[Threshold] = &[UNSOLICITED_SHARE];

const UNSOLICITED_SHARE: Threshold = Threshold {
    name: "unsolicited pages",
    value: 0.5,
    unit: "share of data, RSTs, FINs and ACKs from the service ports",
    reason: "below, the samples that show ports and sources are of the host's own connections",
    guarded_by: "tcp_reflection_middleboxes",
};

/// Data, RSTs, FINs and ACKs of connections on which the host is silent.
pub(super) fn unsolicited_pages(host: &HostDirection<'_>, span: Span) -> u64 {
    quantities::unsolicited(host, span, PAGES)
}

/// Whether the host gets data and RSTs of middleboxes that answer a request with its address as a spoofed source (Bock
/// et al., USENIX Security 2021).
pub(super) fn are_middlebox_replies(host: &HostContext<'_>) -> bool {
    if host.is_outbound() {
        return false;
    }
    let pages = host.forward(Span::Second).of_all(PAGES).packets;
    if !UNSOLICITED_SHARE.is_reached_by(unsolicited_pages(host, Span::Second), pages) {
        return false;
    }
    // The host's other connections must not blur the picture.
    let Some(ports) = shape::service_ports(host, PAGES) else { return false };
    let is_from_them = |port: u16| ports.iter().any(|(known, _)| *known == port);
    let profile = SampleProfile::of(host.samples(PAGES).filter(|sample| is_from_them(sample.source_port)));
    profile.many_sources() && profile.many_flows()
}
