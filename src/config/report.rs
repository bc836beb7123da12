//! `[report]`: what reports say of the sender, and where they look up the origin of addresses.

use super::key::{DefaultValue, Key, Kind, Reload, Section};
use super::page::Page;
use super::reader::Reader;
use std::path::PathBuf;

pub(super) const SECTION: Section = Section {
    heading: "[report]",
    reload: Reload::Live,
    doc: "Reports: pegel report writes them for customers, providers and authorities.",
    keys: &[&ORGANISATION, &CONTACT, &MMDB],
};

const ORGANISATION: Key = Key {
    name: "organisation",
    kind: Kind::Text("a name"),
    default: DefaultValue::Text(""),
    doc: "Whose reports these are. XARF reports must name it.",
};

const CONTACT: Key = Key {
    name: "contact",
    kind: Kind::Text("a mail address"),
    default: DefaultValue::Text(""),
    doc: "Mail address for questions. XARF reports must name it.",
};

const MMDB: Key = Key {
    name: "mmdb",
    kind: Kind::List("file names"),
    default: DefaultValue::List(&[]),
    doc: "Databases with AS numbers and countries (MMDB, as of GeoLite2, DB-IP or IPinfo). Each address is looked up in all \
          of them when a report is written. Without any, reports name no origin.",
};

/// What reports need beside the store.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReportConfig {
    /// May be empty.
    pub organisation: String,
    /// May be empty.
    pub contact: String,
    /// Databases of origins.
    pub mmdb: Vec<PathBuf>,
}

fn line(text: &str) -> Result<String, String> {
    if text.contains(char::is_control) { Err("must be one line".to_owned()) } else { Ok(text.to_owned()) }
}

fn mail(text: &str) -> Result<String, String> {
    let parts = text.split_once('@').filter(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'));
    match text.is_empty() || parts.is_some() && !text.contains(|c: char| c.is_control() || c.is_whitespace()) {
        true => Ok(text.to_owned()),
        false => Err("must be a mail address".to_owned()),
    }
}

fn file(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() { Err("must be a file name".to_owned()) } else { Ok(PathBuf::from(text)) }
}

pub(super) fn read(section: &mut Reader<'_>) -> ReportConfig {
    ReportConfig {
        organisation: section.parsed(&ORGANISATION, line).unwrap_or_default(),
        contact: section.parsed(&CONTACT, mail).unwrap_or_default(),
        mmdb: section.list(&MMDB, file),
    }
}

pub(super) fn write(report: &ReportConfig, page: &mut Page) {
    page.table(&SECTION);
    page.text(&ORGANISATION, &report.organisation);
    page.text(&CONTACT, &report.contact);
    page.list(&MMDB, report.mmdb.iter().map(|path| path.display().to_string()));
}
