//! Programs that some tests ask for their word: on the PATH, or where `.ci/deps test` puts them.

#![allow(dead_code)] // not every test file uses all of it

use std::path::{Path, PathBuf};
use std::process::Command;

/// `None`, with a message, where a program is not there. Where `CI` is "true", that is a failure.
pub fn tool(name: &str) -> Option<PathBuf> {
    // Beside the directory of the profile: target/debug/pegel, target/tools/promtool.
    let target = Path::new(env!("CARGO_BIN_EXE_pegel")).ancestors().nth(2).map(|target| target.join("tools"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).chain(target).map(|folder| folder.join(name)).find(|file| file.is_file());
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "no {name}: run .ci/deps test");
        eprintln!("skipped: no {name} on the PATH or in target/tools (.ci/deps test)");
    }
    found
}

/// Runs a program; returns what it printed, on failure as a panic.
pub fn run(program: &Path, arguments: &[&str]) -> String {
    let output =
        Command::new(program).args(arguments).output().unwrap_or_else(|e| panic!("{}: {e}", program.display()));
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(output.status.success(), "{} {arguments:?}: {}\n{said}", program.display(), output.status);
    said
}
