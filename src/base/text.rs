//! Reads values back from the text that they are written as.

use serde::{Deserialize, Deserializer, de::Error};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

/// A word of a small fixed vocabulary, such as the name of a measurement.
pub type Word = &'static str;

/// Words kept; the vocabulary has fewer than a hundred.
const WORDS: usize = 1024;
/// Stands for a word that is longer than any of ours, or one too many.
const UNKNOWN: Word = "unknown";
/// Longest word in bytes.
const LONGEST: usize = 64;

/// Reads a value from its text.
pub(super) fn from_text<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(deserializer: D) -> Result<T, D::Error> {
    let text = <Cow<'_, str>>::deserialize(deserializer)?;
    text.parse().map_err(|error| D::Error::custom(format!("{text:?} {error}")))
}

/// Reads a word back. It lives as long as the process: at most a thousand do.
///
/// # Errors
/// Where there is no text.
pub fn word<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Word, D::Error> {
    static KNOWN: Mutex<BTreeSet<Word>> = Mutex::new(BTreeSet::new());
    let text = <Cow<'_, str>>::deserialize(deserializer)?;
    Ok(kept(&mut KNOWN.lock().unwrap_or_else(PoisonError::into_inner), text))
}

fn kept(known: &mut BTreeSet<Word>, text: Cow<'_, str>) -> Word {
    if let Some(word) = known.get(&*text) {
        return word;
    }
    if known.len() >= WORDS || text.len() > LONGEST {
        return UNKNOWN;
    }
    let word: Word = Box::leak(text.into_owned().into_boxed_str());
    known.insert(word);
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_kept_once_and_bounded() {
        let mut known = BTreeSet::new();
        let mut read = |text: &str| kept(&mut known, Cow::Owned(text.to_owned()));
        assert!(std::ptr::eq(read("syn_per_second"), read("syn_per_second")));
        assert_eq!(read(&"x".repeat(65)), UNKNOWN);
        for number in 0..2 * WORDS {
            read(&format!("word {number}"));
        }
        assert_eq!(read("one too many"), UNKNOWN);
        assert_eq!(read("syn_per_second"), "syn_per_second");
    }
}
