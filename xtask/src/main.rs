//! `cargo xtask COMMAND`: see `cargo xtask --help`.

mod bench;
mod chromium;
mod deny;
mod fuzz;
mod load;
mod node;
mod schema;
mod test;
mod tools;
mod words;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;
use clap::{Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use muster_model::Millis;
use xtask::data::{self, DataSettings, Format, UserState};

/// Commands for the developers of Muster
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Generate the events of a shop, as files in the export format
    ///
    /// The same settings give the same events on every machine. About 5 % of the events are
    /// purchases. Users differ in activity, move, and change plans. As in practice, a few lines are
    /// anonymous, late or duplicates.
    Data(DataArguments),
    /// Install what the tests need, and run them all
    ///
    /// This installs the WebAssembly target, Python and Node.js packages, and a browser.
    Test,
    /// Check the licences and sources of the dependencies
    Deny,
    /// Run every fuzz target for a while
    Fuzz {
        /// Seconds for each target
        #[arg(long, default_value_t = 30)]
        seconds: u32,
    },
    /// Write the files that are generated from tables and constants
    ///
    /// These are the JSON Schemas, docs/configuration.md, docs/limits.md and docs/openapi.json.
    Schema,
    /// Check comments, documents and names by the rules of words
    ///
    /// The rules: width, doc summaries, type names, and the words of docs/glossary.md.
    Words,
    /// Measure the service under a load of events over HTTP
    ///
    /// The result is the time from the acknowledgement of an event to its record.
    Load(load::LoadArguments),
    /// Run the benches of Muster and DuckDB on the same data
    Bench {
        /// Arguments for the bench; `--help` lists them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

#[derive(clap::Args)]
struct DataArguments {
    /// Number of users (some may have no event)
    #[arg(long, default_value_t = 2_000)]
    users: u32,
    /// Number of events; duplicate lines are added (about 0.3 %)
    #[arg(long, default_value_t = 60_000)]
    events: u64,
    /// Days over which the events are spread
    #[arg(long, default_value_t = 60)]
    days: u32,
    /// Seed: another seed gives other events
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Skew of the users' activity: 0 is none, 1.1 like a shop, with 2 a few users have nearly all
    /// events
    #[arg(long, default_value_t = 1.1)]
    skew: f64,
    /// The instant before which all events lie
    #[arg(long, default_value = "2026-03-01T00:00:00Z")]
    end: Millis,
    /// Format of the files
    #[arg(long, value_enum, default_value_t = Format::Gzip)]
    format: Format,
    /// The events that carry the user's properties
    #[arg(long, value_enum, default_value_t = UserState::Session)]
    user_state: UserState,
    /// Number of files for the events of one day
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=24))]
    files_per_day: u32,
    /// Prefix of the files' names
    #[arg(long, default_value = "shop")]
    project: String,
    /// The folder to write to; created if it is missing
    #[arg(long)]
    out: PathBuf,
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Chore::Data(arguments) => data(arguments),
        Chore::Test => test::test(),
        Chore::Deny => deny::deny(),
        Chore::Fuzz { seconds } => fuzz::fuzz(seconds),
        Chore::Schema => schema::schema(),
        Chore::Words => words::words(),
        Chore::Load(arguments) => load::load(&arguments),
        Chore::Bench { arguments } => bench::bench(&arguments),
    }
}

fn data(arguments: DataArguments) -> anyhow::Result<()> {
    let settings = DataSettings {
        project: arguments.project,
        users: arguments.users,
        events: arguments.events,
        days: arguments.days,
        seed: arguments.seed,
        skew: arguments.skew,
        end: arguments.end,
        format: arguments.format,
        user_state: arguments.user_state,
        files_per_day: arguments.files_per_day,
    };
    // indicatif draws to stderr, and only if that is a terminal.
    let bar = ProgressBar::new(settings.events).with_style(ProgressStyle::with_template(
        "{bar:32} {human_pos}/{human_len} events  {per_sec}  {eta} left",
    )?);
    let began = Instant::now();
    let summary = data::generate(&settings, &arguments.out, &mut |events| {
        bar.set_position(events);
    })
    .with_context(|| format!("cannot write to {}", arguments.out.display()))?;
    bar.finish_and_clear();
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{} events in {} lines, {} files, {:.1} MB ({:.1} MB of JSON) in {:.1} s: {:.0} lines/s",
        summary.events,
        summary.lines,
        summary.files.len(),
        summary.bytes_on_disk as f64 / 1e6,
        summary.bytes_of_json as f64 / 1e6,
        seconds,
        summary.lines as f64 / seconds,
    );
    Ok(())
}
