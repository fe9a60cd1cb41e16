//! A search for the answers of all users although a module fails for some. Batches that fail are
//! split until those users stand alone.
//!
//! Users without a failure come first. Users that the module failed for in an earlier run come
//! last, with a time budget of their own. So failing users cost the others no answer, however many
//! they are.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use muster_sandbox::Verdicts;
use muster_store::{UserFailure, UserKey};
use parking_lot::Mutex;

use crate::EngineError;

/// The number of parts that a failed batch is split into. 128 × 128 is
/// [`crate::evaluate::BATCH_USERS`]: two splits find a user in a full batch. Few splits matter most
/// when a call takes the sandbox's whole time limit.
pub const SPLIT: usize = 128;

/// The time that failed calls of a run may take together for users without a failure so far, before
/// no more are made. It is enough for three calls of the sandbox's 10 s, which find one user in a
/// full batch. Another second lets the other parts of that batch be evaluated.
pub const FAILURE_TIME: Duration = Duration::from_secs(31);

/// The time that failed calls of a run may take together for users that the module failed for
/// before. It is enough for two calls of the sandbox's 10 s, and a second for the parts beside
/// them.
pub const RETRY_TIME: Duration = Duration::from_secs(21);

/// A caller of a module.
pub(crate) trait Caller: Sync {
    /// Evaluates a batch.
    fn call(&self, users: &[UserKey]) -> Result<Called, EngineError>;

    /// Notes that no more calls are needed for so many users.
    fn done(&self, users: usize);
}

/// The outcome of a call.
pub(crate) struct Called {
    /// The duration of the call.
    pub(crate) time: Duration,
    /// The module's answers, or the reason why there are none.
    pub(crate) verdicts: Result<Verdicts, CallFault>,
}

/// The reason why a call has no answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CallFault {
    /// The module failed.
    Module(String),
    /// The users have more data than a call may have. Parts of the batch may do, and the module did
    /// nothing wrong.
    TooLarge,
}

/// The reason given for a user whose data exceeds a call, with any module.
pub(crate) const TOO_LARGE: &str = "too large to evaluate: the columns of one user may take 512 MiB and the module's memory 1 GiB, or \
    less on a machine with little memory; `muster status` names the users; give the clauses shorter windows, keep less history \
    (`retention`), or delete the user with `muster forget`";

/// The answers for some users, or the reason why there are none.
#[derive(Debug)]
pub(crate) struct Answers {
    /// The users, ascending.
    pub(crate) users: Vec<UserKey>,
    /// The module's answers, or the reason why there are none.
    pub(crate) verdicts: Result<Verdicts, NoAnswer>,
}

/// The reason why users have no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// The module failed for the user alone.
    Failed(Arc<str>),
    /// The user alone is too large ([`TOO_LARGE`]).
    TooLarge,
    /// The module failed for a batch with the user, and the time budget did not reach further.
    Suspected(Suspicion),
    /// The time budget did not reach for a call.
    NotEvaluated(Arc<str>),
}

impl NoAnswer {
    /// Returns true if the module was called for the user.
    pub(crate) fn was_evaluated(&self) -> bool {
        !matches!(self, Self::NotEvaluated(_))
    }

    /// Returns the reason, in the words of the module or the sandbox if the module was called.
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

/// The time budget of a run for failed calls.
pub(crate) struct Budget<'a> {
    /// The budget for users without a failure so far.
    fresh: SharedBudget,
    /// The budget for the other users.
    retries: SharedBudget,
    /// True if the module answered for any user.
    sound: AtomicBool,
    /// The reason of the latest failed call.
    reason: Mutex<Arc<str>>,
    /// A flag that ends the search. A later run finds the rest.
    stop: Option<&'a AtomicBool>,
}

/// A limited time that several threads spend.
struct SharedBudget {
    limit: Duration,
    /// The time spent, in µs.
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
        let mut latest = self.reason.lock();
        latest.clone_from(reason);
    }

    /// Returns the reason why no more calls are made.
    fn empty(&self) -> Arc<str> {
        let reason = self.reason.lock();
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

/// A batch that is to be evaluated.
struct SearchItem<'a> {
    users: &'a [UserKey],
    /// The failed batch that this one is a part of, if any.
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
    /// Evaluates all users (ascending), and returns the answers, ascending by their first user.
    pub(crate) fn run(&self, users: &[UserKey]) -> Result<Vec<Answers>, EngineError> {
        let mut answers = Vec::new();
        let sorted = Sorted::new(users, self.failures);
        let fresh = [&sorted.not_evaluated, &sorted.fresh];
        let fresh = fresh.iter().flat_map(|users| users.chunks(self.batch));
        self.evaluate(fresh.map(SearchItem::new).collect(), false, &mut answers)?;
        let suspected = sorted.suspected.iter().rev().flat_map(|(batch, users)| {
            let batch = usize::try_from(*batch).unwrap_or(usize::MAX);
            users.chunks(batch.div_ceil(SPLIT).clamp(1, self.batch))
        });
        let failing = sorted.failing.chunks(1);
        let again = suspected.chain(failing).map(SearchItem::new).collect();
        self.evaluate(again, true, &mut answers)?;
        answers.sort_by_key(|answers| answers.users.first().copied());
        Ok(answers)
    }

    /// Evaluates batches, and then the parts of those that failed. The larger parts come first:
    /// they hold most of the users who still lack an answer.
    fn evaluate(
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
                    // A batch that is too large is split into halves: half of the users are about
                    // half as large.
                    Some(Err(Failed::TooLarge)) => {
                        let half = item.users.len().div_ceil(2);
                        parts.extend(item.users.chunks(half).map(|users| SearchItem {
                            users,
                            parent: item.parent.clone(),
                        }));
                    }
                    Some(Err(Failed::Module(reason))) if item.users.len() == 1 => {
                        answers.push(self.none(item.users, NoAnswer::Failed(reason)));
                    }
                    Some(Err(Failed::Module(reason))) => {
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

    /// Calls the module for each batch once, on worker threads. `None` stands for a batch that the
    /// time budget did not reach.
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
                let mut results = results.lock();
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
        let results = results.into_inner();
        let results = results.into_values().zip(items);
        results.map(|(result, item)| Ok((item, result?))).collect()
    }

    /// Returns true if the time budget allows a call for a batch. `failed` says that a call of this
    /// round failed.
    fn may_call(&self, item: &SearchItem<'_>, retries: bool, failed: &AtomicBool) -> bool {
        let budget = self.budget;
        if retries {
            return !budget.retries.is_empty() && !budget.stopped();
        }
        if item.parent.is_some() {
            return !budget.fresh.is_empty() && !budget.stopped();
        }
        // The time that an earlier chunk spent must not cost this chunk the answers of sound users.
        // A module that never answers has none.
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
            // A batch that is too large costs no more than reading its users twice, however many
            // batches are too large.
            Err(CallFault::TooLarge) if users.len() > 1 => Ok(Err(Failed::TooLarge)),
            Err(fault) => {
                let budget_of_call = if retries {
                    &budget.retries
                } else {
                    &budget.fresh
                };
                budget_of_call.spend(time);
                failed.store(true, Ordering::Relaxed);
                let (reason, failed) = match fault {
                    CallFault::TooLarge => (Arc::from(TOO_LARGE), Failed::TooLarge),
                    CallFault::Module(reason) => {
                        let reason: Arc<str> = Arc::from(reason);
                        (Arc::clone(&reason), Failed::Module(reason))
                    }
                };
                budget.note(&reason);
                Ok(Err(failed))
            }
        }
    }
}

/// A [`CallFault`] whose reason several answers share.
enum Failed {
    Module(Arc<str>),
    TooLarge,
}

/// The users by their earlier failures, each list ascending.
#[derive(Default)]
struct Sorted {
    /// The users that the time budget of an earlier run did not reach.
    not_evaluated: Vec<UserKey>,
    /// The users without an earlier failure.
    fresh: Vec<UserKey>,
    /// The users whose batch failed, by the size of the smallest such batch.
    suspected: BTreeMap<u32, Vec<UserKey>>,
    /// The users that the module failed for alone.
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
