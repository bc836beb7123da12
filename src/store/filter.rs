//! Which incidents are wanted.

use crate::base::{Severity, Timestamp, Vector};
use std::str::FromStr;

/// Most incidents of a page.
pub const MAX_PAGE: usize = 1000;

/// A choice of incidents; those that satisfy all of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// Open at this time or later.
    pub from: Option<Timestamp>,
    /// Opened before this time.
    pub to: Option<Timestamp>,
    /// About this address, network, MAC address, interface or check.
    pub target: Option<String>,
    /// About this guest: its label, or the ID that the label begins with.
    pub guest: Option<String>,
    /// On this interface.
    pub interface: Option<String>,
    /// With this vector, whether the main one or not.
    pub vector: Option<Vector>,
    /// At least this severe.
    pub severity: Option<Severity>,
    /// Open at present, or closed.
    pub open: Option<bool>,
    /// Drills too.
    pub drills: bool,
    /// Those that are older than this one, for the next page.
    pub before: Option<Cursor>,
    /// At most this many, the latest first; 0: as many as a page may have.
    pub limit: usize,
}

/// The last incident of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// When it opened, in milliseconds since 1970.
    pub opened: i64,
    /// Its ID.
    pub id: String,
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.opened, self.id)
    }
}

impl FromStr for Cursor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('.').and_then(|(opened, id)| Some((opened.parse().ok()?, id.to_owned())));
        let (opened, id) = parts.ok_or("must be the value of next of a previous page")?;
        Ok(Cursor { opened, id })
    }
}

impl Filter {
    /// Sets one condition by its name, as in the command line and the query of a URL.
    ///
    /// # Errors
    /// What is wrong with the name or the value.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let wrong = |message: String| format!("{name}={value:?} {message}");
        let text = || Some(value.to_owned()).filter(|text| !text.is_empty());
        match name {
            "from" => self.from = Some(value.parse().map_err(wrong)?),
            "to" => self.to = Some(value.parse().map_err(wrong)?),
            "target" => self.target = text(),
            "guest" => self.guest = text(),
            "interface" => self.interface = text(),
            "vector" => {
                let vector = Vector::from_name(value);
                self.vector = Some(vector.ok_or_else(|| wrong("is no vector; see pegel list vectors".to_owned()))?);
            }
            "severity" => {
                let severity = Severity::from_name(value);
                self.severity = Some(severity.ok_or_else(|| wrong("must be info, warning or critical".to_owned()))?);
            }
            "before" => self.before = Some(value.parse().map_err(wrong)?),
            "limit" => match value.parse() {
                Ok(limit @ 1..=MAX_PAGE) => self.limit = limit,
                _ => return Err(wrong(format!("must be a number from 1 to {MAX_PAGE}"))),
            },
            _ => return Err(format!("{name} is no parameter")),
        }
        Ok(())
    }

    /// The number of incidents of a page.
    pub(super) fn page(&self) -> usize {
        if self.limit == 0 { MAX_PAGE } else { self.limit.min(MAX_PAGE) }
    }
}
