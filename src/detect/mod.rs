//! Detect: from one tick's [`Window`](crate::meter::Window) to findings. Every detector asks for *rate and shape*, and
//! reports what it measured.
//!
//! [`DETECTORS`] is the registry: the command line, the configuration, the book and the label values of metrics follow
//! from it. One file per detector. What they share:
//!
//! | file | what it defines |
//! |---|---|
//! | [`quantities`] | each measured quantity once: for detectors, the flag mixture and the baseline |
//! | `shape` | the shape of sampled packets: diversity, concentration, scans, reflected ports |
//! | `exceeded` | when a rate exceeds its limit, over a second or by a burst |
//! | `mixture`, `reflection`, `requests`, `dns`, `attempts` | what several detectors of one kind share |
//! | `need`, `gate` | which detectors can find something on a host at all |
//! | [`claim`] | which detector reports packets that fit several |
//! | `threshold` | the numbers of a method, each with its reason and the scenario that guards it |
//! | [`baseline`] | levels learned per host and hour of the week |
//! | `prefix` | carpet bombing: prefixes inspected like hosts |

mod ack_flood;
mod allow;
mod amplification;
mod amplifier;
mod attempts;
mod backscatter;
pub mod baseline;
mod brute_force;
pub mod claim;
mod claim_rules;
mod connection_flood;
mod detector;
mod dns;
mod dns_query_flood;
mod dns_water_torture;
mod evidence;
mod exceeded;
mod explain;
mod finding;
mod fragment_flood;
mod gate;
mod host_context;
mod http_flood;
mod icmp_flood;
mod inside;
mod land_attack;
mod layer2;
mod limit;
mod link_saturated;
mod mixture;
mod need;
mod open_reflector;
mod other_amplification;
mod posture;
mod prefix;
mod protocol_flood;
pub mod quantities;
mod reflection;
mod registry;
mod reply_shape;
mod requests;
mod rst_flood;
mod runner;
mod scan;
pub mod settings;
mod shape;
mod sip_flood;
mod slow_http;
mod smurf;
mod spoofed_source;
mod syn_ack_flood;
mod syn_flood;
mod target;
mod tcp_flags;
mod tcp_reflection;
mod threshold;
mod tls_handshake_flood;
mod total;
mod udp_flood;

pub use allow::{AllowList, AllowRule, Allowed};
pub use baseline::{Baseline, DayLimit};
pub use claim::Claim;
pub use detector::{Detector, DetectorSpec, FrameMatch, Merging, Mitigation};
pub use evidence::Evidence;
pub use explain::{Comparison, Explanation};
pub use finding::{Finding, NameCount, Traffic};
pub use host_context::HostContext;
pub use limit::{DEFAULT_CEILING, Limit, LimitFrom};
pub use need::{Gauge, Need};
pub use quantities::Quantity;
pub use registry::{DETECTORS, SHARED_THRESHOLDS, default_limits, spec_of};
pub use runner::{Detectors, build, explain, run, run_host_checks, run_links};
pub use settings::{GroupLimit, Setting, Settings};
pub use target::Target;
pub use threshold::Threshold;
