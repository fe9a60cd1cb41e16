//! `cargo xtask load`: puts the real service under a load of events over HTTP, and measures the
//! time from an event to its record.

mod cohorts;
mod process;
mod sender;
mod tail;

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde_json::json;

use crate::tools::{root, run, target};
use process::ServiceProcess;
use sender::{Probes, Sender};

/// The number of senders, each with a connection of its own.
const SENDERS: u64 = 4;

/// The events of a request: the most that the SDKs send.
const BATCH: u64 = 200;

/// The probes a second. Each is one event of a user of its own, which makes one record.
const PROBES: u64 = 10;

const KEY: &str = "load";

#[derive(clap::Args)]
pub(crate) struct LoadArguments {
    /// Events a second
    #[arg(long, default_value_t = 20_000)]
    rate: u64,
    /// Duration, in seconds
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// Number of users of the events
    #[arg(long, default_value_t = 200_000)]
    users: u64,
    /// Number of real-time cohorts
    #[arg(long, default_value_t = 100)]
    cohorts: usize,
    /// The binary to run instead of a release build
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub(crate) fn load(arguments: &LoadArguments) -> anyhow::Result<()> {
    let binary = match &arguments.binary {
        Some(binary) => std::path::absolute(binary)?,
        None => {
            let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
            run(Command::new(cargo)
                .args(["build", "--release", "--package", "muster-cli"])
                .current_dir(root()))?;
            target()?.join("release/muster")
        }
    };
    let project = std::env::temp_dir().join(format!("muster-load-{}", std::process::id()));
    let measured = measure(arguments, &binary, &project);
    std::fs::remove_dir_all(&project).context("cannot remove the project of the load")?;
    measured
}

fn measure(
    arguments: &LoadArguments,
    binary: &std::path::Path,
    project: &std::path::Path,
) -> anyhow::Result<()> {
    let address = cohorts::project(project, arguments.cohorts, KEY)?;
    let mut host = ServiceProcess::start(binary, project, address)?;
    let (probes, end) = (
        Arc::new(Probes::default()),
        Arc::new(AtomicBool::new(false)),
    );
    let (sent, refused) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let tail = {
        let (path, probes, end) = (
            project.join("out.ndjson"),
            Arc::clone(&probes),
            Arc::clone(&end),
        );
        std::thread::spawn(move || tail::follow(&path, &probes, &end))
    };
    let began = Instant::now();
    let mut senders = Vec::new();
    for number in 0..SENDERS {
        let sender = Sender {
            address,
            number,
            rate: arguments.rate as f64 / SENDERS as f64,
            users: arguments.users,
            began,
            length: Duration::from_secs(arguments.seconds),
            probes: Arc::clone(&probes),
            sent: Arc::clone(&sent),
            refused: Arc::clone(&refused),
        };
        senders.push(std::thread::spawn(move || sender.run()));
    }
    let mut usage = Vec::new();
    while began.elapsed() < Duration::from_secs(arguments.seconds) {
        std::thread::sleep(Duration::from_secs(1));
        usage.push(host.usage()?);
        let second = usage.len();
        if !arguments.json && second.is_multiple_of(10) {
            let (memory, count) = (
                usage.last().map_or(0, |usage| usage.memory),
                sent.load(Ordering::Relaxed),
            );
            eprintln!(
                "{second:>5} s  {count:>10} events  {:>6} MB  {} probes back",
                memory / 1_000_000,
                probes.back()
            );
        }
    }
    for sender in senders {
        match sender.join() {
            Ok(result) => result?,
            Err(_) => bail!("a sender failed"),
        }
    }
    let length = began.elapsed();
    // The last acknowledged events get some time to arrive.
    let late = Instant::now();
    while probes.missing() > 0 && late.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(20));
    }
    end.store(true, Ordering::Relaxed);
    match tail.join() {
        Ok(result) => result?,
        Err(_) => bail!("the reader of the destination failed"),
    }
    host.stop()?;
    let mut times = probes.times();
    times.sort_unstable();
    let at = |share: f64| {
        let place = ((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1));
        times.get(place).copied().unwrap_or_default().as_secs_f64()
    };
    let memory =
        |usage: Option<&process::Usage>| usage.map_or(0.0, |usage| usage.memory as f64 / 1e6);
    let cpu = usage.last().map_or(0.0, |usage| usage.cpu);
    // The memory after a tenth of the time, when the service has filled its caches.
    let settled = usage.get(usage.len() / 10);
    let peak = usage.iter().max_by_key(|usage| usage.memory);
    let count = sent.load(Ordering::Relaxed);
    let document = json!({
        "events": count,
        "events_per_second": count as f64 / length.as_secs_f64(),
        "refused_requests": refused.load(Ordering::Relaxed),
        "cohorts": arguments.cohorts,
        "probes": times.len(),
        "probes_missing": probes.missing(),
        "seconds": { "p50": at(0.5), "p99": at(0.99), "p99.9": at(0.999), "max": at(1.0) },
        "cpu_share": cpu / length.as_secs_f64(),
        "memory_mb": { "settled": memory(settled), "end": memory(usage.last()), "peak": memory(peak) },
    });
    if arguments.json {
        println!("{document}");
    } else {
        println!("{document:#}");
    }
    if probes.missing() > 0 {
        bail!("{} acknowledged events made no record", probes.missing());
    }
    Ok(())
}
