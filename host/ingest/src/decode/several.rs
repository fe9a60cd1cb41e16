//! Splits a line that holds several values: Firehose writes events one after the other without a
//! line end between them, and some programs write an array of events a line.

use crate::content::Nesting;

/// Returns the values of a line, if it is an array or holds several objects. A line that is one
/// value, or that only begins with one, is not split.
pub(super) fn several(line: &str) -> Option<impl Iterator<Item = &str>> {
    let mut values = LineValues {
        rest: line,
        in_array: false,
    };
    let begins_array = values.skip_between();
    let splits = match begins_array {
        true => true,
        false => {
            let mut after = LineValues { ..values };
            after.next();
            after.skip_between();
            after.rest.starts_with('{')
        }
    };
    splits.then_some(values)
}

/// The values of a line that are not passed yet.
#[derive(Clone, Copy)]
struct LineValues<'a> {
    rest: &'a str,
    in_array: bool,
}

impl<'a> LineValues<'a> {
    /// Passes what stands between two values. Returns true if an array began or ended there.
    fn skip_between(&mut self) -> bool {
        let mut bracket = false;
        while let Some(char) = self.rest.chars().next() {
            match char {
                '[' if !self.in_array => (self.in_array, bracket) = (true, true),
                ']' if self.in_array => (self.in_array, bracket) = (false, true),
                ',' | ' ' | '\t' | '\r' | '\n' | '\u{feff}' => {}
                _ => break,
            }
            self.rest = self.rest.get(char.len_utf8()..).unwrap_or_default();
        }
        bracket
    }
}

impl<'a> Iterator for LineValues<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        self.skip_between();
        let bytes = self.rest.as_bytes();
        let end = match bytes.first()? {
            b'{' | b'[' => {
                let mut nesting = Nesting::default();
                let mut end = bytes.iter().position(|byte| {
                    nesting.pass(*byte);
                    nesting.is_outside()
                });
                if let Some(end) = &mut end {
                    *end += 1;
                }
                end
            }
            // No object: a number, a text, or something that is no JSON.
            _ => bytes
                .iter()
                .position(|byte| *byte == b',' || (*byte == b']' && self.in_array)),
        };
        let end = end.unwrap_or(bytes.len());
        let value = self.rest.get(..end)?;
        self.rest = self.rest.get(end..).unwrap_or_default();
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &str) -> Option<Vec<&str>> {
        Some(several(line)?.collect())
    }

    #[test]
    fn glued_values_and_arrays_are_split() {
        for (line, wanted) in [
            ("{}{}", vec!["{}", "{}"]),
            (
                " {\"a\":\"}{\"} \u{feff}{\"b\":{}},{}",
                vec!["{\"a\":\"}{\"}", "{\"b\":{}}", "{}"],
            ),
            ("[{}, {\"a\":[1]}]", vec!["{}", "{\"a\":[1]}"]),
            ("[1,[2],oops]", vec!["1", "[2]", "oops"]),
            ("[]", vec![]),
            // What is behind the last object is a value too, so that it is not lost silently.
            ("{}{}oops", vec!["{}", "{}", "oops"]),
            ("{}{\"a\":", vec!["{}", "{\"a\":"]),
        ] {
            assert_eq!(split(line), Some(wanted), "{line}");
        }
        for line in [
            "", "{}", "{} oops", "{}}", "oops", "{\"a\"", "1 {}", "\u{feff}",
        ] {
            assert_eq!(split(line), None, "{line}");
        }
        assert_eq!(crate::content::BOM, "\u{feff}".as_bytes());
    }
}
