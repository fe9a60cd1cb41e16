//! The users of a tick through its rule, chunk by chunk: what a tick that commits and one that only
//! looks have in common.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use muster_model::Millis;
use muster_sandbox::Module;
use muster_store::{ModuleKey, Snapshot, UserFailure, UserKey};
use roaring::RoaringBitmap;

use super::RunOptions;
use super::chunk_answers::ChunkAnswers;
use crate::cohort::Cohort;
use crate::evaluate::{Evaluation, RunReads};
use crate::failures::{Again, Failures};
use crate::prior_state::PriorState;
use crate::report::SkippedUsers;
use crate::search::{Budget, Search};
use crate::state::UnfinishedRun;
use crate::{EngineError, candidates, state};

/// A tick that asks.
pub(super) struct Evaluating<'a> {
    snapshot: &'a Snapshot,
    module: &'a Module,
    options: &'a RunOptions<'a>,
    /// Of each cohort: which of the rule's answers is its.
    answers: Vec<usize>,
    key: ModuleKey,
    now: Millis,
    reads: RunReads<'a>,
    failures: Failures,
    /// Of the users who are asked: those for whom the rule failed before.
    earlier: BTreeMap<UserKey, UserFailure>,
    /// How many of them were asked about.
    again: Again,
    /// What failed calls may take.
    budget: Budget<'a>,
    /// Who is asked, ascending.
    users: Vec<UserKey>,
    /// Who is known at `now`.
    universe: RoaringBitmap,
    /// Since when the others are.
    later: BTreeMap<UserKey, Millis>,
    /// How many of the users the next chunk comes after; `None`: the last one was asked.
    next: Option<usize>,
    /// The first user of the next chunk's range.
    from: u32,
    /// Users who were asked.
    evaluated: AtomicU64,
}

impl<'a> Evaluating<'a> {
    /// Whoever remains of an open tick.
    pub(super) fn begin(
        snapshot: &'a Snapshot,
        module: &'a Module,
        cohorts: &[Cohort],
        prior: &PriorState,
        open: &UnfinishedRun,
        options: &'a RunOptions<'a>,
    ) -> Result<Self, EngineError> {
        let now = open.now();
        let key = state::module_key(module, cohorts);
        let mut candidates = candidates::remaining(snapshot, &key, cohorts, prior, open)?;
        let mut earlier = prior.failures.among(snapshot, &key, &candidates)?;
        if !open.all_users {
            earlier.retain(|user, failure| {
                let due = failure.next <= now;
                // Their changes are not lost: the next attempt is a deadline.
                due || !candidates.remove(user.0)
            });
        }
        let (universe, later) = if open.all_users {
            let universe = snapshot.known(now)?;
            let later = match candidates.is_subset(&universe) {
                true => Vec::new(),
                false => snapshot.known_later(now)?,
            };
            (universe, later)
        } else {
            // They are few: all that is known of others need not be read.
            snapshot.known_among(&candidates, now)?
        };
        // What earlier chunks of the run came to is in the store already.
        let mut again = Again::default();
        for skipped in open.skipped.iter().filter(|skipped| !skipped.waiting) {
            again.add(skipped.users, skipped.too_large);
        }
        Ok(Self {
            snapshot,
            module,
            options,
            answers: answers(module, cohorts)?,
            key,
            now,
            reads: RunReads::new(snapshot, module, now, options.lists)?,
            failures: prior.failures.clone(),
            earlier,
            again,
            budget: Budget::new(options.stop),
            users: candidates.iter().map(UserKey).collect(),
            universe,
            later: later.into_iter().collect(),
            next: Some(0),
            from: open.next_user,
            evaluated: AtomicU64::new(0),
        })
    }

    /// How many users are asked.
    pub(super) fn candidates(&self) -> u64 {
        self.users.len() as u64
    }

    /// The next chunk's answers; `None` after the last. There is always one, for a tick with nobody
    /// left still has to be closed.
    pub(super) fn next(&mut self) -> Result<Option<ChunkAnswers>, EngineError> {
        let Some(at) = self.next else {
            return Ok(None);
        };
        let rest = self.users.get(at..).unwrap_or_default();
        let (chunk, rest) = rest.split_at(rest.len().min(self.options.chunk_users.max(1)));
        let known: Vec<UserKey> = chunk
            .iter()
            .copied()
            .filter(|user| self.universe.contains(user.0))
            .collect();
        let total = self.candidates();
        let advance = |count: usize| {
            let before = self.evaluated.fetch_add(count as u64, Ordering::Relaxed);
            (self.options.progress)(before + count as u64, total);
        };
        let evaluation = Evaluation {
            snapshot: self.snapshot,
            module: self.module,
            reads: &self.reads,
            progress: &advance,
        };
        let search = Search {
            caller: &evaluation,
            failures: &self.earlier,
            budget: &self.budget,
            batch: evaluation.batch_users(),
            workers: self.options.workers,
        };
        let mut outcome = ChunkAnswers::new(self.answers.len());
        for answers in search.run(&known)? {
            outcome.take(&answers, &self.answers, &self.earlier, self.now);
        }
        // Who is not known yet belongs nowhere until then.
        for user in chunk.iter().filter(|user| !self.universe.contains(user.0)) {
            outcome.answered.insert(user.0);
            let until = self.later.get(user).map_or(i64::MAX, |at| at.0);
            outcome.expiries.push((*user, until));
            if self.earlier.contains_key(user) {
                outcome.failures.push((*user, None));
            }
        }
        self.again.add(outcome.again.failed, false);
        self.again.add(outcome.again.too_large, true);
        outcome.last = rest.is_empty();
        if outcome.last {
            let failures = &self.failures;
            for waiting in failures.waiting(self.snapshot, &self.key, &self.again)? {
                SkippedUsers::add(&mut outcome.skipped, &waiting);
            }
        }
        let end = match chunk.last() {
            Some(user) if !outcome.last => user.0,
            _ => u32::MAX,
        };
        outcome.range = self.from..=end;
        self.from = end.saturating_add(1);
        self.next = (!outcome.last).then_some(at + chunk.len());
        Ok(Some(outcome))
    }
}

/// Of each cohort: which of the rule's answers is its.
fn answers(module: &Module, cohorts: &[Cohort]) -> Result<Vec<usize>, EngineError> {
    let described = &module.description().cohorts;
    // A rule for one cohort serves whichever definition names it; only a rule for many is asked by
    // id.
    let answer = |cohort: &Cohort| match described.as_slice() {
        [_] => Some(0),
        many => many.iter().position(|id| id == cohort.id.as_str()),
    };
    let other = |cohort: &Cohort| EngineError::OtherCohorts {
        actual: described.len(),
        first: described.first().cloned().unwrap_or_default(),
        wanted: cohort.id.clone(),
    };
    cohorts
        .iter()
        .map(|cohort| answer(cohort).ok_or_else(|| other(cohort)))
        .collect()
}
