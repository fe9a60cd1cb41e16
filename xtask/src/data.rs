//! Generates the events of a fictitious shop in the vendor's export format. A seed gives the same
//! events on every machine.
//!
//! [`generate`] writes files of any size at the speed of the disk and the compressor. `shop`
//! decides the actions of the users, `line` writes the JSON, `random` draws the random numbers, and
//! `files` writes the files.

mod files;
mod line;
mod random;
mod shop;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use muster_model::Millis;

use self::files::EventFiles;
use self::shop::{Fate, Shop};

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// Settings of the generator.
#[derive(Clone, Debug)]
pub struct DataSettings {
    /// The prefix of the files' names.
    pub project: String,
    /// The number of users. A user who is never drawn has no event.
    pub users: u32,
    /// The number of different events. Duplicate lines are added to it.
    pub events: u64,
    /// The days before `end` over which the events are spread.
    pub days: u32,
    /// The seed of all random choices.
    pub seed: u64,
    /// The exponent of the users' Zipf-like activity; with 0 all users are equally active.
    pub skew: f64,
    /// The instant before which all events lie.
    pub end: Millis,
    /// The format of the files.
    pub format: Format,
    /// The events that carry user properties.
    pub user_state: UserState,
    /// The number of files a day, 1 to 24.
    pub files_per_day: u32,
}

impl Default for DataSettings {
    fn default() -> Self {
        Self {
            project: "shop".to_owned(),
            users: 2_000,
            events: 60_000,
            days: 60,
            seed: 1,
            skew: 1.1,
            end: Millis(1_772_323_200_000),
            format: Format::Gzip,
            user_state: UserState::Session,
            files_per_day: 1,
        }
    }
}

/// The format of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Plain, `.json`
    Ndjson,
    /// gzip, `.json.gz`
    #[value(name = "ndjson.gz", alias = "gz")]
    Gzip,
    /// Zstandard, `.json.zst`
    #[value(name = "ndjson.zst", alias = "zst")]
    Zstd,
}

/// The events that carry the properties of their user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum UserState {
    /// The first of a session, and each that follows a change, as an SDK sends them
    Session,
    /// Every event, as in the vendor's own export
    Event,
}

/// The result of a generation.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// The number of different events, as requested.
    pub events: u64,
    /// The lines written: the events and the duplicates.
    pub lines: u64,
    /// The files, in the order of their names.
    pub files: Vec<PathBuf>,
    /// The sum of their sizes.
    pub bytes_on_disk: u64,
    /// The sum of their sizes without compression.
    pub bytes_of_json: u64,
}

/// Writes the files into `directory`, which is created if it is missing; files of the same names
/// are replaced. Calls `progress` now and then with the number of events so far.
pub fn generate(
    settings: &DataSettings,
    directory: &Path,
    progress: &mut dyn FnMut(u64),
) -> anyhow::Result<Summary> {
    anyhow::ensure!(settings.users > 0, "--users must be at least 1");
    anyhow::ensure!(settings.days > 0, "--days must be at least 1");
    anyhow::ensure!(
        (0.0..=8.0).contains(&settings.skew),
        "--skew must be between 0 and 8"
    );
    anyhow::ensure!(
        (1..=24).contains(&settings.files_per_day),
        "--files-per-day must be between 1 and 24"
    );
    let start = settings.end.0 - i64::from(settings.days) * DAY;
    anyhow::ensure!(
        start >= 0,
        "--end minus --days must not be earlier than 1970"
    );
    std::fs::create_dir_all(directory)?;

    let mut shop = Shop::new(settings);
    let mut files = EventFiles::new(directory, settings.format);
    let mut summary = Summary::default();
    // Lines that appear in a later file than that of the event's day, by the number of that file.
    let mut held: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
    let last = settings.days * settings.files_per_day - 1;
    let mut minutes = Minutes::new(settings, start);
    let mut line = Vec::new();

    for file in 0..=last {
        let (day, part) = (file / settings.files_per_day, file % settings.files_per_day);
        let date = line::date(start + i64::from(day) * DAY);
        files.open(format!("{}_{date}_{part}", settings.project))?;
        if let Some(lines) = held.remove(&file) {
            files.write(&lines)?;
        }
        // Late and duplicate lines of the last file have no later file, so they end that file.
        let mut tail = Vec::new();
        for minute in slice_of_day(day, part, settings.files_per_day) {
            let (begin, count) = minutes.events_of(minute);
            for nth in 0..count {
                line.clear();
                let fate = shop.next_line(begin, MINUTE, nth, count, &mut line);
                summary.events += 1;
                summary.lines += 1 + u64::from(fate == Fate::Double);
                if fate != Fate::Late {
                    files.write(&line)?;
                }
                let later = match fate {
                    Fate::OnTime => continue,
                    Fate::Double => file + shop.below(2),
                    Fate::Late => file + 1 + shop.below(3 * settings.files_per_day),
                };
                if later > file && later <= last {
                    held.entry(later).or_default().extend_from_slice(&line);
                } else {
                    tail.extend_from_slice(&line);
                }
            }
            progress(summary.events);
        }
        files.write(&tail)?;
        files.close()?;
    }
    let written = files.finish()?;
    summary.files = written.paths;
    summary.bytes_of_json = written.bytes_of_json;
    summary.bytes_on_disk = written.bytes_on_disk;
    Ok(summary)
}

/// Returns the minutes, counted from the start, whose events go to one file.
fn slice_of_day(day: u32, part: u32, parts: u32) -> std::ops::Range<u32> {
    let day = day * 1440;
    day + 1440 * part / parts..day + 1440 * (part + 1) / parts
}

/// The number of events in each minute: it varies over the day and the week, and adds up to the
/// requested number.
struct Minutes {
    start: i64,
    events: u64,
    weight_so_far: u64,
    weight_in_all: u64,
    given: u64,
}

/// The shares of the 24 hours at the place of the shop, in the west of the United States.
const HOURLY_SHARES: [u64; 24] = [
    5, 3, 2, 1, 1, 2, 4, 7, 9, 10, 11, 12, 13, 12, 11, 11, 11, 12, 14, 16, 17, 15, 12, 8,
];
/// The offset of the shop's clock, all year: 8 hours behind UTC.
const ZONE: i64 = 8 * 60 * MINUTE;

impl Minutes {
    fn new(settings: &DataSettings, start: i64) -> Self {
        let weight_in_all = (0..settings.days * 1440)
            .map(|minute| weight(start + i64::from(minute) * MINUTE))
            .sum();
        Self {
            start,
            events: settings.events,
            weight_so_far: 0,
            weight_in_all,
            given: 0,
        }
    }

    /// Returns the beginning of a minute and its number of events. Each minute must be requested
    /// once, in order.
    fn events_of(&mut self, minute: u32) -> (i64, u64) {
        let begin = self.start + i64::from(minute) * MINUTE;
        self.weight_so_far += weight(begin);
        let due = u128::from(self.events) * u128::from(self.weight_so_far)
            / u128::from(self.weight_in_all);
        let due = u64::try_from(due).unwrap_or(self.events);
        let count = due - self.given;
        self.given = due;
        (begin, count)
    }
}

fn weight(instant: i64) -> u64 {
    let local = instant - ZONE;
    let hour = local.rem_euclid(DAY) / (60 * MINUTE);
    // Day 0 of the epoch was a Thursday.
    let weekend = matches!(local.div_euclid(DAY).rem_euclid(7), 2 | 3);
    let share = usize::try_from(hour)
        .ok()
        .and_then(|hour| HOURLY_SHARES.get(hour))
        .copied()
        .unwrap_or(1);
    share * if weekend { 6 } else { 5 }
}

#[cfg(test)]
mod tests;
