use std::collections::{BTreeMap, BTreeSet};

use muster_model::Millis;

use super::*;
use crate::evaluate::BATCH_USERS;
use crate::failures;

/// The sandbox's time limit.
const LIMIT: Duration = Duration::from_secs(10);

/// A module that fails for batches with certain users. A failing call takes a set time.
struct FakeModule {
    failing: fn(u32) -> bool,
    time: Duration,
    /// The most users of a batch that is not too large.
    most: usize,
    calls: Mutex<Vec<Vec<u32>>>,
    done: AtomicUsize,
}

impl FakeModule {
    fn new(failing: fn(u32) -> bool, time: Duration) -> Self {
        Self {
            failing,
            time,
            most: usize::MAX,
            calls: Mutex::default(),
            done: AtomicUsize::new(0),
        }
    }
}

impl Caller for FakeModule {
    fn call(&self, users: &[UserKey]) -> Result<Called, EngineError> {
        let users: Vec<u32> = users.iter().map(|user| user.0).collect();
        let fails = users.iter().any(|user| (self.failing)(*user));
        let verdicts = Verdicts {
            members: vec![0; users.len().div_ceil(64)],
            until: vec![i64::MAX; users.len()],
        };
        let too_large = users.len() > self.most;
        self.calls.lock().push(users);
        if too_large {
            return Ok(Called {
                time: LIMIT,
                verdicts: Err(CallFault::TooLarge),
            });
        }
        Ok(Called {
            time: if fails { self.time } else { Duration::ZERO },
            verdicts: if fails {
                Err(CallFault::Module("no".to_owned()))
            } else {
                Ok(verdicts)
            },
        })
    }

    fn done(&self, users: usize) {
        self.done.fetch_add(users, Ordering::Relaxed);
    }
}

/// A module that is run again and again.
struct SearchRuns {
    fake: FakeModule,
    users: Vec<UserKey>,
    batch: usize,
    failures: BTreeMap<UserKey, UserFailure>,
    now: Millis,
}

/// The result of a run.
struct SearchRun {
    answered: BTreeSet<u32>,
    failed: BTreeSet<u32>,
    suspected: BTreeSet<u32>,
    not_evaluated: BTreeSet<u32>,
    calls: Vec<Vec<u32>>,
}

impl SearchRuns {
    fn new(users: u32, failing: fn(u32) -> bool, time: Duration) -> Self {
        Self {
            fake: FakeModule::new(failing, time),
            users: (0..users).map(UserKey).collect(),
            batch: BATCH_USERS,
            failures: BTreeMap::new(),
            now: Millis(0),
        }
    }

    /// Runs over all users in chunks. The users who wait are among them.
    fn run(&mut self, chunk: usize) -> SearchRun {
        let mut run = SearchRun {
            answered: BTreeSet::new(),
            failed: BTreeSet::new(),
            suspected: BTreeSet::new(),
            not_evaluated: BTreeSet::new(),
            calls: Vec::new(),
        };
        let budget = Budget::new(None);
        let mut kept = BTreeMap::new();
        for users in self.users.chunks(chunk) {
            let search = Search {
                caller: &self.fake,
                failures: &self.failures,
                budget: &budget,
                batch: self.batch,
                workers: NonZero::<usize>::MIN,
            };
            let mut seen = Vec::new();
            for answers in search.run(users).unwrap() {
                let set = match &answers.verdicts {
                    Ok(_) => &mut run.answered,
                    Err(NoAnswer::Failed(_) | NoAnswer::TooLarge) => &mut run.failed,
                    Err(NoAnswer::Suspected(_)) => &mut run.suspected,
                    Err(NoAnswer::NotEvaluated(_)) => &mut run.not_evaluated,
                };
                set.extend(answers.users.iter().map(|user| user.0));
                if let Err(why) = &answers.verdicts {
                    for user in &answers.users {
                        let earlier = self.failures.get(user);
                        kept.insert(*user, failures::next(why, earlier, self.now));
                    }
                }
                seen.extend(answers.users);
            }
            seen.sort_unstable();
            assert_eq!(seen, users, "each user has one answer, or none");
        }
        assert_eq!(self.fake.done.swap(0, Ordering::Relaxed), self.users.len());
        self.failures = kept;
        self.now.0 += 60_000;
        run.calls = std::mem::take(&mut *self.fake.calls.lock());
        run
    }
}

#[test]
fn a_module_that_never_fails_is_called_once_a_batch() {
    let mut runs = SearchRuns::new(40_000, |_| false, Duration::ZERO);
    let run = runs.run(usize::MAX);
    assert_eq!(run.answered.len(), 40_000);
    let sizes: Vec<_> = run.calls.iter().map(Vec::len).collect();
    assert_eq!(sizes, [16_384, 16_384, 7_232]);
}

#[test]
fn failing_users_are_found_wherever_they_are() {
    // The failing users are every tenth, two hundred in a row, and all but one.
    let failing: [fn(u32) -> bool; 3] = [
        |user| user % 10 == 3,
        |user| (500..700).contains(&user),
        |user| user != 1_234,
    ];
    for failing in failing {
        let mut runs = SearchRuns::new(2_000, failing, Duration::from_micros(100));
        let run = runs.run(usize::MAX);
        let expected: BTreeSet<u32> = (0..2_000).filter(|user| failing(*user)).collect();
        assert_eq!(run.failed, expected);
        assert_eq!(run.answered.len(), 2_000 - expected.len());
    }
}

#[test]
fn one_user_in_a_full_batch_is_found_by_three_failed_calls() {
    let mut runs = SearchRuns::new(BATCH_USERS as u32, |user| user == 9_999, LIMIT);
    let run = runs.run(usize::MAX);
    assert_eq!(run.failed, BTreeSet::from([9_999]));
    assert_eq!(run.answered.len(), BATCH_USERS - 1);
    let failed = run.calls.iter().filter(|users| users.contains(&9_999));
    let sizes: Vec<_> = failed.map(Vec::len).collect();
    assert_eq!(sizes, [16_384, 128, 1]);
}

#[test]
fn users_with_earlier_failures_are_evaluated_last_and_alone() {
    let mut runs = SearchRuns::new(1_000, |user| user < 10, Duration::ZERO);
    runs.run(usize::MAX);
    let run = runs.run(usize::MAX);
    let sizes: Vec<_> = run.calls.iter().map(Vec::len).collect();
    assert_eq!(sizes, [&[990][..], &[1; 10]].concat());
    assert_eq!(run.failed.len(), 10);
    assert!(runs.failures.values().all(|failure| failure.count == 2));
}

/// The users of a batch in tests that need many batches.
const BATCH: u32 = 256;

/// Returns true for one user in each batch.
fn one_in_each(user: u32) -> bool {
    user % BATCH == 7
}

fn small(batches: u32, failing: fn(u32) -> bool) -> SearchRuns {
    SearchRuns {
        batch: BATCH as usize,
        ..SearchRuns::new(batches * BATCH, failing, LIMIT)
    }
}

#[test]
fn a_module_that_fails_for_all_users_keeps_to_its_time() {
    for chunk in [usize::MAX, 1_000, 100] {
        let mut runs = small(40, |_| true);
        for _ in 0..3 {
            let run = runs.run(chunk);
            // The call that goes beyond a limit is the last one.
            let most = (FAILURE_TIME + LIMIT + RETRY_TIME + LIMIT).as_secs() / LIMIT.as_secs();
            assert!(run.calls.len() as u64 <= most, "{}", run.calls.len());
            assert!(!run.not_evaluated.is_empty());
        }
    }
}

#[test]
fn users_who_were_not_evaluated_come_first_in_the_next_run() {
    // The first five of ten batches fail, at the time limit. The budget reaches for four of them.
    let mut runs = small(10, |user| one_in_each(user) && user < 5 * BATCH);
    let first = runs.run(usize::MAX);
    assert_eq!(first.calls.len(), 4);
    assert_eq!(first.not_evaluated, (4 * BATCH..10 * BATCH).collect());
    assert_eq!(first.suspected, (0..4 * BATCH).collect());
    let second = runs.run(usize::MAX);
    assert_eq!(second.calls[0][0], 4 * BATCH);
    let sound = (5 * BATCH..10 * BATCH).collect();
    assert!(second.answered.is_superset(&sound));
}

#[test]
fn all_sound_users_have_an_answer_after_some_runs() {
    let mut runs = small(30, one_in_each);
    let mut evaluated = 0;
    for _ in 0..100 {
        let run = runs.run(usize::MAX);
        evaluated += 1;
        // A user who has an answer is evaluated again only after a change.
        let open = |user: &UserKey| !run.answered.contains(&user.0);
        runs.users.retain(open);
        if runs.users.len() == 30 {
            break;
        }
    }
    assert!(
        runs.users.iter().all(|user| one_in_each(user.0)),
        "after {evaluated} runs"
    );
}

#[test]
fn an_earlier_chunk_costs_a_later_one_no_answer() {
    // Nine of the first chunk's ten batches take the time limit, and four of them use up the budget
    // of the run.
    let mut runs = small(20, |user| {
        one_in_each(user) && (BATCH..10 * BATCH).contains(&user)
    });
    let run = runs.run(10 * BATCH as usize);
    assert_eq!(run.not_evaluated, (5 * BATCH..10 * BATCH).collect());
    assert!(
        run.answered
            .is_superset(&(10 * BATCH..20 * BATCH).collect())
    );
}

#[test]
fn a_stop_ends_the_search_but_not_the_first_calls() {
    let fake = FakeModule::new(|user| user == 5, Duration::ZERO);
    let users: Vec<_> = (0..2_000).map(UserKey).collect();
    let stop = AtomicBool::new(true);
    let search = Search {
        caller: &fake,
        failures: &BTreeMap::new(),
        budget: &Budget::new(Some(&stop)),
        batch: 256,
        workers: NonZero::<usize>::MIN,
    };
    let answers = search.run(&users).unwrap();
    assert_eq!(fake.calls.lock().len(), 8);
    let suspected = answers.iter().filter(|answers| answers.verdicts.is_err());
    assert_eq!(
        suspected.map(|answers| answers.users.len()).sum::<usize>(),
        256
    );
}

/// The budget does not count these calls: nothing is wrong with the module, and it does answer.
#[test]
fn batches_that_are_too_large_are_halved_until_all_users_are_answered() {
    let mut runs = SearchRuns::new(1_000, |_| false, LIMIT);
    runs.fake.most = 3;
    let run = runs.run(1_000);
    assert_eq!(run.answered.len(), 1_000);
    assert!(run.calls.len() < 1_500, "{} calls", run.calls.len());
    assert_eq!(runs.failures, BTreeMap::new());
}

/// Users who are too large alone back off like users that the module fails for.
#[test]
fn users_who_are_too_large_back_off() {
    let mut runs = SearchRuns::new(3, |_| false, LIMIT);
    runs.fake.most = 0;
    let run = runs.run(3);
    assert_eq!(run.failed.len(), 3);
    let too_large = runs
        .failures
        .values()
        .all(|failure| failure.too_large && failure.count == 1);
    assert!(too_large, "{:?}", runs.failures);
}
