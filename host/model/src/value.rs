//! Property values, and the conversions between their kinds.

use std::borrow::Cow;

use crate::{Millis, WrittenTime};

/// A text, a number or a flag.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
pub enum Scalar {
    /// UTF-8 text.
    Text(Box<str>),
    /// A finite number.
    Number(f64),
    /// `true` or `false`.
    Flag(bool),
}

/// The value of a property. An absent or null property has no `Value`; an empty list counts as
/// absent.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// One value.
    One(Scalar),
    /// A list, not empty.
    List(Vec<Scalar>),
}

impl Scalar {
    /// The largest magnitude up to which every whole number is exact as an `f64`: 2^53.
    pub const EXACT: u64 = 1 << 53;

    /// Reads a number as written in an event, a definition or a case. Returns `None` if the text is
    /// no number. A whole number that an `f64` cannot hold exactly is most likely an id. Up to 64
    /// bits it becomes the text of its digits, which compares and orders as the number would.
    #[must_use]
    pub fn from_written(text: &str) -> Option<Self> {
        let range = i128::from(i64::MIN)..=i128::from(u64::MAX);
        match text.parse::<i128>() {
            Ok(whole)
                if range.contains(&whole) && whole.unsigned_abs() > u128::from(Self::EXACT) =>
            {
                Some(Self::Text(whole.to_string().into()))
            }
            _ => text_number(text).map(Self::Number),
        }
    }

    /// Returns the text that `is`, `not`, `any_of` and `none_of` compare: 50 and 50.0 are `50`,
    /// true is `true` (docs/cohorts.md, "Predicates").
    #[must_use]
    pub fn canonical_text(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Number(number) => Cow::Owned(number_text(*number)),
            Self::Flag(flag) => Cow::Borrowed(if *flag { "true" } else { "false" }),
        }
    }

    /// Returns the number that the ordering operators read: a number, or a text that is one. A flag
    /// is no number (docs/cohorts.md, "Predicates").
    #[must_use]
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Text(text) => text_number(text),
            Self::Number(number) => Some(*number),
            Self::Flag(_) => None,
        }
    }

    /// Returns the flag: a flag, or a text that is `true` or `false`.
    #[must_use]
    pub fn as_flag(&self) -> Option<bool> {
        match self {
            Self::Flag(flag) => Some(*flag),
            Self::Text(text) => text_flag(text),
            Self::Number(_) => None,
        }
    }

    /// Returns the instant that `before`, `after` and the like read, as [`WrittenTime`] defines it.
    /// A date without a time is read in the zone with this IANA name.
    #[must_use]
    pub fn as_instant(&self, zone: &str) -> Option<Millis> {
        let written = match self {
            Self::Text(text) => WrittenTime::of_text(text),
            Self::Number(number) => WrittenTime::of_number(*number),
            Self::Flag(_) => return None,
        };
        written.ok()?.at(zone)
    }
}

impl Value {
    /// Returns the one value, or the elements of the list.
    #[must_use]
    pub fn scalars(&self) -> &[Scalar] {
        match self {
            Self::One(scalar) => std::slice::from_ref(scalar),
            Self::List(list) => list,
        }
    }

    /// Makes a value of a list. Returns `None` if the list is empty.
    #[must_use]
    pub fn list(list: Vec<Scalar>) -> Option<Self> {
        (!list.is_empty()).then_some(Self::List(list))
    }

    /// Returns the number that the ordering operators read. A list has none.
    #[must_use]
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::One(scalar) => scalar.as_number(),
            Self::List(_) => None,
        }
    }

    /// Returns the instant that `before`, `after` and the like read. A list has none.
    #[must_use]
    pub fn as_instant(&self, zone: &str) -> Option<Millis> {
        match self {
            Self::One(scalar) => scalar.as_instant(zone),
            Self::List(_) => None,
        }
    }
}

/// Returns the canonical text of a number: the shortest decimal that reads back as the same number,
/// without an exponent, and `0` for `-0`.
#[must_use]
pub(crate) fn number_text(number: f64) -> String {
    if number == 0.0 {
        "0".to_owned()
    } else {
        format!("{number}")
    }
}

/// Reads a text as a number: an optional sign, digits with at most one point, an optional exponent,
/// nothing else.
#[must_use]
pub(crate) fn text_number(text: &str) -> Option<f64> {
    // `f64::from_str` also accepts `inf`, `nan` and `infinity`, which no author means as a number.
    let first = text.bytes().find(|byte| *byte != b'+' && *byte != b'-')?;
    if !first.is_ascii_digit() && first != b'.' {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// Reads a text as a flag.
#[must_use]
pub(crate) fn text_flag(text: &str) -> Option<bool> {
    match text {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_stay_exact() {
        let text = |digits: &str| Some(Scalar::Text(digits.into()));
        assert_eq!(
            Scalar::from_written("9007199254740992"),
            Some(Scalar::Number(9_007_199_254_740_992.0))
        );
        for digits in [
            "9007199254740993",
            "-9007199254740993",
            "18446744073709551615",
        ] {
            assert_eq!(Scalar::from_written(digits), text(digits));
        }
        // The reader of JSON does the same: beyond 64 bits a number is a float.
        assert_eq!(
            Scalar::from_written("18446744073709551616"),
            Some(Scalar::Number(18_446_744_073_709_551_616.0))
        );
        assert_eq!(Scalar::from_written("1e3"), Some(Scalar::Number(1000.0)));
        assert_eq!(Scalar::from_written("1e3x"), None);
    }

    #[test]
    fn numbers_have_one_text() {
        let text = |number| Scalar::Number(number).canonical_text().into_owned();
        assert_eq!(text(50.0), "50");
        assert_eq!(text(-0.0), "0");
        assert_eq!(text(0.1), "0.1");
        assert_eq!(text(1e21), "1000000000000000000000");
    }

    #[test]
    fn texts_that_are_numbers_order() {
        let number = |text: &str| Scalar::Text(text.into()).as_number();
        assert_eq!(number("50.0"), Some(50.0));
        assert_eq!(number("-.5e1"), Some(-5.0));
        assert_eq!(number("inf"), None);
        assert_eq!(number("NaN"), None);
        assert_eq!(number("1e999"), None);
        assert_eq!(number(" 5"), None);
        assert_eq!(number(""), None);
        assert_eq!(Scalar::Flag(true).as_number(), None);
    }

    #[test]
    fn instants_are_read_from_numbers_and_texts() {
        let flag = |flag| Value::One(Scalar::Flag(flag));
        let number = |number| Value::One(Scalar::Number(number));
        let text = |text: &str| Value::One(Scalar::Text(text.into()));
        let table = [
            (number(0.0), None),
            (number(1_606_211_995.0), None),
            (number(1_606_211_995_977.9), Some(1_606_211_995_977)),
            (number(-240_969_600_000.0), Some(-240_969_600_000)),
            (number(1e14), Some(100_000_000_000_000)),
            (number(1_606_211_995_977_000.0), None),
            (number(f64::INFINITY), None),
            (number(f64::NAN), None),
            (text("1970-01-02T00:00:00Z"), Some(86_400_000)),
            (text("1970-01-02"), Some(86_400_000)),
            (text("1962-05-14"), Some(-240_969_600_000)),
            (text("1606211995"), None),
            (text("1606211995977"), Some(1_606_211_995_977)),
            (text("9999-12-30"), Some(253_402_128_000_000)),
            (text("tomorrow"), None),
            (flag(true), None),
            (flag(false), None),
            (Value::List(vec![Scalar::Number(1e12)]), None),
        ];
        for (value, instant) in table {
            let read = value.as_instant("UTC");
            assert_eq!(read, instant.map(Millis), "{value:?}");
        }
    }
}
