//! The conclusion of a replay: what was found, in how much, and what of it could not be analysed.

use crate::base::{Timestamp, grouped, scaled};
use crate::capture::pcap_file::Unread;
use crate::packet::{Anomaly, Encapsulation, Tunnels};

/// Files whose ends are named; more are counted.
const NAMED_FILES: usize = 3;

/// What was counted.
pub(super) struct Counted {
    pub(super) packets: u64,
    pub(super) bytes: u64,
    /// Packets of which nothing could be parsed, with those of unsupported link types.
    pub(super) unparsed: u64,
    /// Packets in encapsulations that were not followed, by kind.
    pub(super) unopened: [u64; Encapsulation::COUNT],
    /// Packets with an anomaly, by kind.
    pub(super) anomalies: [u64; Anomaly::COUNT],
}

/// What was not analysed, beyond what was counted.
#[derive(Default)]
pub(super) struct Gaps {
    /// Unsupported link types, by number.
    pub(super) links: Vec<u16>,
    /// Files that were not read to their end; how much is missing, if known.
    pub(super) files: Vec<(String, Option<Unread>)>,
}

impl Gaps {
    /// Clauses that limit the conclusion: about packets.
    pub(super) fn of_packets(&self, counted: &Counted, tunnels: Tunnels) -> Vec<String> {
        let mut clauses = encapsulated(counted, tunnels);
        let anomaly = |anomaly: Anomaly| counted.anomalies.get(anomaly as usize).copied().unwrap_or_default();
        let deep = anomaly(Anomaly::EncapsulationTooDeep);
        if deep > 0 {
            let verb = if deep == 1 { "is" } else { "are" };
            clauses.push(format!("{} {verb} in more tags, labels or tunnels than are followed", grouped(deep)));
        }
        let unsupported = anomaly(Anomaly::LinkTypeUnsupported);
        if unsupported > 0 {
            let numbers: Vec<String> = self.links.iter().map(u16::to_string).collect();
            let (types, verb) = if numbers.len() == 1 { ("type", "is") } else { ("types", "are") };
            clauses.push(format!(
                "{} of link {types} {}, which {verb} not supported, were only counted",
                grouped(unsupported),
                list(&numbers)
            ));
        }
        let unparsed = counted.unparsed.saturating_sub(unsupported);
        if unparsed > 0 {
            clauses.push(format!("{} could not be parsed", grouped(unparsed)));
        }
        clauses
    }

    /// Clauses about the ends of files.
    pub(super) fn of_files(&self) -> Vec<String> {
        if self.files.len() > NAMED_FILES {
            return vec![format!("the ends of {} files were not read", self.files.len())];
        }
        let clause = |(name, unread): &(String, Option<Unread>)| match unread {
            Some(Unread { bytes, zeros }) => {
                let (unit, verb) = if *bytes == 1 { ("byte", "was") } else { ("bytes", "were") };
                let zeros = if *zeros { " of zeros" } else { "" };
                format!("{} {unit}{zeros} at the end of {name} {verb} not read", grouped(*bytes))
            }
            None => format!("{name} was not read to its end"),
        };
        self.files.iter().map(clause).collect()
    }
}

/// What encapsulated packets carry: those that another setting follows, and the others.
fn encapsulated(counted: &Counted, tunnels: Tunnels) -> Vec<String> {
    let of = |wanted: bool| -> Vec<(u64, &str)> {
        let all = Encapsulation::ALL.iter().zip(counted.unopened);
        let mut found: Vec<_> = all
            .filter(|(kind, packets)| *packets > 0 && (kind.is_followed() && tunnels == Tunnels::Outer) == wanted)
            .map(|(kind, packets)| (packets, kind.title()))
            .collect();
        found.sort_by_key(|&(packets, _)| std::cmp::Reverse(packets));
        found
    };
    let mut clauses = Vec::new();
    for followed in [true, false] {
        let found = of(followed);
        let several = found.len() > 1;
        let parts: Vec<String> = found
            .iter()
            .enumerate()
            .map(|(index, (packets, title))| match index {
                0 if *packets == 1 => format!("1 of them carries {title}"),
                0 => format!("{} of them carry {title}", grouped(*packets)),
                _ => format!("{} {title}", grouped(*packets)),
            })
            .collect();
        if !parts.is_empty() {
            let verb = if several { "were" } else { "was" };
            let pronoun = if several { "them" } else { "it" };
            let hint = match followed {
                true => format!(" (decode.tunnels = \"inner\" follows {pronoun})"),
                false => String::new(),
            };
            clauses.push(format!("{}, which {verb} not looked into{hint}", list(&parts)));
        }
    }
    clauses
}

fn list(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// The sentence: how many incidents in how many packets, and what limits that.
pub(super) fn sentence(
    incidents: usize,
    counted: &Counted,
    span: Option<(Timestamp, Timestamp)>,
    limits: &[String],
) -> String {
    let result = match incidents {
        0 => "No attack found".to_owned(),
        1 => "1 incident".to_owned(),
        n => format!("{n} incidents"),
    };
    let (span, seconds) = match span {
        Some((from, to)) => (format!("{from} to {to}"), to.seconds_since(from)),
        None => ("no packets".to_owned(), 0.0),
    };
    let limits: String = limits.iter().map(|clause| format!("; {clause}")).collect();
    format!(
        "{result} in {} packets, {}B, {seconds:.1} s ({span}){limits}.",
        grouped(counted.packets),
        scaled(counted.bytes)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted() -> Counted {
        let (unopened, anomalies) = ([0; Encapsulation::COUNT], [0; Anomaly::COUNT]);
        Counted { packets: 12_345, bytes: 1_000_000, unparsed: 0, unopened, anomalies }
    }

    #[test]
    fn what_was_not_looked_into_limits_the_conclusion() {
        let (mut counted, mut gaps) = (counted(), Gaps::default());
        counted.unopened[Encapsulation::Vxlan as usize] = 12_000;
        let vxlan = "12,000 of them carry VXLAN, which was not looked into".to_owned();
        let outer = gaps.of_packets(&counted, Tunnels::Outer);
        assert_eq!(outer, [format!("{vxlan} (decode.tunnels = \"inner\" follows it)")]);
        assert_eq!(gaps.of_packets(&counted, Tunnels::Inner), [vxlan]);
        assert_eq!(
            sentence(0, &counted, None, &outer),
            format!("No attack found in 12,345 packets, {}B, 0.0 s (no packets); {}.", scaled(1_000_000), outer[0])
        );
        counted.unopened[Encapsulation::Gre as usize] = 30;
        counted.unopened[Encapsulation::Esp as usize] = 1;
        counted.anomalies[Anomaly::LinkTypeUnsupported as usize] = 300;
        counted.unparsed = 304;
        gaps.links = vec![147, 189];
        let zeros = Some(Unread { bytes: 512, zeros: true });
        gaps.files = vec![("a.pcap".into(), zeros), ("b.pcap".into(), None)];
        assert_eq!(
            gaps.of_packets(&counted, Tunnels::Outer)[1..],
            [
                "1 of them carries ESP, which was not looked into",
                "300 of link types 147 and 189, which are not supported, were only counted",
                "4 could not be parsed",
            ]
        );
        assert_eq!(
            gaps.of_files(),
            ["512 bytes of zeros at the end of a.pcap were not read", "b.pcap was not read to its end",]
        );
        gaps.files.extend([("c.pcap".into(), None), ("d.pcap".into(), None)]);
        assert_eq!(gaps.of_files()[0], "the ends of 4 files were not read");
    }

    #[test]
    fn an_analysis_of_everything_is_not_limited() {
        assert!(Gaps::default().of_packets(&counted(), Tunnels::Outer).is_empty());
        assert!(Gaps::default().of_files().is_empty());
    }
}
