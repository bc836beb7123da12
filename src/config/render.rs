//! The configuration as TOML again: for `print-config`, and with comments as the sample file.

use super::key::{Kind, Reload, Section};
use super::page::PageTable;
use super::sections::{Config, SECTIONS};

/// Columns of a comment, with its `# `.
const COLUMNS: usize = 100;

const HEADER: &str = "Configuration of Pegel. Every key is optional; the values below are the defaults. Lines that \
     begin with \"#\" and no space are examples.";
const COMMANDS: &str = "Check the file with: pegel check-config FILE. Apply changes with: systemctl reload pegel \
     (SIGHUP); where a section says so, with a restart.";

/// All values in force; `comments` adds the description of each, and examples of the tables that there are none of.
pub fn render(config: &Config, comments: bool) -> String {
    let page = config.page();
    let mut text = String::new();
    if comments {
        comment(&mut text, HEADER);
        comment(&mut text, COMMANDS);
    }
    for section in SECTIONS {
        let has_own_docs = page.of(section).any(|table| !table.doc.is_empty());
        if comments && has_own_docs {
            gap(&mut text);
            comment(&mut text, &description(section));
        }
        for table in page.of(section) {
            render_table(&mut text, table, comments);
        }
        if comments && section.is_list() && page.of(section).next().is_none() {
            render_example(&mut text, section);
        }
    }
    text
}

fn render_table(text: &mut String, table: &PageTable, comments: bool) {
    // The keys before all tables follow each other without a gap when there are no comments.
    if comments || !table.section.is_top_level() {
        gap(text);
    }
    if comments && !table.section.is_top_level() {
        let doc = if table.doc.is_empty() { description(table.section) } else { table.doc.clone() };
        comment(text, &doc);
    }
    if !table.section.is_top_level() {
        line(text, &table.heading);
    }
    for entry in &table.entries {
        // The keys that all detectors have are described above the first one.
        let is_described = !table.doc.is_empty() && table.section.keys.iter().any(|key| key.name == entry.name);
        if comments && !is_described {
            let restart = if table.section.is_top_level() { description(table.section) } else { String::new() };
            comment(text, format!("{} {restart}", entry.comment).trim_end());
        }
        line(text, &format!("{} = {}", entry.name, entry.value));
    }
}

/// A table of a list, commented out.
fn render_example(text: &mut String, section: &Section) {
    gap(text);
    comment(text, &description(section));
    line(text, &format!("#{}", section.heading));
    for key in section.keys {
        comment(text, &key.comment());
        match key.kind {
            // Tables below this one: the example has their headings.
            Kind::Table(_) => key.shown().lines().for_each(|shown| line(text, &format!("#{shown}"))),
            _ => line(text, &format!("#{} = {}", key.name, key.shown())),
        }
    }
}

/// What the section is for, and whether it needs a restart.
fn description(section: &Section) -> String {
    let restart = if section.reload == Reload::Restart { "Changes need a restart." } else { "" };
    [section.doc, restart].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// A comment, wrapped at spaces.
fn comment(text: &mut String, comment: &str) {
    // A range at the end, "(1 to 1024 MiB)", stays on one line.
    let (prose, range) = match comment.rsplit_once(" (") {
        Some((prose, _)) if comment.ends_with(')') => (prose, comment.get(prose.len()..).map(str::trim)),
        _ => (comment, None),
    };
    let mut current = String::from("#");
    for word in prose.split_whitespace().chain(range) {
        if current.len() > 1 && current.chars().count() + 1 + word.chars().count() > COLUMNS {
            line(text, &current);
            current = String::from("#");
        }
        current.push(' ');
        current.push_str(word);
    }
    if current.len() > 1 {
        line(text, &current);
    }
}

/// An empty line, except at the beginning.
fn gap(text: &mut String) {
    if !text.is_empty() {
        text.push('\n');
    }
}

fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}
