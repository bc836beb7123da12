//! The order of the incidents of a folder: the file `CHAIN`, a line for each in the format of sha256sum.
//!
//! `sha256sum -c CHAIN` checks that no incident was removed or replaced; with its signature, that none was reordered, and that
//! the last was not removed. What retention removed is counted in a comment line at the beginning; what was removed on request leaves
//! a comment line in its place.

use super::seal::SUMS;
use super::sums::{Digest, Line};
use super::text::is_id;
use std::collections::BTreeSet;
use std::fmt::Write;

/// The name of the file.
pub const CHAIN: &str = "CHAIN";
/// The name of its signature.
pub const CHAIN_SIGNATURE: &str = "CHAIN.sig";
/// Both while they are written.
pub(super) const NEW_CHAIN: &str = ".CHAIN.new";
pub(super) const NEW_SIGNATURE: &str = ".CHAIN.sig.new";

/// Most octets of the file: 150,000 incidents.
pub(super) const MOST_OCTETS: u64 = 16 << 20;
/// Between the number of removed incidents and the last of them.
const RETIRED: &str = " removed by retention, the last: ";
/// Before an incident whose evidence was removed on request. To sha256sum, the line is a comment.
const FORGOTTEN: &str = "# removed on request: ";

/// An incident of the chain: its ID and the digest of its sums.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) sums: Digest,
}

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Content {
    /// How many incidents retention removed, and the last of them.
    pub(super) retired: Option<(u64, Entry)>,
    /// Oldest first.
    pub(super) entries: Vec<Entry>,
    /// IDs of those whose evidence was removed on request. Their lines stay, so that the chain does.
    pub(super) forgotten: BTreeSet<String>,
}

impl Entry {
    fn text(&self) -> String {
        Line::new(self.sums, &format!("{}/{SUMS}", self.id)).text()
    }

    fn parse(line: &str) -> Option<Entry> {
        let line = Line::parse(line)?;
        let id = line.name.strip_suffix(SUMS)?.strip_suffix('/').filter(|id| is_id(id))?;
        Some(Entry { id: id.to_owned(), sums: line.digest })
    }
}

impl Content {
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        if let Some((count, last)) = &self.retired {
            let _ = write!(text, "# {count}{RETIRED}{}", last.text());
        }
        for entry in &self.entries {
            if self.forgotten.contains(&entry.id) {
                text.push_str(FORGOTTEN);
            }
            text.push_str(&entry.text());
        }
        text
    }

    /// The content, and the numbers of lines that are not as [`Content::text`] writes them.
    pub(super) fn parse(bytes: &[u8]) -> (Content, Vec<usize>) {
        let text = String::from_utf8_lossy(bytes);
        let (mut content, mut wrong) = (Content::default(), Vec::new());
        for (index, line) in text.split_inclusive('\n').enumerate() {
            let whole = line.strip_suffix('\n').filter(|line| !line.ends_with('\r'));
            let retired = whole.and_then(|line| line.strip_prefix("# ")?.split_once(RETIRED));
            if let Some(entry) = whole.and_then(Entry::parse) {
                content.entries.push(entry);
            } else if let Some(entry) = whole.and_then(|line| line.strip_prefix(FORGOTTEN)).and_then(Entry::parse) {
                content.forgotten.insert(entry.id.clone());
                content.entries.push(entry);
            } else if let Some((count, entry)) = retired
                && let (Ok(number), Some(entry), 0) = (count.parse::<u64>(), Entry::parse(entry), index)
                && number.to_string() == count
            {
                content.retired = Some((number, entry));
            } else {
                wrong.push(index + 1);
            }
        }
        (content, wrong)
    }

    pub(super) fn last(&self) -> Option<&Entry> {
        self.entries.last().or(self.retired.as_ref().map(|(_, entry)| entry))
    }
}
