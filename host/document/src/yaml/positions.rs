//! Positions: the text that the parser receives, and the map from its characters back to bytes of
//! the file.

use std::borrow::Cow;

use saphyr_parser::Marker;

use crate::diagnostic::{SourceFile, Span};

/// A file's text for the parser.
pub(super) struct ParserInput<'s> {
    /// The file's text. Pairs of escapes that only JSON allows are written in YAML's form.
    pub(super) text: Cow<'s, str>,
    pub(super) positions: Positions,
}

/// The map from characters of the parser's text to bytes of the file.
pub(super) struct Positions {
    length: usize,
    /// The byte at which each character begins; `None`: each character is one byte.
    starts: Option<Vec<usize>>,
}

impl<'s> ParserInput<'s> {
    pub(super) fn new(source: &'s SourceFile) -> Self {
        let file = source.text();
        let (text, starts) = match joined(source) {
            Some((text, starts)) => (Cow::Owned(text), Some(starts)),
            None if file.is_ascii() => (Cow::Borrowed(file), None),
            None => {
                let starts = file.char_indices().map(|(at, _)| at).collect();
                (Cow::Borrowed(file), Some(starts))
            }
        };
        let length = file.len();
        Self {
            text,
            positions: Positions { length, starts },
        }
    }
}

impl Positions {
    pub(super) fn byte(&self, marker: Marker) -> usize {
        match &self.starts {
            None => marker.index().min(self.length),
            Some(starts) => starts.get(marker.index()).copied().unwrap_or(self.length),
        }
    }

    pub(super) fn span(&self, span: saphyr_parser::Span) -> Span {
        let start = self.byte(span.start);
        Span {
            start,
            end: self.byte(span.end).max(start),
        }
    }
}

/// Joins pairs of surrogate escapes. JSON escapes a character beyond U+FFFF by two surrogates
/// (`\ud83d\ude00`), and programs that write ASCII use this. YAML escapes such a character as one
/// (`\U0001f600`). Returns the joined text, and the place in the file of each of its characters.
/// Returns `None` if there is no such pair or the file is not JSON.
fn joined(source: &SourceFile) -> Option<(String, Vec<usize>)> {
    let file = source.text();
    if !source.path().ends_with(".json") || !(file.contains("\\ud") || file.contains("\\uD")) {
        return None;
    }
    let (mut text, mut starts) = (String::with_capacity(file.len()), Vec::new());
    let mut at = 0;
    while let Some(rest) = file.get(at..).filter(|rest| !rest.is_empty()) {
        let (length, part) = match pair(rest) {
            Some(char) => (12, format!("\\U{:08x}", u32::from(char))),
            None => {
                // A whole escape is taken at once, so that an escaped backslash does not begin
                // another escape.
                let count = 1 + usize::from(rest.starts_with('\\'));
                let part: String = rest.chars().take(count).collect();
                (part.len(), part)
            }
        };
        let inner = part
            .char_indices()
            .map(|(inner, _)| at + inner.min(length - 1));
        starts.extend(inner);
        text.push_str(&part);
        at += length;
    }
    Some((text, starts))
}

/// Returns the character whose two surrogate escapes are a text's first 12 bytes.
fn pair(text: &str) -> Option<char> {
    let unit = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    char::decode_utf16([unit(0)?, unit(6)?])
        .next()?
        .ok()
        .filter(|char| u32::from(*char) > 0xffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surrogates_are_joined_and_places_are_those_of_the_file() {
        let text = r#"["\ud83d\ude00", "\\ud83d\ude00", "\ud83d", "ü"]"#;
        let source = SourceFile::new("a.json", text);
        let input = ParserInput::new(&source);
        assert_eq!(
            input.text,
            r#"["\U0001f600", "\\ud83d\ude00", "\ud83d", "ü"]"#
        );
        for char in ['ü', ']', ','] {
            let index = input.text.chars().position(|other| other == char).unwrap();
            let byte = input.positions.byte(Marker::new(index, 1, index));
            assert!(text[byte..].starts_with(char));
        }
        assert_eq!(
            ParserInput::new(&SourceFile::new("a.yaml", text)).text,
            text
        );
    }
}
