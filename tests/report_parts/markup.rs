//! Reads HTML strictly: what it does not expect, it panics at.

/// A tag: its name, and its attributes with their values. Closing tags begin with `/`.
#[derive(Debug)]
pub struct Tag {
    pub name: String,
    pub attributes: Vec<(String, String)>,
}

/// Every tag of a page, and its text without markup.
pub fn read(page: &str) -> (Vec<Tag>, String) {
    let (mut tags, mut text) = (Vec::new(), String::new());
    let mut rest = page;
    while let Some((before, after)) = rest.split_once('<') {
        text.push_str(before);
        let mut end = None;
        let mut quoted = false;
        for (at, c) in after.char_indices() {
            match c {
                '"' => quoted = !quoted,
                '>' if !quoted => {
                    end = Some(at);
                    break;
                }
                _ => {}
            }
        }
        let end = end.expect("a tag that ends");
        tags.push(tag(&after[..end]));
        rest = &after[end + 1..];
    }
    text.push_str(rest);
    assert!(!text.contains('<'));
    (tags, unescaped(&text))
}

fn tag(inner: &str) -> Tag {
    if inner == "!DOCTYPE html" {
        return Tag { name: "!DOCTYPE".to_owned(), attributes: Vec::new() };
    }
    let inner = inner.strip_suffix('/').unwrap_or(inner);
    let (name, mut rest) = inner.split_once(' ').unwrap_or((inner, ""));
    let mut attributes = Vec::new();
    while !rest.trim().is_empty() {
        let trimmed = rest.trim_start();
        let (key, after) = trimmed.split_once("=\"").unwrap_or_else(|| panic!("attribute without quotes: {inner}"));
        let (value, after) = after.split_once('"').unwrap_or_else(|| panic!("open quote: {inner}"));
        attributes.push((key.to_owned(), unescaped(value)));
        rest = after;
    }
    Tag { name: name.to_owned(), attributes }
}

fn unescaped(text: &str) -> String {
    let mut text = text.to_owned();
    for (escaped, c) in [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#60;", "<"),
        ("&#62;", ">"),
        ("&#38;", "&"),
        ("&amp;", "&"),
    ] {
        text = text.replace(escaped, c);
    }
    text
}
