//! The languages of reports.

/// A language of reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English.
    #[default]
    En,
    /// German.
    De,
}

impl Language {
    /// Every language.
    pub const ALL: [Language; 2] = [Language::En, Language::De];

    /// Its code (ISO 639-1).
    pub const fn code(self) -> &'static str {
        match self {
            Language::En => "en",
            Language::De => "de",
        }
    }

    /// Of two texts, the one in this language.
    pub(super) const fn of<'a>(self, en: &'a str, de: &'a str) -> &'a str {
        match self {
            Language::En => en,
            Language::De => de,
        }
    }
}
