//! `muster rule bench`: measures a rule on generated users.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Args;
use serde_json::json;

use super::generate::{GeneratedUsers, TextValues};
use super::load::{Loaded, ceilings, load, read, rule_file};
use crate::output::{Output, bytes, duration};

/// Measure a rule on generated users
///
/// Each user has random values for all that the rule reads. The time is that of whole batches: the
/// copy of the columns, the rule and the check of its answer.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  muster rule bench --values city=Seattle,Berlin --fuel")]
pub(super) struct BenchCommand {
    /// The built rule, or its folder
    #[arg(default_value = ".")]
    rule: PathBuf,
    /// The number of users in a batch
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    users: u32,
    /// The number of events that a user has in each stream, on average: half of them have none
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=1_000))]
    events: u32,
    /// The texts that a property takes, each as often as the others
    #[arg(long, value_name = "PROPERTY=TEXT,…")]
    values: Vec<String>,
    /// Count fuel too: the instructions of WebAssembly, the same on every machine
    #[arg(long)]
    fuel: bool,
}

/// The time for which batches are repeated.
const MEASURE: Duration = Duration::from_millis(500);

/// The fewest batches that are measured. The fastest counts.
const BATCHES: u32 = 3;

impl BenchCommand {
    pub(super) fn run(self, output: &Output) -> anyhow::Result<()> {
        let path = rule_file(&self.rule);
        let rule = read(&path)?;
        let ceilings = ceilings(&path, output)?;
        let values: Vec<TextValues> = (self.values.iter())
            .map(|text| {
                TextValues::parse(text)
                    .with_context(|| format!("`{text}` is not like `city=Seattle,Berlin`"))
            })
            .collect::<Result<_, _>>()?;
        let cache = tempfile::tempdir()?;
        let folder = || Some(cache.path().join("cache"));
        let compiled = load(&rule, ceilings, false, folder())?;
        // The second load takes the machine code from the cache, as each start of the service does.
        let Loaded { module, took } = load(&rule, ceilings, false, folder())?;
        if !module.description().calendars.is_empty() {
            bail!("the rule reads calendars, which are not generated");
        }
        let data = GeneratedUsers::new(module.description(), self.users, self.events, &values);
        let mut members = 0;
        let fastest = data.with_batch(|batch| {
            let (began, mut fastest, mut batches) = (Instant::now(), Duration::MAX, 0);
            while batches < BATCHES || began.elapsed() < MEASURE {
                let began = Instant::now();
                let verdicts = module.classify(batch)?;
                fastest = fastest.min(began.elapsed());
                batches += 1;
                members = verdicts.members.iter().map(|word| word.count_ones()).sum();
            }
            anyhow::Ok(fastest)
        })?;
        let fuel = match self.fuel {
            true => {
                let metered = load(&rule, ceilings, true, None)?.module;
                data.with_batch(|batch| metered.classify(batch).map(|_| ()))?;
                Some(metered.fuel() / u64::from(self.users))
            }
            false => None,
        };
        let nanoseconds = fastest.as_nanos() / u128::from(self.users);
        let fuel_text = fuel.map_or_else(String::new, |fuel| format!(", {fuel} fuel a user"));
        let text = format!(
            "{}: {}\n  compiled in  {}, then loaded in {}\n  a batch      {} users with {} events a stream in {:.1} ms\n  a user       \
             {nanoseconds} ns{fuel_text}\n  members      {members}",
            path.display(),
            bytes(rule.len() as u64),
            duration(compiled.took),
            duration(took),
            self.users,
            self.events,
            fastest.as_secs_f64() * 1_000.0,
        );
        let json = json!({
            "path": path,
            "bytes": rule.len(),
            "compiled_ms": compiled.took.as_millis(),
            "loaded_ms": took.as_millis(),
            "users": self.users,
            "events": self.events,
            "members": members,
            "nanoseconds_per_user": nanoseconds,
            "fuel_per_user": fuel,
        });
        output.result(&json, &text)
    }
}
