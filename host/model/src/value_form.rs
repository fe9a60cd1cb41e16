//! Forms in which a column may have the values of a property, beyond the plain kinds.
//!
//! A form stands behind the property's name in the description of a module, with U+0000 between
//! them (`wit/cohort.wit`, "property"). The host computes the values once per text, so a module
//! needs no parser of versions or calendars.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use crate::{Millis, Scalar, Unit, Units, Value, Version, time_zone};

/// The mark between the name of a property and its form.
const MARK: char = '\0';

/// A form of values. Each makes a number of a value, or nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum ValueForm {
    /// The number; of a list the largest.
    Largest,
    /// The number; of a list the smallest.
    Smallest,
    /// The number; of a list the first that meets all bounds.
    Within(Vec<(Order, f64)>),
    /// The number of elements; a single value counts as one.
    Count,
    /// 1 if the value, or an element of a list, is a version that meets all bounds; else nothing.
    Version(Vec<(Order, Version)>),
    /// An instant. A date without a time is read in the zone.
    Instant {
        /// The IANA name of the zone.
        zone: Box<str>,
        /// The calendar unit whose start is meant: so many units after the instant's own.
        start: Option<(Unit, i64)>,
    },
}

/// A comparison with a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Order {
    /// Equal.
    Exactly,
    /// Not equal.
    Not,
    /// At least.
    AtLeast,
    /// Greater.
    MoreThan,
    /// At most.
    AtMost,
    /// Less.
    LessThan,
}

impl Order {
    /// All comparisons. A sign comes before its first character alone.
    const ALL: [Self; 6] = [
        Self::Not,
        Self::AtLeast,
        Self::AtMost,
        Self::Exactly,
        Self::MoreThan,
        Self::LessThan,
    ];

    /// Returns true if the comparison holds, given the order of the value and the bound.
    #[must_use]
    pub fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Exactly => order.is_eq(),
            Self::Not => order.is_ne(),
            Self::AtLeast => order.is_ge(),
            Self::MoreThan => order.is_gt(),
            Self::AtMost => order.is_le(),
            Self::LessThan => order.is_lt(),
        }
    }

    fn sign(self) -> &'static str {
        match self {
            Self::Exactly => "=",
            Self::Not => "!=",
            Self::AtLeast => ">=",
            Self::MoreThan => ">",
            Self::AtMost => "<=",
            Self::LessThan => "<",
        }
    }
}

/// Returns true if a value meets all bounds.
fn meets<T: PartialOrd>(value: &T, bounds: &[(Order, T)]) -> bool {
    let holds = |(order, bound): &(Order, T)| {
        value
            .partial_cmp(bound)
            .is_some_and(|ordering| order.holds(ordering))
    };
    bounds.iter().all(holds)
}

impl ValueForm {
    /// Splits a name in a module's description into the property's name and its form. Returns
    /// `None` if there is a form that is not known.
    #[must_use]
    pub fn split(name: &str) -> Option<(&str, Option<Self>)> {
        match name.rsplit_once(MARK) {
            None => Some((name, None)),
            Some((name, "")) => Some((name, None)),
            Some((name, form)) => Some((name, Some(form.parse().ok()?))),
        }
    }

    /// Returns the name of a property with a form behind it.
    #[must_use]
    pub fn join(name: &str, form: Option<&Self>) -> String {
        match form {
            Some(form) => format!("{name}{MARK}{form}"),
            // Only a name with a mark of its own needs one.
            None if name.contains(MARK) => format!("{name}{MARK}"),
            None => name.to_owned(),
        }
    }

    /// Returns true if the form makes of each single value the number that it is.
    #[must_use]
    pub fn keeps_numbers(&self) -> bool {
        match self {
            Self::Largest | Self::Smallest | Self::Within(_) => true,
            Self::Count | Self::Version(_) | Self::Instant { .. } => false,
        }
    }

    /// Returns the number of a value in this form.
    #[must_use]
    pub fn of_value(&self, value: &Value) -> Option<f64> {
        match value {
            Value::One(scalar) => self.of_scalar(scalar),
            Value::List(list) => self.of_list(list),
        }
    }

    /// Returns the number of a single value.
    #[must_use]
    pub fn of_scalar(&self, scalar: &Scalar) -> Option<f64> {
        match self {
            Self::Largest | Self::Smallest | Self::Within(_) => scalar.as_number(),
            Self::Count => Some(1.0),
            Self::Version(bounds) => {
                let version = Version::new(&scalar.canonical_text())?;
                meets(&version, bounds).then_some(1.0)
            }
            Self::Instant { zone, start } => {
                let at = scalar.as_instant(zone)?;
                let at = match start {
                    Some((unit, steps)) => Units::new(*unit, zone)?.start_of(at, *steps),
                    None => at,
                };
                Some(exact(at))
            }
        }
    }

    /// Returns the number of a list.
    #[must_use]
    pub fn of_list(&self, list: &[Scalar]) -> Option<f64> {
        let mut numbers = list.iter().filter_map(Scalar::as_number);
        match self {
            Self::Largest => numbers.reduce(f64::max),
            Self::Smallest => numbers.reduce(f64::min),
            Self::Within(bounds) => numbers.find(|number| meets(number, bounds)),
            #[expect(clippy::cast_precision_loss, reason = "no list has 2^53 elements")]
            Self::Count => Some(list.len() as f64),
            Self::Version(_) => list.iter().find_map(|scalar| self.of_scalar(scalar)),
            // A list is no instant.
            Self::Instant { .. } => None,
        }
    }
}

/// Converts an instant to a number. An instant outside all years stays outside.
#[expect(clippy::cast_precision_loss, reason = "clamped to a range below 2^53")]
fn exact(at: Millis) -> f64 {
    const BEYOND: i64 = 2 * Millis::MAX.0;
    at.0.clamp(-BEYOND, BEYOND) as f64
}

impl fmt::Display for ValueForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Largest => f.write_str("largest"),
            Self::Smallest => f.write_str("smallest"),
            Self::Within(bounds) => write_bounds(f, "within", bounds),
            Self::Count => f.write_str("count"),
            Self::Version(bounds) => write_bounds(f, "version", bounds),
            Self::Instant { zone, start } => {
                write!(f, "in {zone}")?;
                match start {
                    Some((unit, steps)) => write!(f, " {} {steps}", unit.name()),
                    None => Ok(()),
                }
            }
        }
    }
}

fn write_bounds(
    f: &mut fmt::Formatter<'_>,
    word: &str,
    bounds: &[(Order, impl fmt::Display)],
) -> fmt::Result {
    f.write_str(word)?;
    let mut bounds = bounds.iter();
    bounds.try_for_each(|(order, bound)| write!(f, " {}{bound}", order.sign()))
}

impl FromStr for ValueForm {
    /// The text is no form.
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let words: Vec<&str> = text.split(' ').collect();
        match words.as_slice() {
            ["largest"] => Ok(Self::Largest),
            ["smallest"] => Ok(Self::Smallest),
            ["within", bounds @ ..] => read_bounds(bounds, |text| text.parse().ok())
                .map(Self::Within)
                .ok_or(()),
            ["count"] => Ok(Self::Count),
            ["version", bounds @ ..] => read_bounds(bounds, Version::new)
                .map(Self::Version)
                .ok_or(()),
            ["in", zone, start @ ..] if time_zone(zone).is_some() => {
                let start = match start {
                    [] => None,
                    [unit, steps] => {
                        let unit = Unit::ALL.into_iter().find(|of| of.name() == *unit);
                        Some((unit.ok_or(())?, steps.parse().map_err(drop)?))
                    }
                    _ => return Err(()),
                };
                Ok(Self::Instant {
                    zone: (*zone).into(),
                    start,
                })
            }
            _ => Err(()),
        }
    }
}

fn read_bounds<T>(words: &[&str], read: impl Fn(&str) -> Option<T>) -> Option<Vec<(Order, T)>> {
    let bound = |word: &&str| {
        let mut orders = Order::ALL.into_iter();
        orders.find_map(|order| Some((order, read(word.strip_prefix(order.sign())?)?)))
    };
    words.iter().map(bound).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(number: f64) -> Scalar {
        Scalar::Number(number)
    }

    #[test]
    fn forms_are_read_as_they_are_written() {
        let version = |text| Version::new(text).unwrap();
        let instant = |zone: &str, start| ValueForm::Instant {
            zone: zone.into(),
            start,
        };
        for form in [
            ValueForm::Largest,
            ValueForm::Smallest,
            ValueForm::Within(vec![(Order::AtLeast, -0.5), (Order::LessThan, 1e21)]),
            ValueForm::Count,
            ValueForm::Version(vec![
                (Order::Exactly, version("1")),
                (Order::Not, version("2.0-rc.1")),
                (Order::MoreThan, version("v3")),
                (Order::AtMost, version("4")),
            ]),
            instant("Europe/Berlin", None),
            instant("UTC", Some((Unit::Week, -3))),
        ] {
            let name = ValueForm::join("a b", Some(&form));
            assert_eq!(ValueForm::split(&name), Some(("a b", Some(form))));
        }
        assert_eq!(ValueForm::split("a"), Some(("a", None)));
        let marked = ValueForm::join("a\0b", None);
        assert_eq!(ValueForm::split(&marked), Some(("a\0b", None)));
        for wrong in [
            "a\0b",
            "a\0in Nowhere",
            "a\0in UTC day",
            "a\0within 5",
            "a\0version >=x",
        ] {
            assert_eq!(ValueForm::split(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn one_element_of_a_list_is_enough() {
        let list = [number(5.0), Scalar::Text("20".into()), number(100.0)];
        let within = |low, high| {
            ValueForm::Within(vec![(Order::AtLeast, low), (Order::AtMost, high)]).of_list(&list)
        };
        assert_eq!(ValueForm::Largest.of_list(&list), Some(100.0));
        assert_eq!(ValueForm::Smallest.of_list(&list), Some(5.0));
        assert_eq!(within(18.0, 29.0), Some(20.0));
        assert_eq!(within(21.0, 99.0), None);
        assert_eq!(ValueForm::Count.of_list(&list), Some(3.0));
        assert_eq!(ValueForm::Largest.of_list(&[Scalar::Flag(true)]), None);
    }

    #[test]
    fn a_unit_starts_in_the_zone() {
        let form = |start| ValueForm::Instant {
            zone: "Europe/Berlin".into(),
            start,
        };
        let date = Scalar::Text("2026-03-01".into());
        assert_eq!(form(None).of_scalar(&date), Some(1_772_319_600_000.0));
        let next = form(Some((Unit::Day, 1)));
        assert_eq!(next.of_scalar(&date), Some(1_772_406_000_000.0));
    }
}
