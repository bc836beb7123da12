//! What the detectors of amplification share: replies of services in the table of amplifiers.

use super::HostContext;
use super::limit::Limit;
use super::settings::Limits;
use super::threshold::Threshold;
use crate::meter::{HostDirection, Sample, ServiceTraffic};
use crate::packet::{Amplifier, Class};

/// The classes that replies arrive in, without their later fragments.
pub(super) const DATAGRAMS: &[Class] = &[Class::Udp, Class::Quic];

pub(super) const LARGE_ONE_WAY: Threshold = Threshold {
    name: "large replies of one direction",
    value: 600.0,
    unit: "octets per frame on average",
    reason: "where the host is never seen sending, its requests may merely not be captured",
    guarded_by: "udp_answers_one_way",
};
pub(super) const MOST_REPLIES: Threshold = Threshold {
    name: "most replies",
    value: 1000.0,
    unit: "replies per request",
    reason: "no known service brings more per request (NTP monlist: 100); beyond it the requests do not explain the replies",
    guarded_by: "open_reflector",
};

/// Limits of replies per second, by kind of service.
pub(super) struct ReplyLimits {
    /// Services that also have honest uses.
    pub ambiguous: Limits,
    /// Services that no sound network uses across its edge.
    pub unambiguous: Limits,
}

impl ReplyLimits {
    /// The limit of one service.
    pub(crate) fn of(&self, row: &Amplifier, host: &HostContext<'_>) -> Limit {
        host.limit(if row.unambiguous { &self.unambiguous } else { &self.ambiguous })
    }

    /// The lower of the two, in packets per second.
    pub(crate) fn least(&self, host: &HostContext<'_>) -> f64 {
        host.limit(&self.ambiguous).value.min(host.limit(&self.unambiguous).value)
    }
}

/// Samples of replies, without their later fragments.
pub(super) fn replies<'a>(host: &HostDirection<'a>, row: &'static Amplifier) -> impl Iterator<Item = &'a Sample> {
    host.samples(DATAGRAMS).filter(|sample| row.has_port(sample.source_port))
}

/// Whether requests explain what one of our hosts sends: it is a reflector, or serves honestly.
pub(super) fn are_answers(service: &ServiceTraffic) -> bool {
    service.requests as f64 * MOST_REPLIES.value >= service.replies.packets as f64
}

/// Octets of a reply on average, headers included.
pub(super) fn mean_size(service: &ServiceTraffic) -> u64 {
    service.replies.bytes / service.replies.packets.max(1)
}
