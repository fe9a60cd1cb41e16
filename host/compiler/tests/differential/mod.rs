//! Compares the compiled module with the plain interpreter: random definitions, many in one module,
//! over random histories.

mod batch;
mod regressions;

use muster_compiler::compile;
use muster_definition::Clause;
use muster_definition::interpreter::{self, Answer};
use muster_model::{CohortId, Millis, UserHistory};
use muster_sandbox::{Module, Origin, Sandbox, SandboxOptions};
use muster_testkit::random;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// The pairs of definition and history in one run of the suite, unless [`PAIRS_VARIABLE`] gives
/// another number.
const PAIRS: u32 = 100_000;
const PAIRS_VARIABLE: &str = "MUSTER_DIFFERENTIAL_PAIRS";

/// The most definitions of one module and histories of one batch. The average is half of that, at
/// three instants.
const DEFINITIONS: usize = 40;
const HISTORIES: usize = 100;
const PAIRS_OF_A_CASE: u32 = (DEFINITIONS / 2 * HISTORIES / 2 * 3) as u32;

/// Returns a configuration with enough cases for a share of all pairs, at `pairs` per case.
fn config(share: f64, pairs: u32) -> Config {
    let wanted = std::env::var(PAIRS_VARIABLE).ok();
    let wanted = wanted.map_or(PAIRS, |number| number.parse().expect("a number of pairs"));
    Config {
        cases: ((f64::from(wanted) * share) as u32).div_ceil(pairs),
        max_shrink_iters: 200,
        failure_persistence: None,
        ..Config::default()
    }
}

fn load(sandbox: &Sandbox, clauses: &[Clause]) -> Module {
    let ids: Vec<_> = (0..clauses.len())
        .map(|number| CohortId::new(&format!("c{number}")).unwrap())
        .collect();
    let cohorts: Vec<_> = ids.into_iter().zip(clauses).collect();
    let mut modules = compile(&cohorts, &|list| list.to_string()).all().unwrap();
    assert_eq!(modules.len(), 1);
    sandbox
        .load(&modules.remove(0).wasm, Origin::Compiled)
        .unwrap()
}

/// Evaluates a module. Returns the members of each cohort, and the expiry of each user's answers.
fn ask(rule: &Module, histories: &[UserHistory], now: Millis) -> (Vec<Vec<bool>>, Vec<i64>) {
    let batch = batch::Owned::new(rule.description(), histories, now);
    let verdicts = batch.borrow(|batch| rule.classify(batch)).unwrap();
    let words = histories.len().div_ceil(64);
    let is_in = |cohort: usize, user: usize| {
        verdicts.members[cohort * words + user / 64] >> (user % 64) & 1 == 1
    };
    let cohorts = 0..rule.description().cohorts.len();
    let members = cohorts
        .map(|cohort| {
            (0..histories.len())
                .map(|user| is_in(cohort, user))
                .collect()
        })
        .collect();
    (members, verdicts.until)
}

fn millis(answer: &Answer) -> i64 {
    answer.until.map_or(i64::MAX, |until| until.0)
}

/// Shows a pair on which the two disagree, for the failure message.
fn shown(clause: &Clause, history: &UserHistory, now: Millis) -> String {
    let trace = interpreter::trace(clause, history, now).render();
    format!("at {now}:\n{clause}\n{trace}\n{clause:#?}\n{history:#?}")
}

/// Checks that membership is the interpreter's, and that the expiry is later than now and never
/// later than the soonest of all cohorts'. Returns that soonest instant, per user.
fn check(
    rule: &Module,
    clauses: &[Clause],
    histories: &[UserHistory],
    now: Millis,
) -> Result<Vec<i64>, TestCaseError> {
    let (members, until) = ask(rule, histories, now);
    let mut soonest = vec![i64::MAX; histories.len()];
    for (user, history) in histories.iter().enumerate() {
        for (cohort, clause) in clauses.iter().enumerate() {
            let answer = interpreter::evaluate(clause, history, now);
            let is_in = members[cohort][user];
            if is_in != answer.member {
                let verdict = if is_in { "in" } else { "out" };
                let shown = shown(clause, history, now);
                return Err(TestCaseError::fail(format!("wasm says {verdict} {shown}")));
            }
            soonest[user] = soonest[user].min(millis(&answer));
            if until[user] > soonest[user] || until[user] <= now.0 {
                let until = Millis(until[user]);
                let shown = shown(clause, history, now);
                return Err(TestCaseError::fail(format!(
                    "wasm says until {until} {shown}"
                )));
            }
        }
    }
    Ok(soonest)
}

#[test]
fn wasm_answers_as_the_interpreter_does() {
    let sandbox = Sandbox::new(SandboxOptions::default()).unwrap();
    let strategy = random::era().prop_flat_map(|era| {
        (
            prop::collection::vec(random::clause(era), 1..=DEFINITIONS),
            prop::collection::vec(random::history(era), 1..=HISTORIES),
            random::now(era),
        )
    });
    TestRunner::new(config(0.7, PAIRS_OF_A_CASE))
        .run(&strategy, |(clauses, histories, now)| {
            let rule = load(&sandbox, &clauses);
            let mut soonest = check(&rule, &clauses, &histories, now)?;
            soonest.retain(|until| *until < i64::MAX);
            soonest.sort_unstable();
            // Just before and at an instant at which some answer changes. Both sides see the events
            // that come until then.
            if let Some(instant) = soonest.get(soonest.len() / 2) {
                check(&rule, &clauses, &histories, Millis(instant - 1))?;
                check(&rule, &clauses, &histories, Millis(*instant))?;
            }
            Ok(())
        })
        .unwrap();
}

/// One clause per module: no other clause hides a fault, and the failure shows only the clause and
/// the user.
#[test]
fn each_clause_alone_answers_as_the_interpreter_does() {
    let sandbox = Sandbox::new(SandboxOptions::default()).unwrap();
    let strategy = random::era().prop_flat_map(|era| {
        (
            random::leaf(era),
            prop::collection::vec(random::history(era), 1..=HISTORIES),
            random::now(era),
        )
    });
    TestRunner::new(config(0.2, HISTORIES as u32 / 2))
        .run(&strategy, |(clause, histories, now)| {
            let clauses = [clause];
            check(&load(&sandbox, &clauses), &clauses, &histories, now).map(drop)
        })
        .unwrap();
}

/// For `times` in a rolling window the expiry is not only never too late: it is exactly the instant
/// at which the answer changes.
#[test]
fn until_is_exact_for_times_in_a_rolling_window() {
    let sandbox = Sandbox::new(SandboxOptions::default()).unwrap();
    let strategy = random::era().prop_flat_map(|era| {
        (
            random::times(era),
            prop::collection::vec(random::history(era), 1..=HISTORIES),
            random::now(era),
        )
    });
    TestRunner::new(config(0.1, HISTORIES as u32 / 2))
        .run(&strategy, |(clause, histories, now)| {
            let clauses = [clause];
            let rule = load(&sandbox, &clauses);
            let soonest = check(&rule, &clauses, &histories, now)?;
            let (_, until) = ask(&rule, &histories, now);
            for (user, history) in histories.iter().enumerate() {
                prop_assert_eq!(
                    until[user],
                    soonest[user],
                    "{}",
                    shown(&clauses[0], history, now)
                );
            }
            Ok(())
        })
        .unwrap();
}

/// A cohort's answer does not depend on other cohorts in its module: alone and together with others
/// it is the same.
#[test]
fn fusing_changes_no_answer() {
    let sandbox = Sandbox::new(SandboxOptions::default()).unwrap();
    let strategy = random::era().prop_flat_map(|era| {
        (
            prop::collection::vec(random::clause(era), 2..=12),
            prop::collection::vec(random::history(era), 1..=300),
            random::now(era),
        )
    });
    let config = Config {
        cases: 8,
        max_shrink_iters: 50,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config)
        .run(&strategy, |(clauses, histories, now)| {
            let (fused, _) = ask(&load(&sandbox, &clauses), &histories, now);
            for (cohort, clause) in clauses.iter().enumerate() {
                let (alone, _) = ask(
                    &load(&sandbox, std::slice::from_ref(clause)),
                    &histories,
                    now,
                );
                prop_assert_eq!(&alone[0], &fused[cohort], "{}", clause);
            }
            Ok(())
        })
        .unwrap();
}

/// Every size around the words and tiles of the bitmap.
#[test]
fn batches_of_every_size_are_answered() {
    let sandbox = Sandbox::new(SandboxOptions::default()).unwrap();
    let clauses = [Clause::Everyone, Clause::Not(Box::new(Clause::Everyone))];
    let rule = load(&sandbox, &clauses);
    for users in [0, 1, 63, 64, 65, 255, 256, 257, 1000] {
        let histories = vec![UserHistory::default(); users];
        let (members, until) = ask(&rule, &histories, Millis(1));
        assert_eq!(members[0], vec![true; users]);
        assert_eq!(members[1], vec![false; users]);
        assert_eq!(until, vec![i64::MAX; users]);
    }
}
