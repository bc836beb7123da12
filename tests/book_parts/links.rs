//! Links of Markdown files.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Every Markdown file below a directory, sorted.
pub fn markdown_below(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(markdown_below(&path));
        } else if path.extension().is_some_and(|ending| ending == "md") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Lines outside fenced and indented code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fence && !fenced
    })
}

/// Targets of links and pictures, as written, without those in code.
pub fn of(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in prose(text) {
        // Odd parts are inline code; a link's text may contain code, its target does not.
        let outside: String =
            line.split('`').enumerate().filter(|(index, _)| index % 2 == 0).map(|(_, part)| part).collect();
        for part in outside.split("](").skip(1) {
            found.extend(part.split(')').next().map(str::to_owned));
        }
    }
    found
}

/// Anchors of the headings of a page: lower case, hyphens for spaces, without other marks.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings =
        prose(text).filter_map(|line| line.strip_prefix('#')).map(|line| line.trim_start_matches('#').trim());
    headings
        .map(|heading| {
            let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            kept.collect::<String>().to_lowercase().replace(' ', "-")
        })
        .collect()
}

/// Links of a file that lead nowhere, or from the book to files outside it, which the built book does not contain.
pub fn broken(file: &Path, book: &Path) -> Vec<String> {
    let Ok(text) = fs::read_to_string(file) else { return vec![format!("{} is missing", file.display())] };
    let directory = file.parent().expect("a directory");
    let problem = |link: &String| {
        let (path, anchor) = link.split_once('#').map_or((link.as_str(), None), |(path, anchor)| (path, Some(anchor)));
        let target = if path.is_empty() { file.to_owned() } else { directory.join(path) };
        let Ok(target) = target.canonicalize() else { return Some("no such file") };
        if file.starts_with(book) && !target.starts_with(book.canonicalize().expect("the book")) {
            return Some("outside the book");
        }
        let anchor = anchor?;
        let page = fs::read_to_string(&target).unwrap_or_default();
        (!anchors(&page).contains(anchor)).then_some("no such heading")
    };
    let external = |link: &String| ["http://", "https://", "mailto:"].iter().any(|scheme| link.starts_with(scheme));
    let links = of(&text).into_iter().filter(|link| !external(link));
    links.filter_map(|link| problem(&link).map(|what| format!("{}: {link}: {what}", file.display()))).collect()
}
