//! Dependencies are a decision: `docs/src/internals/dependencies.md` gives the reason for each crate that `Cargo.toml` names, and
//! names no other.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const PAGE: &str = "docs/src/internals/dependencies.md";
/// Sections of the page, and the tables of `Cargo.toml` that each explains.
const SECTIONS: &[(&str, &[&str])] = &[
    ("## Of the program", &["dependencies", "build-dependencies"]),
    ("## Of tests and benchmarks", &["dev-dependencies"]),
];

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The crates of the rows of a section, each with the length of its shortest other cell.
fn rows(page: &str, heading: &str) -> Vec<(String, usize)> {
    let (_, section) = page.split_once(heading).unwrap_or_else(|| panic!("{PAGE} has no section {heading:?}"));
    let section = section.split("\n## ").next().unwrap_or_default();
    let row = |line: &str| {
        let (name, rest) = line.strip_prefix("| `")?.split_once("` |")?;
        let cells = rest.trim_end_matches('|').split('|').map(|cell| cell.trim().len());
        Some((name.to_owned(), cells.min().unwrap_or_default()))
    };
    section.lines().filter_map(row).collect()
}

#[test]
fn each_dependency_has_a_reason() {
    let manifest: toml::Table = read("Cargo.toml").parse().expect("Cargo.toml is TOML");
    assert!(!manifest.contains_key("target"), "dependencies of single systems: this test does not read them yet");
    let page = read(PAGE);
    for (heading, tables) in SECTIONS {
        let tables = tables.iter().filter_map(|table| manifest.get(*table)?.as_table());
        let named: BTreeSet<String> = tables.flat_map(|table| table.keys().cloned()).collect();
        let rows = rows(&page, heading);
        let explained: BTreeSet<String> = rows.iter().map(|(name, _)| name.clone()).collect();
        assert_eq!(explained.len(), rows.len(), "{PAGE}, {heading:?}: a crate has two rows");
        let missing: Vec<&String> = named.difference(&explained).collect();
        assert!(missing.is_empty(), "{PAGE}, {heading:?}: no row, and so no reason, for {missing:?} of Cargo.toml");
        let gone: Vec<&String> = explained.difference(&named).collect();
        assert!(gone.is_empty(), "{PAGE}, {heading:?}: Cargo.toml no longer names {gone:?}");
        let unexplained: Vec<&String> = rows.iter().filter(|(_, cell)| *cell < 5).map(|(name, _)| name).collect();
        assert!(unexplained.is_empty(), "{PAGE}, {heading:?}: no purpose or no reason for {unexplained:?}");
    }
}
