//! Traffic with one amplification service, as a direction of a host sees it.

use super::counts::Count;
use super::host_tick::ServiceCounts;
use crate::packet::Service;

/// One amplification service in one direction: replies forward, requests reverse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceTraffic {
    /// The service that sends the replies and gets the requests.
    pub service: Service,
    /// Forward replies of the service.
    pub replies: Count,
    /// Of these, the unsolicited ones.
    pub unsolicited: u64,
    /// Those of which the memory of conversations cannot tell.
    pub unknown: u64,
    /// Requests in the opposite direction.
    pub requests: u64,
    /// Forward requests.
    pub asked: u64,
}

impl ServiceTraffic {
    pub(super) fn of(service: Service, row: &ServiceCounts, outbound: bool) -> ServiceTraffic {
        if outbound {
            ServiceTraffic {
                service,
                replies: row.replies_sent.into(),
                unsolicited: row.unsolicited_sent.into(),
                unknown: row.unknown_sent.into(),
                requests: row.requests_received.into(),
                asked: row.requests_sent.into(),
            }
        } else {
            ServiceTraffic {
                service,
                replies: row.replies_received.into(),
                unsolicited: row.unsolicited_received.into(),
                unknown: row.unknown_received.into(),
                requests: row.requests_sent.into(),
                asked: row.requests_received.into(),
            }
        }
    }

    pub(super) fn merge(&mut self, other: &ServiceTraffic) {
        self.replies.merge(other.replies);
        self.unsolicited += other.unsolicited;
        self.unknown += other.unknown;
        self.requests += other.requests;
        self.asked += other.asked;
    }
}
