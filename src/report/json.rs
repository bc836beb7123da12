//! JSON: the texts of the report and, for programs, the figures they rest on.

use super::model::{Block, Report, Table};
use super::text::unmarked;
use serde_json::{Value, json};

pub(super) fn page(report: &Report) -> String {
    let figures: Vec<Value> = report
        .figures
        .iter()
        .map(|figure| json!({"label": unmarked(&figure.label), "value": unmarked(&figure.value), "note": unmarked(&figure.note)}))
        .collect();
    let sections: Vec<Value> = report
        .sections
        .iter()
        .map(|section| {
            let blocks: Vec<Value> = section.blocks.iter().map(block).collect();
            json!({"id": section.id, "title": unmarked(&section.title), "content": blocks})
        })
        .collect();
    let page = json!({
        "report": report.kind,
        "language": report.language.code(),
        "title": unmarked(&report.title),
        "about": unmarked(&report.subtitle),
        "tone": report.tone.name(),
        "verdict": unmarked(&report.verdict),
        "figures": figures,
        "sections": sections,
        "data": report.data,
    });
    // Serialising plain data into a string does not fail.
    serde_json::to_string_pretty(&page).unwrap_or_default() + "\n"
}

fn block(block: &Block) -> Value {
    match block {
        Block::Paragraph(text) => json!({"text": unmarked(text)}),
        Block::Heading(text) => json!({"heading": unmarked(text)}),
        Block::List(items) | Block::FoldedList(_, items) => {
            json!({"list": items.iter().map(|item| unmarked(item)).collect::<Vec<_>>()})
        }
        Block::Folded(title, content) => json!({"title": unmarked(title), "text": content}),
        Block::Pair(blocks) => json!({"content": blocks.iter().map(self::block).collect::<Vec<_>>()}),
        Block::Table(table) => self::table(table),
        // The values are in `data`.
        Block::Plot(plot) => json!({"plot": unmarked(&plot.title), "text": unmarked(&plot.description)}),
    }
}

fn table(table: &Table) -> Value {
    let rows: Vec<Vec<String>> =
        table.rows.iter().map(|row| row.iter().map(|cell| unmarked(&cell.text)).collect()).collect();
    json!({
        "table": unmarked(&table.caption),
        "columns": table.head.iter().map(|head| unmarked(&head.text)).collect::<Vec<_>>(),
        "rows": rows,
    })
}
