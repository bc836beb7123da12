//! What `tests/book.rs` renders and checks.

pub mod detectors;
pub mod links;
pub mod reference;

/// A table cell: on one line, with bars escaped.
pub fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

/// Rows below a header, or nothing without rows.
pub fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let rule = vec!["---"; header.len()].join("|");
    let body: String = rows.iter().map(|row| format!("| {} |\n", row.join(" | "))).collect();
    format!("| {} |\n|{rule}|\n{body}", header.join(" | "))
}

/// A number with its thousands separated, and its fraction as it is.
pub fn number(value: f64) -> String {
    let text = format!("{value}");
    let (whole, fraction) = text.split_once('.').map_or((text.as_str(), None), |(whole, part)| (whole, Some(part)));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    fraction.map_or(grouped.clone(), |part| format!("{grouped}.{part}"))
}
