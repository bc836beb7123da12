//! Detect: from one tick's [`Window`] to findings. Every detector asks for *rate and shape*, and says what it measured.
//!
//! [`DETECTORS`] is the registry: the command line, the configuration, the documentation and the metrics' label values
//! all come from it. One file per detector; what they share about the shape of traffic is in [`shape`].

mod ack_flood;
mod amplification;
mod finding;
mod fragment_flood;
mod icmp_flood;
mod mac_not_allowed;
mod rst_flood;
pub mod settings;
mod shape;
mod syn_flood;
mod udp_flood;

pub use finding::{Evidence, Finding, LimitFrom, Target, Traffic};
pub use settings::{Setting, Settings};

use crate::base::{Direction, Vector};
use crate::inventory::Site;
use crate::meter::{Flow, Window};
use std::sync::Arc;

/// Looks at every window once, at the end of each tick. Must not read a clock: the window carries the time.
pub trait Detector: Send {
    /// Adds what it finds to `findings`, every tick anew as long as it lasts.
    fn detect(&mut self, window: &Window<'_>, findings: &mut Vec<Finding>);
}

/// A detector that looks at each busy host by itself, in each direction in which attacks can be told.
trait JudgeFlow: Send {
    fn judge(&self, flow: &Flow<'_>, direction: Direction, window: &Window<'_>, findings: &mut Vec<Finding>);
}

/// Leads a [`JudgeFlow`] through the hosts.
struct EachFlow<J> {
    judge: J,
    site: Arc<Site>,
}

impl<J: JudgeFlow + 'static> EachFlow<J> {
    fn boxed(judge: J, site: &Arc<Site>) -> Box<dyn Detector> {
        Box::new(EachFlow { judge, site: Arc::clone(site) })
    }
}

impl<J: JudgeFlow> Detector for EachFlow<J> {
    fn detect(&mut self, window: &Window<'_>, findings: &mut Vec<Finding>) {
        for host in window.hosts() {
            for &direction in self.site.directions() {
                let flow = host.flow(direction);
                if flow.forward_packets() > 0 {
                    self.judge.judge(&flow, direction, window, findings);
                }
            }
        }
    }
}

/// A row of the registry.
pub struct DetectorSpec {
    /// Name in the configuration (`[detect.NAME]`), lists and metrics.
    pub name: &'static str,
    /// What it raises.
    pub vectors: &'static [Vector],
    /// One line: what it recognises, and by which shape.
    pub summary: &'static str,
    /// Its settings; every detector also has `enabled`.
    pub settings: &'static [Setting],
    pub build: fn(&Settings, &Arc<Site>) -> Box<dyn Detector>,
}

/// Every detector, in the order in which they run and are listed.
pub const DETECTORS: &[DetectorSpec] = &[
    syn_flood::SPEC,
    ack_flood::SPEC,
    rst_flood::SPEC,
    udp_flood::SPEC,
    icmp_flood::ICMP,
    icmp_flood::ICMPV6,
    fragment_flood::SPEC,
    amplification::SPEC,
    mac_not_allowed::SPEC,
];

/// Builds every enabled detector.
pub fn build(settings: &[Settings], site: &Arc<Site>) -> Vec<Box<dyn Detector>> {
    DETECTORS
        .iter()
        .zip(settings)
        .filter(|(_, settings)| settings.enabled)
        .map(|(spec, settings)| (spec.build)(settings, site))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_vector_has_exactly_one_detector() {
        let mut raised = BTreeSet::new();
        for spec in DETECTORS {
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
                assert!(setting.key != "enabled");
                assert!((setting.min..=setting.max).contains(&setting.default), "{}.{}", spec.name, setting.key);
            }
        }
    }
}
