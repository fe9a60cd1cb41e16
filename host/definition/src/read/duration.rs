//! `30 days` (COHORTS.md, "Windows").

use crate::clause::Duration;
use crate::limits;
use crate::yaml::{Content, Node, Reader, closest};

const UNITS: [(&str, &str, u64); 5] = [
    ("second", "seconds", 1_000),
    ("minute", "minutes", 60_000),
    ("hour", "hours", 3_600_000),
    ("day", "days", 86_400_000),
    ("week", "weeks", 7 * 86_400_000),
];

const EXAMPLE: &str = "write a whole number and seconds, minutes, hours, days or weeks: `30 days`";

pub(super) fn duration(reader: &mut Reader<'_>, node: &Node) -> Option<Duration> {
    const WHAT: &str = "a length of time";
    let text = match &node.content {
        Content::Text(text) => &**text,
        Content::Number(number) => {
            return reader.expected(node, WHAT, &format!("add a unit: `{number} days`"));
        }
        _ => return reader.expected(node, WHAT, EXAMPLE),
    };
    match measure(text) {
        Ok(duration) => Some(duration),
        Err((message, help)) => reader.wrong(node.span, message, help),
    }
}

/// The length a text tells, or a message and a help.
fn measure(text: &str) -> Result<Duration, (String, String)> {
    let fault = |message: String, help: &str| Err((message, help.to_owned()));
    let quoted = crate::quote(text);
    let words: Vec<_> = text.split_whitespace().collect();
    let (count, unit) = match words.as_slice() {
        [_, "calendar", ..] => {
            return fault(
                format!("{quoted}: calendar windows are not supported yet"),
                "the window of this version is a rolling one of days of 24 hours: `30 days`",
            );
        }
        [count, unit] => (*count, *unit),
        // `30days` says the same.
        [one] => one.split_at(
            one.find(|char: char| char.is_alphabetic())
                .unwrap_or(one.len()),
        ),
        _ => return fault(format!("{quoted} is not a length of time"), EXAMPLE),
    };
    let Some(number) = whole(count) else {
        let finer = if count.contains(['.', ',']) {
            "only whole numbers: in place of `1.5 hours` write `90 minutes`"
        } else {
            EXAMPLE
        };
        return fault(format!("{quoted} is not a length of time"), finer);
    };
    let names = || UNITS.iter().flat_map(|(one, many, _)| [*one, *many]);
    let Some((_, _, ms)) = UNITS
        .iter()
        .find(|(one, many, _)| unit == *one || unit == *many)
    else {
        if unit.is_empty() {
            return fault(format!("{quoted} has no unit"), EXAMPLE);
        }
        let message = format!("unknown unit {} in {quoted}", crate::quote(unit));
        let meant = closest(unit, UNITS.iter().map(|(_, many, _)| *many))
            .or_else(|| closest(unit, names()));
        return match meant {
            Some(meant) => fault(message, &format!("did you mean `{count} {meant}`?")),
            None => fault(
                message,
                "the units are seconds, minutes, hours, days and weeks",
            ),
        };
    };
    if number == 0 {
        return fault(
            format!("{quoted} is no time at all"),
            "a window is at least 1 second long",
        );
    }
    match number.checked_mul(*ms) {
        Some(ms) if ms <= limits::DURATION_MS => Ok(Duration::from_millis(ms)),
        _ => fault(
            format!("{quoted} is too long"),
            &format!(
                "at most {} days (100 years); for all of history leave `in_last` out",
                limits::DURATION_MS / 86_400_000
            ),
        ),
    }
}

/// Digits as a number; too many are a very large one.
fn whole(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_what_they_are() {
        let ms = |text: &str| measure(text).map(Duration::millis).ok();
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
            "7 calendar days",
        ] {
            assert_eq!(ms(wrong), None, "{wrong}");
        }
    }
}
