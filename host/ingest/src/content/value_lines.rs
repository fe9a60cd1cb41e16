//! Turns values that lines do not separate into lines of one value each.

use std::io::{self, ErrorKind, Read};

use super::{BOM, ContentFault, Nesting};

/// The bytes that are read at a time.
const PIECE: usize = 64 << 10;

/// A reader of one line for each element of an array, or for each value over several lines. The
/// line of a value has the number of the line on which the value begins, or a later one if several
/// values begin on one line. A value is never held, however long it is.
pub(crate) struct ValueLines<R> {
    reader: R,
    /// Bytes that were read, and how many of them are done.
    input: Vec<u8>,
    done: usize,
    /// Lines that were made, and how many of their bytes were returned.
    output: Vec<u8>,
    returned: usize,
    place: ValuePlace,
    /// The line that is read, and the line that is made.
    lines_in: u64,
    lines_out: u64,
    /// The line on which the open array begins whose elements are the values.
    array: Option<u64>,
    /// The line on which the latest value begins.
    begun: u64,
}

/// The place of a byte.
enum ValuePlace {
    Between,
    /// In an object or a list.
    Nested(Nesting),
    /// In a number, a text, or something that is no JSON.
    Bare,
}

impl<R: Read> ValueLines<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self {
            reader,
            input: Vec::new(),
            done: 0,
            output: Vec::new(),
            returned: 0,
            place: ValuePlace::Between,
            lines_in: 1,
            lines_out: 1,
            array: None,
            begun: 1,
        }
    }

    /// Makes lines of the bytes that were read. Returns early before a value if many lines are
    /// blank, so that the output is bounded.
    fn convert(&mut self) {
        while let Some(byte) = self.input.get(self.done).copied() {
            if matches!(self.place, ValuePlace::Between) && !self.between(byte) {
                if self.output.len() > PIECE {
                    return;
                }
                continue;
            }
            self.done += 1;
            if byte == b'\n' {
                self.lines_in += 1;
            }
            match &mut self.place {
                ValuePlace::Between => {}
                ValuePlace::Nested(nesting) => {
                    self.output.push(match byte {
                        // A line end within a text is no JSON, and neither is a tab.
                        b'\n' if nesting.is_in_text() => b'\t',
                        b'\n' => b' ',
                        byte => byte,
                    });
                    nesting.pass(byte);
                    if nesting.is_outside() {
                        self.end();
                    }
                }
                ValuePlace::Bare => match byte {
                    b'\n' | b',' => self.end(),
                    b']' if self.array.is_some() => {
                        self.array = None;
                        self.end();
                    }
                    byte => self.output.push(byte),
                },
            }
        }
    }

    /// Takes a byte between two values. Returns false if the byte is not taken: a value begins with
    /// it, or blank lines are missing before that value.
    fn between(&mut self, byte: u8) -> bool {
        match byte {
            b'[' if self.array.is_none() => self.array = Some(self.lines_in),
            b']' if self.array.is_some() => self.array = None,
            byte if byte == b',' || byte.is_ascii_whitespace() || BOM.contains(&byte) => {}
            _ => {
                let missing = self.lines_in.saturating_sub(self.lines_out);
                let blank = missing.min(PIECE as u64);
                self.lines_out += blank;
                for _ in 0..blank {
                    self.output.push(b'\n');
                }
                if blank == missing {
                    self.begun = self.lines_in;
                    self.place = match byte {
                        b'{' | b'[' => ValuePlace::Nested(Nesting::default()),
                        _ => ValuePlace::Bare,
                    };
                }
                return false;
            }
        }
        true
    }

    fn end(&mut self) {
        self.output.push(b'\n');
        self.lines_out += 1;
        self.place = ValuePlace::Between;
    }

    /// Reads more bytes. Returns false at the end.
    fn read_more(&mut self) -> io::Result<bool> {
        self.input.resize(PIECE, 0);
        self.done = 0;
        let count = loop {
            match self.reader.read(&mut self.input) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        self.input.truncate(count);
        if count > 0 {
            return Ok(true);
        }
        match (&self.place, self.array) {
            (ValuePlace::Nested(_), _) => Err(ContentFault::Unclosed(self.begun).into()),
            (_, Some(begun)) => Err(ContentFault::Unclosed(begun).into()),
            (ValuePlace::Bare, None) => {
                self.end();
                Ok(false)
            }
            (ValuePlace::Between, None) => Ok(false),
        }
    }
}

impl<R: Read> Read for ValueLines<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        while self.returned == self.output.len() {
            self.output.clear();
            self.returned = 0;
            if self.done == self.input.len() && !self.read_more()? && self.output.is_empty() {
                return Ok(0);
            }
            self.convert();
        }
        let rest = self.output.get(self.returned..).unwrap_or_default();
        let count = rest.len().min(to.len());
        for (to, from) in to.iter_mut().zip(rest) {
            *to = *from;
        }
        self.returned += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(text: &str) -> io::Result<String> {
        let mut lines = String::new();
        ValueLines::new(text.as_bytes()).read_to_string(&mut lines)?;
        Ok(lines)
    }

    #[test]
    fn each_value_is_a_line_with_its_number() {
        for (text, wanted) in [
            ("", ""),
            ("[]", ""),
            ("[{},{\"a\":\"[,\\\"}\"}]", "{}\n{\"a\":\"[,\\\"}\"}\n"),
            (
                "[\n  {},\n  {\n    \"a\": 1\n  },\n  {}\n]\n",
                "\n{}\n{     \"a\": 1   }\n\n\n{}\n",
            ),
            ("{\n\"a\":[{}]}\n\n{}\n", "{ \"a\":[{}]}\n\n\n{}\n"),
            ("{\n}{\n}", "{ }\n{ }\n"),
            // What is no object is a line too, and so is an array in the array.
            ("[1, [2], oops]", "1\n[2]\noops\n"),
            ("[\"a]", "\"a\n"),
            ("{\n}\noops\n{}", "{ }\n\noops\n{}\n"),
            // A line end within a text stays invalid.
            ("{\n\"a\nb\":1}", "{ \"a\tb\":1}\n"),
            ("\u{feff}[\n{}]", "\n{}\n"),
        ] {
            assert_eq!(lines(text).unwrap(), wanted, "{text}");
        }
    }

    #[test]
    fn a_value_without_an_end_is_a_fault_with_its_place() {
        for (text, line) in [
            ("[\n{}", 1),
            ("[\n{", 2),
            ("{\n}\n{\n", 3),
            ("[", 1),
            ("\n{\n\"", 2),
        ] {
            let error = lines(text).unwrap_err();
            assert_eq!(ContentFault::of(&error), Some(ContentFault::Unclosed(line)));
        }
    }

    #[test]
    fn many_blank_lines_are_never_held() {
        let text = format!("{{{}}}{{}}", "\n".repeat(20 * PIECE));
        let mut reader = ValueLines::new(text.as_bytes());
        let mut ends = 0;
        let mut piece = [0; 1000];
        loop {
            let count = reader.read(&mut piece).unwrap();
            assert!(reader.output.capacity() <= 4 * PIECE);
            if count == 0 {
                break;
            }
            ends += piece[..count].iter().filter(|byte| **byte == b'\n').count();
        }
        // The second value begins on the line on which the first one ends.
        assert_eq!(ends, 20 * PIECE + 1);
    }

    proptest! {
        #[test]
        fn values_survive(numbers in prop::collection::vec(any::<u32>(), 0..20), pretty in any::<bool>(), array in any::<bool>()) {
            let values: Vec<_> = numbers.iter().map(|number| serde_json::json!({"a": [number, "}\n"]})).collect();
            let show = |value: &serde_json::Value| match pretty {
                true => serde_json::to_string_pretty(value).unwrap(),
                false => value.to_string(),
            };
            let text = match array {
                true => show(&serde_json::Value::Array(values.clone())),
                false => values.iter().map(show).collect(),
            };
            let lines = lines(&text).unwrap();
            let read: Vec<serde_json::Value> = lines.lines().filter(|line| !line.is_empty())
                .map(|line| serde_json::from_str(line).unwrap()).collect();
            prop_assert_eq!(read, values);
        }
    }
}
