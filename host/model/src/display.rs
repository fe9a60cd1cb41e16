//! Texts of users on a terminal: characters that would change how other text is shown.

use std::borrow::Cow;

/// Returns true for a character that changes how the text around it is shown: a control character,
/// a line separator, a character of bidirectional text (Unicode, UAX 9) or the byte order mark.
#[must_use]
pub fn alters_display(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Escapes the characters of a text that [`alters_display`], as `\n` or `\u{202e}`.
///
/// ```
/// assert_eq!(muster_model::displayed("ann\n\u{202e}"), "ann\\n\\u{202e}");
/// ```
#[must_use]
pub fn displayed(text: &str) -> Cow<'_, str> {
    if !text.chars().any(alters_display) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '\n' | '\r' | '\t' => shown.extend(character.escape_default()),
            other if alters_display(other) => shown.extend(other.escape_unicode()),
            other => shown.push(other),
        }
    }
    Cow::Owned(shown)
}
