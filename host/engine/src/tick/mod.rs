//! One tick of one rule: candidates, evaluation, diff, commit; or a preview of it, which commits nothing.

mod asking;
#[cfg(test)]
mod guest;
mod outcome;
mod preview;
mod running;
#[cfg(test)]
mod tests;

use std::num::NonZero;
use std::ops::Bound;
use std::time::Instant;

use muster_model::Millis;
use muster_sandbox::Rule;
use muster_store::{MemberChange, RuleKey, RunCommit, Snapshot, Store};

use crate::cohort::Cohort;
use crate::lists::Lists;
use crate::memory::Memory;
use crate::report::{CohortReport, Reason, RunRecord, Skipped, TickReport};
use crate::state::{OpenTick, RuleState};
use crate::{EngineError, candidates, payload, state};
use asking::Asking;
use outcome::Outcome;
use running::{Moves, Running};

pub use preview::preview;

/// How many users a commit of a large tick covers: so many answers, and the messages of those who moved, are in memory at once
/// (at 100 bytes a user in a message, some 26 MB for each cohort and destination that all of them enter).
pub const CHUNK_USERS: usize = 256 * 1024;

/// After how long a user whose evaluation failed is asked again, in ms.
pub const RETRY_SKIPPED: i64 = 60_000;

/// How far a tick is: users asked, of how many.
pub type Progress<'a> = &'a (dyn Fn(u64, u64) + std::marker::Sync);

/// How a tick runs.
#[derive(Clone, Copy)]
pub struct TickOptions<'a> {
    /// Its clock.
    pub now: Millis,
    /// Threads that evaluate batches.
    pub workers: NonZero<usize>,
    /// Users a commit covers.
    pub chunk_users: usize,
    /// The lists that rules may read.
    pub lists: &'a Lists,
    /// Told of each batch that is done.
    pub progress: Progress<'a>,
}

impl TickOptions<'_> {
    /// A tick at an instant, on all processors, without lists.
    #[must_use]
    pub fn at(now: Millis) -> Self {
        let workers = std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
        Self {
            now,
            workers,
            chunk_users: CHUNK_USERS,
            lists: Lists::NONE,
            progress: &|_, _| {},
        }
    }
}

/// Runs one tick of a rule for its cohorts, first finishing one that was cut off.
///
/// # Errors
/// When the store fails, the rule answers for other cohorts, or reads a time zone or a list that there is not. Nothing is left half done: what was committed is consistent,
/// and the next call goes on.
pub fn tick(
    store: &Store,
    rule: &Rule,
    cohorts: &[Cohort],
    options: &TickOptions<'_>,
) -> Result<TickReport, EngineError> {
    let started = Instant::now();
    let mut tick = Tick::new(store, rule, cohorts, options);
    let key = state::rule_key(rule);
    let snapshot = store.snapshot()?;
    let memory = Memory::load(&snapshot, &key, cohorts)?;
    let open = memory.rule.as_ref().and_then(|state| state.open.clone());
    let (snapshot, memory) = match open {
        Some(open) => {
            tick.run(&snapshot, memory, open)?;
            let snapshot = store.snapshot()?;
            let memory = Memory::load(&snapshot, &key, cohorts)?;
            (snapshot, memory)
        }
        None => (snapshot, memory),
    };
    match candidates::begin(&snapshot, &key, &memory, options.now, cohorts)? {
        Some(open) => tick.run(&snapshot, memory, open)?,
        None => tick.count_members(&memory),
    }
    tick.report.duration = started.elapsed();
    Ok(tick.report)
}

struct Tick<'a> {
    store: &'a Store,
    rule: &'a Rule,
    key: RuleKey,
    cohorts: &'a [Cohort],
    options: &'a TickOptions<'a>,
    started: Instant,
    report: TickReport,
}

impl<'a> Tick<'a> {
    fn new(
        store: &'a Store,
        rule: &'a Rule,
        cohorts: &'a [Cohort],
        options: &'a TickOptions<'a>,
    ) -> Self {
        let report = |cohort: &Cohort| CohortReport {
            id: cohort.id.clone(),
            reason: Reason::Scheduled,
            members: 0,
            entered: 0,
            exited: 0,
            messages: 0,
        };
        let report = TickReport {
            now: options.now,
            candidates: 0,
            evaluated: 0,
            skipped: Vec::new(),
            cohorts: cohorts.iter().map(report).collect(),
            duration: std::time::Duration::ZERO,
        };
        Self {
            store,
            rule,
            key: state::rule_key(rule),
            cohorts,
            options,
            started: Instant::now(),
            report,
        }
    }

    fn count_members(&mut self, memory: &Memory) {
        for (cohort, report) in memory.cohorts.iter().zip(&mut self.report.cohorts) {
            report.members = cohort.members.len();
        }
    }

    /// Asks everybody who remains of an open tick, and commits chunk by chunk.
    fn run(
        &mut self,
        snapshot: &Snapshot,
        memory: Memory,
        mut open: OpenTick,
    ) -> Result<(), EngineError> {
        let mut asking = Asking::begin(
            snapshot,
            self.rule,
            self.cohorts,
            &memory,
            &open,
            self.options,
        )?;
        self.report.candidates += asking.candidates();
        let mut state = memory.rule.unwrap_or_default();
        let mut running = Vec::new();
        for ((cohort, remembered), report) in
            (self.cohorts.iter().zip(memory.cohorts)).zip(&mut self.report.cohorts)
        {
            let cohort = Running::new(remembered, cohort, &open);
            report.reason = cohort.state.reason;
            running.push(cohort);
        }
        while let Some(outcome) = asking.next()? {
            self.report.evaluated += outcome.evaluated;
            for skipped in &outcome.skipped {
                Skipped::add(&mut self.report.skipped, &skipped.reason, skipped.users);
            }
            open.next_user = outcome.range.end().saturating_add(1);
            state.open = (!outcome.last).then(|| open.clone());
            if outcome.last {
                state.news = open.news;
                state.now = open.now;
            }
            self.commit(snapshot, &state, &open, outcome, &mut running)?;
        }
        Ok(())
    }

    /// Commits a chunk: members, deadlines and messages, and with the last chunk the run records.
    fn commit(
        &mut self,
        snapshot: &Snapshot,
        state: &RuleState,
        open: &OpenTick,
        mut outcome: Outcome,
        running: &mut [Running],
    ) -> Result<(), EngineError> {
        let last = outcome.last;
        outcome.deadlines.sort_unstable_by_key(|(user, _)| *user);
        let mut commit = RunCommit {
            rule: self.key,
            rule_state: state::encode(state)?,
            news: if last { state.news } else { 0 },
            deadlines: outcome.deadlines,
            members: Vec::new(),
            cohort_states: Vec::new(),
            messages: Vec::new(),
            records: Vec::new(),
        };
        let parts = self
            .cohorts
            .iter()
            .zip(running)
            .zip(outcome.members)
            .zip(0..);
        for (((cohort, running), now_in), index) in parts {
            let Moves { entered, exited } = running.moves(&now_in, &outcome.asked);
            let before = commit.messages.len();
            for sync in &cohort.sync {
                if running.state.joining.contains(&sync.destination) {
                    let mut whole = running.members.clone();
                    whole.remove_range(..*outcome.range.start());
                    whole.remove_range((Bound::Excluded(*outcome.range.end()), Bound::Unbounded));
                    running.messages(
                        snapshot,
                        cohort,
                        sync,
                        true,
                        &whole,
                        open.now(),
                        &mut commit.messages,
                    )?;
                } else if running.state.synced.contains(&sync.destination) {
                    running.messages(
                        snapshot,
                        cohort,
                        sync,
                        true,
                        &entered,
                        open.now(),
                        &mut commit.messages,
                    )?;
                    running.messages(
                        snapshot,
                        cohort,
                        sync,
                        false,
                        &exited,
                        open.now(),
                        &mut commit.messages,
                    )?;
                }
            }
            if last {
                running.close(cohort);
            }
            let Some(report) = self.report.cohorts.get_mut::<usize>(index) else {
                continue;
            };
            report.entered += entered.len();
            report.exited += exited.len();
            report.messages += (commit.messages.len() - before) as u64;
            report.members = running.members.len();
            if !(entered.is_empty() && exited.is_empty()) {
                commit.members.push(MemberChange {
                    cohort: cohort.id.clone(),
                    entered,
                    exited,
                });
            }
            if last {
                let record = RunRecord {
                    at: open.now().to_string(),
                    reason: report.reason,
                    candidates: self.report.candidates,
                    evaluated: self.report.evaluated,
                    skipped: self.report.skipped.clone(),
                    members: report.members,
                    entered: report.entered,
                    exited: report.exited,
                    messages: report.messages,
                    run_id: (running.state.batch > 0)
                        .then(|| payload::run_id(&cohort.id, running.state.second)),
                    duration_ms: u64::try_from(self.started.elapsed().as_millis())
                        .unwrap_or(u64::MAX),
                };
                let body = state::encode(&record)?;
                commit.records.push(muster_store::RunRecord {
                    cohort: cohort.id.clone(),
                    at: open.now(),
                    body,
                });
            }
            commit
                .cohort_states
                .push((cohort.id.clone(), state::encode(&running.state)?));
        }
        self.store.commit_run(&commit)?;
        Ok(())
    }
}
