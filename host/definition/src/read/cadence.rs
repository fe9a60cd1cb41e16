//! Reads the cadence: how often membership is computed.

use muster_document::{Map, Node, NodeContent, YamlReader, closest, quote};
use muster_model::{Cadence, TimeOfDay};

use super::key::{LanguageKind, key, needed_key};

pub(crate) const TIME_OF_DAY: &str = "write hours and minutes from \"00:00\" to \"23:59\"";

/// The cadences that are a single word.
pub(crate) const WORDS: [&str; 3] = ["daily", "hourly", "real_time"];

/// The cadences with a time of day or of the hour.
pub(crate) static TABLE: Map<LanguageKind> = Map {
    one_of: true,
    ..Map::new(
        "a cadence",
        &[
            key("daily", LanguageKind::Daily, "Once a day at a time of day."),
            key("hourly", LanguageKind::Hourly, "Once an hour at a minute."),
        ],
    )
};

pub(crate) static DAILY: Map<LanguageKind> = Map::new(
    "a cadence",
    &[needed_key(
        "at",
        LanguageKind::TimeOfDay,
        "The time of day in the cohort's time zone.",
    )],
);
pub(crate) static HOURLY: Map<LanguageKind> = Map::new(
    "a cadence",
    &[needed_key(
        "at",
        LanguageKind::Minute,
        "The minute of the hour.",
    )],
);

const FORMS: &str = "write `daily`, `hourly` or `real_time`, or `{daily: {at: \"06:00\"}}`, or `{hourly: {at: 15}}`";

pub(super) fn cadence(reader: &mut YamlReader<'_>, node: &Node) -> Option<Cadence> {
    match &node.content {
        NodeContent::Text(text) => match &**text {
            "daily" => Some(Cadence::default()),
            "hourly" => Some(Cadence::Hourly { minute: 0 }),
            "real_time" => Some(Cadence::RealTime),
            other => {
                let help = match closest(other, WORDS) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => FORMS.to_owned(),
                };
                reader.wrong(
                    node.span,
                    format!("{} is not a cadence", quote(other)),
                    help,
                )
            }
        },
        NodeContent::Map(entries) => {
            let fields = reader.fields_of(node, &TABLE)?;
            if let ([_], Some(daily)) = (entries.as_slice(), fields.get("daily")) {
                let at = at(reader, daily, &DAILY, "{at: \"06:00\"}")?;
                time_of_day(reader, at).map(|at| Cadence::Daily { at })
            } else if let ([_], Some(hourly)) = (entries.as_slice(), fields.get("hourly")) {
                let at = at(reader, hourly, &HOURLY, "{at: 15}")?;
                minute(reader, at).map(|minute| Cadence::Hourly { minute })
            } else if fields.get("daily").is_some() == fields.get("hourly").is_some()
                && entries.len() != 1
            {
                reader.wrong(node.span, "a cadence is one of daily and hourly", FORMS)
            } else {
                None
            }
        }
        _ => reader.expected(node, "a cadence", FORMS),
    }
}

fn at<'n>(
    reader: &mut YamlReader<'_>,
    node: &'n Node,
    map: &Map<LanguageKind>,
    form: &str,
) -> Option<&'n Node> {
    if !matches!(node.content, NodeContent::Map(_)) {
        return reader.expected(node, "a map with `at`", &format!("write `{form}`"));
    }
    let fields = reader.fields_of(node, map)?;
    match fields.get("at") {
        Some(at) => Some(at),
        None => reader.wrong(node.span, "`at` is missing", format!("write `{form}`")),
    }
}

fn time_of_day(reader: &mut YamlReader<'_>, node: &Node) -> Option<TimeOfDay> {
    let NodeContent::Text(text) = &node.content else {
        return reader.expected(node, "a time of day", TIME_OF_DAY);
    };
    let two = |text: &str, most: u8| {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|number| digits && *number <= most)
    };
    let time = text.split_once(':').and_then(|(hour, minute)| {
        Some(TimeOfDay {
            hour: two(hour, 23)?,
            minute: two(minute, 59)?,
        })
    });
    match time {
        Some(time) => Some(time),
        None => reader.wrong(
            node.span,
            format!("{} is not a time of day", quote(text)),
            TIME_OF_DAY,
        ),
    }
}

fn minute(reader: &mut YamlReader<'_>, node: &Node) -> Option<u8> {
    let number = reader.number(node, "a minute of the hour")?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number from 0 to 59"
    )]
    if number.fract() == 0.0 && (0.0..60.0).contains(&number) {
        return Some(number as u8);
    }
    reader.wrong(
        node.span,
        format!("`{number}` is not a minute of the hour"),
        "write a whole number from 0 to 59",
    )
}
