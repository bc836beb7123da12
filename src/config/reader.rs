//! Reads the keys of a table by their declarations. Every error is recorded, none ends the reading.

use super::key::{Key, Kind, Section};
use crate::detect::Setting;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

/// One table of the file. Each method reads one key: the written value, or else the default. A value that is wrong is
/// recorded as an error and read as an empty one; the configuration is then refused as a whole.
pub(super) struct Reader<'e> {
    /// Before each key in messages: `capture.`, `hook[0].`; empty for the keys before all tables.
    path: String,
    table: Table,
    /// The keys and tables that were read so far; any other in the file is unknown.
    known: Vec<&'static str>,
    errors: &'e mut Vec<String>,
}

impl<'e> Reader<'e> {
    pub(super) fn new(path: String, table: Table, errors: &'e mut Vec<String>) -> Reader<'e> {
        Reader { path, table, known: Vec::new(), errors }
    }

    pub(super) fn bool(&mut self, key: &Key) -> bool {
        self.typed(key).unwrap_or_default()
    }

    /// The same for a key without default.
    pub(super) fn bool_if_written(&mut self, key: &Key) -> Option<bool> {
        self.typed(key)
    }

    /// A whole number within its range.
    pub(super) fn whole<T: TryFrom<i64> + Default>(&mut self, key: &Key) -> T {
        self.whole_if_written(key).unwrap_or_default()
    }

    pub(super) fn whole_if_written<T: TryFrom<i64>>(&mut self, key: &Key) -> Option<T> {
        let value: i64 = self.typed(key)?;
        let Kind::Whole { min, max, .. } = key.kind else { return self.misdeclared(key) };
        let fitting = T::try_from(value).ok().filter(|_| (min..=max).contains(&value));
        if fitting.is_none() {
            self.errors.push(format!("{}{} = {value}: must be between {min} and {max}", self.path, key.name));
        }
        fitting
    }

    /// A number, with or without a fraction, within its range.
    pub(super) fn number(&mut self, key: &Key) -> f64 {
        let Kind::Number { min, max, .. } = key.kind else { return self.misdeclared(key).unwrap_or_default() };
        let Some(value) = self.typed::<f64>(key) else { return 0.0 };
        if !(min..=max).contains(&value) {
            self.errors.push(format!("{}{} = {value}: must be between {min} and {max}", self.path, key.name));
        }
        value
    }

    /// A string; empty where there is neither a value nor a default.
    pub(super) fn text(&mut self, key: &Key) -> String {
        self.typed(key).unwrap_or_default()
    }

    pub(super) fn text_if_written(&mut self, key: &Key) -> Option<String> {
        self.typed(key)
    }

    /// A string of a certain form. `convert` returns what the value must be ("must be …") where it is not.
    pub(super) fn parsed<T>(&mut self, key: &Key, convert: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let text: String = self.typed(key)?;
        convert(&text).map_err(|message| self.wrong_value(key, &text, &message)).ok()
    }

    /// A list of strings, each of a certain form.
    pub(super) fn list<T>(&mut self, key: &Key, convert: impl Fn(&str) -> Result<T, String>) -> Vec<T> {
        let mut values = Vec::new();
        for (index, text) in self.typed::<Vec<String>>(key).unwrap_or_default().into_iter().enumerate() {
            match convert(&text) {
                Ok(value) => values.push(value),
                Err(message) => {
                    self.errors.push(format!("{}{}[{index}] = {text:?}: {message}", self.path, key.name));
                }
            }
        }
        values
    }

    /// One of the words of a [`Kind::Choice`].
    pub(super) fn choice<T: Copy>(&mut self, key: &Key, all: &[T], name: impl Fn(T) -> &'static str) -> Option<T> {
        self.parsed(key, |text| one_of(key, text, all, &name))
    }

    /// Words of a [`Kind::Choices`]; none where nothing is written and there is no default.
    pub(super) fn choices<T: Copy>(&mut self, key: &Key, all: &[T], name: impl Fn(T) -> &'static str) -> Vec<T> {
        self.list(key, |text| one_of(key, text, all, &name))
    }

    /// A value that the methods above do not fit, as of a [`Kind::Map`].
    pub(super) fn typed<T: DeserializeOwned>(&mut self, key: &Key) -> Option<T> {
        let value = self.value(key)?;
        let shown = value.to_string();
        let typed = value.try_into().ok();
        if typed.is_none() {
            self.wrong_type(key.name, &shown, &key.kind.expected());
        }
        typed
    }

    /// A value of any type, unchecked.
    pub(super) fn value(&mut self, key: &Key) -> Option<Value> {
        self.known.push(key.name);
        self.table.remove(key.name).or_else(|| key.default.parsed())
    }

    /// A setting of a detector, where it is written and a number within its range.
    pub(super) fn setting(&mut self, setting: &'static Setting) -> Option<f64> {
        self.known.push(setting.key);
        let (value, min, max) = (self.table.remove(setting.key)?, setting.min, setting.max);
        let (path, shown) = (format!("{}{}", self.path, setting.key), value.to_string());
        let Some(number) = value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64)) else {
            let unit = setting.unit;
            self.errors.push(format!("{path} = {}: must be a number between {min} and {max} ({unit})", shown.trim()));
            return None;
        };
        if !(min..=max).contains(&number) {
            self.errors.push(format!("{path} = {}: must be between {min} and {max}", shown.trim()));
            return None;
        }
        Some(number)
    }

    /// The table of a section; an empty one where the file does not have it.
    pub(super) fn table<T>(&mut self, section: &'static Section, read: impl FnOnce(&mut Reader<'_>) -> T) -> T {
        let name = self.name_of(section);
        let table = self.subtable(name);
        let mut reader = Reader::new(format!("{}{name}.", self.path), table, self.errors);
        let value = read(&mut reader);
        reader.close(section.keys);
        value
    }

    /// Each table of a list, of which there may be `max`.
    pub(super) fn tables(&mut self, section: &'static Section, max: usize, mut read: impl FnMut(&mut Reader<'_>)) {
        let name = self.name_of(section);
        let Some(value) = self.table.remove(name) else { return };
        let shown = value.to_string();
        let Ok(tables) = value.try_into::<Vec<Table>>() else {
            self.wrong_type(name, &shown, &format!("one or more {} tables", section.heading));
            return;
        };
        if tables.len() > max {
            self.wrong_key(name, &format!("{} tables; at most {max} are allowed", tables.len()));
        }
        for (index, table) in tables.into_iter().enumerate() {
            let mut reader = Reader::new(format!("{}{name}[{index}].", self.path), table, self.errors);
            read(&mut reader);
            reader.close(section.keys);
        }
    }

    /// The tables below a section whose names are not declared, as `[detect.NAME]`.
    pub(super) fn tables_by_name(&mut self, section: &'static Section) -> Vec<(String, Table)> {
        let name = self.name_of(section);
        let table = self.subtable(name);
        self.only_tables(&format!("{}{name}.", self.path), table)
    }

    /// The same below a [`Kind::Table`].
    pub(super) fn tables_below(&mut self, key: &Key) -> Vec<(String, Table)> {
        let table = self.typed(key).unwrap_or_default();
        self.only_tables(&format!("{}{}.", self.path, key.name), table)
    }

    fn subtable(&mut self, name: &str) -> Table {
        match self.table.remove(name) {
            Some(Value::Table(table)) => table,
            Some(other) => {
                self.wrong_type(name, &other.to_string(), "a table");
                Table::new()
            }
            None => Table::new(),
        }
    }

    fn only_tables(&mut self, path: &str, table: Table) -> Vec<(String, Table)> {
        let mut tables = Vec::new();
        for (name, value) in table {
            match value {
                Value::Table(table) => tables.push((name, table)),
                other => self.errors.push(format!("{path}{name} = {}: must be a table", other.to_string().trim())),
            }
        }
        tables
    }

    /// A reader for one of these tables.
    pub(super) fn below(&mut self, path: String, table: Table) -> Reader<'_> {
        Reader::new(format!("{}{path}.", self.path), table, self.errors)
    }

    /// Records an error of the table: `hook[0]: …`.
    pub(super) fn wrong(&mut self, message: &str) {
        self.errors.push(format!("{}: {message}", self.path.trim_end_matches('.')));
    }

    /// Records an error of a key: `hook[0].name: …`.
    pub(super) fn wrong_key(&mut self, key: &str, message: &str) {
        self.errors.push(format!("{}{key}: {message}", self.path));
    }

    /// Records an error of a string: `hook[0].name = "": …`.
    pub(super) fn wrong_value(&mut self, key: &Key, text: &str, message: &str) {
        self.errors.push(format!("{}{} = {text:?}: {message}", self.path, key.name));
    }

    /// Records an error of a value of any type: `http.enabled = 1: must be …`.
    pub(super) fn wrong_type(&mut self, name: &str, shown: &str, expected: &str) {
        self.errors.push(format!("{}{name} = {}: must be {expected}", self.path, shown.trim()));
    }

    /// Whether the file has this key, and it has not been read yet.
    pub(super) fn has(&self, name: &str) -> bool {
        self.table.contains_key(name)
    }

    /// The table as messages name it: `capture`, `hook[0]`.
    pub(super) fn path(&self) -> &str {
        self.path.trim_end_matches('.')
    }

    pub(super) fn errors(&mut self) -> &mut Vec<String> {
        self.errors
    }

    pub(super) fn error_count(&self) -> usize {
        self.errors.len()
    }

    /// Records the keys that are left in the table as unknown. `declared` are the keys of its section.
    pub(super) fn close(self, declared: &[&Key]) {
        self.close_as("unknown key", declared);
    }

    /// The same with another message.
    pub(super) fn close_as(mut self, message: &str, declared: &[&Key]) {
        // Independent of the file, because all keys are read whether they are written or not.
        for key in declared {
            debug_assert!(self.known.contains(&key.name), "{}{} is declared and not read", self.path, key.name);
        }
        // Messages list the keys in the order of the documentation, which need not be that of reading.
        let position = |name: &str| declared.iter().position(|key| key.name == name).unwrap_or(declared.len());
        self.known.sort_by_key(|name| position(name));
        for key in self.table.keys() {
            let hint = match self.known.iter().find(|known| is_near(known, key)) {
                Some(known) => format!("did you mean {known}?"),
                None if self.known.is_empty() => "there are none here".to_owned(),
                None => format!("known here: {}", self.known.join(", ")),
            };
            self.errors.push(format!("{}{key}: {message}; {hint}", self.path));
        }
    }

    /// The last part of a section's name, which is the key of its table.
    fn name_of(&mut self, section: &'static Section) -> &'static str {
        let name = section.name().rsplit('.').next().unwrap_or_default();
        self.known.push(name);
        name
    }

    fn misdeclared<T>(&self, key: &Key) -> Option<T> {
        debug_assert!(false, "{}{} is read as another type than it is declared", self.path, key.name);
        None
    }
}

fn one_of<T: Copy>(key: &Key, text: &str, all: &[T], name: impl Fn(T) -> &'static str) -> Result<T, String> {
    let found = all.iter().copied().find(|&one| name(one) == text);
    found.ok_or_else(|| match key.kind {
        Kind::Choices(names) => format!("must be {}", Kind::Choice(names).expected()),
        _ => format!("must be {}", key.kind.expected()),
    })
}

/// Whether one may be a misspelling of the other: one edit apart, or the same letters with other separators.
pub(super) fn is_near(known: &str, written: &str) -> bool {
    let plain = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
    let (a, b) = (plain(known), plain(written));
    if a == b || a.starts_with(&b) && b.len() >= 3 || b.starts_with(&a) {
        return true;
    }
    let common_start = a.chars().zip(b.chars()).take_while(|(x, y)| x == y).count();
    let common_end = a.chars().rev().zip(b.chars().rev()).take_while(|(x, y)| x == y).count();
    let longest = a.chars().count().max(b.chars().count());
    common_start + common_end + 1 >= longest
}
