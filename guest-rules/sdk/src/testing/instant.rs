//! Instants as texts: `2026-03-01`, `2026-03-01T12:00:00Z`, `2026-03-01T12:00:00.250Z`.

use crate::time::Instant;

const DAY: i64 = 86_400_000;

/// Reads an instant of a test.
pub(crate) fn read(text: &str) -> Instant {
    let instant = parse(text);
    Instant(
        instant.unwrap_or_else(|| panic!("`{text}` is no instant such as 2026-03-01T12:00:00Z")),
    )
}

/// Reads an instant. Without a time of day it is the day's start; without a zone it is UTC.
pub(crate) fn parse(text: &str) -> Option<i64> {
    let (date, time) = match text.split_once(['T', ' ']) {
        Some((date, time)) => (date, time.trim_end_matches('Z')),
        None => (text, "00:00:00"),
    };
    let [year, month, day] = parts(date, '-')?;
    let (time, ms) = match time.split_once('.') {
        Some((time, fraction)) => (time, format!("{fraction:0<3}").get(..3)?.parse().ok()?),
        None => (time, 0),
    };
    let [hour, minute, second] = parts(time, ':')?;
    let valid = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60;
    let seconds = hour * 3_600 + minute * 60 + second;
    (valid && second < 60).then(|| days_from_civil(year, month, day) * DAY + seconds * 1_000 + ms)
}

fn parts(text: &str, separator: char) -> Option<[i64; 3]> {
    let mut parts = text.split(separator).map(|part| part.parse().ok());
    let three = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(three)
}

/// Writes an instant.
pub(crate) fn written(instant: Instant) -> String {
    let (days, ms) = (instant.0.div_euclid(DAY), instant.0.rem_euclid(DAY));
    let (year, month, day) = civil_from_days(days);
    let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
    let fraction = match ms % 1_000 {
        0 => String::new(),
        ms => format!(".{ms:03}"),
    };
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}

/// Returns the number of a day since 1970-01-01 in the Gregorian calendar.
pub(crate) fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March, so that the leap day is the last.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Returns year, month and day of a number of days since 1970-01-01.
pub(crate) fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_as_they_are_written() {
        for (text, ms) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2026-03-01T12:30:15.250Z", 1_772_368_215_250),
            ("1969-12-31T23:59:59.999Z", -1),
            ("2000-02-29T00:00:00Z", 951_782_400_000),
        ] {
            assert_eq!(parse(text), Some(ms), "{text}");
            assert_eq!(written(Instant(ms)), text);
        }
        for day in (-800_000..800_000).step_by(97) {
            let (year, month, date) = civil_from_days(day);
            assert_eq!(days_from_civil(year, month, date), day);
        }
        assert_eq!(parse("2026-03-01 12:00:00"), parse("2026-03-01T12:00:00Z"));
        assert_eq!(parse("2026-13-01"), None);
        assert_eq!(parse("soon"), None);
    }
}
