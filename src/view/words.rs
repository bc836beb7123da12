//! What people are told in a line.

use super::overview::Overview;
use crate::base::{Severity, lasting, scaled};
use crate::incident::Incident;
use std::cmp::Reverse;

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

impl Overview {
    /// The worst open incident: the most severe, then the largest.
    pub fn worst(&self) -> Option<&Incident> {
        let attacks = self.open.iter().filter(|incident| !incident.drill);
        attacks.max_by_key(|incident| (incident.severity, incident.peak.packets_per_second, Reverse(&incident.id)))
    }

    /// Whether we are attacked, in a sentence.
    pub fn headline(&self) -> String {
        let open = |severity| self.open.iter().filter(|i| !i.drill && i.severity == severity).count();
        let several = |count: usize, what: &str| match count {
            1 => format!("1 {what} incident"),
            count => format!("{count} {what} incidents"),
        };
        match (open(Severity::Critical), open(Severity::Warning)) {
            (0, 0) => "Quiet: no attack is under way".to_owned(),
            (0, warning) => format!("Attention: {}", several(warning, "warning")),
            (critical, 0) => format!("Under attack: {}", several(critical, "critical")),
            (critical, warning) => format!("Under attack: {critical} critical, {warning} warning incidents"),
        }
    }

    /// All of it in one line, for a terminal. Contains no text of others.
    pub fn line(&self) -> String {
        let receive = self.traffic.last().map(|second| second.receive).unwrap_or_default();
        let traffic = format!(
            "{}pps, {}bit/s received, {} captured",
            scaled(receive.packets_per_second),
            scaled(receive.bits_per_second),
            share(self.sensor.coverage)
        );
        let worst = self.worst().filter(|incident| incident.severity > Severity::Info);
        let what = worst.map(|incident| {
            let lasts = self.at.map_or(0.0, |at| at.seconds_since(incident.onset()).max(0.0));
            let target = &incident.target;
            let name = target.address.map(|address| address.to_string()).or_else(|| target.prefix.clone());
            let name = name.or_else(|| target.mac.map(|mac| mac.to_string())).unwrap_or_else(|| target.kind.to_owned());
            format!("; {} on {name} for {}", attack(incident), lasting(lasts))
        });
        let problems = match self.sensor.problems().len() {
            0 => String::new(),
            1 => "; 1 problem of Pegel itself".to_owned(),
            count => format!("; {count} problems of Pegel itself"),
        };
        format!("{}{}{problems}; {traffic}", self.headline(), what.unwrap_or_default())
    }
}

/// Less than all is never shown as all.
fn share(share: f64) -> String {
    format!("{:.1} %", (share * 1000.0).floor() / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::{Rate, SensorView, TrafficSecond};

    #[test]
    fn words_are_those_of_people() {
        assert_eq!(words("icmpv6_flood"), "ICMPv6 flood");
        assert_eq!(words("dns_amplification"), "DNS amplification");
        assert_eq!(words("mac_not_allowed"), "MAC not allowed");
    }

    #[test]
    fn a_quiet_second_is_a_line() {
        let rate = Rate { packets_per_second: 1500, bits_per_second: 12_000_000 };
        let overview = Overview {
            sensor: SensorView { coverage: 0.99999, ..SensorView::default() },
            traffic: vec![TrafficSecond { receive: rate, ..TrafficSecond::default() }],
            ..Overview::default()
        };
        assert_eq!(overview.line(), "Quiet: no attack is under way; 1.5 kpps, 12.0 Mbit/s received, 99.9 % captured");
    }
}
