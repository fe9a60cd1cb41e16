//! One tick of one rule: candidates, evaluation, diff, commit; or a preview of it, which commits nothing.

mod asking;
mod guard;
#[cfg(test)]
mod guest;
mod outcome;
mod preview;
mod recording;
mod running;
#[cfg(test)]
mod tests;

use std::num::NonZero;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use muster_model::Millis;
use muster_sandbox::Rule;
use muster_store::{MemberChange, RuleCommit, RuleKey, RunCommit, Snapshot, Store};

use crate::cohort::Cohort;
use crate::lists::Lists;
use crate::members::Moves;
use crate::memory::Memory;
use crate::report::{CohortReport, Reason, RunRecord, Skipped, TickReport};
use crate::state::{OpenTick, RuleState};
use crate::{EngineError, candidates, payload, state};
use asking::Asking;
use outcome::Outcome;
use running::Running;

pub use guard::Guard;
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
    /// Ask everybody, whether they have news or not.
    pub everybody: bool,
    /// Ask everybody, and tell every destination the whole cohort again.
    pub resend: bool,
    /// Why it runs, if it is neither as scheduled nor for what happened to the rule or its cohorts.
    pub reason: Option<Reason>,
    /// What may move at once; `None`: everything, and what is held is let go.
    pub guard: Option<Guard>,
    /// Set to true, it ends the tick between two chunks with [`EngineError::Stopped`].
    pub stop: Option<&'a AtomicBool>,
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
            everybody: false,
            resend: false,
            reason: None,
            guard: None,
            stop: None,
        }
    }

    fn stopped(&self) -> bool {
        self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
    }
}

/// Runs one tick of a rule for its cohorts, first finishing one that was cut off. Of the same cohorts there must be one tick at a time.
///
/// It may be asked for some of a rule's cohorts alone, as for others at another time: the store knows a rule together with the
/// cohorts it is asked for, so everybody is asked about them, and the other cohorts are not touched.
///
/// # Errors
/// When it is stopped, the store fails, the rule answers for other cohorts, or reads a time zone or a list that there is not. Nothing is left half done: what was committed is consistent,
/// and the next call goes on.
pub fn tick(
    store: &Store,
    rule: &Rule,
    cohorts: &[Cohort],
    options: &TickOptions<'_>,
) -> Result<TickReport, EngineError> {
    let started = Instant::now();
    let mut tick = Tick::new(store, rule, cohorts, options);
    let key = state::rule_key(rule, cohorts);
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
    match candidates::begin(&snapshot, &key, &memory, cohorts, options)? {
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
            held: None,
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
            key: state::rule_key(rule, cohorts),
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
        let (rule, cohorts, options) = (self.rule, self.cohorts, self.options);
        let mut asking = Asking::begin(snapshot, rule, cohorts, &memory, &open, options)?;
        self.report.candidates += asking.candidates();
        let mut state = memory.rule.unwrap_or_default();
        let mut running = Vec::new();
        for ((cohort, remembered), report) in
            (cohorts.iter().zip(memory.cohorts)).zip(&mut self.report.cohorts)
        {
            let cohort = Running::new(remembered, cohort, &open, options);
            report.reason = cohort.state.reason;
            running.push(cohort);
        }
        let mut guard = options.guard.filter(|_| open.next_user == 0);
        while !options.stopped() {
            let Some(outcome) = asking.next()? else {
                return Ok(());
            };
            if let Some(guard) = guard.take() {
                let run = guard::Run {
                    snapshot,
                    rule,
                    cohorts,
                    open: &open,
                    options,
                    candidates: asking.candidates(),
                };
                guard::hold(&guard, &run, &outcome, &mut running)?;
            }
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
        Err(EngineError::Stopped)
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
            rule: Some(RuleCommit {
                key: self.key,
                state: state::encode(state)?,
                news: if last { state.news } else { 0 },
                deadlines: std::mem::take(&mut outcome.deadlines),
            }),
            ..RunCommit::default()
        };
        for (index, (cohort, running)) in self.cohorts.iter().zip(running).enumerate() {
            if running.state.held.is_none() {
                self.move_members(snapshot, open, &outcome, index, running, &mut commit)?;
            }
            if last {
                running.close(cohort, open.now());
            }
            let Some(report) = self.report.cohorts.get_mut::<usize>(index) else {
                continue;
            };
            report.members = running.members.len();
            report.held.clone_from(&running.state.held);
            if last && !running.was_held {
                let record = self.record(cohort, running, open, index);
                let record = recording::record(snapshot, cohort, open.now(), record)?;
                commit.records.extend(record);
            }
            if let Some(state) = running.changed()? {
                commit.cohort_states.push((cohort.id.clone(), state));
            }
        }
        self.store.commit_run(&commit)?;
        Ok(())
    }

    /// What a chunk's answers change of one cohort.
    fn move_members(
        &mut self,
        snapshot: &Snapshot,
        open: &OpenTick,
        outcome: &Outcome,
        index: usize,
        running: &mut Running,
        commit: &mut RunCommit,
    ) -> Result<(), EngineError> {
        let (Some(cohort), Some(now_in)) = (self.cohorts.get(index), outcome.members.get(index))
        else {
            return Ok(());
        };
        let Moves { entered, exited } = running.moves(snapshot, cohort, &outcome.asked, now_in)?;
        let before = commit.messages.len();
        let now = open.now();
        for sync in &cohort.sync {
            if running.state.joining.contains(&sync.destination) {
                let range = &outcome.range;
                let whole = running.members.within(snapshot, &cohort.id, range)?;
                let messages = &mut commit.messages;
                running.messages(snapshot, cohort, sync, true, &whole, now, messages)?;
            } else if running.state.synced.contains(&sync.destination) {
                let messages = &mut commit.messages;
                running.messages(snapshot, cohort, sync, true, &entered, now, messages)?;
                running.messages(snapshot, cohort, sync, false, &exited, now, messages)?;
            }
        }
        if let Some(report) = self.report.cohorts.get_mut(index) {
            report.entered += entered.len();
            report.exited += exited.len();
            report.messages += (commit.messages.len() - before) as u64;
        }
        if !(entered.is_empty() && exited.is_empty()) {
            commit.members.push(MemberChange {
                cohort: cohort.id.clone(),
                entered,
                exited,
            });
        }
        Ok(())
    }

    /// A run's record, once it has ended.
    fn record(
        &self,
        cohort: &Cohort,
        running: &Running,
        open: &OpenTick,
        index: usize,
    ) -> RunRecord {
        let report = self.report.cohorts.get(index);
        let count = |count: fn(&CohortReport) -> u64| report.map_or(0, count);
        let duration = self.started.elapsed().as_millis();
        RunRecord {
            cadence: cohort.cadence.to_string(),
            candidates: self.report.candidates,
            evaluated: self.report.evaluated,
            skipped: self.report.skipped.clone(),
            members: count(|report| report.members),
            entered: count(|report| report.entered),
            exited: count(|report| report.exited),
            messages: count(|report| report.messages),
            run_id: (running.state.batch > 0)
                .then(|| payload::run_id(&cohort.id, running.state.second)),
            duration_ms: u64::try_from(duration).unwrap_or(u64::MAX),
            held: running.state.held.clone(),
            ..RunRecord::begun(running.state.reason, open.now())
        }
    }
}
