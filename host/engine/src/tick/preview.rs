//! What a tick would change, without the change.

use std::collections::BTreeSet;

use muster_sandbox::Rule;
use muster_store::{Snapshot, UserKey};
use roaring::RoaringBitmap;

use super::asking::Asking;
use super::running::{RunIdentity, Running};
use super::{Guard, TickOptions};
use crate::cohort::Cohort;
use crate::copy::DestinationCopy;
use crate::memory::{Memory, Remembered, Unfinished};
use crate::report::{CohortPreview, Preview, Reason, Skipped};
use crate::state::{OpenTick, RuleState};
use crate::{EngineError, candidates, state};

/// What [`super::tick`] would do at this moment: as it would, it first finishes a tick that was cut off. A snapshot is all it has,
/// so it changes nothing. Of the users who would move it names `sample` a cohort and direction, those who came to the store first.
///
/// # Errors
/// As [`super::tick`].
pub fn preview(
    snapshot: &Snapshot,
    rule: &Rule,
    cohorts: &[Cohort],
    options: &TickOptions<'_>,
    sample: usize,
) -> Result<Preview, EngineError> {
    let key = state::rule_key(rule, cohorts);
    let memory = Memory::load(snapshot, &key, cohorts)?;
    let cohort = |(cohort, remembered): (&Cohort, &Remembered)| Counted {
        preview: CohortPreview {
            id: cohort.id.clone(),
            reason: Reason::Scheduled,
            members: remembered.members.len(),
            afterwards: remembered.members.len(),
            entered: 0,
            exited: 0,
            sample_entered: Vec::new(),
            sample_exited: Vec::new(),
            told_whole: Vec::new(),
            held: false,
        },
        entered: BTreeSet::new(),
        exited: BTreeSet::new(),
    };
    let mut previewing = Previewing {
        snapshot,
        rule,
        cohorts,
        options,
        sample,
        counted: cohorts.iter().zip(&memory.cohorts).map(cohort).collect(),
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
    let memory = match memory.unfinished(&key) {
        Unfinished::Open(open) => {
            previewing.preview.finishes = Some(open.now());
            previewing.run(memory, &open)?
        }
        Unfinished::Lost { everybody } => {
            options.everybody |= everybody;
            memory
        }
        Unfinished::None => memory,
    };
    if let Some(open) = candidates::begin(snapshot, &key, &memory, cohorts, &options)? {
        previewing.run(memory, &open)?;
    }
    previewing.finish()
}

struct Previewing<'a> {
    snapshot: &'a Snapshot,
    rule: &'a Rule,
    cohorts: &'a [Cohort],
    options: &'a TickOptions<'a>,
    sample: usize,
    counted: Vec<Counted>,
    preview: Preview,
}

/// A cohort's preview on the way.
struct Counted {
    preview: CohortPreview,
    /// The first who enter.
    entered: BTreeSet<u32>,
    /// The first who exit.
    exited: BTreeSet<u32>,
}

impl Counted {
    /// Says whether the guard holds the run.
    fn hold(&mut self, running: &Running, guard: Option<Guard>) {
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
    /// Asks everybody who remains of an open tick, and returns what the store would remember of it.
    fn run(&mut self, memory: Memory, open: &OpenTick) -> Result<Memory, EngineError> {
        let mut asking = Asking::begin(
            self.snapshot,
            self.rule,
            self.cohorts,
            &memory,
            open,
            self.options,
        )?;
        self.preview.candidates += asking.candidates();
        let (mut asked, mut due) = (memory.asked, memory.due);
        let mut failures = memory.failures;
        let key = state::rule_key(self.rule, self.cohorts);
        let identity = RunIdentity::of(self.snapshot, self.rule, &key, open, self.options);
        let mut running: Vec<_> = (self.cohorts.iter().zip(memory.cohorts))
            .map(|(cohort, remembered)| {
                Running::new(remembered, cohort, &identity, open, self.options)
            })
            .collect();
        while let Some(outcome) = asking.next()? {
            self.preview.evaluated += outcome.evaluated;
            for skipped in &outcome.skipped {
                Skipped::add(&mut self.preview.skipped, skipped);
            }
            let (changes, reason) = (&outcome.failures, outcome.reason.as_ref());
            failures.note(self.snapshot, &key, changes, reason)?;
            for (user, until) in &outcome.deadlines {
                asked.insert(user.0);
                if *until <= self.options.now.0 {
                    due.insert(user.0);
                } else {
                    due.remove(user.0);
                }
            }
            let cohorts = (self.counted.iter_mut().zip(&mut running)).zip(self.cohorts);
            for (((counted, running), cohort), now_in) in cohorts.zip(&outcome.members) {
                if running.state.held.is_some() {
                    continue;
                }
                let members = &mut running.members;
                let moves = members.moves(self.snapshot, &cohort.id, &outcome.asked, now_in)?;
                members.apply(&moves);
                counted.preview.entered += moves.entered.len();
                counted.preview.exited += moves.exited.len();
                first(&mut counted.entered, &moves.entered, self.sample);
                first(&mut counted.exited, &moves.exited, self.sample);
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
                    counted.preview.told_whole.push(destination.clone());
                }
                *copy = DestinationCopy::whole(self.snapshot.identity());
            }
            running.close(cohort, open.now());
            cohorts.push(Remembered {
                state: Some(running.state),
                members: running.members,
            });
        }
        Ok(Memory {
            rule: Some(RuleState {
                news: open.news,
                now: open.now,
                open: None,
            }),
            cohorts,
            asked,
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
