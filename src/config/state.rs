//! `state_dir`: where the state is kept that outlives the process.

use super::key::{DefaultValue, Key, Kind, Reload, Section};
use super::page::Page;
use super::reader::Reader;
use super::values::directory;
use std::path::{Path, PathBuf};

pub(super) const SECTION: Section =
    Section { heading: "state_dir", reload: Reload::Restart, doc: "", keys: &[&STATE_DIR] };

const STATE_DIR: Key = Key {
    name: "state_dir",
    kind: Kind::Text("a directory"),
    default: DefaultValue::Text("/var/lib/pegel"),
    doc: "Directory for state that survives restarts: learned baselines, known stations, and maintenance windows added \
          at run time. It also has the socket of pegel drill. If it cannot be written, Pegel runs without saved state.",
};

pub(super) fn read(top: &mut Reader<'_>) -> PathBuf {
    top.parsed(&STATE_DIR, directory).unwrap_or_default()
}

pub(super) fn write(state_dir: &Path, page: &mut Page) {
    page.table(&SECTION);
    page.path(&STATE_DIR, state_dir);
}
