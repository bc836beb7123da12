//! Texts that others chose, for output.

/// Whether a character is invisible or changes what is around it: control, format and bidirectional characters, separators
/// of lines, variation selectors and tags.
pub(super) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{115f}' | '\u{1160}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// A text of others on one line, at most 253 characters, without characters that are hidden.
pub(super) fn plain(text: &str) -> String {
    text.chars().take(253).map(|c| if is_hidden(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// Whether a text can be the ID of an incident, and so the name of a directory: letters, digits and dashes.
pub fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_are_replaced() {
        assert_eq!(
            plain("a\u{202e}b\n\u{1b}[31mc\u{200b}\u{e0041}"),
            "a\u{fffd}b\u{fffd}\u{fffd}[31mc\u{fffd}\u{fffd}"
        );
        assert_eq!(plain("grün 東京 <b>"), "grün 東京 <b>");
        assert_eq!(plain(&"x".repeat(999)).len(), 253);
    }
}
