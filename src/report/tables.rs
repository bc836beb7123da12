//! Tables of peers, ports, names and incidents.

use super::extent::State;
use super::language::Language;
use super::model::{Cell, Table};
use super::numbers::same_day;
use super::origins::Origins;
use super::phrases::{P, say};
use super::target::target_name;
use super::text::name;
use super::vectors::label;
use crate::base::{Addr, Severity, Timestamp};
use crate::incident::Incident;
use crate::incident::model::{Name, Peer, Peers, Port};
use std::collections::{BTreeMap, BTreeSet};

/// Lengths of the networks that sources are summed up by.
const PREFIX: (u8, u8) = (24, 48);
/// Most networks of a table, and most addresses named of each.
const NETWORKS: usize = 10;
const ADDRESSES: usize = 3;
/// Most ports and names.
const MOST: usize = 8;

/// The number of peers, with what it may be off by, as in the incident JSON.
pub(super) fn peers_number(peers: &Peers, language: Language) -> String {
    let number = language.count(peers.distinct);
    match peers.distinct_error {
        Some(error) if error > 0.0 => {
            say(language, P::About, &[&language.estimate(peers.distinct), &language.percent(error)])
        }
        Some(_) => number,
        None => say(language, P::AtLeast, &[&number]),
    }
}

pub(super) fn severity(severity: Severity, language: Language) -> String {
    let word = match severity {
        Severity::Info => P::SeverityInfo,
        Severity::Warning => P::SeverityWarning,
        Severity::Critical => P::SeverityCritical,
    };
    say(language, word, &[])
}

/// Shares of up to one, as percent with an error: `72 % ± 3 %`. Where the error reaches beyond nothing or all, only the other
/// bound is said.
pub(super) fn with_error(share: f64, error: f64, language: Language) -> String {
    match error > 0.0 {
        true if share + error > 1.0 => say(language, P::AtLeast, &[&language.percent((share - error).max(0.0))]),
        true if share <= error => say(language, P::AtMost, &[&language.percent(share + error)]),
        true => format!("{} ± {}", language.percent(share), language.percent(error)),
        false => language.percent(share),
    }
}

/// One network of peers.
struct Network {
    packets: u64,
    share: f64,
    addresses: Vec<Addr>,
    origins: BTreeSet<String>,
}

/// Peers by network, busiest first. Sums of lower bounds are lower bounds.
pub(super) fn networks(peers: &[Peer], origins: &Origins, language: Language) -> Table {
    let mut networks: BTreeMap<(Addr, u8), Network> = BTreeMap::new();
    for peer in peers {
        let length = if peer.address.is_v4() { PREFIX.0 } else { PREFIX.1 };
        let network = networks.entry((peer.address.network(length), length)).or_insert_with(|| Network {
            packets: 0,
            share: 0.0,
            addresses: Vec::new(),
            origins: BTreeSet::new(),
        });
        network.packets = network.packets.saturating_add(peer.packets);
        network.share += peer.share;
        network.addresses.push(peer.address);
        network.origins.extend(origins.of(peer.address).map(origin));
    }
    let mut sorted: Vec<((Addr, u8), Network)> = networks.into_iter().collect();
    sorted.sort_by_key(|(key, network)| (std::cmp::Reverse(network.packets), *key));
    let has_origins = sorted.iter().any(|(_, network)| !network.origins.is_empty());
    let words = [P::NetworkLabel, P::AddressesLabel, P::OriginLabel, P::PacketsAtLeast, P::ShareAtLeast]
        .map(|word| say(language, word, &[]));
    let mut head: Vec<(&str, bool)> =
        words.iter().zip([false, false, false, true, true]).map(|(text, right)| (text.as_str(), right)).collect();
    if !has_origins {
        head.remove(2);
    }
    let mut table = Table::new(String::new(), &head);
    for ((address, length), network) in sorted.iter().take(NETWORKS) {
        let mut named: Vec<String> = network.addresses.iter().take(ADDRESSES).map(Addr::to_string).collect();
        let more = network.addresses.len().saturating_sub(ADDRESSES);
        if more > 0 {
            named.push(say(language, P::AndMore, &[&language.count(more as u64)]));
        }
        let share = network.share.min(1.0);
        let mut row: Vec<Cell> = vec![format!("{address}/{length}").into(), named.join(", ").into()];
        if has_origins {
            row.push(network.origins.iter().cloned().collect::<Vec<_>>().join(", ").into());
        }
        row.push(language.count(network.packets).into());
        row.push(Cell::share(language.percent(share), share));
        table.rows.push(row);
    }
    if sorted.len() > NETWORKS {
        let rest = sorted.len() - NETWORKS;
        table.caption = say(language, P::MoreNetworks, &[&language.count(rest as u64)]);
    }
    table
}

/// `AS64500 Example (DE)`.
fn origin(origin: &super::origins::Origin) -> String {
    let asn = origin.asn.map(|asn| format!("AS{asn}"));
    let country = origin.country.as_deref().map(|country| format!("({})", name(country)));
    asn.into_iter().chain(origin.organisation.as_deref().map(name)).chain(country).collect::<Vec<_>>().join(" ")
}

pub(super) fn ports(ports: &[Port], title: String, language: Language) -> Table {
    let words = [P::PortLabel, P::ShareLabel].map(|word| say(language, word, &[]));
    let head = [(words[0].as_str(), false), (words[1].as_str(), true)];
    let mut table = Table::new(title, &head);
    for port in ports.iter().take(MOST) {
        let share = with_error(port.share, port.error, language);
        table.rows.push(vec![port.port.to_string().into(), Cell::share(share, port.share)]);
    }
    table
}

pub(super) fn names(names: &[Name], language: Language) -> Table {
    let words = [P::NameLabel, P::NameKind, P::ShareOfRequests].map(|word| say(language, word, &[]));
    let head = [(words[0].as_str(), false), (words[1].as_str(), false), (words[2].as_str(), true)];
    let mut table = Table::new(String::new(), &head);
    for found in names.iter().take(MOST) {
        let shown = if found.name.is_empty() { say(language, P::NameUnreadable, &[]) } else { name(&found.name) };
        let kind = match found.kind {
            "http_host" => "HTTP Host".to_owned(),
            "tls_sni" => "TLS SNI".to_owned(),
            "dns_zone" => say(language, P::DnsZone, &[]),
            other => name(other),
        };
        let share = with_error(found.share, found.error, language);
        table.rows.push(vec![shown.into(), kind.into(), Cell::share(share, found.share)]);
    }
    table
}

/// Incidents, one line each.
pub(super) fn incidents<'a>(
    incidents: impl Iterator<Item = &'a Incident>,
    generated_at: Timestamp,
    language: Language,
) -> Table {
    let words = [P::BeginUtc, P::Lasted, P::TargetLabel, P::Kind, P::PeakRate, P::SeverityLabel, P::IncidentLabel]
        .map(|word| say(language, word, &[]));
    let head: Vec<(&str, bool)> = words
        .iter()
        .zip([false, true, false, false, true, false, false])
        .map(|(text, right)| (text.as_str(), right))
        .collect();
    let mut table = Table::new(String::new(), &head);
    for incident in incidents {
        let kinds: Vec<String> = incident.vectors.iter().take(4).map(|vector| label(language, *vector)).collect();
        let state = State::new(incident, incident.updated_at, generated_at);
        let lasted = language.lasting(incident.lasted_seconds());
        let until = match same_day(incident.onset(), incident.updated_at) {
            true => language.time(incident.updated_at),
            false => short_moment(incident.updated_at),
        };
        let (end, lasted) = match state {
            State::GoingOn => (format!("… ({})", say(language, state.phrase(), &[])), lasted),
            State::Unobserved(_) | State::Unknown => {
                let end = format!("{until} ({})", say(language, state.phrase(), &[]));
                (end, say(language, P::AtLeast, &[&lasted]))
            }
            State::Over | State::Merged => (until, lasted),
        };
        let direction = match incident.direction {
            crate::base::Direction::Outbound => say(language, P::OutboundShort, &[]),
            _ => String::new(),
        };
        let target = match &incident.target.guest {
            Some(guest) => format!("{} ({})", target_name(incident), name(guest)),
            None => target_name(incident),
        };
        table.rows.push(vec![
            say(language, P::ToTime, &[&short_moment(incident.onset()), &end]).into(),
            lasted.into(),
            [direction, target].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ").into(),
            kinds.join(", ").into(),
            format!(
                "{}, {}",
                language.packets(incident.peak.packets_per_second),
                language.bits(incident.peak.bits_per_second)
            )
            .into(),
            severity(incident.severity, language).into(),
            name(&incident.id).into(),
        ]);
    }
    table
}

/// `2026-11-30 03:12:07`.
pub(super) fn short_moment(at: Timestamp) -> String {
    at.to_string().get(..19).unwrap_or_default().replace('T', " ")
}
