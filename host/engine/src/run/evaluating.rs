//! Evaluates the users of a run, chunk by chunk. Runs that commit and previews share it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use muster_model::Millis;
use muster_sandbox::Module;
use muster_store::{ModuleKey, Snapshot, UserFailure, UserKey};
use roaring::RoaringBitmap;

use super::chunk_answers::ChunkAnswers;
use crate::cohort::Cohort;
use crate::evaluate::{Evaluation, RunReads};
use crate::failures::{Again, Failures};
use crate::prior_state::PriorState;
use crate::report::SkippedUsers;
use crate::run_options::RunOptions;
use crate::search::{Budget, Search};
use crate::state::UnfinishedRun;
use crate::{EngineError, candidates, state};

/// The evaluation of a run.
pub(super) struct Evaluating<'a> {
    snapshot: &'a Snapshot,
    module: &'a Module,
    options: &'a RunOptions<'a>,
    /// For each cohort, the index of its answer among those of the module.
    answers: Vec<usize>,
    key: ModuleKey,
    now: Millis,
    reads: RunReads<'a>,
    failures: Failures,
    /// Earlier failures of the users to evaluate.
    earlier: BTreeMap<UserKey, UserFailure>,
    /// Counts of those users who were evaluated again.
    again: Again,
    /// The time budget for failed calls.
    budget: Budget<'a>,
    /// The users to evaluate, ascending.
    users: Vec<UserKey>,
    /// The users that are known at `now`.
    universe: RoaringBitmap,
    /// The instants from which the other users are known.
    later: BTreeMap<UserKey, Millis>,
    /// The index of the next chunk's first user; `None` after the last chunk.
    next: Option<usize>,
    /// The first user key of the next chunk's range.
    from: u32,
    /// The number of users who were evaluated.
    evaluated: AtomicU64,
}

impl<'a> Evaluating<'a> {
    /// Begins the evaluation of the remaining users of an open run.
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
                // The changes of these users are not lost: the next attempt is stored as an expiry.
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
            // These candidates are few, so the first events of the other users need not be read.
            snapshot.known_among(&candidates, now)?
        };
        // The results of earlier chunks of the run are already in the store.
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

    /// Returns the number of users to evaluate.
    pub(super) fn candidates(&self) -> u64 {
        self.users.len() as u64
    }

    /// Returns the next chunk's answers; `None` after the last. There is always at least one chunk,
    /// since a run with no user left still has to be closed.
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
        // A user who is not known yet is in no cohort until the first event.
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

/// Returns for each cohort the index of its answer among those of the module.
fn answers(module: &Module, cohorts: &[Cohort]) -> Result<Vec<usize>, EngineError> {
    let described = &module.description().cohorts;
    // A rule for one cohort serves any definition that names it. Only for a module with many
    // cohorts the ids are compared.
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
