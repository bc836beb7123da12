//! Filters on hosts: nftables (nft(8)) and BPF as libpcap compiles it (pcap-filter(7)).

use super::plan::{Action, Rule};
use super::shape::{Kind, Match, Ports, flag_names};
use crate::base::{Mac, Vector};
use crate::detect::{FrameMatch, Mitigation, spec_of};
use crate::packet::Class;
use ipnet::IpNet;
use std::fmt::Write;

/// Octets of an IPv6 header, which the payload length does not include (RFC 8200 §3).
const V6_HEADER: u16 = 40;

/// A complete rule set in a separate table. It runs before connection tracking reassembles fragments (priority -400).
pub(super) fn nftables(id: &str, heading: &str, rules: &[Rule], network: IpNet, outbound: bool) -> String {
    let table = table(id);
    let mut text = format!(
        "# Incident {id}: {heading}.\n# Load: nft -f FILE. Show counters: nft list table inet {table}. Remove: nft delete table inet {table}.\n"
    );
    if rules.iter().any(|rule| matches!(rule.action, Action::Limit { .. })) {
        text += "# Rate limit instead of drop: these packets cannot be distinguished from background traffic.\n";
    }
    let _ = writeln!(text, "table inet {table} {{");
    // Packets that this host itself sends do not pass the prerouting hook.
    let hooks: &[&str] = if outbound { &["prerouting", "output"] } else { &["prerouting"] };
    for hook in hooks {
        let _ = writeln!(text, "    chain {hook} {{\n        type filter hook {hook} priority -450; policy accept;");
        for rule in rules {
            let verdict = match rule.action {
                Action::Drop => "counter drop".to_owned(),
                Action::Limit { packets_per_second, .. } => {
                    format!("limit rate over {packets_per_second}/second counter drop")
                }
            };
            let _ = writeln!(
                text,
                "        {} {verdict} comment \"{}\"",
                nft_match(&rule.what, network, outbound),
                rule.vector
            );
        }
        text += "    }\n";
    }
    text += "}\n";
    text
}

/// The name of an incident's table.
fn table(id: &str) -> String {
    let plain: String = id.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    format!("pegel_{plain}")
}

fn is_v6(network: IpNet) -> bool {
    matches!(network, IpNet::V6(_))
}

fn nft_match(what: &Match, network: IpNet, outbound: bool) -> String {
    let v6 = is_v6(network);
    let family = if v6 { "ip6" } else { "ip" };
    let (target_side, peer_side) = if outbound { ("saddr", "daddr") } else { ("daddr", "saddr") };
    let mut parts = vec![format!("{family} {target_side} {}", host(network))];
    if !what.peers.is_empty() {
        parts.push(format!("{family} {peer_side} {}", set(what.peers.iter().map(|network| host(*network)))));
    }
    let transport = if what.kind.is_tcp() { "tcp" } else { "udp" };
    match what.kind {
        Kind::Tcp { mask: 0, .. } => parts.push("meta l4proto tcp".to_owned()),
        Kind::Tcp { mask, set } => {
            let none = || "0x0".to_owned();
            let names = |flags: u8| flag_names(flags).join(" | ");
            let set = if set == 0 { none() } else { names(set) };
            // nft needs parentheses around a list of flags on either side.
            parts.push(format!("tcp flags & ({}) == {}", names(mask), parenthesised(&set)));
        }
        Kind::Udp => parts.push("meta l4proto udp".to_owned()),
        Kind::Icmp { v6, class } => {
            let name = if v6 { "icmpv6" } else { "icmp" };
            match types(class) {
                [] => parts.push(format!("meta l4proto {}", if v6 { "ipv6-icmp" } else { "icmp" })),
                types => parts.push(format!("{name} type {}", set(types.iter().map(u8::to_string)))),
            }
        }
        Kind::Fragment if v6 => parts.push("frag frag-off != 0".to_owned()),
        Kind::Fragment => parts.push("ip frag-off & 0x1fff != 0".to_owned()),
        Kind::Land => parts.push(format!("{family} {peer_side} {}", host(network))),
        Kind::Protocol(protocol) => parts.push(format!("meta l4proto {protocol}")),
    }
    for (name, ports) in [("sport", &what.source_ports), ("dport", &what.destination_ports)] {
        match ports {
            Ports::Any => {}
            Ports::Only(ranges) => parts.push(format!("{transport} {name} {}", set(ranges.iter().map(range)))),
            Ports::Not(ports) => parts.push(format!("{transport} {name} != {}", set(ports.iter().map(u16::to_string)))),
        }
    }
    if let Some((from, to)) = what.length {
        let less = if v6 { V6_HEADER } else { 0 };
        let limits = (from.saturating_sub(less), to.saturating_sub(less));
        parts.push(format!("{family} length {}", range(&limits)));
    }
    if let Some((from, to)) = what.ttl {
        let name = if v6 { "hoplimit" } else { "ttl" };
        parts.push(format!("{family} {name} {}", range(&(from.into(), to.into()))));
    }
    parts.join(" ")
}

fn parenthesised(flags: &str) -> String {
    if flags.contains('|') { format!("({flags})") } else { flags.to_owned() }
}

/// A single value, or several as a set.
fn set(values: impl Iterator<Item = String>) -> String {
    let values: Vec<String> = values.collect();
    match values.as_slice() {
        [one] => one.clone(),
        _ => format!("{{ {} }}", values.join(", ")),
    }
}

fn range(&(from, to): &(u16, u16)) -> String {
    if from == to { from.to_string() } else { format!("{from}-{to}") }
}

/// A host without its prefix length, a network with it.
pub(super) fn host(network: IpNet) -> String {
    if network.prefix_len() == network.max_prefix_len() { network.addr().to_string() } else { network.to_string() }
}

/// ICMP types of a class (see [`Class::of_icmp`] and [`Class::of_icmpv6`]); empty if the class is not a list of types.
pub(super) fn types(class: Option<Class>) -> &'static [u8] {
    match class {
        Some(Class::IcmpEcho) => &[8],
        Some(Class::IcmpReply) => &[0],
        Some(Class::IcmpError) => &[3, 4, 5, 11, 12],
        Some(Class::Icmpv6Echo) => &[128],
        Some(Class::Icmpv6Reply) => &[129],
        Some(Class::Icmpv6Error) => &[1, 2, 3, 4],
        _ => &[],
    }
}

/// One expression for tcpdump and other programs that accept libpcap filters.
pub(super) fn bpf(rules: &[Rule], network: IpNet, outbound: bool) -> String {
    let terms: Vec<String> = rules.iter().map(|rule| bpf_match(&rule.what, network, outbound)).collect();
    match terms.as_slice() {
        [one] => format!("{one}\n"),
        _ => format!("({})\n", terms.join(") or (")),
    }
}

fn bpf_match(what: &Match, network: IpNet, outbound: bool) -> String {
    let v6 = is_v6(network);
    let family = if v6 { "ip6" } else { "ip" };
    let (target_side, peer_side) = if outbound { ("src", "dst") } else { ("dst", "src") };
    let is_address = |side: &str, network: IpNet| match network.prefix_len() == network.max_prefix_len() {
        true => format!("{family} {side} host {}", network.addr()),
        false => format!("{family} {side} net {network}"),
    };
    let mut parts = vec![is_address(target_side, network)];
    if !what.peers.is_empty() {
        parts.push(any(what.peers.iter().map(|network| is_address(peer_side, *network))));
    }
    let later_fragment = if v6 { "ip6[6] = 44 and ip6[42:2] & 0xfff8 != 0" } else { "ip[6:2] & 0x1fff != 0" };
    // Later fragments have no transport header; in IPv6, extension headers move it.
    let unfragmented = |protocol: u8| match v6 {
        true => format!("ip6[6] = {protocol}"),
        false => format!("ip proto {protocol} and ip[6:2] & 0x1fff = 0"),
    };
    match what.kind {
        Kind::Tcp { mask, set } => {
            parts.push(unfragmented(super::shape::TCP));
            if mask != 0 {
                let at = if v6 { "ip6[53]" } else { "tcp[13]" };
                parts.push(format!("{at} & {mask:#04x} = {set:#04x}"));
            }
        }
        Kind::Udp if v6 => parts.push("udp".to_owned()),
        Kind::Udp => parts.push(unfragmented(super::shape::UDP)),
        Kind::Icmp { v6, class } => {
            parts.push(unfragmented(if v6 { super::shape::ICMPV6 } else { super::shape::ICMP }));
            let at = if v6 { "ip6[40]" } else { "icmp[0]" };
            let types = types(class);
            if !types.is_empty() {
                parts.push(any(types.iter().map(|kind| format!("{at} = {kind}"))));
            }
        }
        Kind::Fragment => parts.push(later_fragment.to_owned()),
        Kind::Land => parts.push(is_address(peer_side, network)),
        Kind::Protocol(protocol) if v6 => parts.push(format!("ip6[6] = {protocol}")),
        Kind::Protocol(protocol) => parts.push(unfragmented(protocol)),
    }
    let transport = if what.kind.is_tcp() { "tcp" } else { "udp" };
    for (side, ports) in [("src", &what.source_ports), ("dst", &what.destination_ports)] {
        let one = |&(from, to): &(u16, u16)| match from == to {
            true => format!("{transport} {side} port {from}"),
            false => format!("{transport} {side} portrange {from}-{to}"),
        };
        match ports {
            Ports::Any => {}
            Ports::Only(ranges) => parts.push(any(ranges.iter().map(one))),
            Ports::Not(ports) => {
                parts.push(format!("not {}", parenthesise(any(ports.iter().map(|&port| one(&(port, port)))))))
            }
        }
    }
    if let Some((from, to)) = what.length {
        let less = if v6 { V6_HEADER } else { 0 };
        let at = if v6 { "ip6[4:2]" } else { "ip[2:2]" };
        parts.push(between(at, from.saturating_sub(less), to.saturating_sub(less)));
    }
    if let Some((from, to)) = what.ttl {
        parts.push(between(if v6 { "ip6[7]" } else { "ip[8]" }, from.into(), to.into()));
    }
    parts.join(" and ")
}

fn between(at: &str, from: u16, to: u16) -> String {
    if from == to { format!("{at} = {from}") } else { format!("{at} >= {from} and {at} <= {to}") }
}

fn any(terms: impl Iterator<Item = String>) -> String {
    let terms: Vec<String> = terms.collect();
    match terms.as_slice() {
        [one] => one.clone(),
        _ => format!("({})", terms.join(" or ")),
    }
}

fn parenthesise(term: String) -> String {
    if term.starts_with('(') { term } else { format!("({term})") }
}

/// Which frames of a station a rule matches, as the detector's spec says; `None`: all.
fn frames(vector: Vector) -> Option<FrameMatch> {
    match spec_of(vector).map(|spec| spec.mitigation) {
        Some(Mitigation::Station(frames) | Mitigation::Sources(frames)) => frames,
        _ => None,
    }
}

/// Whether a rule against a station matches all frames that it sends.
pub(super) fn is_whole_station(vector: Vector) -> bool {
    frames(vector).is_none()
}

/// For the host that bridges the station: frames that arrive from its port.
pub(super) fn bridge(id: &str, mac: Mac, vector: Vector) -> String {
    let table = table(id);
    let part = frames(vector).map_or_else(String::new, |frames| format!(" {}", frames.nftables));
    format!(
        "# Incident {id}: frames from {mac}.\n# Load: nft -f FILE. Remove: nft delete table bridge {table}.\ntable bridge {table} {{\n    chain prerouting {{\n        type filter hook prerouting priority -300; policy accept;\n        ether saddr {mac}{part} counter drop comment \"{vector}\"\n    }}\n}}\n"
    )
}

/// A libpcap filter for frames of a station.
pub(super) fn station(mac: Mac, vector: Vector) -> String {
    let part = frames(vector).map_or_else(String::new, |frames| format!(" and {}", frames.pcap));
    format!("ether src {mac}{part}\n")
}
