//! Writes texts, lists, maps and lengths of time in YAML's flow style.

use std::fmt::{Display, Write as _};

use muster_model::{Scalar, Value, alters_display};

use crate::{Duration, Unit};

/// Writes `key: value`.
pub(crate) fn entry(key: &str, value: impl Display) -> String {
    format!("{key}: {value}")
}

/// Writes `{a: 1, b: 2}`.
pub(crate) fn map(entries: &[String]) -> String {
    format!("{{{}}}", entries.join(", "))
}

/// Writes `[a, b]`.
pub(super) fn list<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<_> = items.into_iter().map(|item| item.to_string()).collect();
    format!("[{}]", items.join(", "))
}

/// Writes one item as it is, several as a list.
pub(super) fn one_or_list<T: Display>(items: &[T]) -> String {
    match items {
        [one] => one.to_string(),
        _ => list(items),
    }
}

/// Writes a text as a value or a key in YAML's flow style, in quotes only where YAML would read it
/// otherwise. The result is one line, and no character in it affects a terminal.
#[must_use]
pub fn quoted(text: &str) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    let mut quoted = String::from('"');
    for char in text.chars() {
        match char {
            '"' | '\\' => quoted.extend(['\\', char]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            // Characters that are invisible, or that YAML folds or refuses.
            _ if alters_display(char) => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(char));
            }
            _ => quoted.push(char),
        }
    }
    quoted.push('"');
    quoted
}

/// Writes a property's value in YAML's flow style: `60`, `[a, b]`. A text that YAML would read as
/// another type is in quotes.
#[must_use]
pub fn value(value: &Value) -> String {
    let scalar = |scalar: &Scalar| match scalar {
        Scalar::Text(text) => quoted(text),
        Scalar::Number(_) | Scalar::Flag(_) => scalar.canonical_text().into_owned(),
    };
    match value {
        Value::One(one) => scalar(one),
        Value::List(items) => list(items.iter().map(scalar)),
    }
}

/// Returns true if YAML reads a text without quotes as that text.
fn is_plain(text: &str) -> bool {
    // A number is compared by its canonical text.
    if let Some(number) = Scalar::Text(text.into()).as_number() {
        return Scalar::Number(number).canonical_text() == text;
    }
    // Words with a meaning in YAML, or in its older version.
    let word = text.to_ascii_lowercase();
    let words = ["null", "yes", "no", "on", "off", "y", "n"];
    let other_flag = ["true", "false"].contains(&&*word) && word != text;
    let plain = |char: char| char.is_alphanumeric() || " _-./@".contains(char);
    !words.contains(&&*word)
        && !other_flag
        && text.chars().all(plain)
        && text.starts_with(char::is_alphanumeric)
        && !text.ends_with(' ')
}

/// Writes `30 days`, in the largest unit up to days of which the length is a whole number.
pub fn duration(length: Duration) -> String {
    const UNITS: [(u64, &str); 4] = [
        (86_400_000, "day"),
        (3_600_000, "hour"),
        (60_000, "minute"),
        (1_000, "second"),
    ];
    let ms = length.millis();
    let whole = UNITS.iter().find(|(unit, _)| ms.is_multiple_of(*unit));
    let (unit, name) = whole.copied().unwrap_or((1, "millisecond"));
    several(ms / unit, name)
}

/// Writes `30 calendar days`.
pub(crate) fn calendar(unit: Unit, count: u32) -> String {
    several(count.into(), &format!("calendar {}", self::unit(unit)))
}

/// Writes `day`.
pub(super) fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Day => "day",
        Unit::Week => "week",
        Unit::Month => "month",
    }
}

fn several(count: u64, name: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {name}{s}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_texts_that_would_be_misread_are_quoted() {
        for plain in [
            "Purchase",
            "View Item",
            "50",
            "-3",
            "0.5",
            "true",
            "a@b.org",
            "ünï",
            "a-b",
        ] {
            assert_eq!(quoted(plain), plain);
        }
        for text in [
            "", " a", "a ", "50.0", "1e2", "True", "null", "No", "*", "Cart *", "a: b", "a, b",
            "-", "'",
        ] {
            assert_eq!(quoted(text), format!("\"{text}\""));
        }
        assert_eq!(quoted("a\"b\\c\n"), r#""a\"b\\c\n""#);
        assert_eq!(quoted("\u{1}\u{2028}"), r#""\u0001\u2028""#);
    }

    #[test]
    fn lengths_of_time_have_their_largest_unit() {
        let text = |ms| duration(Duration::from_millis(ms));
        assert_eq!(text(1_000), "1 second");
        assert_eq!(text(90_000), "90 seconds");
        assert_eq!(text(5_400_000), "90 minutes");
        assert_eq!(text(3_600_000), "1 hour");
        assert_eq!(text(14 * 86_400_000), "14 days");
    }
}
