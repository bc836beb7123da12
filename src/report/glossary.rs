//! The terms of a report, each in one sentence. Only those that occur in it are explained.

use super::language::Language;
use super::model::{Block, Section};
use super::phrases::{P, say};
use super::text::{Part, parts};

/// What shows that the term occurs, in English and German, and its explanation.
const TERMS: &[(&[&str], &[&str], P)] = &[
    (&["packet"], &["paket"], P::TermPacket),
    (&["syn"], &["syn"], P::TermSyn),
    (&["spoof"], &["gefälscht"], P::TermSpoofed),
    (&["udp"], &["udp"], P::TermUdp),
    (&["icmp", "icmpv6"], &["icmp", "icmpv6"], P::TermIcmp),
    (&["arp"], &["arp"], P::TermArp),
    (&["mac"], &["mac"], P::TermMac),
    (&["port", "ports"], &["port", "ports", "zielports", "quellports"], P::TermPort),
    (&["/24", "/48"], &["/24", "/48"], P::TermPrefix),
    (&["ttl", "ttls"], &["ttl"], P::TermTtl),
    (&["bit/s", "kbit/s", "mbit/s", "gbit/s"], &["bit/s", "kbit/s", "mbit/s", "gbit/s"], P::TermBits),
    (&["utc"], &["utc"], P::TermUtc),
];

/// Terms of which any word may begin with them; others are whole words.
const BEGINNINGS: [&str; 4] = ["packet", "paket", "spoof", "gefälscht"];

pub(super) fn section(first: &[&str], sections: &[Section], language: Language) -> Option<Section> {
    let mut texts: Vec<String> = first.iter().map(|text| (*text).to_owned()).collect();
    for section in sections {
        section.blocks.iter().for_each(|block| collect(block, &mut texts));
    }
    // What others wrote is not explained.
    let ours = texts.iter().flat_map(|text| parts(text)).filter_map(|part| match part {
        Part::Ours(text) => Some(text.to_lowercase()),
        Part::Name(_) | Part::Prose(_) => None,
    });
    let ours: Vec<String> = ours.collect();
    let occurs = |needle: &str| {
        ours.iter().any(|text| match needle {
            needle if needle.starts_with('/') => text.contains(needle),
            needle => {
                text.split(|c: char| !c.is_alphanumeric() && c != '/').any(|word| match BEGINNINGS.contains(&needle) {
                    true => word.starts_with(needle),
                    false => word == needle,
                })
            }
        })
    };
    let found = TERMS.iter().filter(|(en, de, _)| {
        let needles = if language == Language::En { en } else { de };
        needles.iter().any(|needle| occurs(needle))
    });
    let items: Vec<String> = found.map(|(_, _, phrase)| say(language, *phrase, &[])).collect();
    let blocks = vec![Block::FoldedList(say(language, P::GlossaryTerms, &[]), items.clone())];
    (!items.is_empty()).then(|| Section::new("terms", say(language, P::GlossaryTitle, &[]), blocks))
}

fn collect(block: &Block, texts: &mut Vec<String>) {
    match block {
        Block::Paragraph(text) | Block::Heading(text) => texts.push(text.clone()),
        Block::List(items) => texts.extend(items.iter().cloned()),
        Block::Table(table) => {
            texts.push(table.caption.clone());
            texts.extend(table.head.iter().map(|head| head.text.clone()));
            texts.extend(table.rows.iter().flatten().map(|cell| cell.text.clone()));
        }
        Block::Plot(plot) => texts.push(plot.title.clone()),
        Block::Pair(blocks) => blocks.iter().for_each(|block| collect(block, texts)),
        // Texts of filters are not in words.
        Block::Folded(title, _) | Block::FoldedList(title, _) => texts.push(title.clone()),
    }
}
