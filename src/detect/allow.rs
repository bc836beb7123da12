//! Allow-lists: traffic that the operator knows and wants no incidents about. What is suppressed is counted, listed and
//! logged once an hour: a rule must not hide an attack silently.
//!
//! A rule that names sources trusts a field that a sender can spoof: it should name a port or a target as well.

use super::{Finding, Target};
use crate::base::{Addr, Direction, Networks, Timestamp, Vector};
use crate::meter::Sample;
use ipnet::IpNet;

/// Share of a finding's packets that must match the rule: a flood with some allowed packets in it is a flood.
const SHARE: f64 = 0.9;
/// Seconds of packet time in which a rule is logged once.
const LOGGED_EVERY: f64 = 3600.0;

/// One rule. A finding must meet every condition that is there.
#[derive(Clone, Debug, PartialEq)]
pub struct AllowRule {
    /// Label value, and name in logs.
    pub name: String,
    /// The operator's reason.
    pub why: String,
    /// Where the packets come from; empty: anywhere.
    pub sources: Vec<IpNet>,
    /// Targets of the incident; empty: any.
    pub targets: Vec<IpNet>,
    /// Source or destination port of the packets.
    pub port: Option<u16>,
    /// Empty: any.
    pub vectors: Vec<Vector>,
    /// Direction of the finding; `None`: any.
    pub direction: Option<Direction>,
}

impl AllowRule {
    /// Whether the rule has no condition at all, so that it would suppress every finding.
    pub fn is_without_conditions(&self) -> bool {
        self.sources.is_empty()
            && self.targets.is_empty()
            && self.port.is_none()
            && self.vectors.is_empty()
            && self.direction.is_none()
    }

    fn allows(&self, finding: &Finding, sources: &Networks) -> bool {
        (self.vectors.is_empty() || self.vectors.contains(&finding.vector))
            && self.direction.is_none_or(|direction| direction == finding.direction)
            && (self.targets.is_empty() || self.targets.iter().any(|network| is_in(&finding.target, network)))
            && self.allows_packets(finding, sources)
    }

    fn allows_packets(&self, finding: &Finding, sources: &Networks) -> bool {
        // What leaves comes from the target itself.
        let of_target = finding.direction == Direction::Outbound;
        if of_target && !self.sources.iter().any(|network| is_in(&finding.target, network)) && !self.sources.is_empty()
        {
            return false;
        }
        let by_source = !of_target && !self.sources.is_empty();
        if !by_source && self.port.is_none() {
            return true;
        }
        let fits = |sample: &Sample| {
            (!by_source || sources.contains(sample.peer))
                && self.port.is_none_or(|port| sample.source_port == port || sample.destination_port == port)
        };
        let weigh = |samples: &mut dyn Iterator<Item = &Sample>| samples.map(|s| u64::from(s.weight)).sum::<u64>();
        let samples = &finding.recent.samples;
        let fitting = weigh(&mut samples.iter().filter(|sample| fits(sample)));
        fitting > 0 && fitting as f64 >= SHARE * weigh(&mut samples.iter()) as f64
    }
}

fn is_in(target: &Target, network: &IpNet) -> bool {
    match target {
        Target::Host(address) => network.contains(&Addr::ip(*address)),
        Target::Prefix(prefix) => network.contains(prefix),
        _ => false,
    }
}

/// A rule in force, and what it suppressed.
pub struct Allowed {
    /// As configured.
    pub rule: AllowRule,
    sources: Networks,
    /// Findings suppressed so far; one that lasts counts in each tick.
    pub findings: u64,
    /// End of the last tick in which it suppressed a finding; `None` before the first.
    pub last: Option<Timestamp>,
    logged: Option<Timestamp>,
}

/// All rules, in their order: the first that matches counts.
#[derive(Default)]
pub struct AllowList {
    rules: Vec<Allowed>,
    log: Vec<String>,
}

impl AllowList {
    /// A list of these rules, with all counts at zero.
    pub fn new(rules: &[AllowRule]) -> AllowList {
        let mut list = AllowList::default();
        list.replace(rules);
        list
    }

    /// Replaces the rules; the counts of a rule of the same name stay.
    pub fn replace(&mut self, rules: &[AllowRule]) {
        let mut old = std::mem::take(&mut self.rules);
        for rule in rules {
            let known = old.iter().position(|allowed| allowed.rule.name == rule.name).map(|at| old.swap_remove(at));
            let (findings, last, logged) = known.map_or((0, None, None), |k| (k.findings, k.last, k.logged));
            let sources = Networks::new(rule.sources.iter().copied());
            self.rules.push(Allowed { rule: rule.clone(), sources, findings, last, logged });
        }
    }

    /// The rules in their order, each with what it suppressed.
    pub fn iter(&self) -> impl Iterator<Item = &Allowed> {
        self.rules.iter()
    }

    /// Removes the findings that are allowed, as of `now`.
    pub fn remove_allowed(&mut self, findings: &mut Vec<Finding>, now: Timestamp) {
        if self.rules.is_empty() {
            return;
        }
        let AllowList { rules, log } = self;
        findings.retain(|finding| {
            let Some(allowed) = rules.iter_mut().find(|allowed| allowed.rule.allows(finding, &allowed.sources)) else {
                return true;
            };
            allowed.findings += 1;
            allowed.last = Some(now);
            if allowed.logged.is_none_or(|logged| now.seconds_since(logged) >= LOGGED_EVERY) {
                allowed.logged = Some(now);
                log.push(format!(
                    "allowed by rule {} ({}): {} {} of {}; further ones within the hour are only counted",
                    allowed.rule.name, allowed.rule.why, finding.direction, finding.vector, finding.target
                ));
            }
            false
        });
    }

    /// Log lines since the last call.
    pub fn take_log(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Traffic;

    fn rule() -> AllowRule {
        AllowRule {
            name: "test".to_owned(),
            why: "a test".to_owned(),
            sources: Vec::new(),
            targets: Vec::new(),
            port: None,
            vectors: Vec::new(),
            direction: None,
        }
    }

    fn finding(direction: Direction, samples: &[(&str, u16, u32)]) -> Finding {
        let sample = |&(peer, port, weight): &(&str, u16, u32)| Sample {
            peer: peer.parse().expect("an address"),
            source_port: 40_000,
            destination_port: port,
            weight,
            class: 0,
            ..Sample::default()
        };
        let traffic = Traffic { samples: samples.iter().map(sample).collect(), ..Traffic::default() };
        let target = Target::Host("203.0.113.7".parse().expect("an address"));
        Finding { recent: traffic, ..Finding::about(target, direction, Vector::UdpFlood, Timestamp::ZERO) }
    }

    fn allows(rule: AllowRule, finding: Finding) -> bool {
        let mut findings = vec![finding];
        AllowList::new(&[rule]).remove_allowed(&mut findings, Timestamp::from_tick(1));
        findings.is_empty()
    }

    fn net(text: &str) -> Vec<IpNet> {
        vec![text.parse().expect("a network")]
    }

    #[test]
    fn each_condition_must_be_met() {
        let inbound = || finding(Direction::Inbound, &[("198.51.100.9", 514, 100)]);
        let full = || AllowRule {
            sources: net("198.51.100.0/24"),
            targets: net("203.0.113.0/24"),
            port: Some(514),
            vectors: vec![Vector::UdpFlood],
            direction: Some(Direction::Inbound),
            ..rule()
        };
        assert!(allows(full(), inbound()));
        assert!(!allows(AllowRule { sources: net("192.0.2.0/24"), ..full() }, inbound()));
        assert!(!allows(AllowRule { targets: net("203.0.113.8/32"), ..full() }, inbound()));
        assert!(!allows(AllowRule { port: Some(53), ..full() }, inbound()));
        assert!(!allows(AllowRule { vectors: vec![Vector::SynFlood], ..full() }, inbound()));
        assert!(!allows(AllowRule { direction: Some(Direction::Outbound), ..full() }, inbound()));
        assert!(allows(AllowRule { port: Some(40_000), ..full() }, inbound()), "the source port counts as well");
    }

    #[test]
    fn nine_in_ten_packets_must_fit_by_weight() {
        let by_source = || AllowRule { sources: net("198.51.100.9/32"), ..rule() };
        let with = |weight| finding(Direction::Inbound, &[("198.51.100.9", 514, weight), ("192.0.2.1", 514, 10)]);
        assert!(allows(by_source(), with(90)));
        assert!(!allows(by_source(), with(89)));
        assert!(!allows(by_source(), finding(Direction::Inbound, &[])), "nothing is known of its packets");
    }

    #[test]
    fn what_leaves_comes_from_the_target() {
        let outbound = || finding(Direction::Outbound, &[("192.0.2.1", 53, 10)]);
        assert!(allows(AllowRule { sources: net("203.0.113.7/32"), ..rule() }, outbound()));
        assert!(!allows(AllowRule { sources: net("192.0.2.1/32"), ..rule() }, outbound()));
    }

    #[test]
    fn hits_are_counted_and_logged_once_an_hour() {
        let mut list = AllowList::new(&[AllowRule { direction: Some(Direction::Inbound), ..rule() }]);
        let mut logged = 0;
        for second in 0..7200u64 {
            let mut findings = vec![finding(Direction::Inbound, &[("192.0.2.1", 1, 1)])];
            list.remove_allowed(&mut findings, Timestamp::from_parts(1_767_225_600 + second, 0));
            logged += list.take_log().len();
        }
        assert_eq!((logged, list.iter().map(|allowed| allowed.findings).sum::<u64>()), (2, 7200));
        list.replace(&[AllowRule { direction: Some(Direction::Inbound), why: "another".to_owned(), ..rule() }]);
        assert_eq!(list.iter().map(|allowed| allowed.findings).sum::<u64>(), 7200, "counts stay over a reload");
    }
}
