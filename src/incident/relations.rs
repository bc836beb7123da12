//! Which vectors explain which others, for merging incidents.

use crate::base::{Vector, VectorClass};

/// Whether this attack on a host can be part of one on its whole prefix.
pub(super) fn is_flood(vector: Vector) -> bool {
    matches!(vector.class(), VectorClass::Flood | VectorClass::Amplification)
}

/// Whether an incident of a whole LAN explains a finding about one of its stations.
pub(super) fn explains(lan: Vector, station: Vector) -> bool {
    match lan {
        Vector::MacFlood => matches!(station, Vector::MacNotAllowed | Vector::SpoofedSource | Vector::MacFlap),
        Vector::L2Loop => matches!(
            station,
            Vector::MacFlap
                | Vector::BroadcastStorm
                | Vector::MulticastStorm
                | Vector::ArpFlood
                | Vector::GratuitousArpStorm
                | Vector::DhcpFlood
                | Vector::RogueRa
        ),
        _ => false,
    }
}

/// Whether hosts send these packets in response to others: those of an attacked host are a side effect of the attack.
pub(super) fn is_response(vector: Vector) -> bool {
    matches!(vector, Vector::RstFlood | Vector::IcmpFlood | Vector::Icmpv6Flood)
}
