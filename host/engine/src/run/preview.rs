//! Previews of runs: what a run would change, without changing anything.

use std::collections::BTreeSet;

use muster_sandbox::Module;
use muster_store::{Snapshot, UserKey};
use roaring::RoaringBitmap;

use super::cohort_run::{CohortRun, RunIdentity};
use super::evaluating::Evaluating;
use crate::cohort::Cohort;
use crate::copy::DestinationCopy;
use crate::guard::Guard;
use crate::prior_state::{PriorCohort, PriorState, Unfinished};
use crate::report::{CohortPreview, Preview, Reason, SkippedUsers};
use crate::run_options::RunOptions;
use crate::state::{ModuleState, UnfinishedRun};
use crate::{EngineError, candidates, state};

/// Returns what [`super::run_module`] would do at this moment. Like a run, it first finishes a run
/// that was cut off. It reads a snapshot only, so it changes nothing. For each cohort it names up
/// to `sample` users who would enter and up to `sample` who would exit, those who came to the store
/// first.
///
/// # Errors
/// As [`super::run_module`].
pub fn preview(
    snapshot: &Snapshot,
    module: &Module,
    cohorts: &[Cohort],
    options: &RunOptions<'_>,
    sample: usize,
) -> Result<Preview, EngineError> {
    let key = state::module_key(module, cohorts);
    let prior = PriorState::load(snapshot, &key, cohorts)?;
    let cohort = |(cohort, prior): (&Cohort, &PriorCohort)| Counted {
        preview: CohortPreview {
            id: cohort.id.clone(),
            reason: Reason::Scheduled,
            members: prior.members.len(),
            afterwards: prior.members.len(),
            entered: 0,
            exited: 0,
            sample_entered: Vec::new(),
            sample_exited: Vec::new(),
            full_sync_to: Vec::new(),
            held: false,
        },
        entered: BTreeSet::new(),
        exited: BTreeSet::new(),
    };
    let mut previewing = Previewing {
        snapshot,
        module,
        cohorts,
        options,
        sample,
        counted: cohorts.iter().zip(&prior.cohorts).map(cohort).collect(),
        preview: Preview {
            now: options.now,
            finishes: None,
            candidates: 0,
            evaluated: 0,
            skipped: Vec::new(),
            cohorts: Vec::new(),
        },
    };
    let mut options = *options;
    let prior = match prior.unfinished(&key) {
        Unfinished::Open(open) => {
            previewing.preview.finishes = Some(open.now());
            previewing.run(prior, &open)?
        }
        Unfinished::Lost { all_users } => {
            options.all_users |= all_users;
            prior
        }
        Unfinished::None => prior,
    };
    if let Some(open) = candidates::begin(snapshot, &key, &prior, cohorts, &options)? {
        previewing.run(prior, &open)?;
    }
    previewing.finish()
}

struct Previewing<'a> {
    snapshot: &'a Snapshot,
    module: &'a Module,
    cohorts: &'a [Cohort],
    options: &'a RunOptions<'a>,
    sample: usize,
    counted: Vec<Counted>,
    preview: Preview,
}

/// The preview of a cohort while it is counted.
struct Counted {
    preview: CohortPreview,
    /// The first users who enter.
    entered: BTreeSet<u32>,
    /// The first users who exit.
    exited: BTreeSet<u32>,
}

impl Counted {
    /// Notes if the guard holds the run.
    fn hold(&mut self, running: &CohortRun, guard: Option<Guard>) {
        let preview = &mut self.preview;
        if let Some(held) = &running.state.held {
            (preview.entered, preview.exited) = (held.entered, held.exited);
            preview.held = true;
            return;
        }
        let limit = guard.filter(|_| preview.reason != Reason::First);
        let limit = limit.and_then(|guard| guard.limit(preview.members));
        preview.held |= limit.is_some_and(|limit| preview.entered + preview.exited > limit);
    }
}

impl Previewing<'_> {
    /// Evaluates the remaining users of an open run, and returns the state that the store would
    /// keep after it.
    fn run(&mut self, prior: PriorState, open: &UnfinishedRun) -> Result<PriorState, EngineError> {
        let mut evaluating = Evaluating::begin(
            self.snapshot,
            self.module,
            self.cohorts,
            &prior,
            open,
            self.options,
        )?;
        self.preview.candidates += evaluating.candidates();
        let (mut evaluated, mut due) = (prior.evaluated, prior.due);
        let mut failures = prior.failures;
        let key = state::module_key(self.module, self.cohorts);
        let identity = RunIdentity::of(self.snapshot, self.module, &key, open, self.options);
        let mut running: Vec<_> = (self.cohorts.iter().zip(prior.cohorts))
            .map(|(cohort, prior)| CohortRun::new(prior, cohort, &identity, open, self.options))
            .collect();
        while let Some(answers) = evaluating.next()? {
            self.preview.evaluated += answers.evaluated;
            for skipped in &answers.skipped {
                SkippedUsers::add(&mut self.preview.skipped, skipped);
            }
            let (changes, reason) = (&answers.failures, answers.reason.as_ref());
            failures.note(self.snapshot, &key, changes, reason)?;
            for (user, until) in &answers.expiries {
                evaluated.insert(user.0);
                if *until <= self.options.now.0 {
                    due.insert(user.0);
                } else {
                    due.remove(user.0);
                }
            }
            let cohorts = (self.counted.iter_mut().zip(&mut running)).zip(self.cohorts);
            for (((counted, running), cohort), now_in) in cohorts.zip(&answers.members) {
                if running.state.held.is_some() {
                    continue;
                }
                let members = &mut running.members;
                let diff = members.diff(self.snapshot, &cohort.id, &answers.answered, now_in)?;
                members.apply(&diff);
                counted.preview.entered += diff.entered.len();
                counted.preview.exited += diff.exited.len();
                first(&mut counted.entered, &diff.entered, self.sample);
                first(&mut counted.exited, &diff.exited, self.sample);
            }
        }
        let mut cohorts = Vec::new();
        for ((counted, mut running), cohort) in
            self.counted.iter_mut().zip(running).zip(self.cohorts)
        {
            counted.preview.reason = running.state.reason;
            counted.hold(&running, self.options.guard);
            counted.preview.afterwards = if counted.preview.held {
                counted.preview.members
            } else {
                running.members.len()
            };
            for (destination, copy) in &mut running.state.copies {
                if !copy.active || running.state.held.is_some() {
                    continue;
                }
                if copy.is_sent_whole() {
                    counted.preview.full_sync_to.push(destination.clone());
                }
                *copy = DestinationCopy::whole(self.snapshot.identity());
            }
            running.close(cohort, open.now());
            cohorts.push(PriorCohort {
                state: Some(running.state),
                members: running.members,
            });
        }
        Ok(PriorState {
            module: Some(ModuleState {
                sequence: open.sequence,
                now: open.now,
                open: None,
            }),
            cohorts,
            evaluated,
            due,
            failures,
        })
    }

    fn finish(mut self) -> Result<Preview, EngineError> {
        for mut counted in self.counted {
            counted.preview.sample_entered = ids(self.snapshot, &counted.entered)?;
            counted.preview.sample_exited = ids(self.snapshot, &counted.exited)?;
            self.preview.cohorts.push(counted.preview);
        }
        Ok(self.preview)
    }
}

/// Keeps the first users of those kept and others.
fn first(kept: &mut BTreeSet<u32>, others: &RoaringBitmap, most: usize) {
    kept.extend(others.iter().take(most));
    while kept.len() > most {
        kept.pop_last();
    }
}

fn ids(snapshot: &Snapshot, users: &BTreeSet<u32>) -> Result<Vec<String>, EngineError> {
    let mut ids = Vec::new();
    for user in users {
        ids.extend(snapshot.user_id(UserKey(*user))?);
    }
    Ok(ids)
}
