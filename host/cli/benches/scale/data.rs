//! The data of docs/facts.md's prototype: 20 event names in the order of time over 60 days, 5 %
//! purchases, and a skew of users.

use std::io::Write;
use std::path::Path;

/// The clock of the bench, in ms: 2026-03-01T00:00:00Z.
pub(crate) const NOW: i64 = 1_772_323_200_000;
const DAYS: i64 = 60;
pub(crate) const CITIES: [&str; 8] = [
    "Seattle", "Portland", "Austin", "Boston", "Chicago", "Denver", "Miami", "Oakland",
];

pub(crate) struct Data {
    pub(crate) users: u64,
    pub(crate) events: u64,
}

pub(crate) struct BenchEvent<'a> {
    pub(crate) user: &'a str,
    pub(crate) name: &'a str,
    pub(crate) time: i64,
    pub(crate) amount: Option<f64>,
}

/// Returns the next number of SplitMix64: it takes a few instructions, and is the same on every
/// machine.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Data {
    pub(crate) fn user(number: u64) -> String {
        format!("user-{number:07}")
    }

    /// Passes every user with a city to `take`.
    pub(crate) fn users(&self, mut take: impl FnMut(&str, &str)) {
        for number in 0..self.users {
            let mut state = number;
            take(
                &Self::user(number),
                CITIES[(random(&mut state) % CITIES.len() as u64) as usize],
            );
        }
    }

    /// Passes every event to `take`, by time.
    pub(crate) fn each(&self, mut take: impl FnMut(BenchEvent<'_>)) {
        let ids: Vec<_> = (0..self.users).map(Self::user).collect();
        let names: Vec<_> = (0..18).map(|number| format!("Event {number}")).collect();
        let span = DAYS * 86_400_000;
        let mut state = 42;
        for number in 0..self.events {
            // The square of a uniform number: a tenth of the users do a third of all events.
            let uniform = (random(&mut state) >> 11) as f64 / (1_u64 << 53) as f64;
            let user = ((uniform * uniform * self.users as f64) as u64).min(self.users - 1);
            let time = NOW - span + (number as i128 * span as i128 / self.events as i128) as i64;
            let (name, amount) = match random(&mut state) % 100 {
                0..5 => (
                    "Purchase",
                    Some((random(&mut state) % 20_000) as f64 / 100.0),
                ),
                5 => ("Refund", Some((random(&mut state) % 20_000) as f64 / 100.0)),
                other => (names[other as usize % names.len()].as_str(), None),
            };
            take(BenchEvent {
                user: &ids[user as usize],
                name,
                time,
                amount,
            });
        }
    }

    /// Writes the same data as files that DuckDB reads.
    pub(crate) fn write(&self, events: &Path, users: &Path) -> std::io::Result<()> {
        let mut out = std::io::BufWriter::new(std::fs::File::create(users)?);
        let mut result = Ok(());
        self.users(|user, city| result = writeln!(out, "{user},{city}"));
        result?;
        out.flush()?;
        let mut out = std::io::BufWriter::new(std::fs::File::create(events)?);
        let mut result = Ok(());
        self.each(|event| {
            let amount = event
                .amount
                .map_or_else(String::new, |amount| amount.to_string());
            result = writeln!(out, "{},{},{},{amount}", event.user, event.name, event.time);
        });
        result?;
        out.flush()
    }
}
