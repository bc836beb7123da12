//! Routes for BGP peers: FlowSpec (RFC 8955, RFC 8956 for IPv6) and blackhole routes (RFC 7999), for ExaBGP's API and
//! GoBGP's command line.

use super::filters::types;
use super::plan::{Action, Rule};
use super::shape::{ICMP, ICMPV6, Kind, Match, Ports, TCP, UDP, flag_names};
use crate::packet::tcp;
use ipnet::IpNet;

/// The syntax to write.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    ExaBgp,
    GoBgp,
}

/// One component of a route: its name and its alternative values.
type Component = (&'static str, Vec<String>);

/// FlowSpec routes as commands for ExaBGP's API.
pub(super) fn exabgp(rules: &[Rule], network: IpNet, outbound: bool) -> String {
    let mut text = String::new();
    for (rule, peer) in routes(rules) {
        let components = components(&rule.what, network, outbound, peer, Dialect::ExaBgp);
        let matches: Vec<String> = components
            .into_iter()
            .map(|(name, values)| match values.as_slice() {
                [one] => format!("{name} {one};"),
                _ => format!("{name} [ {} ];", values.join(" ")),
            })
            .collect();
        let then = match rule.action {
            Action::Drop => "discard".to_owned(),
            Action::Limit { bytes_per_second, .. } => {
                format!("rate-limit {}", bytes_per_second / rule.what.peers.len().max(1) as u64)
            }
        };
        text += &format!("announce flow route {{ match {{ {} }} then {{ {then}; }} }}\n", matches.join(" "));
    }
    text
}

/// FlowSpec routes as `gobgp` commands.
pub(super) fn gobgp(rules: &[Rule], network: IpNet, outbound: bool) -> String {
    let family = if matches!(network, IpNet::V6(_)) { "ipv6-flowspec" } else { "ipv4-flowspec" };
    let mut text = String::new();
    for (rule, peer) in routes(rules) {
        let components = components(&rule.what, network, outbound, peer, Dialect::GoBgp);
        let matches: Vec<String> = components
            .into_iter()
            .map(|(name, values)| {
                // The shell must not interpret `>` and `&`.
                let quoted: Vec<String> = values.iter().map(|value| quoted(value)).collect();
                format!("{name} {}", quoted.join(" "))
            })
            .collect();
        let then = match rule.action {
            Action::Drop => "discard".to_owned(),
            Action::Limit { bytes_per_second, .. } => {
                format!("rate-limit {}", bytes_per_second / rule.what.peers.len().max(1) as u64)
            }
        };
        text += &format!("gobgp global rib add -a {family} match {} then {then}\n", matches.join(" "));
    }
    text
}

fn quoted(value: &str) -> String {
    match value.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b':' | b'/' | b'-')) {
        true => value.to_owned(),
        false => format!("'{value}'"),
    }
}

/// A route has at most one peer network; the rate limit of a rule is divided among its peers.
fn routes(rules: &[Rule]) -> Vec<(&Rule, Option<IpNet>)> {
    let peers = |rule: &Rule| match rule.what.peers.is_empty() {
        true => vec![None],
        false => rule.what.peers.iter().copied().map(Some).collect(),
    };
    rules.iter().flat_map(|rule| peers(rule).into_iter().map(move |peer| (rule, peer))).collect()
}

fn components(what: &Match, network: IpNet, outbound: bool, peer: Option<IpNet>, dialect: Dialect) -> Vec<Component> {
    let v6 = matches!(network, IpNet::V6(_));
    let exa = dialect == Dialect::ExaBgp;
    let equals = if exa { "=" } else { "==" };
    let number = |value: u16| format!("{equals}{value}");
    let range = |&(from, to): &(u16, u16)| match from == to {
        true => number(from),
        false => format!(">={from}&<={to}"),
    };
    let prefix = |network: IpNet| match exa && v6 {
        // With the offset of RFC 8956 §3.1.
        true => format!("{network}/0"),
        false => network.to_string(),
    };
    let (target_side, peer_side) = if outbound { ("source", "destination") } else { ("destination", "source") };
    let mut components: Vec<Component> = vec![(target_side, vec![prefix(network)])];
    let land = (what.kind == Kind::Land).then_some(network);
    if let Some(peer) = peer.or(land) {
        components.push((peer_side, vec![prefix(peer)]));
    }
    let protocol = match what.kind {
        Kind::Tcp { .. } => Some(TCP),
        Kind::Udp => Some(UDP),
        Kind::Icmp { v6: true, .. } => Some(ICMPV6),
        Kind::Icmp { v6: false, .. } => Some(ICMP),
        Kind::Protocol(protocol) => Some(protocol),
        Kind::Fragment | Kind::Land => None,
    };
    if let Some(protocol) = protocol {
        let name = if exa && v6 { "next-header" } else { "protocol" };
        components.push((name, vec![number(protocol.into())]));
    }
    for (name, ports) in [("destination-port", &what.destination_ports), ("source-port", &what.source_ports)] {
        match ports {
            Ports::Any => {}
            Ports::Only(ranges) => components.push((name, ranges.iter().map(range).collect())),
            Ports::Not(ports) => {
                let terms: Vec<String> = ports.iter().map(|port| format!("!={port}")).collect();
                components.push((name, vec![terms.join("&")]));
            }
        }
    }
    if let Kind::Icmp { class, .. } = what.kind {
        let types = types(class);
        if !types.is_empty() {
            components.push(("icmp-type", types.iter().map(|&kind| number(kind.into())).collect()));
        }
    }
    if let Kind::Tcp { mask, set } = what.kind
        && mask != 0
    {
        components.push(("tcp-flags", vec![flags(mask, set, dialect)]));
    }
    if let Some(length) = what.length {
        components.push(("packet-length", vec![range(&length)]));
    }
    if what.kind == Kind::Fragment {
        components.push(("fragment", vec![if exa { "is-fragment" } else { "=is-fragment" }.to_owned()]));
    }
    components
}

/// These flags set, and all others in the mask unset.
fn flags(mask: u8, set: u8, dialect: Dialect) -> String {
    let unset = mask & !set;
    match dialect {
        Dialect::ExaBgp => {
            let set = flag_names(set).into_iter().map(|name| format!("={}", exa_name(name)));
            let unset = flag_names(unset).into_iter().map(|name| format!("!{}", exa_name(name)));
            set.chain(unset).collect::<Vec<_>>().join("&")
        }
        Dialect::GoBgp => {
            let letters = |flags: u8| {
                let names = [(tcp::FIN, 'F'), (tcp::SYN, 'S'), (tcp::RST, 'R'), (tcp::PSH, 'P'), (tcp::ACK, 'A')];
                let names = names.into_iter().chain([(tcp::URG, 'U')]);
                names.filter(|(bit, _)| flags & bit != 0).map(|(_, letter)| letter).collect::<Vec<char>>()
            };
            let set: String = letters(set).into_iter().collect();
            let set = (!set.is_empty()).then(|| format!("={set}"));
            let unset = letters(unset).into_iter().map(|letter| format!("!{letter}"));
            set.into_iter().chain(unset).collect::<Vec<_>>().join("&")
        }
    }
}

fn exa_name(name: &'static str) -> &'static str {
    match name {
        "psh" => "push",
        "urg" => "urgent",
        name => name,
    }
}

/// A blackhole route. Its next hop, which routers discard, is from a documentation network for IPv4 (RFC 5737), as is
/// customary, and from the discard prefix for IPv6 (RFC 6666).
pub(super) fn blackhole(network: IpNet) -> String {
    let (next_hop, family) = match network {
        IpNet::V4(_) => ("192.0.2.1", "ipv4"),
        IpNet::V6(_) => ("100::1", "ipv6"),
    };
    format!(
        "# ExaBGP\nannounce route {network} next-hop {next_hop} community [ 65535:666 ]\n# GoBGP\ngobgp global rib add -a {family} {network} nexthop {next_hop} community 65535:666\n"
    )
}
