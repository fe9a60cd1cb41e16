//! Decides whether content is lines of JSON, or values that lines do not separate.

use serde::de::IgnoredAny;

use super::{BOM, Nesting};
use crate::limits::MAX_LINE;

/// The way in which content holds its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentShape {
    /// Each line stands for itself.
    Lines,
    /// An array of values, or values over several lines.
    Values,
}

/// Returns the shape of content that begins so. `None`: more bytes must be known.
///
/// The first value decides. Only an object that is whole JSON, and whose end is on another line
/// than its start, is taken for a value over several lines. So a broken line stays a broken line.
pub(crate) fn shape(head: &[u8], is_whole: bool) -> Option<ContentShape> {
    let open = |shape| match is_whole || head.len() > MAX_LINE {
        true => Some(shape),
        false => None,
    };
    let value = without_blanks(head);
    let Some((first, rest)) = value.split_first() else {
        return open(ContentShape::Lines);
    };
    match first {
        b'[' => match without_blanks(rest).first() {
            Some(b'{' | b']') => Some(ContentShape::Values),
            Some(_) => Some(ContentShape::Lines),
            None => open(ContentShape::Lines),
        },
        b'{' => {
            let (mut nesting, mut lines) = (Nesting::default(), false);
            for (at, byte) in value.iter().enumerate() {
                if *byte == b'\n' {
                    if nesting.is_in_text() {
                        return Some(ContentShape::Lines);
                    }
                    lines = true;
                }
                nesting.pass(*byte);
                if nesting.is_outside() {
                    let value = value.get(..=at).unwrap_or_default();
                    let is_value = lines && serde_json::from_slice::<IgnoredAny>(value).is_ok();
                    return Some(match is_value {
                        true => ContentShape::Values,
                        false => ContentShape::Lines,
                    });
                }
            }
            open(ContentShape::Lines)
        }
        _ => Some(ContentShape::Lines),
    }
}

/// Returns content without blanks, line ends and byte-order marks at its start.
fn without_blanks(mut content: &[u8]) -> &[u8] {
    loop {
        let rest = content.trim_ascii_start();
        match rest.strip_prefix(BOM) {
            Some(rest) => content = rest,
            None => return rest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_decides() {
        use ContentShape::{Lines, Values};
        for (head, wanted) in [
            ("", Lines),
            ("{}\n{}\n", Lines),
            ("{}{}", Lines),
            ("{\"a\": \"{\n", Lines),
            ("{\"a\": 1\n{}\n", Lines),
            ("{\"a\":\n oops}\n", Lines),
            ("oops", Lines),
            ("[1]\n", Lines),
            ("{\n}\n", Values),
            ("\u{feff} \n{\"a\": \"}\",\n \"b\": {}}", Values),
            ("[{}]", Values),
            ("\n[\n {", Values),
            ("[]", Values),
        ] {
            assert_eq!(shape(head.as_bytes(), true), Some(wanted), "{head}");
        }
        for head in ["", "{", "{\n\"a\": [", "[", "[\n\n"] {
            assert_eq!(shape(head.as_bytes(), false), None, "{head}");
        }
        let mut long = b"{\n\"a\": \"".to_vec();
        long.resize(MAX_LINE + 1, b'x');
        assert_eq!(shape(&long, false), Some(Lines));
    }
}
