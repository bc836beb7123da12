//! Declarations: everything that is known about a key of the configuration, written once.
//!
//! Each section file declares its keys as [`Key`] constants and lists them in its [`Section`]. Reading a file
//! ([`super::reader`]), writing one ([`super::page`]), the sample and the reference page all use these constants, so a
//! name, default, range or description cannot differ between them.

/// One key of a section.
pub(super) struct Key {
    pub name: &'static str,
    pub kind: Kind,
    pub default: DefaultValue,
    /// For operators: the comment in the sample file and the description in the reference. Whole sentences, without the
    /// range, which is added to it.
    pub doc: &'static str,
}

/// The type of a value, and which values are allowed.
pub(super) enum Kind {
    Bool,
    /// A whole number from `min` to `max`. The unit may be empty.
    Whole {
        min: i64,
        max: i64,
        unit: &'static str,
    },
    /// A number with or without a fraction from `min` to `max`.
    Number {
        min: f64,
        max: f64,
        unit: &'static str,
    },
    /// A string, and what it contains: "a file name".
    Text(&'static str),
    /// A string, one of these.
    Choice(fn() -> Vec<&'static str>),
    /// A list of strings, and what they contain: "networks".
    List(&'static str),
    /// A list of strings, each one of these.
    Choices(fn() -> Vec<&'static str>),
    /// A string or a list of them: "a vector".
    OneOrMore(&'static str),
    /// Names with strings: "labels".
    Map(&'static str),
    /// Tables below this one: "detectors with their limits".
    Table(&'static str),
}

/// What a key has where the file does not say.
pub(super) enum DefaultValue {
    Bool(bool),
    Whole(i64),
    Number(f64),
    Text(&'static str),
    List(&'static [&'static str]),
    /// It has to be written. The text is an example in TOML.
    Required(&'static str),
    /// Nothing; what that means is in the description. The text is an example in TOML.
    Absent(&'static str),
}

/// Whether a change takes effect when the configuration is reloaded (SIGHUP).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reload {
    /// The new value is used from the reload on.
    Live,
    /// The process has to be restarted.
    Restart,
}

/// The keys of one table, or of each of a list of tables.
pub(super) struct Section {
    /// As in the file: `[capture]`, `[[hook]]`. Keys that stand before all tables have their own name here.
    pub heading: &'static str,
    pub reload: Reload,
    /// For operators, as [`Key::doc`].
    pub doc: &'static str,
    pub keys: &'static [&'static Key],
}

impl Key {
    /// The description with the range.
    pub(super) fn comment(&self) -> String {
        match self.kind.range() {
            Some(range) => format!("{} ({range})", self.doc),
            None => self.doc.to_owned(),
        }
    }

    /// The default in TOML, or else an example.
    pub(super) fn shown(&self) -> String {
        match self.default.value() {
            Some(value) => value,
            None => match self.default {
                DefaultValue::Required(example) | DefaultValue::Absent(example) => example.to_owned(),
                _ => String::new(),
            },
        }
    }
}

impl Kind {
    /// What the value must be, for messages: "must be …".
    pub(super) fn expected(&self) -> String {
        match self {
            Kind::Bool => "true or false".to_owned(),
            Kind::Whole { min, max, .. } => format!("a whole number between {min} and {max}"),
            Kind::Number { min, max, .. } => format!("a number between {min} and {max}"),
            Kind::Text(what) => format!("{what} in quotes"),
            Kind::Choice(names) => alternatives(&names(), "or"),
            Kind::List(what) => format!("a list of {what}"),
            Kind::Choices(names) => format!("a list of {}", alternatives(&names(), "and")),
            Kind::OneOrMore(what) => format!("{what} or a list of them"),
            Kind::Map(what) | Kind::Table(what) => format!("a table of {what}"),
        }
    }

    /// "1 to 1024 MiB"; none for values that are not numbers.
    pub(super) fn range(&self) -> Option<String> {
        let (range, unit) = match self {
            Kind::Whole { min, max, unit } => (format!("{min} to {max}"), unit),
            Kind::Number { min, max, unit } => (format!("{min} to {max}"), unit),
            _ => return None,
        };
        Some(if unit.is_empty() { range } else { format!("{range} {unit}") })
    }

    /// The words that are allowed; none where the value is free.
    pub(super) fn choices(&self) -> Vec<&'static str> {
        match self {
            Kind::Choice(names) | Kind::Choices(names) => names(),
            _ => Vec::new(),
        }
    }

    /// The TOML type, for the reference.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Kind::Bool => "boolean",
            Kind::Whole { .. } => "integer",
            Kind::Number { .. } => "number",
            Kind::Text(_) | Kind::Choice(_) => "string",
            Kind::List(_) | Kind::Choices(_) => "array of strings",
            Kind::OneOrMore(_) => "string or array of strings",
            Kind::Map(_) => "table of strings",
            Kind::Table(_) => "table",
        }
    }
}

/// `"a", "b" or "c"`.
fn alternatives(names: &[&str], last: &str) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    match quoted.split_last() {
        Some((only, [])) => only.clone(),
        Some((end, rest)) => format!("{} {last} {end}", rest.join(", ")),
        None => String::new(),
    }
}

impl DefaultValue {
    /// In TOML; none where the key has no default.
    pub(super) fn value(&self) -> Option<String> {
        match self {
            DefaultValue::Bool(value) => Some(value.to_string()),
            DefaultValue::Whole(value) => Some(value.to_string()),
            DefaultValue::Number(value) => Some(value.to_string()),
            DefaultValue::Text(value) => Some(toml::Value::from(*value).to_string()),
            DefaultValue::List(values) => Some(toml::Value::from(values.to_vec()).to_string()),
            DefaultValue::Required(_) | DefaultValue::Absent(_) => None,
        }
    }

    /// The same, parsed.
    pub(super) fn parsed(&self) -> Option<toml::Value> {
        match self {
            DefaultValue::Bool(value) => Some((*value).into()),
            DefaultValue::Whole(value) => Some((*value).into()),
            DefaultValue::Number(value) => Some((*value).into()),
            DefaultValue::Text(value) => Some((*value).into()),
            DefaultValue::List(values) => Some(values.to_vec().into()),
            DefaultValue::Required(_) | DefaultValue::Absent(_) => None,
        }
    }
}

impl Section {
    /// The heading without brackets.
    pub(super) fn name(&self) -> &'static str {
        self.heading.trim_matches(['[', ']'])
    }

    /// Whether the file may have any number of tables with this heading.
    pub(super) fn is_list(&self) -> bool {
        self.heading.starts_with("[[")
    }

    /// Whether its keys stand before all tables.
    pub(super) fn is_top_level(&self) -> bool {
        !self.heading.starts_with('[')
    }
}
