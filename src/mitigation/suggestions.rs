//! The suggestions against an incident, as rules and as text.

use super::background::BackgroundSample;
use super::plan::{Action, Attack, Background, Language, Plan, plan};
use super::{filters, routes, shape};
use crate::base::{Direction, Mac, Vector};
use crate::detect::{self, Target};
use ipnet::IpNet;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// One suggestion. Public API: part of the incident JSON.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Mitigation {
    /// The format of the text: `nftables`, `bpf`, `exabgp`, `gobgp` or `blackhole`.
    pub kind: &'static str,
    /// `drop`, `rate_limit`, `blackhole`, or `match` if it only selects packets.
    pub action: &'static str,
    /// Can be loaded unchanged; empty if there is no suggestion of this kind.
    pub text: String,
    /// Share of the attack that it matches, 0 to 1, from the incident's sampled packets.
    pub matches_attack: Option<f64>,
    /// Share of the target's background traffic, sampled before the incident, that it matches, 0 to 1; `null` if too
    /// little was sampled.
    pub collateral: Option<f64>,
    /// Sampled packets of the incident.
    pub attack_samples: usize,
    /// Sampled packets of background traffic.
    pub background_samples: usize,
    /// Why there is no suggestion of this kind, or why it is not recommended.
    pub refused: Option<String>,
    /// What it does not cover, and what else to know before it is used.
    pub notes: Vec<String>,
}

/// The formats of suggestions.
pub(super) const KINDS: [&str; 5] = ["nftables", "bpf", "exabgp", "gobgp", "blackhole"];

/// What rules match.
#[derive(Clone, Debug, PartialEq)]
enum Subject {
    /// Traffic of a host or a network, and whether it is outbound.
    Network { network: IpNet, outbound: bool },
    /// Frames of a station on its LAN.
    Station { mac: Mac, vector: Vector },
    /// Nothing, for this reason.
    Unfilterable(&'static str),
}

/// The suggestions against an incident. While it is open, these are samples, and rules are computed on request: up to a
/// thousand incidents may be open and are published every second. A closed incident keeps only its rules.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Suggestions(State);

#[derive(Clone, Debug, Default, PartialEq)]
enum State {
    #[default]
    Empty,
    Open {
        target: Target,
        direction: Direction,
        attacks: Vec<Attack>,
        background: Arc<BackgroundSample>,
    },
    Closed(Arc<Rules>),
}

impl Suggestions {
    /// Whether nothing can be written from it.
    pub fn is_empty(&self) -> bool {
        matches!(self.0, State::Empty)
    }

    /// Of an open incident: its vectors, and the target's traffic before it.
    pub fn open(
        target: Target,
        direction: Direction,
        attacks: Vec<Attack>,
        background: Arc<BackgroundSample>,
    ) -> Suggestions {
        Suggestions(State::Open { target, direction, attacks, background })
    }

    /// Computes the final rules and discards the samples.
    pub fn closed(self) -> Suggestions {
        Suggestions(State::Closed(self.rules()))
    }

    /// The text of all suggestions, one of each kind; `id` is the incident's, for names and comments.
    pub fn write(&self, id: &str) -> Vec<Mitigation> {
        self.rules().write(id)
    }

    fn rules(&self) -> Arc<Rules> {
        match &self.0 {
            State::Empty => Arc::default(),
            State::Open { target, direction, attacks, background } => {
                Arc::new(Rules::new(target, *direction, attacks, background))
            }
            State::Closed(rules) => Arc::clone(rules),
        }
    }
}

/// The rules against an incident.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rules {
    subject: Subject,
    /// For packet filters.
    filter: Plan,
    /// For routes.
    flowspec: Plan,
    attack_samples: usize,
    background_samples: usize,
}

impl Default for Rules {
    fn default() -> Self {
        let (filter, flowspec) = Default::default();
        let subject = Subject::Unfilterable("none of its packets were sampled");
        Rules { subject, filter, flowspec, attack_samples: 0, background_samples: 0 }
    }
}

impl Rules {
    pub(super) fn new(target: &Target, direction: Direction, attacks: &[Attack], sample: &BackgroundSample) -> Rules {
        let subject = subject(target, direction, attacks.first().map(|attack| attack.vector));
        let (mut filter, mut flowspec) = (Plan::default(), Plan::default());
        if matches!(subject, Subject::Network { .. }) {
            let background = Background::new(&sample.samples, sample.packets_per_second);
            filter = plan(attacks, &background, Language::FILTER);
            flowspec = plan(attacks, &background, Language::FLOWSPEC);
        }
        let attack_samples = attacks.iter().map(|attack| attack.samples.len()).sum();
        Rules { subject, filter, flowspec, attack_samples, background_samples: sample.samples.len() }
    }

    /// One entry for each of [`KINDS`].
    fn write(&self, id: &str) -> Vec<Mitigation> {
        KINDS.iter().map(|kind| self.of_kind(kind, id)).collect()
    }

    pub(super) fn of_kind(&self, kind: &'static str, id: &str) -> Mitigation {
        match self.subject {
            Subject::Unfilterable(why) => self.refusal(kind, why.to_owned()),
            Subject::Station { mac, vector } => self.for_station(kind, mac, vector, id),
            Subject::Network { network, outbound } if kind == "blackhole" => self.blackhole(network, outbound),
            Subject::Network { network, outbound } => {
                let plan = if matches!(kind, "exabgp" | "gobgp") { &self.flowspec } else { &self.filter };
                if plan.rules.is_empty() {
                    return self.refusal(kind, plan.notes.join("; "));
                }
                let limits = plan.rules.iter().any(|rule| rule.action != Action::Drop);
                let text = match kind {
                    "nftables" => filters::nftables(id, &self.heading(plan), &plan.rules, network, outbound),
                    "bpf" => filters::bpf(&plan.rules, network, outbound),
                    "exabgp" => routes::exabgp(&plan.rules, network, outbound),
                    _ => routes::gobgp(&plan.rules, network, outbound),
                };
                let mut notes = plan.notes.clone();
                if plan.collateral.is_none() {
                    notes.push("too little background traffic was sampled to estimate the collateral".to_owned());
                }
                Mitigation {
                    kind,
                    action: if kind == "bpf" {
                        "match"
                    } else if limits {
                        "rate_limit"
                    } else {
                        "drop"
                    },
                    text,
                    matches_attack: Some(rounded(plan.attack)),
                    collateral: plan.collateral.map(rounded),
                    attack_samples: self.attack_samples,
                    background_samples: self.background_samples,
                    refused: None,
                    notes,
                }
            }
        }
    }

    /// A comment on what the rules match.
    fn heading(&self, plan: &Plan) -> String {
        let (attack, samples) = (plan.attack * 100.0, self.attack_samples);
        let collateral = match plan.collateral {
            Some(share) => {
                format!("{:.1} % of background traffic ({} sampled packets)", share * 100.0, self.background_samples)
            }
            None => "an unknown share of background traffic (too few samples)".to_owned(),
        };
        format!("matches {attack:.1} % of the attack ({samples} sampled packets) and {collateral}")
    }

    fn refusal(&self, kind: &'static str, why: String) -> Mitigation {
        Mitigation {
            kind,
            action: if kind == "blackhole" { "blackhole" } else { "drop" },
            text: String::new(),
            matches_attack: None,
            collateral: None,
            attack_samples: self.attack_samples,
            background_samples: self.background_samples,
            refused: Some(why),
            notes: Vec::new(),
        }
    }

    fn for_station(&self, kind: &'static str, mac: Mac, vector: Vector, id: &str) -> Mitigation {
        let text = match kind {
            "nftables" => filters::bridge(id, mac, vector),
            "bpf" => filters::station(mac, vector),
            "blackhole" => {
                return self.refusal(kind, "a route needs an IP prefix, and the target is a MAC address".to_owned());
            }
            _ => return self.refusal(kind, "FlowSpec matches IP traffic, not MAC addresses".to_owned()),
        };
        let mut notes = vec!["load it on the host that bridges this MAC address".to_owned()];
        if filters::is_whole_station(vector) {
            notes.push("it drops every frame from this MAC address".to_owned());
        }
        Mitigation {
            action: if kind == "bpf" { "match" } else { "drop" },
            text,
            refused: None,
            notes,
            ..self.refusal(kind, String::new())
        }
    }

    /// A blackhole route does to the target what the attacker wants. It is written for emergencies in which all other
    /// hosts behind the same uplink suffer.
    fn blackhole(&self, network: IpNet, outbound: bool) -> Mitigation {
        if outbound {
            let why = "a blackhole route drops traffic to a host; this attack comes from one".to_owned();
            return self.refusal("blackhole", why);
        }
        Mitigation {
            action: "blackhole",
            text: routes::blackhole(network),
            matches_attack: Some(1.0),
            collateral: Some(1.0),
            refused: Some(format!(
                "it makes {network} unreachable; use it only to protect other hosts on the same uplink"
            )),
            ..self.refusal("blackhole", String::new())
        }
    }
}

fn subject(target: &Target, direction: Direction, vector: Option<Vector>) -> Subject {
    let outbound = direction == Direction::Outbound;
    match (target, vector) {
        (Target::Host(address), _) => match shape::network(*address, if address.is_v4() { 32 } else { 128 }) {
            Some(network) => Subject::Network { network, outbound },
            None => Subject::Unfilterable("the target is not a valid address"),
        },
        (Target::Prefix(network), _) if network.prefix_len() == 0 => {
            Subject::Unfilterable("a rule would match all traffic")
        }
        (Target::Prefix(network), _) => Subject::Network { network: network.trunc(), outbound },
        (Target::Station { mac, .. }, Some(vector)) if !mac.is_group() && *mac != Mac::ZERO => {
            match detect::spec_of(vector).map(|spec| spec.mitigation) {
                Some(detect::Mitigation::Nothing(why)) => Subject::Unfilterable(why),
                _ => Subject::Station { mac: *mac, vector },
            }
        }
        (Target::Station { .. } | Target::Segment { .. }, _) => {
            Subject::Unfilterable("no single MAC address causes it, and a rule for the whole LAN would disconnect it")
        }
        (Target::Interface { .. }, _) => {
            Subject::Unfilterable("what fills the line may be honest: see the incidents about the hosts that it names")
        }
        (Target::Sensor { .. }, _) => {
            Subject::Unfilterable("it concerns the host that Pegel runs on: there is no traffic to filter")
        }
    }
}

fn rounded(share: f64) -> f64 {
    (share * 1e4).round() / 1e4
}
