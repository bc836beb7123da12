//! The book in `docs/`: its generated parts equal what the source declares, each page is in the summary, and each relative
//! link resolves. `PEGEL_RENEW_DOCS=1 cargo test --test book` writes the generated parts.

mod book_parts;

use book_parts::{detectors, links, reference};
use pegel::detect::DETECTORS;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const BEGIN: &str = "<!-- generated -->";
const END: &str = "<!-- /generated -->";
/// What a page that nobody has written yet contains.
const UNWRITTEN: &str = "To be written.";
const README_BYTES: usize = 10 * 1024;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn book(page: &str) -> PathBuf {
    root().join("docs/src").join(page)
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every page with a generated part, and that part.
fn generated() -> Vec<(String, String)> {
    let scenarios = detectors::scenarios(&root().join("tests/scenarios"));
    let mut pages: Vec<(String, String)> = DETECTORS
        .iter()
        .map(|spec| (format!("detectors/{}.md", spec.name), detectors::page(spec, &scenarios)))
        .collect();
    pages.push(("detectors/index.md".to_owned(), detectors::index()));
    pages.push(("reference/vectors.md".to_owned(), detectors::vectors()));
    pages.push(("reference/thresholds.md".to_owned(), detectors::shared_thresholds()));
    pages.push(("reference/configuration.md".to_owned(), reference::configuration()));
    pages.push(("reference/metrics.md".to_owned(), reference::metrics()));
    pages.push(("reference/cli.md".to_owned(), reference::command_line()));
    pages
}

/// A page whose generated part is replaced.
fn replaced(text: &str, part: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", part.trim()))
}

fn skeleton(page: &str) -> String {
    let title = page.rsplit('/').next().unwrap_or(page).trim_end_matches(".md");
    let sections =
        ["The attack", "Detection", "Look-alikes", "What to do"].map(|s| format!("## {s}\n\n{UNWRITTEN}\n\n"));
    format!("# {title}\n\n{}{BEGIN}\n{END}\n", sections.concat())
}

/// The summary with one line for each detector, below the line of their index.
fn summary(text: &str) -> String {
    let is_detector = |line: &&str| line.contains("(detectors/") && !line.contains("(detectors/index.md)");
    let mut lines = Vec::new();
    for line in text.lines().filter(|line| !is_detector(line)) {
        lines.push(line.to_owned());
        if line.contains("(detectors/index.md)") {
            lines.extend(DETECTORS.iter().map(|spec| format!("  - [{0}](detectors/{0}.md)", spec.name)));
        }
    }
    lines.join("\n") + "\n"
}

#[test]
fn generated_parts_are_current() {
    let renew = std::env::var_os("PEGEL_RENEW_DOCS").is_some();
    let mut stale = Vec::new();
    for (page, part) in generated() {
        let path = book(&page);
        let present = fs::read_to_string(&path).ok();
        let text = present.clone().unwrap_or_else(|| skeleton(&page));
        let expected = replaced(&text, &part).unwrap_or_else(|| panic!("{page} lacks {BEGIN} and {END}"));
        if present.as_ref() != Some(&expected) {
            stale.push(page);
            if renew {
                fs::write(&path, expected).expect("a page that can be written");
            }
        }
    }
    let path = book("SUMMARY.md");
    let present = read(&path);
    if summary(&present) != present {
        stale.push("SUMMARY.md".to_owned());
        if renew {
            fs::write(&path, summary(&present)).expect("a summary that can be written");
        }
    }
    assert!(renew || stale.is_empty(), "not current: {stale:?}; run PEGEL_RENEW_DOCS=1 cargo test --test book");
}

#[test]
fn every_page_is_written_and_in_the_summary() {
    let summary: BTreeSet<String> = links::of(&read(&book("SUMMARY.md"))).into_iter().collect();
    let base = book("");
    let pages: BTreeSet<String> = links::markdown_below(&base)
        .iter()
        .map(|path| path.strip_prefix(&base).expect("below the book").to_string_lossy().into_owned())
        .filter(|page| page != "SUMMARY.md")
        .collect();
    assert_eq!(summary, pages, "links of SUMMARY.md, and pages");
    let unwritten: Vec<&String> = pages.iter().filter(|page| read(&book(page)).contains(UNWRITTEN)).collect();
    assert!(unwritten.is_empty(), "pages to be written: {unwritten:?}");
}

#[test]
fn detector_pages_are_those_of_the_registry() {
    let expected: BTreeSet<String> =
        DETECTORS.iter().map(|spec| format!("{}.md", spec.name)).chain(["index.md".to_owned()]).collect();
    let names = links::markdown_below(&book("detectors"));
    let present = names.iter().map(|path| path.file_name().expect("a name").to_string_lossy().into_owned()).collect();
    assert_eq!(expected, present);
}

#[test]
fn relative_links_resolve() {
    let mut files: Vec<PathBuf> = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "deploy/proxmox.md"]
        .iter()
        .map(|name| root().join(name))
        .collect();
    files.extend(links::markdown_below(&book("")));
    let broken: Vec<String> = files.iter().flat_map(|file| links::broken(file, &book(""))).collect();
    assert!(broken.is_empty(), "links that lead nowhere:\n{}", broken.join("\n"));
}

#[test]
fn the_readme_is_short() {
    let bytes = read(&root().join("README.md")).len();
    assert!(bytes <= README_BYTES, "README.md has {bytes} bytes, at most {README_BYTES}; the book has room");
}
