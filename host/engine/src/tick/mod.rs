//! One tick of one rule: candidates, evaluation, diff, commit.

#[cfg(test)]
mod guest;
mod outcome;
mod running;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::num::NonZero;
use std::ops::Bound;
use std::time::Instant;

use muster_model::Millis;
use muster_sandbox::Rule;
use muster_store::{MemberChange, RuleKey, RunCommit, Snapshot, Store, UserKey};

use crate::cohort::Cohort;
use crate::evaluate::{Reads, evaluate};
use crate::lists::Lists;
use crate::report::{CohortReport, Reason, RunRecord, TickReport};
use crate::state::{OpenTick, RuleState};
use crate::{EngineError, candidates, payload, state};
use outcome::Outcome;
use running::Running;

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
    let mut tick = Tick::new(store, rule, cohorts, options)?;
    let key = state::rule_key(rule);
    let snapshot = store.snapshot()?;
    let mut stored = state::load_rule(&snapshot, &key)?;
    if let Some((state, open)) = stored
        .as_ref()
        .and_then(|state| Some((state, state.open.clone()?)))
    {
        tick.run(&snapshot, state.clone(), open)?;
        stored = state::load_rule(&store.snapshot()?, &key)?;
    }
    let snapshot = store.snapshot()?;
    match candidates::begin(&snapshot, &key, stored.as_ref(), options.now, cohorts)? {
        Some(open) => tick.run(&snapshot, stored.unwrap_or_default(), open)?,
        None => tick.count_members(&snapshot)?,
    }
    tick.report.duration = started.elapsed();
    Ok(tick.report)
}

struct Tick<'a> {
    store: &'a Store,
    rule: &'a Rule,
    key: RuleKey,
    cohorts: &'a [Cohort],
    /// Of each cohort: which of the rule's answers is its.
    answers: Vec<usize>,
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
    ) -> Result<Self, EngineError> {
        let described = &rule.description().cohorts;
        // A rule for one cohort serves whichever definition names it; only a rule for many is asked by id.
        let answer = |cohort: &Cohort| match described.as_slice() {
            [_] => Some(0),
            many => many.iter().position(|id| id == cohort.id.as_str()),
        };
        let other = |cohort: &Cohort| EngineError::OtherCohorts {
            actual: described.len(),
            first: described.first().cloned().unwrap_or_default(),
            wanted: cohort.id.clone(),
        };
        let answers = cohorts
            .iter()
            .map(|cohort| answer(cohort).ok_or_else(|| other(cohort)))
            .collect::<Result<_, _>>()?;
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
        Ok(Self {
            store,
            rule,
            key: state::rule_key(rule),
            cohorts,
            answers,
            options,
            started: Instant::now(),
            report,
        })
    }

    fn count_members(&mut self, snapshot: &Snapshot) -> Result<(), EngineError> {
        for (cohort, report) in self.cohorts.iter().zip(&mut self.report.cohorts) {
            report.members = snapshot.members(&cohort.id)?.len();
        }
        Ok(())
    }

    /// Asks everybody who remains of an open tick, and commits chunk by chunk.
    fn run(
        &mut self,
        snapshot: &Snapshot,
        mut state: RuleState,
        mut open: OpenTick,
    ) -> Result<(), EngineError> {
        let now = open.now();
        let mut running = Vec::new();
        for (cohort, report) in self.cohorts.iter().zip(&mut self.report.cohorts) {
            let cohort = Running::load(snapshot, cohort, &open)?;
            report.reason = cohort.state.reason;
            running.push(cohort);
        }
        let candidates = candidates::remaining(snapshot, &self.key, &state, &open, self.cohorts)?;
        let users: Vec<UserKey> = candidates.iter().map(UserKey).collect();
        let universe = snapshot.known(now)?;
        let later = if candidates.is_subset(&universe) {
            Vec::new()
        } else {
            snapshot.known_later(now)?
        };
        let later: BTreeMap<UserKey, Millis> = later.into_iter().collect();
        self.report.candidates += candidates.len();
        let total = candidates.len();
        let asked = std::sync::atomic::AtomicU64::new(0);
        let options = self.options;
        let advance = |count: usize| {
            let before = asked.fetch_add(count as u64, std::sync::atomic::Ordering::Relaxed);
            (options.progress)(before + count as u64, total);
        };
        let reads = Reads::new(snapshot, self.rule, now, options.lists)?;
        let mut chunks = users.chunks(options.chunk_users).peekable();
        // A tick with nobody left still has to be closed.
        let mut chunk: &[UserKey] = chunks.next().unwrap_or_default();
        loop {
            let last = chunks.peek().is_none();
            let known: Vec<UserKey> = chunk
                .iter()
                .copied()
                .filter(|user| universe.contains(user.0))
                .collect();
            let answers = evaluate(
                snapshot,
                self.rule,
                &reads,
                &known,
                options.workers,
                &advance,
            )?;
            let mut outcome = Outcome::new(self.cohorts.len());
            for answers in answers {
                outcome.take(&answers, &self.answers, now, &mut self.report);
            }
            // Who is not known yet belongs nowhere until then.
            for user in chunk.iter().filter(|user| !universe.contains(user.0)) {
                outcome.asked.insert(user.0);
                let until = later.get(user).map_or(i64::MAX, |at| at.0);
                outcome.deadlines.push((*user, until));
            }
            let from = open.next_user;
            open.next_user = chunk.last().map_or(from, |user| user.0.saturating_add(1));
            outcome.range = from..=if last {
                u32::MAX
            } else {
                open.next_user.saturating_sub(1)
            };
            state.open = (!last).then(|| open.clone());
            if last {
                state.news = open.news;
                state.now = open.now;
            }
            self.commit(snapshot, &state, &open, outcome, &mut running, last)?;
            match chunks.next() {
                Some(next) => chunk = next,
                None => return Ok(()),
            }
        }
    }

    /// Commits a chunk: members, deadlines and messages, and with the last chunk the run records.
    fn commit(
        &mut self,
        snapshot: &Snapshot,
        state: &RuleState,
        open: &OpenTick,
        mut outcome: Outcome,
        running: &mut [Running],
        last: bool,
    ) -> Result<(), EngineError> {
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
            let was_in = &running.members & &outcome.asked;
            let entered = &now_in - &was_in;
            let exited = &was_in - &now_in;
            running.members |= &entered;
            running.members -= &exited;
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
