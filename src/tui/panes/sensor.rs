//! Pegel itself: whether what it says can be relied upon.

use super::super::pane::{Look, Pane, no_lines, no_rows};
use super::super::sheet::Sheet;
use super::super::text::{fitted, moment, neutral};
use super::super::theme::Tone;
use crate::base::{PostureState, grouped, lasting, scaled};
use crate::view::{CaptureView, SensorView, TableView, percent};
use ratatui::text::Line;

/// Fill from which a table is shown as full: what comes next pushes something out.
const FULL: f64 = 0.9;

pub(super) const PANE: Pane = Pane {
    title: "Sensor",
    help: "Pegel itself: problems, interfaces, tables, outputs, the store, host checks",
    columns: &[],
    rows: no_rows,
    above: sensor,
    below: no_lines,
    empty: |_| String::new(),
    detail: |_, _| None,
};

fn sensor(look: &Look<'_>) -> Vec<Line<'static>> {
    let (sensor, now) = (&look.overview.sensor, look.overview.at);
    let mut sheet = Sheet::new(look.width, look.theme);
    let problems = sensor.problems();
    match problems.len() {
        0 => sheet.say(Tone::Good, "No problems found."),
        count => sheet.say(Tone::Critical, &format!("{count} problem{}", if count == 1 { "" } else { "s" })),
    }
    for problem in &problems {
        sheet.item(Tone::Warning, &format!("! {problem}"));
    }
    sheet.gap();
    sheet.fact("Machine", &sensor.name);
    sheet.fact("Version", &sensor.version);
    if let Some(at) = sensor.started_at {
        let since = now.map(|now| format!(" ({})", lasting(now.seconds_since(at)))).unwrap_or_default();
        sheet.fact("Started", &format!("{}{since}", moment(at, now)));
    }
    sheet.fact("Coverage", &format!("{} of the packets of the last minute", percent(sensor.coverage)));
    let networks = sensor.networks.join(", ");
    sheet.fact("Our networks", if networks.is_empty() { "not known" } else { &networks });
    interfaces(&mut sheet, &sensor.interfaces);
    outputs(&mut sheet, sensor);
    checks(&mut sheet, sensor);
    tables(&mut sheet, &sensor.tables);
    sheet.lines()
}

fn interfaces(sheet: &mut Sheet, interfaces: &[CaptureView]) {
    sheet.heading("Interfaces");
    if interfaces.is_empty() {
        sheet.item(Tone::Dim, "none");
    }
    for one in interfaces {
        let (state, tone) = if one.is_up { ("captured", Tone::Plain) } else { ("NOT CAPTURED", Tone::Critical) };
        let mut text = format!("{} {state}, {} packets", fitted(&neutral(&one.name), 16), grouped(one.packets));
        for (dropped, by) in [(one.kernel_dropped, "kernel"), (one.interface_dropped, "interface")] {
            if dropped > 0 {
                text.push_str(&format!(", {} dropped by the {by}", grouped(dropped)));
            }
        }
        if one.sampled > 1 {
            text.push_str(&format!(", sampled 1 in {}", one.sampled));
        }
        sheet.item(tone, &text);
    }
}

fn outputs(sheet: &mut Sheet, sensor: &SensorView) {
    sheet.heading("Outputs");
    if sensor.outputs.is_empty() {
        sheet.item(Tone::Dim, "none: incidents are not reported to anyone");
    }
    for one in &sensor.outputs {
        let (state, tone) = if one.is_failing { ("FAILING", Tone::Critical) } else { ("ok", Tone::Plain) };
        let (delivered, failed, dropped) = (grouped(one.delivered), grouped(one.failed), grouped(one.dropped));
        let name = fitted(&neutral(&one.name), 16);
        sheet.item(
            tone,
            &format!("{name} {state}, {delivered} delivered, {failed} attempts failed, {dropped} given up"),
        );
    }
    sheet.heading("Store");
    match &sensor.store {
        None => sheet.item(Tone::Dim, "none: incidents are lost when Pegel stops"),
        Some(store) => {
            let (state, tone) =
                if store.is_failing { ("CANNOT BE WRITTEN", Tone::Critical) } else { ("ok", Tone::Plain) };
            let text = format!("{state}, {}B, {} entries given up", scaled(store.bytes), grouped(store.dropped));
            sheet.item(tone, &text);
        }
    }
}

fn checks(sheet: &mut Sheet, sensor: &SensorView) {
    if sensor.checks.is_empty() {
        return;
    }
    sheet.heading("Host checks");
    for check in &sensor.checks {
        let is_ok = check.state == PostureState::Ok.name();
        let tone = if is_ok { Tone::Plain } else { Tone::Warning };
        sheet.item(tone, &format!("{} {}: {}", fitted(&neutral(check.state), 8), check.name, check.message));
    }
}

fn tables(sheet: &mut Sheet, tables: &[TableView]) {
    sheet.heading("Tables, fullest first");
    let fill = |table: &TableView| table.entries as f64 / table.capacity.max(1) as f64;
    let mut tables: Vec<&TableView> = tables.iter().collect();
    tables.sort_by(|a, b| fill(b).total_cmp(&fill(a)));
    for table in tables {
        let (entries, capacity) = (grouped(table.entries), grouped(table.capacity));
        let tone = if fill(table) >= FULL { Tone::Warning } else { Tone::Plain };
        let mut text =
            format!("{} {:>7}  {entries} of {capacity}", fitted(&neutral(table.name), 30), percent(fill(table)));
        if table.evictions > 0 {
            text.push_str(&format!(", {} pushed out", grouped(table.evictions)));
        }
        sheet.item(tone, &text);
    }
}
