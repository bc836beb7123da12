//! The registry of detectors.

use super::baseline::DefaultLimits;
use super::detector::DetectorSpec;
use super::quantities::Quantity;
use super::threshold::Threshold;
use super::{
    ack_flood, amplification, backscatter, brute_force, connection_flood, dns_query_flood, dns_water_torture,
    fragment_flood, http_flood, icmp_flood, land_attack, layer2, link_saturated, open_reflector, other_amplification,
    posture, protocol_flood, rst_flood, scan, slow_http, smurf, spoofed_source, syn_ack_flood, syn_flood, tcp_flags,
    tcp_reflection, tls_handshake_flood, total, udp_flood,
};
use super::{
    attempts, claim_rules, dns, exceeded, finding, host_context, inside, mixture, prefix, quantities, reflection,
    reply_shape, requests, shape,
};
use crate::base::Vector;

/// Every detector, in the order in which they run and are listed.
pub const DETECTORS: &[DetectorSpec] = &[
    syn_flood::SPEC,
    syn_ack_flood::SPEC,
    ack_flood::SPEC,
    rst_flood::SPEC,
    tcp_flags::SPEC,
    udp_flood::UDP,
    udp_flood::QUIC,
    icmp_flood::ICMP,
    icmp_flood::ICMPV6,
    smurf::SPEC,
    fragment_flood::SPEC,
    protocol_flood::GRE,
    protocol_flood::OTHER,
    land_attack::SPEC,
    amplification::SPEC,
    other_amplification::SPEC,
    tcp_reflection::SPEC,
    open_reflector::SPEC,
    http_flood::SPEC,
    tls_handshake_flood::SPEC,
    dns_query_flood::SPEC,
    dns_water_torture::SPEC,
    connection_flood::SPEC,
    slow_http::SPEC,
    scan::SPEC,
    brute_force::SPEC,
    backscatter::SPEC,
    spoofed_source::SPEC,
    super::sip_flood::SPEC,
    layer2::MAC_NOT_ALLOWED,
    layer2::MAC_IP_MISMATCH,
    layer2::ARP_SPOOF,
    layer2::ND_SPOOF,
    layer2::GATEWAY_MAC_CHANGED,
    layer2::IP_CONFLICT,
    layer2::MAC_FLAP,
    layer2::MAC_FLOOD,
    layer2::ARP_FLOOD,
    layer2::GRATUITOUS_ARP_STORM,
    layer2::BROADCAST_STORM,
    layer2::MULTICAST_STORM,
    layer2::ROGUE_DHCP,
    layer2::DHCP_STARVATION,
    layer2::DHCP_FLOOD,
    layer2::ROGUE_RA,
    layer2::STP_FROM_GUEST,
    layer2::UNKNOWN_UNICAST_FLOOD,
    layer2::L2_LOOP,
    layer2::GATEWAY_SILENT,
    layer2::NEW_STATION,
    layer2::CHANGED_STATION,
    layer2::FLIP_FLOP,
    posture::SPEC,
    link_saturated::SPEC,
    // Last: the vectors that it raises are those of others.
    total::SPEC,
];

/// Thresholds that several detectors share, by the file that defines them.
pub const SHARED_THRESHOLDS: &[(&str, &[Threshold])] = &[
    ("exceeded", exceeded::THRESHOLDS),
    ("finding", finding::THRESHOLDS),
    ("host_context", host_context::THRESHOLDS),
    ("quantities", quantities::THRESHOLDS),
    ("shape", shape::THRESHOLDS),
    ("mixture", mixture::THRESHOLDS),
    ("reflection", reflection::THRESHOLDS),
    ("claim_rules", claim_rules::THRESHOLDS),
    ("prefix", prefix::THRESHOLDS),
    ("inside", inside::THRESHOLDS),
    ("reply_shape", reply_shape::THRESHOLDS),
    ("requests", requests::THRESHOLDS),
    ("dns", dns::THRESHOLDS),
    ("attempts", attempts::THRESHOLDS),
];

/// The default limit of each quantity that is learned: the lowest of the settings that learn it.
pub fn default_limits() -> DefaultLimits {
    let settings = || DETECTORS.iter().flat_map(|spec| spec.settings);
    let of = |quantity| {
        let learning = settings().filter(|setting| setting.learns == Some(quantity));
        learning.map(|setting| setting.default).min_by(f64::total_cmp).unwrap_or(0.0)
    };
    DefaultLimits(Quantity::ALL.map(of))
}

/// The detector that raises a vector. `total` has no shape of its own and uses the vectors of others: it is left out.
pub fn spec_of(vector: Vector) -> Option<&'static DetectorSpec> {
    DETECTORS.iter().find(|spec| spec.name != total::SPEC.name && spec.vectors.contains(&vector))
}

#[cfg(test)]
mod tests {
    use super::super::claim::Claim;
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_vector_has_exactly_one_detector() {
        // `total` has no shape of its own: it names what it finds by the protocol that dominates.
        let mut raised = BTreeSet::new();
        for spec in DETECTORS.iter().filter(|spec| spec.name != "total") {
            assert!(!spec.vectors.is_empty(), "{} raises nothing", spec.name);
            for vector in spec.vectors {
                assert!(raised.insert(*vector), "{vector} is raised by two detectors");
            }
        }
        assert_eq!(raised, Vector::ALL.iter().copied().collect(), "a vector that no detector raises");
    }

    #[test]
    fn names_and_settings_are_unique_and_defaults_in_range() {
        let mut names = BTreeSet::new();
        for spec in DETECTORS {
            assert!(names.insert(spec.name));
            let mut keys = BTreeSet::new();
            for setting in spec.settings {
                assert!(keys.insert(setting.key), "{}.{} twice", spec.name, setting.key);
                assert!(!matches!(setting.key, "enabled" | "severity"));
                assert!((setting.min..=setting.max).contains(&setting.default), "{}.{}", spec.name, setting.key);
            }
        }
    }

    #[test]
    fn claims_have_one_owner_and_precedence_has_no_circle() {
        for claim in Claim::ALL {
            let owners = DETECTORS.iter().filter(|spec| spec.claims.contains(&claim)).count();
            assert_eq!(owners, 1, "{claim:?}");
            assert!(DETECTORS.iter().any(|spec| spec.yields_to.contains(&claim)), "{claim:?} is yielded to by none");
        }
        let rank = |spec: &DetectorSpec| {
            // A detector yields to those that it can reach; following the claims must end.
            let mut reached: Vec<&str> = vec![spec.name];
            let mut next = vec![spec];
            while let Some(spec) = next.pop() {
                for other in DETECTORS.iter().filter(|other| other.claims.iter().any(|c| spec.yields_to.contains(c))) {
                    assert_ne!(other.name, reached[0], "{} yields to itself in the end", reached[0]);
                    if !reached.contains(&other.name) {
                        reached.push(other.name);
                        next.push(other);
                    }
                }
            }
        };
        DETECTORS.iter().for_each(rank);
    }

    #[test]
    fn thresholds_are_named_once_and_have_reasons() {
        let own = DETECTORS.iter().map(|spec| (spec.name, spec.thresholds));
        for (owner, thresholds) in own.chain(SHARED_THRESHOLDS.iter().copied()) {
            let mut names = BTreeSet::new();
            for threshold in thresholds {
                assert!(names.insert(threshold.name), "{owner}: {} twice", threshold.name);
                assert!(threshold.reason.len() > 20 && !threshold.unit.is_empty(), "{owner}: {}", threshold.name);
            }
        }
    }
}
