//! The compiled module against the plain interpreter: random definitions, many fused in one module, over random histories.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod batch;
mod random;

use muster_compiler::compile;
use muster_definition::Clause;
use muster_definition::interpreter::{self, Answer};
use muster_model::{CohortId, Millis, UserHistory};
use muster_sandbox::{Options, Origin, Rule, Sandbox};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// Pairs of definition and history in one run of the suite: cases × definitions × histories.
const CASES: u32 = 32;
const DEFINITIONS: usize = 40;
const HISTORIES: usize = 100;

fn load(sandbox: &Sandbox, clauses: &[Clause]) -> Rule {
    let ids: Vec<_> = (0..clauses.len())
        .map(|number| CohortId::new(&format!("c{number}")).unwrap())
        .collect();
    let cohorts: Vec<_> = ids.into_iter().zip(clauses).collect();
    let mut modules = compile(&cohorts, &|list| list.to_string()).unwrap();
    assert_eq!(modules.len(), 1);
    sandbox
        .load(&modules.remove(0).wasm, Origin::Compiled)
        .unwrap()
}

/// Who is in which cohort, and until when all of a user's answers stand.
fn ask(rule: &Rule, histories: &[UserHistory], now: Millis) -> (Vec<Vec<bool>>, Vec<i64>) {
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

/// Membership is the interpreter's, and so is the instant: the soonest of all the cohorts'.
fn check(
    rule: &Rule,
    clauses: &[Clause],
    histories: &[UserHistory],
    now: Millis,
) -> Result<(), TestCaseError> {
    let (members, until) = ask(rule, histories, now);
    for (user, history) in histories.iter().enumerate() {
        let answers: Vec<_> = clauses
            .iter()
            .map(|clause| interpreter::evaluate(clause, history, now))
            .collect();
        for (cohort, answer) in answers.iter().enumerate() {
            let is_in = members[cohort][user];
            prop_assert_eq!(
                is_in,
                answer.member,
                "membership at {}\n{:#?}\n{:#?}",
                now,
                clauses[cohort],
                history
            );
        }
        let soonest = answers.iter().map(millis).min().unwrap_or(i64::MAX);
        // It may be too early, never too late; it is exact where there is one clause (below).
        prop_assert!(
            now.0 < until[user] && until[user] <= soonest,
            "until at {}\n{:#?}\n{:#?}",
            now,
            clauses,
            history
        );
    }
    Ok(())
}

#[test]
fn wasm_answers_as_the_interpreter_does() {
    let sandbox = Sandbox::new(Options::default()).unwrap();
    let config = Config {
        cases: CASES,
        max_shrink_iters: 200,
        ..Config::default()
    };
    let strategy = random::era().prop_flat_map(|era| {
        (
            prop::collection::vec(random::clause(era), 1..=DEFINITIONS),
            prop::collection::vec(random::history(era), 1..=HISTORIES),
            random::now(era),
        )
    });
    TestRunner::new(config)
        .run(&strategy, |(clauses, histories, now)| {
            let rule = load(&sandbox, &clauses);
            check(&rule, &clauses, &histories, now)?;
            // Just before, at, and just after the first instants at which an answer changes.
            let (_, until) = ask(&rule, &histories, now);
            for instant in until.into_iter().filter(|until| *until < i64::MAX).take(8) {
                for now in [instant - 1, instant, instant + 1] {
                    check(&rule, &clauses, &histories, Millis(now))?;
                }
            }
            Ok(())
        })
        .unwrap();
}

/// One leaf at a time, so that what fails is small.
#[test]
fn each_leaf_answers_as_the_interpreter_does() {
    let sandbox = Sandbox::new(Options::default()).unwrap();
    let config = Config {
        cases: 300,
        max_shrink_iters: 2_000,
        ..Config::default()
    };
    let strategy = random::era().prop_flat_map(|era| {
        (
            random::leaf(era),
            prop::collection::vec(random::history(era), 1..=40),
            random::now(era),
        )
    });
    TestRunner::new(config)
        .run(&strategy, |(clause, histories, now)| {
            let clauses = [clause];
            let rule = load(&sandbox, &clauses);
            check(&rule, &clauses, &histories, now)
        })
        .unwrap();
}

/// A single clause's instant is not only never too late: it is the very instant at which the answer changes.
#[test]
fn until_is_exact_for_a_single_did() {
    let sandbox = Sandbox::new(Options::default()).unwrap();
    let config = Config {
        cases: 64,
        max_shrink_iters: 200,
        ..Config::default()
    };
    let strategy = random::era().prop_flat_map(|era| {
        (
            random::times(era),
            prop::collection::vec(random::history(era), 1..=HISTORIES),
            random::now(era),
        )
    });
    TestRunner::new(config)
        .run(&strategy, |(clause, histories, now)| {
            let rule = load(&sandbox, std::slice::from_ref(&clause));
            let (members, until) = ask(&rule, &histories, now);
            for (user, history) in histories.iter().enumerate() {
                let past: UserHistory = random::up_to(history, now);
                let at = |instant: i64| {
                    let (members, _) = ask(&rule, std::slice::from_ref(&past), Millis(instant));
                    members[0][0]
                };
                if until[user] < i64::MAX {
                    prop_assert!(until[user] > now.0);
                    prop_assert_eq!(
                        at(until[user] - 1),
                        members[0][user],
                        "before\n{:#?}\n{:#?}",
                        clause,
                        past
                    );
                    prop_assert_ne!(
                        at(until[user]),
                        members[0][user],
                        "at\n{:#?}\n{:#?}",
                        clause,
                        past
                    );
                }
            }
            Ok(())
        })
        .unwrap();
}

/// No cohort's answer depends on its company: alone and fused with others it is the same.
#[test]
fn fusing_changes_no_answer() {
    let sandbox = Sandbox::new(Options::default()).unwrap();
    let config = Config {
        cases: 8,
        max_shrink_iters: 50,
        ..Config::default()
    };
    let strategy = random::era().prop_flat_map(|era| {
        (
            prop::collection::vec(random::clause(era), 2..=12),
            prop::collection::vec(random::history(era), 1..=300),
            random::now(era),
        )
    });
    TestRunner::new(config)
        .run(&strategy, |(clauses, histories, now)| {
            let (fused, _) = ask(&load(&sandbox, &clauses), &histories, now);
            for (cohort, clause) in clauses.iter().enumerate() {
                let (alone, _) = ask(
                    &load(&sandbox, std::slice::from_ref(clause)),
                    &histories,
                    now,
                );
                prop_assert_eq!(&alone[0], &fused[cohort]);
            }
            Ok(())
        })
        .unwrap();
}

/// Every size around the words and tiles of the bitmap.
#[test]
fn batches_of_every_size_are_answered() {
    let sandbox = Sandbox::new(Options::default()).unwrap();
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
