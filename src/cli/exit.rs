//! Exit codes, the same for every subcommand. Code 2, wrong usage, is also that of clap.

/// Success.
pub(super) const OK: u8 = 0;
/// A failure: a file that cannot be read, an interface that cannot be opened, a posture check that fails.
pub(super) const FAILED: u8 = 1;
/// Wrong usage that clap cannot see, such as no terminal where one is needed.
pub(super) const USAGE: u8 = 2;
/// The configuration is invalid.
pub(super) const CONFIG: u8 = 3;
/// A privilege is missing.
pub(super) const PRIVILEGE: u8 = 4;
