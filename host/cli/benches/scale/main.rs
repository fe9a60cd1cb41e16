//! `cargo xtask bench`: Muster and DuckDB on the same data, in one run, in alternating turns. The
//! machine is shared and noisy, so the result is a ratio of CPU times, each the best of several
//! turns.
//!
//! `cargo xtask bench --events 2000000` gives a quick result.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a bench that goes wrong stops"
)]

mod data;
mod duck;
mod first_sync;
mod runs;

use std::path::Path;
use std::time::{Duration, Instant};

use clap::Parser;
use cpu_time::ProcessTime;
use muster_definition::{Clause, parse};
use muster_document::SourceFile;
use muster_engine::{Cohort, RunOptions, RunReport, run_module};
use muster_model::{CohortId, EventBuffer, Millis, ScalarRef};
use muster_sandbox::{Module, Origin, Sandbox};
use muster_store::{ImportState, SourceKey, Store};

use data::{Data, NOW};
use duck::Duck;
use runs::{many, runs};

#[derive(Parser)]
struct BenchArguments {
    /// Number of events
    #[arg(long, default_value_t = 20_000_000)]
    events: u64,
    /// Number of users
    #[arg(long, default_value_t = 200_000)]
    users: u64,
    /// Number of lines of JSON to import
    #[arg(long, default_value_t = 1_000_000)]
    lines: u64,
    /// Turns of each contestant; the best counts
    #[arg(long, default_value_t = 5)]
    turns: usize,
    /// Only Muster's own runs: of all users, of a few changed users, of none
    #[arg(long = "ticks")]
    only_runs: bool,
    /// Only the first sync of this number of cohorts
    #[arg(long)]
    first_sync: Option<usize>,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

/// The definition of docs/facts.md: three purchases of 50 or more in 30 days, no refund in 7, lives
/// in Seattle.
const R1: &str = "where: {all: [{did: Purchase, with: {amount: {at_least: 50}}, times: {at_least: 3}, in_last: 30 days}, \
                  {not: {did: Refund, in_last: 7 days}}, {user: {city: Seattle}}]}";

/// A second definition: a view, a cart and a purchase, in this order within a day.
const R2: &str = "where: {did_in_order: [Event 1, Event 2, Purchase], all_within: 1 day}";

/// The CPU time and wall time of a piece of work.
#[derive(Clone, Copy)]
struct Cost {
    cpu: Duration,
    wall: Duration,
}

fn measure<T>(work: impl FnOnce() -> T) -> (Cost, T) {
    let (cpu, wall) = (ProcessTime::now(), Instant::now());
    let result = work();
    (
        Cost {
            cpu: cpu.elapsed(),
            wall: wall.elapsed(),
        },
        result,
    )
}

/// Returns the least CPU time and the least wall time.
fn best(costs: &[Cost]) -> Cost {
    let least = |part: fn(&Cost) -> Duration| costs.iter().map(part).min().unwrap_or_default();
    Cost {
        cpu: least(|cost| cost.cpu),
        wall: least(|cost| cost.wall),
    }
}

fn row(what: &str, cost: Cost, against: Option<(&str, Cost)>) {
    let ms = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1e3);
    let ratio = against.map_or_else(String::new, |(name, other)| {
        format!(
            "{:.2} x the CPU of {name}",
            cost.cpu.as_secs_f64() / other.cpu.as_secs_f64()
        )
    });
    println!(
        "{what:<58} {:>12} cpu {:>12} wall   {ratio}",
        ms(cost.cpu),
        ms(cost.wall)
    );
}

fn main() -> anyhow::Result<()> {
    let arguments = BenchArguments::parse();
    let directory = tempfile::tempdir()?;
    let at = directory.path();
    let data = Data {
        users: arguments.users,
        events: arguments.events,
    };
    println!(
        "{} events of {} users, {} turns, the best counts",
        data.events, data.users, arguments.turns
    );

    let store = Store::open(&at.join("store"), &muster_store::StoreOptions::default())?;
    let (cost, ()) = measure(|| fill(&store, &data).unwrap());
    let rate = data.events as f64 / cost.wall.as_secs_f64();
    row(
        &format!(
            "import of decoded events ({rate:.0} events/s, {:.0} MB)",
            size(&at.join("store")) as f64 / 1e6
        ),
        cost,
        None,
    );

    let sandbox = Sandbox::new(muster_sandbox::SandboxOptions::default())?;
    if let Some(cohorts) = arguments.first_sync {
        return first_sync::first_sync(&store, &sandbox, cohorts);
    }
    if arguments.only_runs {
        return runs(&store, &sandbox, &data, &arguments);
    }
    let mut duck = Duck::start(at)?;
    let loaded = duck.load(&data)?;
    println!(
        "DuckDB {}: Parquet {:.0} MB",
        loaded.version,
        loaded.parquet_bytes as f64 / 1e6
    );

    for definition in [("R1", R1), ("R2", R2)] {
        full(&store, &sandbox, &mut duck, &arguments, definition)?;
    }
    runs(&store, &sandbox, &data, &arguments)?;
    many(&store, &sandbox, &arguments)?;
    order_of_work(&store, &sandbox, &arguments);
    json(at, &mut duck, &arguments)?;
    Ok(())
}

/// Imports the generated events into the store, decoded.
fn fill(store: &Store, data: &Data) -> anyhow::Result<()> {
    let ImportState::Open(mut import, _) = store.import(&SourceKey::new("bench")?)? else {
        anyhow::bail!("imported already")
    };
    let mut buffer = EventBuffer::default();
    data.users(|user, city| {
        let value = muster_model::Value::One(muster_model::Scalar::Text(city.into()));
        buffer.operation(
            user,
            Millis(1),
            None,
            muster_model::Operator::Set,
            "city",
            Some(&value),
        );
    });
    import.append(&buffer, b"users")?;
    buffer.clear();
    data.each(|event| {
        buffer.event(event.user, event.name, Millis(event.time), None);
        if let Some(amount) = event.amount {
            buffer.property("amount", ScalarRef::Number(amount));
        }
        if buffer.len() == 100_000 {
            import.append(&buffer, b"events").unwrap();
            buffer.clear();
        }
    });
    import.append(&buffer, b"events")?;
    import.finish(b"done")?;
    while store.maintain()? {}
    Ok(())
}

fn size(directory: &Path) -> u64 {
    std::fs::read_dir(directory).map_or(0, |entries| {
        entries
            .flatten()
            .filter_map(|entry| entry.metadata().ok())
            .map(|metadata| blocks(&metadata))
            .sum()
    })
}

/// Returns the bytes that a file takes on the disk: the store's file is sparse.
fn blocks(metadata: &std::fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::blocks(metadata) * 512
}

fn clause(text: &str) -> Clause {
    let definition = parse(&SourceFile::new("bench.yaml", text)).unwrap();
    match definition.body {
        muster_definition::Body::Where(clause) => clause,
        _ => panic!("a clause"),
    }
}

/// Returns a module of cohorts without sync: the bench measures the evaluation and not the
/// messages.
fn module(sandbox: &Sandbox, clauses: &[Clause]) -> (Module, Vec<Cohort>) {
    let ids: Vec<_> = (0..clauses.len())
        .map(|number| CohortId::new(&format!("c{number}")).unwrap())
        .collect();
    let definitions: Vec<_> = ids.iter().cloned().zip(clauses).collect();
    let module = muster_compiler::compile(&definitions, &|list| list.to_string())
        .all()
        .unwrap()
        .remove(0);
    let cohort = |id: CohortId| Cohort {
        name: id.to_string(),
        id,
        definition: [0; 32],
        cadence: muster_model::Cadence::RealTime,
        sync: Vec::new(),
        exit_on_remove: false,
    };
    (
        sandbox.load(&module.wasm, Origin::Compiled).unwrap(),
        ids.into_iter().map(cohort).collect(),
    )
}

fn once(store: &Store, module: &Module, cohorts: &[Cohort]) -> (Cost, RunReport) {
    measure(|| run_module(store, module, cohorts, &RunOptions::at(Millis(NOW))).unwrap())
}

/// Evaluates all users: first the store forgets the module.
fn full_run(store: &Store, module: &Module, cohorts: &[Cohort]) -> (Cost, RunReport) {
    muster_engine::forget_other_modules(store, &[]).unwrap();
    once(store, module, cohorts)
}

fn full(
    store: &Store,
    sandbox: &Sandbox,
    duck: &mut Duck,
    arguments: &BenchArguments,
    (name, definition): (&str, &str),
) -> anyhow::Result<()> {
    let (module, cohorts) = module(sandbox, &[clause(definition)]);
    let (mut ours, mut parquet, mut table) = (Vec::new(), Vec::new(), Vec::new());
    let mut members = 0;
    for _ in 0..arguments.turns {
        let (cost, report) = full_run(store, &module, &cohorts);
        ours.push(cost);
        for (command, costs) in [("parquet", &mut parquet), ("table", &mut table)] {
            let answer = duck.ask(&format!("{command} {}", name.to_lowercase()))?;
            anyhow::ensure!(
                answer.members == report.cohorts[0].members,
                "DuckDB finds {} members",
                answer.members
            );
            costs.push(answer.cost());
        }
        members = report.cohorts[0].members;
    }
    let (ours, parquet, table) = (best(&ours), best(&parquet), best(&table));
    row(
        &format!("{name}, all users ({members} members): DuckDB on Parquet"),
        parquet,
        None,
    );
    row(
        &format!("{name}, all users: DuckDB's own table, sorted for it"),
        table,
        None,
    );
    row(
        &format!("{name}, all users: Muster, run and commit"),
        ours,
        Some(("Parquet", parquet)),
    );
    row("", ours, Some(("DuckDB's table", table)));
    Ok(())
}

/// Measures the saving by the order of work inside a module. Each pair evaluates the same rows,
/// once with the saving and once without.
fn order_of_work(store: &Store, sandbox: &Sandbox, arguments: &BenchArguments) {
    let bought = |number: usize| {
        format!(
            "{{did: Purchase, with: {{amount: {{at_least: {}}}}}, times: {{at_least: {}}}, in_last: {} days}}",
            number % 25,
            1 + number % 4,
            1 + number % 30
        )
    };
    let seattle = |number| format!("{{all: [{}, {{user: {{city: Seattle}}}}]}}", bought(number));
    // An `any` is computed for all users.
    let of_all = |number| {
        format!(
            "{{any: [{}, {{not: {{everyone: true}}}}]}}",
            seattle(number)
        )
    };
    let each = |of: &dyn Fn(usize) -> String| -> Vec<Clause> {
        let definition = |number| clause(&format!("where: {}", of(number)));
        (0..300).map(definition).collect()
    };
    let two = |number| format!("{}, {}", bought(number), bought(number + 7));
    // A property that all users have is a static clause. The users of a static clause are evaluated
    // one at a time.
    let joined = |number| format!("{{all: [{}]}}", two(number));
    let one_by_one = |number| {
        format!(
            "{{all: [{}, {{user: {{city: {{set: true}}}}}}]}}",
            two(number)
        )
    };
    let all_history = "{did: Purchase, times: {exactly: 1000}}";
    let counted = |days: u32, times: &str| {
        let did = format!(
            "{{did: Purchase, with: {{amount: {{at_least: 1}}}}, times: {times}, in_last: {days} days}}"
        );
        vec![
            clause(&format!("where: {did}")),
            clause(&format!("where: {all_history}")),
        ]
    };
    let pairs = [
        (
            "300 cohorts of one city: only users who live there",
            each(&seattle),
            "for all users",
            each(&of_all),
        ),
        (
            "300 cohorts of two clauses: joined two users an instruction",
            each(&joined),
            "one user at a time",
            each(&one_by_one),
        ),
        (
            "a day of all history's rows: its start is searched by halves",
            counted(1, "{exactly: 2}"),
            "60 days of them",
            counted(60, "{exactly: 2}"),
        ),
        (
            "at least 1 in 60 days: the walk ends with the first that matches",
            counted(60, "{at_least: 1}"),
            "at least 1,000",
            counted(60, "{at_least: 1000}"),
        ),
    ];
    for (what, with, other, without) in pairs {
        let (with, without) = (module(sandbox, &with), module(sandbox, &without));
        let (mut costs, mut others) = (Vec::new(), Vec::new());
        for _ in 0..arguments.turns {
            costs.push(full_run(store, &with.0, &with.1).0);
            others.push(full_run(store, &without.0, &without.1).0);
        }
        row(what, best(&costs), Some((other, best(&others))));
    }
}

/// Imports newline-delimited JSON of the shop into an empty store, and into a table of DuckDB.
fn json(at: &Path, duck: &mut Duck, arguments: &BenchArguments) -> anyhow::Result<()> {
    let files = at.join("json");
    let settings = xtask::data::DataSettings {
        users: 50_000,
        events: arguments.lines,
        days: 1,
        format: xtask::data::Format::Ndjson,
        ..xtask::data::DataSettings::default()
    };
    let made = xtask::data::generate(&settings, &files, &mut |_| {})?;
    let file = made
        .files
        .first()
        .ok_or_else(|| anyhow::anyhow!("no file"))?;
    let bytes = std::fs::metadata(file)?.len();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for turn in 0..arguments.turns {
        let target = at.join(format!("import-{turn}"));
        let store = Store::open(&target, &muster_store::StoreOptions::default())?;
        let options = muster_ingest::ImportOptions::default();
        let (cost, report) =
            measure(|| muster_ingest::import_file(&store, file, &options, &mut |_| {}));
        report?;
        ours.push(cost);
        drop(store);
        std::fs::remove_dir_all(&target)?;
        theirs.push(duck.json(file)?.cost());
    }
    let (ours, theirs) = (best(&ours), best(&theirs));
    row(
        &format!(
            "import of {} lines of JSON ({:.0} MB): DuckDB",
            made.lines,
            bytes as f64 / 1e6
        ),
        theirs,
        None,
    );
    row("import of the same: Muster", ours, Some(("DuckDB", theirs)));
    println!(
        "wall: {:.2} x DuckDB's",
        ours.wall.as_secs_f64() / theirs.wall.as_secs_f64()
    );
    Ok(())
}
