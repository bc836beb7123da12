//! What is said of a vector.

/// A vector in both languages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    /// English, with its article where it has one: `a SYN flood`.
    pub phrase: &'static str,
    /// German, without an article.
    pub de: &'static str,
    /// One sentence about what happens.
    pub says: (&'static str, &'static str),
}
