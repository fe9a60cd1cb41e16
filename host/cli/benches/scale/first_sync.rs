//! The first sync of many cohorts of many users: its memory, while a destination takes the
//! messages.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use muster_engine::{Cohort, CohortSync, RunOptions, run_module};
use muster_model::Millis;
use muster_sandbox::Sandbox;
use muster_store::Store;

use crate::data::{CITIES, NOW};
use crate::{clause, measure, module, row};

/// The time between two measurements of memory, and between two reads of an empty outbox.
const POLL: Duration = Duration::from_millis(50);

/// The messages that a destination takes at once: count and bytes.
const TAKE_LIMIT: (usize, usize) = (1_000, 16 << 20);

/// Runs a number of cohorts for the first time. Each has the users of one city, and all sync to one
/// destination.
pub(crate) fn first_sync(store: &Store, sandbox: &Sandbox, cohorts: usize) -> anyhow::Result<()> {
    let city = |number: usize| {
        clause(&format!(
            "where: {{user: {{city: {}}}}}",
            CITIES[number % CITIES.len()]
        ))
    };
    let clauses: Vec<_> = (0..cohorts).map(city).collect();
    let (module, cohorts) = module(sandbox, &clauses);
    let sync = CohortSync {
        destination: "out".to_owned(),
        user_properties: Vec::new(),
    };
    let cohorts: Vec<Cohort> = cohorts
        .into_iter()
        .map(|cohort| Cohort {
            sync: vec![sync.clone()],
            ..cohort
        })
        .collect();
    let (ended, most) = (AtomicBool::new(false), AtomicU64::new(0));
    let before = anonymous_memory()?;
    let (cost, taken) = std::thread::scope(|scope| {
        let destination = scope.spawn(|| take(store, &ended));
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                most.fetch_max(anonymous_memory().unwrap_or_default(), Ordering::Relaxed);
                std::thread::sleep(POLL);
            }
        });
        let (cost, report) =
            measure(|| run_module(store, &module, &cohorts, &RunOptions::at(Millis(NOW))));
        ended.store(true, Ordering::Relaxed);
        report.unwrap();
        (cost, destination.join().unwrap())
    });
    let (messages, bytes) = taken?;
    row(
        &format!("first sync of {} cohorts", cohorts.len()),
        cost,
        None,
    );
    println!(
        "{messages} messages, {:.0} MB; own memory: {:.0} MB before, {:.0} MB at most",
        bytes as f64 / 1e6,
        before as f64 / 1e6,
        most.into_inner() as f64 / 1e6
    );
    Ok(())
}

/// Takes messages like a fast destination, until all are taken.
fn take(store: &Store, ended: &AtomicBool) -> anyhow::Result<(u64, u64)> {
    let (mut messages, mut bytes) = (0, 0);
    loop {
        let last = ended.load(Ordering::Relaxed);
        let waiting = store.outbox("out", 0, TAKE_LIMIT.0, TAKE_LIMIT.1)?;
        if waiting.is_empty() {
            if last {
                return Ok((messages, bytes));
            }
            std::thread::sleep(POLL);
            continue;
        }
        let sequences: Vec<u64> = waiting.iter().map(|message| message.sequence).collect();
        store.acknowledge("out", &sequences)?;
        messages += sequences.len() as u64;
        bytes += waiting
            .iter()
            .map(|message| message.body.len() as u64)
            .sum::<u64>();
    }
}

/// Returns the process's memory without the pages of files, such as the store's, in bytes.
fn anonymous_memory() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    Ok(kilobytes
        .ok_or_else(|| anyhow::anyhow!("no RssAnon"))?
        .trim()
        .parse::<u64>()?
        * 1024)
}
