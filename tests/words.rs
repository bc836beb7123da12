//! Retired words stay retired: the table in `docs/src/glossary.md` lists words and phrases that must not be used in the
//! source, the documentation, the files for operators and the README.

use regex::Regex;
use std::fs;
use std::path::{Path, PathBuf};

const GLOSSARY: &str = "docs/src/glossary.md";
const HEADING: &str = "## Retired words";
/// Files and folders that are searched.
const SEARCHED: &[&str] = &["src", "docs/src", "deploy", "README.md"];

/// A row of the table.
struct Retired {
    pattern: String,
    regex: Regex,
    instead: String,
    /// Path prefixes that may use it.
    exempt: Vec<String>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Cells of a row of a Markdown table, in which `\|` stands for a bar.
fn cells(row: &str) -> Vec<String> {
    let inner = row.trim().trim_start_matches('|').replace("\\|", "\u{1}");
    let inner = inner.strip_suffix('|').unwrap_or(&inner);
    inner.split('|').map(|cell| cell.replace('\u{1}', "|").trim().to_owned()).collect()
}

fn table(glossary: &str) -> Result<Vec<Retired>, String> {
    let (_, section) = glossary.split_once(HEADING).ok_or(format!("no heading '{HEADING}'"))?;
    let section = section.split("\n## ").next().unwrap_or_default();
    // Below the header and its rule.
    let rows = section.lines().filter(|line| line.trim_start().starts_with('|')).skip(2);
    let parsed = rows.map(|row| {
        let [retired, instead, exempt] =
            <[String; 3]>::try_from(cells(row)).map_err(|cells| format!("{} cells, not 3: {row}", cells.len()))?;
        let pattern = retired.trim_matches('`').to_owned();
        if pattern.is_empty() || instead.is_empty() {
            return Err(format!("an empty cell: {row}"));
        }
        let regex = Regex::new(&format!(r"\b(?:{pattern})\b")).map_err(|error| format!("{row}: {error}"))?;
        let exempt = exempt.split([',', ' ']).map(|path| path.trim_matches('`').to_owned());
        Ok(Retired { pattern, regex, instead, exempt: exempt.filter(|path| !path.is_empty()).collect() })
    });
    parsed.collect()
}

/// A file as one line, so that phrases are found across line ends, with the offset at which each line starts.
fn joined(text: &str) -> (String, Vec<usize>) {
    let (mut joined, mut starts) = (String::new(), Vec::new());
    for line in text.lines() {
        starts.push(joined.len());
        joined += line.trim_start_matches([' ', '\t', '/', '!', '#', '*', '>']).trim_end();
        joined.push(' ');
    }
    (joined, starts)
}

/// Lines, counted from 1, on which a retired word begins.
fn uses(regex: &Regex, text: &str) -> Vec<usize> {
    let (joined, starts) = joined(text);
    regex.find_iter(&joined).map(|found| starts.partition_point(|start| *start <= found.start())).collect()
}

/// Every file below a path.
fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let mut entries: Vec<PathBuf> =
        fs::read_dir(path).into_iter().flatten().map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    entries.iter().flat_map(|entry| files(entry)).collect()
}

#[test]
fn retired_words_are_not_used() {
    let glossary = fs::read_to_string(root().join(GLOSSARY)).unwrap_or_else(|error| panic!("{GLOSSARY}: {error}"));
    let table = table(&glossary).unwrap_or_else(|error| panic!("{GLOSSARY}: {error}"));
    assert!(!table.is_empty(), "{GLOSSARY} retires no word");
    let mut found = Vec::new();
    for file in SEARCHED.iter().flat_map(|path| files(&root().join(path))) {
        let name = file.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned();
        // Not text: no words.
        let Ok(text) = fs::read_to_string(&file) else { continue };
        if name == GLOSSARY {
            continue;
        }
        for retired in table.iter().filter(|row| !row.exempt.iter().any(|prefix| name.starts_with(prefix.as_str()))) {
            let lines = uses(&retired.regex, &text).into_iter();
            found.extend(lines.map(|line| format!("{name}:{line}: '{}': use {}", retired.pattern, retired.instead)));
        }
    }
    assert!(found.is_empty(), "{} uses of retired words:\n{}", found.len(), found.join("\n"));
}

#[test]
fn the_table_and_phrases_are_read_correctly() {
    let text = "# Glossary\n\n## Retired words\n\n| retired | use instead | where |\n|---|---|---|\n\
        | `ever new` | constantly changing | |\n| `(so\\|as) many` | N | `src/a.rs`, deploy/ |\n\n## Next\n| `x` | y | |\n";
    let rows = table(text).expect("a table");
    assert_eq!(rows.iter().map(|row| row.pattern.as_str()).collect::<Vec<_>>(), ["ever new", "(so|as) many"]);
    assert_eq!(rows[1].exempt, ["src/a.rs", "deploy/"]);
    assert_eq!(uses(&rows[0].regex, "//! never new\n//! ever new\n//! for ever\n//! new, ever newer\n"), [2, 3]);
    assert!(table("# Glossary").is_err() && table("## Retired words\n|a|b|\n|-|-|\n| `a` | b |\n").is_err());
}
