//! Answers for all users although a rule fails for some: batches that fail are split until those
//! users stand alone.
//!
//! Users without a failure come first, and those for whom the rule failed in an earlier run come
//! last, with a budget of their own. So failing users cost the others no answer, however many they
//! are.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use muster_sandbox::Verdicts;
use muster_store::{UserFailure, UserKey};

use crate::EngineError;

/// Into how many batches one that failed is split. 128 × 128 is [`crate::evaluate::BATCH_USERS`]:
/// two splits find a user in a full batch. Few splits matter most when a call takes the sandbox's
/// whole time limit.
pub const SPLIT: usize = 128;

/// How long failed calls of a run may take together, for users without a failure so far, before no
/// more are made. Three calls of the sandbox's 10 s, which find one user in a full batch, and a
/// second so that the other parts of that batch are still asked about.
pub const FAILURE_TIME: Duration = Duration::from_secs(31);

/// How long failed calls of a run may take together, for users for whom the rule failed before: two
/// calls of the sandbox's 10 s, and a second for the parts beside them.
pub const RETRY_TIME: Duration = Duration::from_secs(21);

/// Calls a rule.
pub(crate) trait Caller: Sync {
    /// Asks about a batch.
    fn call(&self, users: &[UserKey]) -> Result<Called, EngineError>;

    /// Notes that so many users need not be asked about any more.
    fn done(&self, users: usize);
}

/// What a call came to.
pub(crate) struct Called {
    /// How long it took.
    pub(crate) time: Duration,
    /// The rule's answers, or why there are none.
    pub(crate) verdicts: Result<Verdicts, CallFault>,
}

/// Why a call has no answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CallFault {
    /// The rule failed.
    Rule(String),
    /// There is more of the users than a call may have: parts of the batch may do, and the rule did
    /// nothing wrong.
    TooLarge,
}

/// Why there is no answer for a user of whom there is more than one call may have, whichever rule
/// it is.
pub(crate) const TOO_LARGE: &str = "too large to evaluate: what is read of the user, or what the rule makes of it, takes more memory \
    than one user may have (512 MiB and 1 GiB, or a part of the machine's); `muster status` names the users; give the clauses shorter \
    windows, keep less history (`retention`), or `muster forget` the user";

/// The answers for some users.
#[derive(Debug)]
pub(crate) struct Answers {
    /// The users, ascending.
    pub(crate) users: Vec<UserKey>,
    /// The rule's answers, or why there are none.
    pub(crate) verdicts: Result<Verdicts, NoAnswer>,
}

/// Why users have no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// The rule failed for the user alone.
    Failed(Arc<str>),
    /// The user alone is too large ([`TOO_LARGE`]).
    TooLarge,
    /// The rule failed for a batch of so many users, and the budget did not reach for more.
    Suspected(Suspicion),
    /// The budget did not reach for a call.
    NotEvaluated(Arc<str>),
}

impl NoAnswer {
    /// Returns whether the rule was called for the user.
    pub(crate) fn was_evaluated(&self) -> bool {
        !matches!(self, Self::NotEvaluated(_))
    }

    /// Returns the reason, in the rule's or the sandbox's words where the rule was called.
    pub(crate) fn reason(&self) -> &str {
        match self {
            Self::Failed(reason) | Self::NotEvaluated(reason) => reason,
            Self::TooLarge => TOO_LARGE,
            Self::Suspected(suspicion) => &suspicion.reason,
        }
    }
}

/// A batch that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Suspicion {
    pub(crate) batch: u32,
    pub(crate) reason: Arc<str>,
}

/// What failed calls of a run may take.
pub(crate) struct Budget<'a> {
    /// For users without a failure so far.
    fresh: SharedBudget,
    /// For the others.
    retries: SharedBudget,
    /// Whether the rule answered for anybody.
    sound: AtomicBool,
    /// Why the latest call failed.
    reason: Mutex<Arc<str>>,
    /// Ends the search; what is not found out yet is found out later.
    stop: Option<&'a AtomicBool>,
}

/// A limited time.
struct SharedBudget {
    limit: Duration,
    /// In µs.
    spent: AtomicU64,
}

impl SharedBudget {
    fn new(limit: Duration) -> Self {
        Self {
            limit,
            spent: AtomicU64::new(0),
        }
    }

    fn spent(&self) -> Duration {
        Duration::from_micros(self.spent.load(Ordering::Relaxed))
    }

    fn spend(&self, time: Duration) {
        let time = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.spent.fetch_add(time, Ordering::Relaxed);
    }

    fn is_empty(&self) -> bool {
        self.spent() >= self.limit
    }
}

impl<'a> Budget<'a> {
    pub(crate) fn new(stop: Option<&'a AtomicBool>) -> Self {
        Self {
            fresh: SharedBudget::new(FAILURE_TIME),
            retries: SharedBudget::new(RETRY_TIME),
            sound: AtomicBool::new(false),
            reason: Mutex::new(Arc::from("")),
            stop,
        }
    }

    fn stopped(&self) -> bool {
        self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
    }

    fn note(&self, reason: &Arc<str>) {
        let mut latest = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        latest.clone_from(reason);
    }

    /// Returns why no more calls are made.
    fn empty(&self) -> Arc<str> {
        let reason = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = (self.fresh.spent() + self.retries.spent()).as_secs_f64();
        Arc::from(format!(
            "calls that failed took {seconds:.0} s in this run, and no more are made; the latest failure: {reason}"
        ))
    }
}

/// A search for the answers of one chunk.
pub(crate) struct Search<'a, C> {
    pub(crate) caller: &'a C,
    /// Earlier failures, of these and other users.
    pub(crate) failures: &'a BTreeMap<UserKey, UserFailure>,
    pub(crate) budget: &'a Budget<'a>,
    /// The most users of a batch.
    pub(crate) batch: usize,
    pub(crate) workers: NonZero<usize>,
}

/// A batch that is to be asked about.
struct SearchItem<'a> {
    users: &'a [UserKey],
    /// The batch that it is a part of, if that failed.
    parent: Option<Suspicion>,
}

impl<'a> SearchItem<'a> {
    fn new(users: &'a [UserKey]) -> Self {
        Self {
            users,
            parent: None,
        }
    }
}

impl<C: Caller> Search<'_, C> {
    /// Asks about all users (ascending), and returns the answers, ascending by their first user.
    pub(crate) fn run(&self, users: &[UserKey]) -> Result<Vec<Answers>, EngineError> {
        let mut answers = Vec::new();
        let sorted = Sorted::new(users, self.failures);
        let fresh = [&sorted.not_evaluated, &sorted.fresh];
        let fresh = fresh.iter().flat_map(|users| users.chunks(self.batch));
        self.ask(fresh.map(SearchItem::new).collect(), false, &mut answers)?;
        let suspected = sorted.suspected.iter().rev().flat_map(|(batch, users)| {
            let batch = usize::try_from(*batch).unwrap_or(usize::MAX);
            users.chunks(batch.div_ceil(SPLIT).clamp(1, self.batch))
        });
        let failing = sorted.failing.chunks(1);
        let again = suspected.chain(failing).map(SearchItem::new).collect();
        self.ask(again, true, &mut answers)?;
        answers.sort_by_key(|answers| answers.users.first().copied());
        Ok(answers)
    }

    /// Asks about batches, and then about the parts of those that failed, the larger ones first:
    /// they hold most of the users whose answer is still to be found.
    fn ask(
        &self,
        mut items: Vec<SearchItem<'_>>,
        retries: bool,
        answers: &mut Vec<Answers>,
    ) -> Result<(), EngineError> {
        while !items.is_empty() {
            let mut parts = Vec::new();
            for (item, called) in self.round(items, retries)? {
                match called {
                    Some(Ok(verdicts)) => answers.push(Answers {
                        users: item.users.to_vec(),
                        verdicts: Ok(verdicts),
                    }),
                    Some(Err(Failed::TooLarge)) if item.users.len() == 1 => {
                        answers.push(self.none(item.users, NoAnswer::TooLarge));
                    }
                    // Halves, for they are asked about as if nothing had been: half of them are
                    // half as large.
                    Some(Err(Failed::TooLarge)) => {
                        let half = item.users.len().div_ceil(2);
                        parts.extend(item.users.chunks(half).map(|users| SearchItem {
                            users,
                            parent: item.parent.clone(),
                        }));
                    }
                    Some(Err(Failed::Rule(reason))) if item.users.len() == 1 => {
                        answers.push(self.none(item.users, NoAnswer::Failed(reason)));
                    }
                    Some(Err(Failed::Rule(reason))) => {
                        let parent = Suspicion {
                            batch: u32::try_from(item.users.len()).unwrap_or(u32::MAX),
                            reason,
                        };
                        let part = item.users.len().div_ceil(SPLIT);
                        parts.extend(item.users.chunks(part).map(|users| SearchItem {
                            users,
                            parent: Some(parent.clone()),
                        }));
                    }
                    None => {
                        let why = match item.parent {
                            Some(parent) => NoAnswer::Suspected(parent),
                            None => NoAnswer::NotEvaluated(self.budget.empty()),
                        };
                        answers.push(self.none(item.users, why));
                    }
                }
            }
            items = parts;
        }
        Ok(())
    }

    fn none(&self, users: &[UserKey], why: NoAnswer) -> Answers {
        self.caller.done(users.len());
        Answers {
            users: users.to_vec(),
            verdicts: Err(why),
        }
    }

    /// Asks about each batch once, on worker threads. `None`: the budget did not reach for it.
    #[expect(clippy::type_complexity, reason = "batches with what became of them")]
    fn round<'i>(
        &self,
        items: Vec<SearchItem<'i>>,
        retries: bool,
    ) -> Result<Vec<(SearchItem<'i>, Option<Result<Verdicts, Failed>>)>, EngineError> {
        let next = AtomicUsize::new(0);
        let failed = AtomicBool::new(false);
        let results = Mutex::new(BTreeMap::new());
        let work = || {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(item) = items.get(index) else { break };
                let result = match self.may_call(item, retries, &failed) {
                    true => self.call(item.users, retries, &failed).map(Some),
                    false => Ok(None),
                };
                let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                results.insert(index, result);
            }
        };
        let workers = self.workers.get().min(items.len());
        if workers > 1 {
            std::thread::scope(|scope| {
                for _ in 0..workers {
                    scope.spawn(work);
                }
            });
        } else {
            work();
        }
        let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        let results = results.into_values().zip(items);
        results.map(|(result, item)| Ok((item, result?))).collect()
    }

    /// `failed`: a call of this round failed.
    fn may_call(&self, item: &SearchItem<'_>, retries: bool, failed: &AtomicBool) -> bool {
        let budget = self.budget;
        if retries {
            return !budget.retries.is_empty() && !budget.stopped();
        }
        if item.parent.is_some() {
            return !budget.fresh.is_empty() && !budget.stopped();
        }
        // What an earlier chunk spent must not cost this one the answers of sound users. Of a rule
        // that never answers there are none.
        let another = budget.sound.load(Ordering::Relaxed) && !failed.load(Ordering::Relaxed);
        !budget.fresh.is_empty() || another
    }

    fn call(
        &self,
        users: &[UserKey],
        retries: bool,
        failed: &AtomicBool,
    ) -> Result<Result<Verdicts, Failed>, EngineError> {
        let Called { time, verdicts } = self.caller.call(users)?;
        let budget = self.budget;
        match verdicts {
            Ok(verdicts) => {
                budget.sound.store(true, Ordering::Relaxed);
                self.caller.done(users.len());
                Ok(Ok(verdicts))
            }
            // It costs no more than to read the users twice, however many batches are too large.
            Err(CallFault::TooLarge) if users.len() > 1 => Ok(Err(Failed::TooLarge)),
            Err(fault) => {
                let purse = if retries {
                    &budget.retries
                } else {
                    &budget.fresh
                };
                purse.spend(time);
                failed.store(true, Ordering::Relaxed);
                let (reason, failed) = match fault {
                    CallFault::TooLarge => (Arc::from(TOO_LARGE), Failed::TooLarge),
                    CallFault::Rule(reason) => {
                        let reason: Arc<str> = Arc::from(reason);
                        (Arc::clone(&reason), Failed::Rule(reason))
                    }
                };
                budget.note(&reason);
                Ok(Err(failed))
            }
        }
    }
}

/// A [`CallFault`] whose reason many may share.
enum Failed {
    Rule(Arc<str>),
    TooLarge,
}

/// Users by what is known of them, each ascending.
#[derive(Default)]
struct Sorted {
    /// The budget of an earlier run did not reach for them.
    not_evaluated: Vec<UserKey>,
    /// Nothing is known against them.
    fresh: Vec<UserKey>,
    /// By the size of the smallest batch with them that failed.
    suspected: BTreeMap<u32, Vec<UserKey>>,
    /// The rule failed for them alone.
    failing: Vec<UserKey>,
}

impl Sorted {
    fn new(users: &[UserKey], failures: &BTreeMap<UserKey, UserFailure>) -> Self {
        let mut sorted = Self::default();
        for user in users {
            match failures.get(user) {
                None => sorted.fresh.push(*user),
                Some(UserFailure { batch: 0, .. }) => sorted.not_evaluated.push(*user),
                Some(UserFailure {
                    count: 0, batch, ..
                }) => {
                    sorted.suspected.entry(*batch).or_default().push(*user);
                }
                Some(_) => sorted.failing.push(*user),
            }
        }
        sorted
    }
}

#[cfg(test)]
mod tests;
