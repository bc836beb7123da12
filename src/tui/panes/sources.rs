//! Networks of the senders.

use super::super::pane::{Cell, Column, Look, Pane, Row, no_lines};
use super::super::sheet::Sheet;
use super::super::text::packets;
use super::super::theme::Tone;
use crate::base::grouped;
use crate::view::{Overview, SourceNetwork, percent};
use ratatui::text::Line;

pub(super) const PANE: Pane = Pane {
    title: "Sources",
    help: "networks that our hosts receive from, estimated from sampled packets",
    columns: &[
        Column::words("NETWORK", 22).growing(),
        Column::figures("SHARE", 9),
        Column::figures("±", 9),
        Column::figures("ABOUT PPS", 10),
    ],
    rows,
    above,
    below: no_lines,
    empty: |overview| match overview.networks.sampled {
        0 => "no packets".to_owned(),
        _ => "No network has a share that is larger than its error: the packets come from everywhere.".to_owned(),
    },
    detail,
};

fn rows(overview: &Overview) -> Vec<Row> {
    overview.networks.networks.iter().map(|network| row(overview, network)).collect()
}

fn row(overview: &Overview, network: &SourceNetwork) -> Row {
    let cells = vec![
        Cell::text(&network.network),
        Cell::number(&percent(network.share), network.share),
        Cell::number(&percent(network.error), network.error),
        Cell::count(estimated(overview, network)),
    ];
    Row::new(network.network.clone(), cells)
}

/// Its share of what is received, in packets per second.
fn estimated(overview: &Overview, network: &SourceNetwork) -> u64 {
    let received = overview.traffic.last().map_or(0, |second| second.receive.packets_per_second);
    (received as f64 * network.share).round() as u64
}

fn above(look: &Look<'_>) -> Vec<Line<'static>> {
    let sampled = look.overview.networks.sampled as u64;
    let text = match sampled {
        0 => "Nothing was sampled in the last second: no packets".to_owned(),
        1 => "Estimated from 1 packet of the last second; sources may be forged".to_owned(),
        _ => format!("Estimated from {} packets of the last second; sources may be forged", grouped(sampled)),
    };
    vec![look.line(Tone::Dim, &text)]
}

fn detail(look: &Look<'_>, key: &str) -> Option<Vec<Line<'static>>> {
    let network = look.overview.networks.networks.iter().find(|network| network.network == key)?;
    let mut sheet = Sheet::new(look.width, look.theme);
    sheet.say(Tone::Strong, &format!("Network {key}"));
    sheet.fact("Share", &format!("{} ± {} of the packets", percent(network.share), percent(network.error)));
    sheet.fact("About", &packets(estimated(look.overview, network)));
    sheet.fact("Sampled", &format!("{} packets in all", grouped(look.overview.networks.sampled as u64)));
    sheet.gap();
    sheet.say(Tone::Dim, "Source addresses may be forged. An incident in pane 2 tells whether they probably are.");
    Some(sheet.lines())
}
