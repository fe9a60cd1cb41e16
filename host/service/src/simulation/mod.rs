//! Random lives of a project, with the whole service in one process and virtual time. A consumer
//! drops a `message_id` that it has seen and orders by `computed_time`. After every life, each
//! consumer must hold exactly the members of every cohort.
//!
//! | file | |
//! |---|---|
//! | `life.rs`, `pool.rs` | a life: random steps from a seed, definitions from a pool |
//! | `truth.rs` | the true members, by the interpreter over the test's own rows |
//! | `world.rs`, `files.rs` | the parts that outlive a process |
//! | `process.rs`, `pauses.rs`, `modules.rs` | a process of the service, and the steps within it |
//! | `inbox.rs`, `consumer.rs` | a destination, and a consumer's copy of the cohorts |
//! | `verdict.rs` | the checks at the end of a life |
//! | `known.rs` | lives that once failed |
//! | `shrink.rs` | the reduction of a failing life |

mod consumer;
mod files;
mod inbox;
mod known;
mod life;
mod modules;
mod pauses;
mod pool;
mod process;
mod shrink;
mod truth;
mod verdict;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use life::Scenario;
use process::{Ended, Process};
use world::Simulation;

/// The number of lives in one run of the suite, unless [`LIVES_VARIABLE`] sets another one.
const LIVES: u64 = 10_000;
const LIVES_VARIABLE: &str = "MUSTER_TEST_LIVES";
/// The variable of the first seed; the other seeds follow it.
const SEED_VARIABLE: &str = "MUSTER_LIVES_SEED";

/// The variable that makes the test run all lives and only list those that fail.
const SURVEY_VARIABLE: &str = "MUSTER_LIVES_SURVEY";

/// The number of lives at the same time: the suite runs other tests beside this one.
const THREADS: usize = 2;

/// The longest time of a life on a busy machine. A usual life takes some hundredths of a second;
/// shrinking takes most of the time.
const LIFE_TIMEOUT: Duration = Duration::from_secs(300);

/// Runs a life to its end. Returns its log, or the fault.
fn simulate(life: &Scenario, log: bool) -> Result<String, String> {
    fastrand::seed(life.seed);
    let mut world = Simulation::new(life, log);
    let shared = std::sync::Arc::clone(&world.shared);
    let lived = catch_unwind(AssertUnwindSafe(|| {
        loop {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                // One thread does the work on the store in the order in which it began, so a seed
                // gives the same life each time.
                .max_blocking_threads(1)
                .build()
                .unwrap();
            shared.commits.store(u64::MAX, Ordering::Relaxed);
            let ended =
                runtime.block_on(async { Process::start(&mut world).await.simulate().await });
            drop(runtime);
            match ended? {
                Ended::Over => return Ok(()),
                Ended::Down(clock, down) => world.down(clock, &down),
            }
        }
    }));
    let lived = lived.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(format!("a panic: {}", text.unwrap_or("?")))
    });
    match lived {
        Ok(()) => Ok(shared.log()),
        Err(fault) => Err(match log {
            true => format!("{fault}\n\n{}", shared.log()),
            false => fault,
        }),
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().expect("a number"))
}

#[test]
fn after_every_life_consumers_hold_the_true_members() {
    let survey = std::env::var_os(SURVEY_VARIABLE).is_some();
    let first = number(SEED_VARIABLE);
    let lives = number(LIVES_VARIABLE).unwrap_or(if first.is_some() { 1 } else { LIVES });
    let first = first.unwrap_or(0);
    let begun = Instant::now();
    let next = AtomicU64::new(first);
    let failed: Mutex<Option<(Scenario, String)>> = Mutex::new(None);
    let at_work: [Mutex<Option<(u64, Instant)>>; THREADS] = Default::default();
    std::thread::scope(|scope| {
        let workers: Vec<_> = at_work
            .iter()
            .map(|mine| {
                scope.spawn(|| {
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= first + lives || failed.lock().unwrap().is_some() {
                            break;
                        }
                        *mine.lock().unwrap() = Some((seed, Instant::now()));
                        let life = Scenario::random(seed);
                        if let Err(fault) = simulate(&life, false) {
                            if survey {
                                let first = fault.lines().next().unwrap_or_default();
                                eprintln!("{SEED_VARIABLE}={seed}: {first}");
                                continue;
                            }
                            failed.lock().unwrap().get_or_insert((life, fault));
                        }
                        *mine.lock().unwrap() = None;
                    }
                })
            })
            .collect();
        while !workers.iter().all(|worker| worker.is_finished()) {
            for mine in &at_work {
                if let Some((seed, since)) = *mine.lock().unwrap()
                    && since.elapsed() > LIFE_TIMEOUT
                {
                    eprintln!("the life of {SEED_VARIABLE}={seed} hangs");
                    std::process::abort();
                }
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    eprintln!("{lives} lives in {:.1?}", begun.elapsed());
    let Some((life, fault)) = failed.into_inner().unwrap() else {
        return;
    };
    let seed = life.seed;
    let fails = |life: &Scenario| simulate(life, false).err();
    let (life, fault) = shrink::shrink(life, fault, &fails);
    let log = simulate(&life, true).unwrap_or_else(|log| log);
    panic!(
        "{fault}\n\nIt is the life of {SEED_VARIABLE}={seed}. The shortest that fails:\n{life:#?}\n\n{log}"
    );
}
