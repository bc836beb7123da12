//! Suggested filters, for the technician of a network.

use super::language::Language;
use super::model::{Block, Table};
use super::phrases::{P, say};
use super::text::{lines, name, prose};
use crate::store::StoredIncident;
use serde_json::Value;
use std::collections::BTreeSet;

/// Of a share that was not seen in N samples, this many in N may still be there (confidence 95 %).
const UNSEEN: f64 = 3.0;
/// Most samples of which that says anything.
const LEAST_SAMPLES: u64 = 4;

/// Suggestions that can be loaded.
fn rules(stored: &StoredIncident) -> Vec<&Value> {
    let has_text = |one: &&Value| one["text"].as_str().is_some_and(|text| !text.is_empty());
    stored.mitigations.iter().filter(has_text).collect()
}

pub(super) fn are_suggested(stored: &StoredIncident) -> bool {
    !rules(stored).is_empty()
}

pub(super) fn blocks(stored: &StoredIncident, language: Language) -> Vec<Block> {
    let rules = rules(stored);
    if rules.is_empty() {
        return Vec::new();
    }
    let head = [P::RuleKind, P::RuleAction, P::MatchesAttack, P::Collateral].map(|word| say(language, word, &[]));
    let head: Vec<(&str, bool)> = head.iter().zip([false, false, true, true]).map(|(t, n)| (t.as_str(), n)).collect();
    let mut table = Table::new(String::new(), &head);
    let (mut texts, mut notes) = (Vec::new(), BTreeSet::new());
    let mut sentences =
        vec![say(language, if stored.incident.vectors.len() > 1 { P::FiltersSeveral } else { P::FiltersOne }, &[])];
    for one in rules {
        let word = |field: &str| one[field].as_str().unwrap_or_default();
        let action = match word("action") {
            "drop" => say(language, P::ActionDrop, &[]),
            "rate_limit" => say(language, P::ActionLimit, &[]),
            "blackhole" => say(language, P::ActionBlackhole, &[]),
            "match" => say(language, P::ActionMatch, &[]),
            other => name(other),
        };
        if word("action") == "blackhole" {
            sentences.push(say(language, P::BlackholeMeans, &[]));
        }
        let attack = share(&one["matches_attack"], &Value::Null, language);
        let normal = share(&one["collateral"], &one["background_samples"], language);
        table.rows.push(vec![name(word("kind")).into(), action.into(), attack.into(), normal.into()]);
        notes.extend(one["notes"].as_array().into_iter().flatten().filter_map(Value::as_str).map(prose));
        texts.push(Block::Folded(say(language, P::RuleText, &[&name(word("kind"))]), lines(word("text"))));
    }
    let mut blocks = vec![Block::Heading(say(language, P::FiltersTitle, &[]))];
    blocks.push(Block::Paragraph(sentences.join(" ")));
    blocks.push(Block::Table(table));
    if !notes.is_empty() {
        blocks.push(Block::Paragraph(say(language, P::FilterNotes, &[])));
        blocks.push(Block::List(notes.into_iter().collect()));
    }
    blocks.into_iter().chain(texts).collect()
}

/// A share of samples. None of N does not mean that there is nothing.
fn share(value: &Value, samples: &Value, language: Language) -> String {
    match (value.as_f64(), samples.as_u64()) {
        (Some(share), Some(samples)) if share <= 0.0 && samples >= LEAST_SAMPLES => {
            let most = language.percent((UNSEEN / samples as f64).min(1.0));
            say(language, P::NoneOf, &[&language.count(samples), &most])
        }
        (Some(share), _) => language.percent(share),
        (None, _) => say(language, P::Unknown, &[]),
    }
}
