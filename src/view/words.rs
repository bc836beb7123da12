//! Incidents and seconds in a line, for people.

use super::overview::Overview;
use crate::base::{Direction, Severity, Timestamp, VectorClass, lasting, scaled};
use crate::incident::Incident;
use std::cmp::Reverse;

/// Seconds without a finding after which an open incident is said to subside: longer than the gap between two findings of a slow
/// detector.
const SUBSIDING_SECONDS: f64 = 3.0;

/// A word of the API as people read it: `syn_flood` is "SYN flood".
pub fn words(name: &str) -> String {
    const ABBREVIATIONS: &[&str] = &[
        "syn", "ack", "rst", "fin", "tcp", "udp", "icmp", "icmpv6", "gre", "ip", "quic", "dns", "ntp", "cldap", "ssdp",
        "chargen", "snmp", "qotd", "netbios", "tftp", "ripv1", "mdns", "slp", "stun", "sip", "dhip", "l2tp", "rdp",
        "coap", "arms", "tls", "http", "arp", "mac", "dhcp", "nd", "ra", "stp", "l2",
    ];
    let word = |word: &str| match word {
        "icmpv6" => "ICMPv6".to_owned(),
        "mdns" => "mDNS".to_owned(),
        word if ABBREVIATIONS.contains(&word) => word.to_uppercase(),
        word => word.to_owned(),
    };
    name.split('_').map(word).collect::<Vec<_>>().join(" ")
}

/// The vectors and patterns of an incident as people say them.
pub fn attack(incident: &Incident) -> String {
    let vectors: Vec<String> = incident.vectors.iter().map(|vector| words(vector.name())).collect();
    let patterns: Vec<String> = incident.patterns.iter().map(|pattern| words(pattern.name())).collect();
    let patterns = if patterns.is_empty() { String::new() } else { format!(" ({})", patterns.join(", ")) };
    vectors.join(", ") + &patterns
}

/// What kind of event an incident is.
pub fn event(incident: &Incident) -> &'static str {
    match incident.vector.class() {
        _ if incident.drill => "Drill",
        VectorClass::Sensor => "Problem",
        _ if incident.severity == Severity::Info => "Notice",
        VectorClass::Layer2 => "LAN problem",
        VectorClass::Egress => "Abuse from inside",
        _ if incident.direction == Direction::Outbound => "Attack from inside",
        _ => "Under attack",
    }
}

/// Whether an incident that is open has had no finding for a while, at `now`.
pub fn is_subsiding(incident: &Incident, now: Timestamp) -> bool {
    now.seconds_since(incident.updated_at) > SUBSIDING_SECONDS
}

/// A drill comes last; then severity, then whether it is an attack on us, then size.
fn urgency(incident: &Incident) -> (bool, Severity, bool, u64) {
    let is_attack_on_us = matches!(event(incident), "Under attack");
    (!incident.drill, incident.severity, is_attack_on_us, incident.peak.packets_per_second)
}

/// The name of a target without any text of others.
fn own_name(incident: &Incident) -> String {
    let target = &incident.target;
    let name = target.address.map(|address| address.to_string()).or_else(|| target.prefix.clone());
    name.or_else(|| target.mac.map(|mac| mac.to_string())).unwrap_or_else(|| format!("a {}", target.kind))
}

impl Overview {
    /// Open incidents, the most urgent first.
    pub fn by_urgency(&self) -> Vec<&Incident> {
        let mut open: Vec<&Incident> = self.open.iter().collect();
        open.sort_by_key(|incident| Reverse(urgency(incident)));
        open
    }

    /// Open incidents that warrant more than a note, the most urgent first.
    pub fn severe(&self) -> Vec<&Incident> {
        let mut open = self.by_urgency();
        open.retain(|incident| incident.severity > Severity::Info && !incident.drill);
        open
    }

    /// Whether we are attacked, who, with what, and how many other incidents are open. Contains no text of others.
    pub fn headline(&self) -> String {
        match self.severe().len() {
            0 | 1 => self.situation(),
            2 => format!("{} and 1 more incident", self.situation()),
            count => format!("{} and {} more incidents", self.situation(), count - 1),
        }
    }

    /// The most urgent incident, or that there is none.
    fn situation(&self) -> String {
        let severe = self.severe();
        let Some(worst) = severe.first() else {
            return match (self.at, self.sensor.sees_everything()) {
                (None, _) => "Starting: nothing has been counted yet".to_owned(),
                (Some(_), true) => "Quiet: no attack is under way".to_owned(),
                // What was not captured cannot be said to be free of attacks.
                (Some(_), false) => "No attack seen, but not all traffic is captured".to_owned(),
            };
        };
        let is_subsiding = self.at.is_some_and(|now| is_subsiding(worst, now));
        let event = if is_subsiding { "Subsiding" } else { event(worst) };
        format!("{event}: {} on {}", attack(worst), own_name(worst))
    }

    /// All of it in one line, for a terminal. Contains no text of others.
    pub fn line(&self) -> String {
        let receive = self.traffic.last().map(|second| second.receive).unwrap_or_default();
        let severe = self.severe();
        let lasts = severe.first().and_then(|worst| Some(lasted(worst, self.at?)));
        let lasts = lasts.map(|seconds| format!(" ({})", lasting(seconds))).unwrap_or_default();
        let others = match severe.len() {
            0 | 1 => String::new(),
            2 => "; 1 more incident is open".to_owned(),
            count => format!("; {} more incidents are open", count - 1),
        };
        let problems = match self.sensor.problems().len() {
            0 => String::new(),
            1 => "; 1 problem of Pegel itself".to_owned(),
            count => format!("; {count} problems of Pegel itself"),
        };
        format!(
            "{}{lasts}{others}{problems}; {}pps, {}bit/s received, {} captured",
            self.situation(),
            scaled(receive.packets_per_second),
            scaled(receive.bits_per_second),
            self.sensor.captured()
        )
    }
}

/// How long an incident has lasted at `now`: while it subsides, the quiet time is not counted.
pub fn lasted(incident: &Incident, now: Timestamp) -> f64 {
    match incident.closed_at.is_some() || is_subsiding(incident, now) {
        true => incident.lasted_seconds().max(0.0),
        false => now.seconds_since(incident.onset()).max(0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::{CaptureView, Rate, SensorView, TrafficSecond};

    #[test]
    fn words_are_those_of_people() {
        assert_eq!(words("icmpv6_flood"), "ICMPv6 flood");
        assert_eq!(words("dns_amplification"), "DNS amplification");
        assert_eq!(words("mac_not_allowed"), "MAC not allowed");
    }

    #[test]
    fn a_quiet_second_is_a_line() {
        let rate = Rate { packets_per_second: 1500, bits_per_second: 12_000_000 };
        let mut overview = Overview {
            at: Some(Timestamp::from_parts(1_767_225_600, 0)),
            sensor: SensorView { coverage: 0.99999, interfaces: vec![up("eno1")], ..SensorView::default() },
            traffic: vec![TrafficSecond { receive: rate, ..TrafficSecond::default() }],
            ..Overview::default()
        };
        assert_eq!(overview.line(), "Quiet: no attack is under way; 1.5 kpps, 12.0 Mbit/s received, 99.9 % captured");
        // "No attack" is not said of what was not seen.
        overview.sensor.interfaces.push(CaptureView { is_up: false, ..up("eno2") });
        assert!(
            overview.line().starts_with("No attack seen, but not all traffic is captured; 1 problem of Pegel itself;")
        );
        overview.sensor.interfaces.remove(0);
        assert!(overview.line().ends_with("nothing captured"));
        overview.sensor.interfaces = vec![CaptureView { sampled: 16, ..up("eno1") }];
        assert!(overview.line().ends_with("1 in 16 packets captured"));
        assert_eq!(Overview::default().headline(), "Starting: nothing has been counted yet");
    }

    fn up(name: &str) -> CaptureView {
        CaptureView { name: name.to_owned(), is_up: true, sampled: 1, ..CaptureView::default() }
    }
}
