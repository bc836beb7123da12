//! `[sandbox]`: what the daemon gives up after its start.

use super::key::{DefaultValue, Key, Kind, Reload, Section};
use super::page::Page;
use super::reader::Reader;

pub(super) const SECTION: Section = Section {
    heading: "[sandbox]",
    reload: Reload::Restart,
    doc: "What pegel run gives up once it captures: capabilities, files other than its own, programs, raw sockets. A small helper \
          process keeps what is needed again: it opens packet sockets when an interface comes back, resolves names, and runs hooks \
          and posture tools. pegel run --print-sandbox shows what is in force.",
    keys: &[&ENABLED, &USER],
};

const ENABLED: Key = Key {
    name: "enabled",
    kind: Kind::Bool,
    default: DefaultValue::Bool(true),
    doc: "Give them up. What an old kernel does not know is left out, with a warning.",
};

const USER: Key = Key {
    name: "user",
    kind: Kind::Text("a user's name"),
    default: DefaultValue::Text(""),
    doc: "The user to run as when started by root, with its groups. Hooks and posture tools still run as root. Empty: the owner of \
          state_dir. The user must be able to read the files that this configuration names.",
};

/// What the daemon gives up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxConfig {
    /// Whether it does.
    pub enabled: bool,
    /// The user to become; empty: the owner of the state directory.
    pub user: String,
}

fn user(text: &str) -> Result<String, String> {
    match text.contains(|c: char| c.is_control() || c.is_whitespace() || c == ':') {
        true => Err("must be the name of a user".to_owned()),
        false => Ok(text.to_owned()),
    }
}

pub(super) fn read(section: &mut Reader<'_>) -> SandboxConfig {
    SandboxConfig { enabled: section.bool(&ENABLED), user: section.parsed(&USER, user).unwrap_or_default() }
}

pub(super) fn write(sandbox: &SandboxConfig, page: &mut Page) {
    page.table(&SECTION);
    page.bool(&ENABLED, sandbox.enabled);
    page.text(&USER, &sandbox.user);
}
