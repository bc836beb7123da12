//! Enforces the architecture: which room of `src` may use which, that no files depend on each other in a circle, and what
//! no room may do. Unit tests (`#[cfg(test)]` modules at the end of files, and files called `tests.rs`) do not count: they
//! may use any room to build their input.

mod circles;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The complete list of edges; `lib.rs` describes the same map in prose.
const ALLOWED: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("sandbox", &[]),
    ("capture", &["base", "sandbox"]),
    ("packet", &["base", "capture"]),
    ("traffic", &["base", "capture"]),
    ("meter", &["base", "capture", "packet"]),
    ("inventory", &["base", "sandbox"]),
    ("posture", &["base", "sandbox"]),
    ("detect", &["base", "inventory", "meter", "packet"]),
    ("mitigation", &["base", "detect", "meter", "packet"]),
    ("incident", &["base", "detect", "meter", "mitigation"]),
    ("output", &["base", "incident", "sandbox"]),
    ("config", &["base", "detect", "incident", "inventory", "meter", "output", "packet", "posture"]),
    ("metrics", &["base", "incident", "meter", "packet"]),
    ("view", &["base", "incident", "meter"]),
    ("http", &["base", "detect", "incident", "meter", "metrics", "mitigation", "report", "store", "view"]),
    ("tui", &["base", "incident", "view"]),
    ("store", &["base", "capture", "incident", "meter", "packet"]),
    ("report", &["base", "capture", "incident", "meter", "store"]),
    (
        "runtime",
        &[
            "base",
            "capture",
            "config",
            "detect",
            "http",
            "incident",
            "inventory",
            "meter",
            "metrics",
            "output",
            "packet",
            "posture",
            "report",
            "sandbox",
            "store",
            "traffic",
            "view",
        ],
    ),
    (
        "cli",
        &[
            "base",
            "capture",
            "config",
            "detect",
            "incident",
            "inventory",
            "metrics",
            "output",
            "packet",
            "runtime",
            "posture",
            "report",
            "store",
            "tui",
            "view",
        ],
    ),
];

/// Rooms whose results depend only on packets and their timestamps.
const TIMELESS: &[&str] = &["base", "packet", "meter", "detect", "incident", "mitigation", "traffic"];

const MOST_LINES: usize = 600;
const MOST_LINES_OF_MAIN: usize = 50;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every source file under `src`, by its path from there with `/`, and its text.
fn sources() -> BTreeMap<String, String> {
    fn walk(directory: &Path, found: &mut BTreeMap<String, String>) {
        for entry in std::fs::read_dir(directory).expect("a directory of src") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let parts = path.strip_prefix(root()).expect("under src").iter();
                let name: Vec<_> = parts.map(|part| part.to_string_lossy()).collect();
                found.insert(name.join("/"), std::fs::read_to_string(&path).expect("UTF-8"));
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(&root(), &mut found);
    assert!(found.len() > 30, "src has moved?");
    found
}

/// The room of a file: its folder, or its name if it is in none. `lib.rs` and `main.rs` have no room.
fn room(path: &str) -> Option<&str> {
    match path.split_once('/') {
        Some((room, _)) => Some(room),
        None => path.strip_suffix(".rs").filter(|name| !matches!(*name, "lib" | "main")),
    }
}

/// The text without unit tests and comments.
fn code(path: &str, text: &str) -> String {
    if path.ends_with("/tests.rs") {
        return String::new();
    }
    // `pub(in PATH)` names a module, but uses nothing of it.
    let text: String =
        text.split("pub(in ").enumerate().fold(String::new(), |all, (at, part)| match part.split_once(')') {
            Some((_, rest)) if at > 0 => all + "pub" + rest,
            _ => all + part,
        });
    // A file of tests is declared anywhere; inline tests end their file.
    let text = text.replace("#[cfg(test)]\nmod tests;\n", "");
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let text = text.split("#[cfg(test)]\n#[allow").next().unwrap_or_default();
    let text = text.split("#[cfg(test)]\npub(super) mod ").next().unwrap_or_default();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.map(|line| line.split(" // ").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// Depth of a file's module below the crate: 2 for `meter/tally.rs`, which is `meter::tally`.
fn depth(path: &str) -> usize {
    path.trim_end_matches("/mod.rs").trim_end_matches(".rs").split('/').count()
}

fn word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

/// The first names behind a `crate::`: one, or those of a group.
fn heads(text: &str) -> Vec<&str> {
    let Some(group) = text.strip_prefix('{') else { return vec![word(text)] };
    let (mut level, mut names, mut start) = (0, Vec::new(), 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => level += 1,
            '}' if level > 0 => level -= 1,
            ',' | '}' if level == 0 => {
                names.push(word(group[start..at].trim_start()));
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// The rooms that a file uses, by `crate::…` and by `super::` if that leads out of its room.
fn uses<'t>(path: &str, code: &'t str) -> BTreeSet<&'t str> {
    let mut used = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let before = code[..at].chars().next_back();
        if before.is_none_or(|c| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '$')) {
            used.extend(heads(&code[at + 7..]));
        }
    }
    let out = "super::".repeat(depth(path));
    for (at, _) in code.match_indices(&out) {
        let rest = code[at + out.len()..].trim_start_matches("super::");
        if !code[..at].ends_with("super::") {
            used.extend(heads(rest));
        }
    }
    used
}

#[test]
fn rooms_use_only_what_the_map_allows() {
    let sources = sources();
    let rooms: BTreeSet<&str> = sources.keys().filter_map(|path| room(path)).collect();
    let mapped: BTreeSet<&str> = ALLOWED.iter().map(|(room, _)| *room).collect();
    assert_eq!(rooms, mapped, "rooms of src and of the map differ");

    let allowed = |from: &str| ALLOWED.iter().find(|(room, _)| *room == from).map_or(&[][..], |(_, to)| to);
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for (path, text) in &sources {
        let Some(from) = room(path) else { continue };
        for to in uses(path, &code(path, text)) {
            if to == from || !rooms.contains(to) {
                continue;
            }
            seen.insert((from.to_owned(), to.to_owned()));
            if !allowed(from).contains(&to) {
                wrong.push(format!("{path} uses {to}: the map has no edge {from} -> {to}"));
            }
        }
    }
    for (from, targets) in ALLOWED {
        for to in *targets {
            if !seen.contains(&((*from).to_owned(), (*to).to_owned())) {
                wrong.push(format!("the map has an edge {from} -> {to} that nothing uses: remove it"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn only_one_room_is_unsafe() {
    let found: Vec<String> = sources()
        .into_iter()
        .filter(|(path, _)| !path.starts_with("capture/afpacket"))
        .filter(|(path, text)| code(path, text).split_whitespace().any(|word| word == "unsafe" || word == "unsafe{"))
        .map(|(path, _)| path)
        .collect();
    assert!(found.is_empty(), "unsafe outside capture/afpacket: {found:?}");
}

#[test]
fn rooms_that_decide_read_no_clock() {
    let clocks = ["Instant::now", "SystemTime::now", "Timestamp::now", "Zoned::now", ".elapsed()"];
    let found: Vec<String> = sources()
        .into_iter()
        .filter(|(path, _)| room(path).is_some_and(|room| TIMELESS.contains(&room)))
        .flat_map(|(path, text)| {
            let code = code(&path, &text);
            let read = clocks.iter().filter(move |clock| code.contains(**clock));
            read.map(|clock| format!("{path}: {clock}")).collect::<Vec<_>>()
        })
        .collect();
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn files_are_short_enough_to_read() {
    let found: Vec<String> = sources()
        .into_iter()
        .map(|(path, text)| {
            let most = if path == "main.rs" { MOST_LINES_OF_MAIN } else { MOST_LINES };
            (path, text.lines().count(), most)
        })
        .filter(|(_, lines, most)| lines > most)
        .map(|(path, lines, most)| format!("{path}: {lines} lines, at most {most}"))
        .collect();
    assert!(found.is_empty(), "{found:#?}");
}

/// Numbers that a detector compares with are settings or thresholds, with a name, a unit and a reason.
#[test]
fn conditions_of_detectors_hold_no_bare_numbers() {
    let compared = regex::Regex::new(r"(?:[<>]=?|==) ?(\d[\d_.]*)").expect("a pattern");
    let scaled = regex::Regex::new(r"\* (\d[\d_.]*)").expect("a pattern");
    // Halves, "none", "one" and "more than one" explain themselves.
    let is_bare = |number: &str| number.replace('_', "").parse::<f64>().is_ok_and(|number| number > 2.0);
    let mut found = Vec::new();
    for (path, text) in sources() {
        if room(&path) != Some("detect") {
            continue;
        }
        let code = code(&path, &text);
        // Shifts, generics and arrows are no comparisons.
        for line in code.lines().filter(|line| !line.contains("const ") && !line.contains("<<") && !line.contains(">>"))
        {
            let line = line.replace("=>", "").replace("->", "");
            let mut numbers = compared.captures_iter(&line).map(|found| found[1].to_owned()).collect::<Vec<_>>();
            if line.contains(" > ") || line.contains(" < ") || line.contains(" >= ") || line.contains(" <= ") {
                numbers.extend(scaled.captures_iter(&line).map(|found| found[1].to_owned()));
            }
            if numbers.iter().any(|number| is_bare(number)) {
                found.push(format!("{path}: {}", line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn nothing_names_the_machine_it_was_built_on() {
    // Composed, so that this file does not contain them.
    let homes = ["home", "root", "Users", "build", "work", "workspace"].map(|name| format!("\"/{name}/"));
    let found: Vec<String> = sources()
        .into_iter()
        .filter(|(_, text)| homes.iter().any(|home| text.contains(home)) || text.contains(env!("CARGO_MANIFEST_DIR")))
        .map(|(path, _)| path)
        .collect();
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn uses_are_read_correctly() {
    let text =
        "use crate::{base::{Addr, Mac}, meter::X};\n// use crate::cli\nfn f(x: crate::packet::Y) {} // crate::http\n";
    let seen =
        |path: &str, text: &str| uses(path, &code(path, text)).into_iter().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(seen("detect/mod.rs", text), ["base", "meter", "packet"]);
    assert_eq!(seen("detect/x.rs", "use super::super::http::A; use super::base::B;"), ["http"]);
    assert_eq!(seen("detect/mod.rs", "use super::http::A;"), ["http"]);
    assert_eq!(seen("detect/x.rs", "use crate::base::A;\n#[cfg(test)]\nmod tests {\n use crate::cli::B;\n}"), ["base"]);
    assert_eq!((depth("meter/tally.rs"), depth("meter/mod.rs"), depth("traffic/lan/mod.rs")), (2, 1, 2));
    assert_eq!((room("meter/tally.rs"), room("main.rs"), room("cli.rs")), (Some("meter"), None, Some("cli")));
}
