//! GitHub-flavoured Markdown. Foreign names are code, in which nothing is markup; foreign sentences are escaped.

use super::model::{Block, Line, Plot, Report, Shape, Table};
use super::text::{Part, parts};
use std::fmt::Write;

/// Characters of a sparkline, from the lowest to the highest.
const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Characters of a sparkline.
const POINTS: usize = 60;

pub(super) fn page(report: &Report) -> String {
    let mut page = format!("# {}\n\n", inline(&report.title, false));
    let _ = writeln!(page, "**{}**\n\n{}\n", inline(&report.badge, false), inline(&report.verdict, false));
    for figure in &report.figures {
        let note = if figure.note.is_empty() { String::new() } else { format!(" ({})", inline(&figure.note, false)) };
        let _ = writeln!(page, "- {}: **{}**{note}", inline(&figure.label, false), inline(&figure.value, false));
    }
    for section in &report.sections {
        let _ = writeln!(page, "\n## {}", inline(&section.title, false));
        section.blocks.iter().for_each(|one| block(&mut page, one));
    }
    let _ = writeln!(page, "\n---\n\n{}", inline(&report.subtitle, false));
    for line in &report.footer {
        let _ = writeln!(page, "\n{}", inline(line, false));
    }
    page
}

fn block(page: &mut String, block: &Block) {
    match block {
        Block::Paragraph(text) => {
            let _ = writeln!(page, "\n{}", inline(text, false));
        }
        Block::Heading(text) => {
            let _ = writeln!(page, "\n### {}", inline(text, false));
        }
        Block::List(items) | Block::FoldedList(_, items) => {
            page.push('\n');
            for item in items {
                let _ = writeln!(page, "- {}", inline(item, false));
            }
        }
        Block::Pair(blocks) => blocks.iter().for_each(|one| self::block(page, one)),
        Block::Folded(title, content) => {
            let longest = content.split(|c| c != '`').map(str::len).max().unwrap_or(0);
            let fence = "`".repeat((longest + 1).max(3));
            let _ = writeln!(page, "\n{}\n\n{fence}text\n{content}\n{fence}", inline(title, false));
        }
        Block::Table(table) => self::table(page, table),
        Block::Plot(plot) => self::plot(page, plot),
    }
}

fn table(page: &mut String, table: &Table) {
    if !table.caption.is_empty() {
        let _ = writeln!(page, "\n**{}**", inline(&table.caption, false));
    }
    let columns = table.head.len().max(table.rows.first().map_or(0, Vec::len));
    let heads = (0..columns).map(|at| table.head.get(at).map_or(String::new(), |head| inline(&head.text, true)));
    let rule = (0..columns).map(|at| if table.is_number(at) { "--:" } else { "---" });
    let _ =
        writeln!(page, "\n| {} |\n| {} |", heads.collect::<Vec<_>>().join(" | "), rule.collect::<Vec<_>>().join(" | "));
    for row in &table.rows {
        let cells: Vec<String> = row.iter().map(|cell| inline(&cell.text, true)).collect();
        let _ = writeln!(page, "| {} |", cells.join(" | "));
    }
}

fn plot(page: &mut String, plot: &Plot) {
    let _ = writeln!(page, "\n**{}**\n\n{}\n", inline(&plot.title, false), inline(&plot.description, false));
    match &plot.shape {
        Shape::Lines(lines) => {
            let values = lines.lines.iter().flat_map(|line| line.runs.iter().flatten());
            let highest = values.map(|(_, value)| *value).fold(0.0, f64::max);
            for line in &lines.lines {
                let _ = writeln!(page, "- {}: {}", inline(&line.name, false), sparkline(line, highest));
            }
            if !lines.gaps.is_empty() {
                let _ = writeln!(page, "- ␣: {}", inline(&lines.gap_name, false));
            }
            if let Some((_, _, name)) = &lines.band {
                let _ = writeln!(page, "- {}", inline(name, false));
            }
        }
        Shape::Bars(_) => table(page, &plot.table),
    }
}

/// A line of text as high as the values: the highest of each part.
fn sparkline(line: &Line, highest: f64) -> String {
    let level = |part: &[f64]| {
        let value = part.iter().copied().fold(0.0, f64::max) / highest.max(f64::MIN_POSITIVE);
        let level = (value * (LEVELS.len() - 1) as f64).round() as usize;
        LEVELS.get(level).copied().unwrap_or('█')
    };
    let all: usize = line.runs.iter().map(Vec::len).sum();
    let run = |run: &Vec<(crate::base::Timestamp, f64)>| {
        let values: Vec<f64> = run.iter().map(|(_, value)| *value).collect();
        values.chunks(all.div_ceil(POINTS).max(1)).map(level).collect::<String>()
    };
    // Where values are missing, there is a gap.
    line.runs.iter().map(run).collect::<Vec<_>>().join("␣")
}

/// A text of the model on one line; in a table, bars are escaped.
fn inline(text: &str, in_table: bool) -> String {
    let mut out = String::new();
    for part in parts(text) {
        match part {
            Part::Ours(text) => out.push_str(&text.replace('<', "&lt;").replace('|', "\\|")),
            Part::Name(text) => code(&mut out, text, in_table),
            // Bare mail addresses become links wherever they are not code.
            Part::Prose(text) if text.contains('@') => code(&mut out, text, in_table),
            Part::Prose(text) => prose(&mut out, text),
        }
    }
    out
}

fn code(out: &mut String, text: &str, in_table: bool) {
    if text.is_empty() {
        return;
    }
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    let text = if in_table { text.replace('|', "\\|") } else { text.to_owned() };
    out.push_str(&format!("{fence}{pad}{text}{pad}{fence}"));
}

/// Escapes what begins markup, and links that need no markup.
fn prose(out: &mut String, text: &str) {
    let text = text.replace("://", ":\\//").replace("www.", "www\\.");
    for c in text.chars() {
        if matches!(c, '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' | '&' | '#' | '!' | '$') {
            out.push('\\');
        }
        out.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::text;

    #[test]
    fn foreign_text_is_no_markup() {
        let name = |text: &str, in_table| inline(&text::name(text), in_table);
        assert_eq!(name("<b>[x](http://e.example)", false), "`<b>[x](http://e.example)`");
        assert_eq!(name("a`b", false), "``a`b``");
        assert_eq!(name("`a|b", true), "`` `a\\|b ``");
        assert_eq!(
            inline(&text::prose("see http://e.example ![x](y) <i> www.e.example"), false),
            "see http:\\//e.example \\!\\[x\\](y) \\<i\\> www\\.e.example"
        );
        assert_eq!(inline(&text::prose("mail a@b.example"), false), "`mail a@b.example`");
    }
}
