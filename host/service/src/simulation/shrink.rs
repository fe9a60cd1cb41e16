//! The reduction of a failing life: it becomes shorter while it still fails.

use std::time::{Duration, Instant};

use super::life::{Scenario, ScenarioStep};

/// The longest time in which shorter lives are tried: a thousand or two, unless the machine is
/// busy.
const SHRINK_TIME: Duration = Duration::from_secs(60);

/// Returns the shortest life that still fails, of those that are tried, and its fault.
pub(super) fn shrink(
    life: Scenario,
    fault: String,
    fails: &dyn Fn(&Scenario) -> Option<String>,
) -> (Scenario, String) {
    let (mut life, mut fault) = (life, fault);
    let begun = Instant::now();
    'again: loop {
        for shorter in shorter(&life) {
            if begun.elapsed() > SHRINK_TIME {
                break 'again;
            }
            if let Some(other) = fails(&shorter) {
                (life, fault) = (shorter, other);
                continue 'again;
            }
        }
        break;
    }
    (life, fault)
}

/// Returns lives with a little less content, those with much less first.
fn shorter(life: &Scenario) -> Vec<Scenario> {
    let mut all = Vec::new();
    let with = |change: &dyn Fn(&mut Scenario)| {
        let mut shorter = life.clone();
        change(&mut shorter);
        shorter
    };
    let count = life.steps.len();
    let mut length = count / 2;
    while length > 0 {
        for from in (0..count).step_by(length) {
            let to = (from + length).min(count);
            all.push(with(&|life| drop(life.steps.drain(from..to))));
        }
        length /= 2;
    }
    for at in 0..count {
        for step in simpler(&life.steps[at]) {
            all.push(with(&|life| life.steps[at] = step.clone()));
        }
    }
    for at in 0..life.definitions.len() {
        let cohort = life.definitions[at].cohort;
        let used = |other: &super::pool::Chosen| other.uses().any(|used| used == cohort);
        if life.definitions.len() > 1 && !life.definitions.iter().any(used) {
            all.push(with(&|life| {
                life.definitions.remove(at);
            }));
        }
        for to in 0..life.definitions[at].sync.len() {
            if life.definitions[at].sync[to] {
                all.push(with(&|life| life.definitions[at].sync[to] = false));
            }
        }
    }
    if life.guard.is_some() {
        all.push(with(&|life| life.guard = None));
    }
    if life.chunk_users < 1_000 {
        all.push(with(&|life| life.chunk_users = 1_000));
    }
    if life.memtable_rows < 1_000 {
        all.push(with(&|life| life.memtable_rows = 1_000));
    }
    all
}

/// Returns steps with less content.
fn simpler(step: &ScenarioStep) -> Vec<ScenarioStep> {
    let without = |at: usize, all: &[_]| {
        let mut rest = all.to_vec();
        rest.remove(at);
        rest
    };
    match step {
        ScenarioStep::Events(rows) if rows.len() > 1 => (0..rows.len())
            .map(|at| ScenarioStep::Events(without(at, rows)))
            .collect(),
        ScenarioStep::During { batches, step } => simpler(step)
            .into_iter()
            .chain([(**step).clone()])
            .map(|simpler| ScenarioStep::During {
                batches: *batches,
                step: Box::new(simpler),
            })
            .skip(usize::from(simpler(step).is_empty()))
            .collect(),
        ScenarioStep::Kill { commits, down } => {
            let mut all: Vec<_> = (0..down.edits.len())
                .map(|at| {
                    let mut down = down.clone();
                    down.edits.remove(at);
                    ScenarioStep::Kill {
                        commits: *commits,
                        down,
                    }
                })
                .collect();
            if down.seconds != 0 {
                let mut down = down.clone();
                down.seconds = 0;
                all.push(ScenarioStep::Kill {
                    commits: *commits,
                    down,
                });
            }
            all
        }
        ScenarioStep::Stop(down) => (0..down.edits.len())
            .map(|at| {
                let mut down = down.clone();
                down.edits.remove(at);
                ScenarioStep::Stop(down)
            })
            .collect(),
        _ => Vec::new(),
    }
}
