//! The values in force, key by key: what `print-config` prints, and what two configurations are compared by.

use super::key::{Key, Section};
use crate::detect::Setting;
use std::fmt::Display;
use std::path::Path;

/// One table with its values.
pub(super) struct PageTable {
    pub section: &'static Section,
    /// As in the file; below a section it has a name of its own: `[detect.syn_flood]`.
    pub heading: String,
    /// What stands above the heading in the sample; empty for the section's own description.
    pub doc: String,
    pub entries: Vec<Entry>,
}

#[derive(Debug, PartialEq)]
pub(super) struct Entry {
    pub name: &'static str,
    /// In TOML.
    pub value: String,
    pub comment: String,
}

/// All tables in the order in which they were begun.
#[derive(Default)]
pub(super) struct Page {
    pub tables: Vec<PageTable>,
}

impl Page {
    /// The tables of one section.
    pub(super) fn of(&self, section: &Section) -> impl Iterator<Item = &PageTable> {
        self.tables.iter().filter(|table| table.section.heading == section.heading)
    }

    pub(super) fn table(&mut self, section: &'static Section) {
        self.table_as(section, section.heading.to_owned(), String::new());
    }

    pub(super) fn table_as(&mut self, section: &'static Section, heading: String, doc: String) {
        self.tables.push(PageTable { section, heading, doc, entries: Vec::new() });
    }

    pub(super) fn bool(&mut self, key: &Key, value: bool) {
        self.entry(key, value.to_string());
    }

    /// A number.
    pub(super) fn number(&mut self, key: &Key, value: impl Display) {
        self.entry(key, value.to_string());
    }

    pub(super) fn text(&mut self, key: &Key, value: impl Display) {
        self.entry(key, string(value).to_string());
    }

    /// A string that is left out where it is empty.
    pub(super) fn text_unless_empty(&mut self, key: &Key, value: &str) {
        if !value.is_empty() {
            self.text(key, value);
        }
    }

    pub(super) fn path(&mut self, key: &Key, value: &Path) {
        self.text(key, value.display());
    }

    pub(super) fn path_unless_empty(&mut self, key: &Key, value: &Path) {
        if !value.as_os_str().is_empty() {
            self.path(key, value);
        }
    }

    pub(super) fn list<T: Display>(&mut self, key: &Key, values: impl IntoIterator<Item = T>) {
        let values = values.into_iter().map(string).collect();
        self.entry(key, toml::Value::Array(values).to_string());
    }

    pub(super) fn list_unless_empty<T: Display>(&mut self, key: &Key, values: impl IntoIterator<Item = T>) {
        let mut values = values.into_iter().peekable();
        if values.peek().is_some() {
            self.list(key, values);
        }
    }

    pub(super) fn map<'a>(&mut self, key: &Key, values: impl IntoIterator<Item = (&'a String, &'a String)>) {
        let values = values.into_iter().map(|(name, value)| (name.clone(), string(value))).collect();
        self.entry(key, toml::Value::Table(values).to_string());
    }

    /// A setting of a detector.
    pub(super) fn setting(&mut self, setting: &Setting, value: f64) {
        let comment = format!("{} ({} to {} {})", setting.doc, setting.min, setting.max, setting.unit);
        self.push(Entry { name: setting.key, value: value.to_string(), comment });
    }

    fn entry(&mut self, key: &Key, value: String) {
        self.push(Entry { name: key.name, value, comment: key.comment() });
    }

    fn push(&mut self, entry: Entry) {
        debug_assert!(!self.tables.is_empty(), "{} outside of any table", entry.name);
        if let Some(table) = self.tables.last_mut() {
            table.entries.push(entry);
        }
    }
}

/// A TOML string: the library knows how to escape.
fn string(text: impl Display) -> toml::Value {
    toml::Value::String(text.to_string())
}

impl PartialEq for PageTable {
    fn eq(&self, other: &PageTable) -> bool {
        (&self.heading, &self.entries) == (&other.heading, &other.entries)
    }
}
