//! Reads `30 days` and `30 calendar days` (docs/cohorts.md, "Windows").

use muster_document::{Node, NodeContent, YamlReader, closest, quote};

use crate::clause::{Duration, Length, Unit};
use crate::limits;

/// The units of fixed length: singular, plural, and milliseconds.
pub(crate) const UNITS: [(&str, &str, u64); 5] = [
    ("second", "seconds", 1_000),
    ("minute", "minutes", 60_000),
    ("hour", "hours", 3_600_000),
    ("day", "days", DAY),
    ("week", "weeks", 7 * DAY),
];

/// Common abbreviations. `m` is left out, as it could be minutes or months.
const SHORT: [(&str, &str); 9] = [
    ("s", "seconds"),
    ("secs", "seconds"),
    ("mins", "minutes"),
    ("h", "hours"),
    ("hr", "hours"),
    ("hrs", "hours"),
    ("d", "days"),
    ("w", "weeks"),
    ("wk", "weeks"),
];

/// The calendar units: singular, plural, and the days of the longest one, for the limit.
pub(crate) const CALENDAR_UNITS: [(&str, &str, Unit, u64); 3] = [
    ("day", "days", Unit::Day, 1),
    ("week", "weeks", Unit::Week, 7),
    ("month", "months", Unit::Month, 31),
];

/// Units without a fixed length: singular, plural, days and calendar months.
const UNEVEN: [(&str, &str, u64, u64); 3] = [
    ("month", "months", 30, 1),
    ("quarter", "quarters", 91, 3),
    ("year", "years", 365, 12),
];

const DAY: u64 = 86_400_000;

pub(crate) const EXAMPLE: &str =
    "write a whole number and seconds, minutes, hours, days or weeks: `30 days`";

/// A message and a help line.
type DurationError = (String, String);

/// Reads a length of time, which may be in calendar units.
pub(super) fn length(reader: &mut YamlReader<'_>, node: &Node) -> Option<Length> {
    measured(reader, node, measure)
}

/// Reads a length of time that is always the same.
pub(super) fn duration(reader: &mut YamlReader<'_>, node: &Node) -> Option<Duration> {
    measured(reader, node, |text| match measure(text) {
        Ok(Length::Rolling(length)) => Ok(length),
        Ok(Length::Calendar(unit, count)) => Err((
            format!("{} has no fixed length, as it must have here", quote(text)),
            fixed(unit, count),
        )),
        Err((message, _)) if uneven(text).is_some() => {
            let (days, _) = uneven(text).unwrap_or_default();
            Err((message, format!("write `{days} days`")))
        }
        Err(fault) => Err(fault),
    })
}

/// Returns true if a text is a length of time, where a value of another kind belongs.
pub(super) fn is_length(text: &str) -> bool {
    measure(text).is_ok()
}

fn measured<T>(
    reader: &mut YamlReader<'_>,
    node: &Node,
    measure: impl FnOnce(&str) -> Result<T, DurationError>,
) -> Option<T> {
    const WHAT: &str = "a length of time";
    let text = match &node.content {
        NodeContent::Text(text) => &**text,
        NodeContent::Number(number) => {
            return reader.expected(node, WHAT, &format!("add a unit: `{number} days`"));
        }
        _ => return reader.expected(node, WHAT, EXAMPLE),
    };
    match measure(text) {
        Ok(length) => Some(length),
        Err((message, help)) => reader.wrong(node.span, message, help),
    }
}

/// Parses a length of time.
fn measure(text: &str) -> Result<Length, DurationError> {
    let quoted = quote(text);
    let words: Vec<_> = text.split_whitespace().collect();
    let (count, unit) = match words.as_slice() {
        [count, "calendar", unit] => return calendar(&quoted, count, unit),
        ["calendar", _] => {
            return fault(
                format!("{quoted} does not say how many"),
                "write `1 calendar day` for the current day, `4 calendar weeks` for the last four weeks",
            );
        }
        [count, word, unit] if closest(word, ["calendar"]).is_some() => {
            return fault(
                format!("{quoted} is not a length of time"),
                &format!("did you mean `{count} calendar {unit}`?"),
            );
        }
        ["this", unit @ ("day" | "week" | "month")] => {
            return fault(
                format!("{quoted} is not a length of time"),
                &format!("write `1 calendar {unit}`: from its start until now"),
            );
        }
        ["today"] => {
            return fault(
                format!("{quoted} is not a length of time"),
                "write `1 calendar day`: from its start until now",
            );
        }
        [count, unit] => (*count, *unit),
        // `30days` means the same.
        [one] => one.split_at(
            one.find(|char: char| char.is_alphabetic())
                .unwrap_or(one.len()),
        ),
        _ => return fault(format!("{quoted} is not a length of time"), EXAMPLE),
    };
    rolling(text, count, unit).map(Length::Rolling)
}

fn rolling(text: &str, count: &str, unit: &str) -> Result<Duration, DurationError> {
    let quoted = quote(text);
    let number = number(&quoted, count)?;
    let names = || UNITS.iter().flat_map(|(one, many, _)| [*one, *many]);
    let Some((_, _, ms)) = UNITS
        .iter()
        .find(|(one, many, _)| unit == *one || unit == *many)
    else {
        if unit.is_empty() {
            return fault(format!("{quoted} has no unit"), EXAMPLE);
        }
        if let Some((days, months)) = uneven(text) {
            let name = if months == 1 { "month" } else { "months" };
            return fault(
                format!("{quoted} has no fixed length"),
                &format!("write `{months} calendar {name}`, or `{days} days`"),
            );
        }
        let message = format!("unknown unit {} in {quoted}", quote(unit));
        let short = SHORT.iter().find(|(short, _)| *short == unit);
        let meant = short
            .map(|(_, many)| *many)
            .or_else(|| closest(unit, UNITS.iter().map(|(_, many, _)| *many)))
            .or_else(|| closest(unit, names()));
        return match meant {
            Some(meant) => fault(message, &format!("did you mean `{count} {meant}`?")),
            None => fault(message, "write seconds, minutes, hours, days or weeks"),
        };
    };
    if number == 0 {
        return fault(
            format!("{quoted} is too short"),
            "write at least `1 second`",
        );
    }
    match number.checked_mul(*ms) {
        Some(ms) if ms <= limits::DURATION_MS => Ok(Duration::from_millis(ms)),
        _ => too_long(&quoted, limits::DURATION_MS / DAY, "days"),
    }
}

fn calendar(quoted: &str, count: &str, unit: &str) -> Result<Length, DurationError> {
    let number = number(quoted, count)?;
    let Some((_, many, unit, days)) = CALENDAR_UNITS
        .into_iter()
        .find(|(one, many, _, _)| unit == *one || unit == *many)
    else {
        let years = UNEVEN
            .iter()
            .find(|(one, many, _, _)| unit == *one || unit == *many);
        let small = UNITS
            .iter()
            .find(|(one, many, _)| unit == *one || unit == *many);
        let help = match (years, small) {
            (Some((_, _, _, months)), _) => {
                format!("write `{} calendar months`", number.saturating_mul(*months))
            }
            (_, Some(_)) => format!("write `{count} {unit}`"),
            _ => match closest(unit, CALENDAR_UNITS.map(|(_, many, _, _)| many)) {
                Some(meant) => format!("did you mean `{count} calendar {meant}`?"),
                None => "write days, weeks or months".to_owned(),
            },
        };
        return fault(format!("no window has calendar {}", quote(unit)), &help);
    };
    if number == 0 {
        return fault(
            format!("{quoted} is too short"),
            "write `1 calendar day` for the current day",
        );
    }
    let most = limits::DURATION_MS / DAY / days;
    match u32::try_from(number) {
        Ok(count) if number <= most => Ok(Length::Calendar(unit, count)),
        _ => too_long(quoted, most, &format!("calendar {many}")),
    }
}

/// Parses the number of units, a whole number.
fn number(quoted: &str, count: &str) -> Result<u64, DurationError> {
    if let Some(number) = whole(count) {
        return Ok(number);
    }
    let help = if count.contains(['.', ',']) {
        "write a whole number: `90 minutes` in place of `1.5 hours`"
    } else {
        EXAMPLE
    };
    fault(format!("{quoted} is not a length of time"), help)
}

/// Writes the length of a calendar window in hours, for a message.
fn fixed(unit: Unit, count: u32) -> String {
    match unit {
        Unit::Day if count == 1 => "write `1 day`, of 24 hours".to_owned(),
        Unit::Day => format!("write `{count} days`, of 24 hours each"),
        Unit::Week if count == 1 => "write `1 week`, of 168 hours".to_owned(),
        Unit::Week => format!("write `{count} weeks`, of 168 hours each"),
        Unit::Month => format!("write `{} days`", u64::from(count) * 30),
    }
}

/// Returns the days and the calendar months of a text such as `3 months`.
fn uneven(text: &str) -> Option<(u64, u64)> {
    let mut words = text.split_whitespace();
    let number = whole(words.next()?).filter(|number| (1..=1_200).contains(number))?;
    let unit = words.next()?;
    let (_, _, days, months) = UNEVEN
        .iter()
        .find(|(one, many, _, _)| unit == *one || unit == *many)?;
    Some((number * days, number * months))
}

fn too_long<T>(quoted: &str, most: u64, unit: &str) -> Result<T, DurationError> {
    fault(
        format!("{quoted} is too long"),
        &format!("write at most {most} {unit} (100 years)"),
    )
}

fn fault<T>(message: String, help: &str) -> Result<T, DurationError> {
    Err((message, help.to_owned()))
}

/// Parses digits as a number. Too many digits give the largest number.
fn whole(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_have_their_lengths() {
        let ms = |text: &str| match measure(text) {
            Ok(Length::Rolling(length)) => Some(length.millis()),
            _ => None,
        };
        assert_eq!(ms("1 second"), Some(1_000));
        assert_eq!(ms("2 minutes"), Some(120_000));
        assert_eq!(ms("1 hour"), Some(3_600_000));
        assert_eq!(ms("30 days"), Some(2_592_000_000));
        assert_eq!(ms("1 week"), Some(604_800_000));
        assert_eq!(ms("  7   days "), Some(604_800_000));
        assert_eq!(ms("7days"), Some(604_800_000));
        assert_eq!(ms("36525 days"), Some(limits::DURATION_MS));
        for wrong in [
            "",
            "days",
            "0 days",
            "-1 days",
            "1.5 hours",
            "36526 days",
            "99999999999999999999 weeks",
            "7",
            "1 2 days",
            "7 months",
        ] {
            assert_eq!(ms(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn calendars_have_days_weeks_and_months() {
        let length = |text: &str| measure(text).ok();
        let calendar = |unit, count| Some(Length::Calendar(unit, count));
        assert_eq!(length("1 calendar day"), calendar(Unit::Day, 1));
        assert_eq!(length("2  calendar weeks"), calendar(Unit::Week, 2));
        assert_eq!(length("1178 calendar months"), calendar(Unit::Month, 1_178));
        assert_eq!(length("36525 calendar days"), calendar(Unit::Day, 36_525));
        for wrong in [
            "0 calendar days",
            "1179 calendar months",
            "36526 calendar days",
            "99999999999999999999 calendar days",
            "3 calendar hours",
            "1 calendar year",
            "calendar days",
            "1.5 calendar days",
        ] {
            assert_eq!(length(wrong), None, "{wrong}");
        }
    }
}
