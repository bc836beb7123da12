//! Text for the ticket of a provider: which host, guest and MAC address, since when, and what was done.

use super::input::{IncidentInput, Reporter};
use super::language::Language;
use super::model::{Block, Section};
use super::phrases::{P, say};
use super::target::target_name;
use super::text::{plain, unmarked};
use super::vectors::label;
use super::{incident, verdict};
use crate::base::Direction;

/// Longest name of an organisation or mail address, in characters.
const MOST: usize = 200;

pub(super) fn text(input: &IncidentInput<'_>, reporter: &Reporter, language: Language) -> String {
    let found = &input.incident.incident;
    let report = incident::report(input, language);
    let subject = match (found.target.kind, found.direction) {
        ("host" | "prefix", _) if super::period::is_fault(found.vector) || found.vector.is_note() => P::MailSubjectSeen,
        ("host" | "prefix", Direction::Outbound) => P::MailSubjectSource,
        ("host" | "prefix", _) => P::MailSubjectTarget,
        _ => P::MailSubjectSeen,
    };
    let mut lines = vec![
        say(language, subject, &[&target_name(found), &label(language, found.vector)]),
        String::new(),
        say(language, P::MailGreeting, &[]),
        String::new(),
    ];
    if found.drill {
        lines.push(say(language, P::Drill, &[]));
    }
    lines.extend([verdict::of_incident(input, language), String::new(), say(language, P::MailFigures, &[])]);
    let section = |id: &str| report.sections.iter().find(|section| section.id == id);
    lines.extend(section("known").into_iter().flat_map(facts));
    lines.push(format!("- {}: {}", say(language, P::MailId, &[]), found.id));
    let evidence: Vec<String> =
        found.evidence.iter().map(|evidence| format!("- {}", plain(&evidence.message, MOST))).collect();
    if !evidence.is_empty() {
        lines.extend([String::new(), say(language, P::MailMeasured, &[])]);
        lines.extend(evidence);
    }
    lines.extend([
        String::new(),
        say(language, P::MailDone, &[]),
        format!("- {}", say(language, P::MailObserves, &[])),
        format!("- {}", say(language, P::MailFill, &[])),
        String::new(),
        say(language, P::MailNotKnown, &[]),
    ]);
    lines.extend(section("unknown").into_iter().flat_map(items));
    lines.extend([
        String::new(),
        say(language, P::MailReference, &[]),
        String::new(),
        say(language, P::MailClosing, &[]),
    ]);
    let signed = [&reporter.organisation, &reporter.contact];
    lines.extend(signed.into_iter().filter(|line| !line.is_empty()).map(|line| plain(line, MOST)));
    unmarked(&(lines.join("\n") + "\n"))
}

/// The facts of a section, one line each.
fn facts(section: &Section) -> Vec<String> {
    let tables = section.blocks.iter().filter_map(|block| match block {
        Block::Table(table) => Some(table),
        _ => None,
    });
    tables
        .flat_map(|table| &table.rows)
        .filter_map(|row| match row.as_slice() {
            [label, value, ..] => Some(format!("- {}: {}", label.text, value.text)),
            _ => None,
        })
        .collect()
}

fn items(section: &Section) -> Vec<String> {
    let lists = section.blocks.iter().filter_map(|block| match block {
        Block::List(items) => Some(items),
        _ => None,
    });
    lists.flatten().map(|item| format!("- {item}")).collect()
}
