//! Mitigation: what could be done about an incident, ready to be reviewed. Pegel does none of it.
//!
//! From the sampled packets of an incident and from those of the quiet time before it ([`plan`]) come rules ([`shape`]):
//! as narrow as the shape of the attack allows, each tried on both samples, or a rate limit, or a refusal that says why.
//! The rules are kept with the incident; text is written from them only where somebody asks ([`filters`], [`routes`]).
//!
//! Text holds addresses, numbers, MAC addresses and words of ours, never anything that the network says.

pub mod background;
mod filters;
mod plan;
mod routes;
mod shape;
#[cfg(test)]
mod tests;

pub use background::{BackgroundSample, BackgroundTraffic, Decimated};
pub use plan::Attack;

use crate::base::{Direction, Mac, Vector};
use crate::detect::Target;
use ipnet::IpNet;
use plan::{Action, Background, Language, Plan};
use serde::Serialize;
use std::sync::Arc;

/// One suggestion. Public API: part of the incident JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Mitigation {
    /// What it is written for: one of [`KINDS`].
    pub kind: &'static str,
    /// `drop`, `rate_limit`, `blackhole`, or `match` where it only selects.
    pub action: &'static str,
    /// To be loaded as it is; empty where it is refused.
    pub text: String,
    /// Share of the incident's sampled packets that it matches.
    pub matches_attack: Option<f64>,
    /// Share of the target's usual traffic, sampled before the incident, that it matches; `null` where too little was seen.
    pub collateral: Option<f64>,
    pub attack_samples: usize,
    pub background_samples: usize,
    /// Why it is not, or not lightly, to be used.
    pub refused: Option<String>,
    /// What it leaves alone, and what else to know before it is used.
    pub notes: Vec<String>,
}

/// What suggestions are written for.
pub const KINDS: [&str; 5] = ["nftables", "bpf", "exabgp", "gobgp", "blackhole"];

/// Whom rules are about.
#[derive(Clone, Debug, PartialEq)]
enum Subject {
    /// A host or a network, and whether its traffic goes out.
    Network {
        network: IpNet,
        outbound: bool,
    },
    /// What a station does on its segment.
    Station {
        mac: Mac,
        vector: Vector,
    },
    Nobody(&'static str),
}

/// What the suggestions against an incident are made of. While it is open these are samples, and rules are worked out when
/// somebody asks: there may be a thousand incidents, told of every second. What is closed keeps its rules alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Suggestions(State);

#[derive(Clone, Debug, Default, PartialEq)]
enum State {
    #[default]
    Nothing,
    Open {
        target: Target,
        direction: Direction,
        attacks: Vec<Attack>,
        usual: Arc<BackgroundSample>,
    },
    Closed(Arc<Rules>),
}

impl Suggestions {
    pub fn open(
        target: Target,
        direction: Direction,
        attacks: Vec<Attack>,
        usual: Arc<BackgroundSample>,
    ) -> Suggestions {
        Suggestions(State::Open { target, direction, attacks, usual })
    }

    /// Works the rules out, for good.
    pub fn closed(self) -> Suggestions {
        Suggestions(State::Closed(self.rules()))
    }

    /// What could be done by what was seen until now, written out; `id` is the incident's, for names in the text.
    pub fn write(&self, id: &str) -> Vec<Mitigation> {
        self.rules().write(id)
    }

    fn rules(&self) -> Arc<Rules> {
        match &self.0 {
            State::Nothing => Arc::default(),
            State::Open { target, direction, attacks, usual } => {
                Arc::new(Rules::new(target, *direction, attacks, usual))
            }
            State::Closed(rules) => Arc::clone(rules),
        }
    }
}

/// The rules against an incident, as structure.
#[derive(Clone, Debug, PartialEq)]
struct Rules {
    subject: Subject,
    /// For filters on hosts, and for routes.
    filter: Plan,
    flowspec: Plan,
    attack_samples: usize,
    background_samples: usize,
}

impl Default for Rules {
    fn default() -> Self {
        let (filter, flowspec) = Default::default();
        let subject = Subject::Nobody("nothing is known of its packets");
        Rules { subject, filter, flowspec, attack_samples: 0, background_samples: 0 }
    }
}

impl Rules {
    fn new(target: &Target, direction: Direction, attacks: &[Attack], usual: &BackgroundSample) -> Rules {
        let subject = subject(target, direction, attacks.first().map(|attack| attack.vector));
        let (mut filter, mut flowspec) = (Plan::default(), Plan::default());
        if matches!(subject, Subject::Network { .. }) {
            let background = Background::new(&usual.samples, usual.packets_per_second);
            filter = plan::plan(attacks, &background, Language::FILTER);
            flowspec = plan::plan(attacks, &background, Language::FLOWSPEC);
        }
        let attack_samples = attacks.iter().map(|attack| attack.samples.len()).sum();
        Rules { subject, filter, flowspec, attack_samples, background_samples: usual.samples.len() }
    }

    /// Everything that can be said, one entry for each of [`KINDS`].
    fn write(&self, id: &str) -> Vec<Mitigation> {
        KINDS.iter().map(|kind| self.of_kind(kind, id)).collect()
    }

    fn of_kind(&self, kind: &'static str, id: &str) -> Mitigation {
        match self.subject {
            Subject::Nobody(why) => self.refusal(kind, why.to_owned()),
            Subject::Station { mac, vector } => self.of_station(kind, mac, vector, id),
            Subject::Network { network, outbound } if kind == "blackhole" => self.blackhole(network, outbound),
            Subject::Network { network, outbound } => {
                let plan = if matches!(kind, "exabgp" | "gobgp") { &self.flowspec } else { &self.filter };
                if plan.rules.is_empty() {
                    return self.refusal(kind, plan.left_out.join("; "));
                }
                let limits = plan.rules.iter().any(|rule| rule.action != Action::Drop);
                let text = match kind {
                    "nftables" => filters::nftables(id, &self.heading(plan), &plan.rules, network, outbound),
                    "bpf" => filters::bpf(&plan.rules, network, outbound),
                    "exabgp" => routes::exabgp(&plan.rules, network, outbound),
                    _ => routes::gobgp(&plan.rules, network, outbound),
                };
                let mut notes = plan.left_out.clone();
                if plan.usual.is_none() {
                    notes
                        .push("too little of the target's usual traffic was seen to say what it would cost".to_owned());
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
                    collateral: plan.usual.map(rounded),
                    attack_samples: self.attack_samples,
                    background_samples: self.background_samples,
                    refused: None,
                    notes,
                }
            }
        }
    }

    /// The shares in words.
    fn heading(&self, plan: &Plan) -> String {
        let usual = match plan.usual {
            Some(share) => format!("{:.1} % of usual traffic ({} packets)", share * 100.0, self.background_samples),
            None => "an unknown share of usual traffic (too little seen)".to_owned(),
        };
        format!("matches {:.1} % of the attack ({} sampled packets), {usual}", plan.attack * 100.0, self.attack_samples)
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

    fn of_station(&self, kind: &'static str, mac: Mac, vector: Vector, id: &str) -> Mitigation {
        let text = match kind {
            "nftables" => filters::bridge(id, mac, vector),
            "bpf" => filters::station(mac, vector),
            "blackhole" => return self.refusal(kind, "a station is no route".to_owned()),
            _ => return self.refusal(kind, "FlowSpec knows IP, not stations of a segment".to_owned()),
        };
        let mut notes = vec!["load it on the machine that bridges the station".to_owned()];
        if filters::is_whole_station(vector) {
            notes.push("it takes everything that the station sends".to_owned());
        }
        Mitigation {
            action: if kind == "bpf" { "match" } else { "drop" },
            text,
            refused: None,
            notes,
            ..self.refusal(kind, String::new())
        }
    }

    /// What a route to nowhere would do: exactly what the attacker wants. Written for the moment in which everyone else
    /// behind the same line must be saved.
    fn blackhole(&self, network: IpNet, outbound: bool) -> Mitigation {
        if outbound {
            let why = "a blackhole drops what goes to a host; this attack comes from it".to_owned();
            return self.refusal("blackhole", why);
        }
        Mitigation {
            action: "blackhole",
            text: routes::blackhole(network),
            matches_attack: Some(1.0),
            collateral: Some(1.0),
            refused: Some(format!("it cuts {network} off from everyone: only to save what else is on the line")),
            ..self.refusal("blackhole", String::new())
        }
    }
}

fn subject(target: &Target, direction: Direction, vector: Option<Vector>) -> Subject {
    let outbound = direction == Direction::Outbound;
    match (target, vector) {
        (Target::Host(address), _) => match shape::network(*address, if address.is_v4() { 32 } else { 128 }) {
            Some(network) => Subject::Network { network, outbound },
            None => Subject::Nobody("the target is no address"),
        },
        // Everything is no target.
        (Target::Prefix(network), _) if network.prefix_len() == 0 => Subject::Nobody("a rule would match everyone"),
        (Target::Prefix(network), _) => Subject::Network { network: network.trunc(), outbound },
        (Target::Station { mac, .. }, Some(vector)) if !mac.is_group() && *mac != Mac::ZERO => match vector {
            Vector::GatewaySilent => Subject::Nobody("there is nothing to be dropped: a router is missing"),
            Vector::MacFlap | Vector::L2Loop => Subject::Nobody("a loop is cut by unplugging it, not by a filter"),
            _ => Subject::Station { mac: *mac, vector },
        },
        (Target::Station { .. } | Target::Segment { .. }, _) => {
            Subject::Nobody("no single station does it, and a rule for the segment would cut all of it off")
        }
        (Target::Sensor { .. }, _) => {
            Subject::Nobody("this is about Pegel's own host: there is no traffic to be filtered")
        }
    }
}

fn rounded(share: f64) -> f64 {
    (share * 1e4).round() / 1e4
}
