//! Compares `until` with the clock: no answer changes before it, and the answer changes at it.

use muster_definition::Clause;
use muster_definition::interpreter::{Answer, evaluate, holds, known, trace};
use muster_model::{Millis, UserHistory};
use proptest::prelude::*;

use muster_testkit::random;

const HOUR: i64 = 3_600_000;

/// Generates a clause, a user, now, and some hours after now.
fn question() -> impl Strategy<Value = (Clause, UserHistory, Millis)> {
    random::era().prop_flat_map(|era| (random::clause(era), random::history(era), random::now(era)))
}

/// Returns the visible part of a history at an instant.
fn up_to(history: &UserHistory, now: Millis) -> UserHistory {
    let mut past = history.clone();
    past.events.retain(|event| event.time <= now);
    for changes in past.properties.values_mut() {
        changes.retain(|(at, _)| *at <= now);
    }
    past
}

/// Checks that the clause answers the same before `until`, and the opposite at it.
fn check_until(
    clause: &Clause,
    history: &UserHistory,
    now: Millis,
    instants: impl Iterator<Item = i64>,
) -> Result<(), TestCaseError> {
    let Answer { member, until } = evaluate(clause, history, now);
    let past = up_to(history, now);
    let at = |instant| holds(clause, &past, Millis(instant));
    prop_assert_eq!(at(now.0), member);
    let end = until.map_or(Millis::MAX.0, |until| until.0);
    prop_assert!(end > now.0);
    for instant in instants.chain([end - 1]).filter(|instant| *instant < end) {
        prop_assert_eq!(at(instant), member, "at {}: {}", Millis(instant), clause);
    }
    if until.is_some() {
        prop_assert_ne!(at(end), member, "at {}: {}", Millis(end), clause);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn until_is_exact(
        (clause, history, now) in question(),
        hours in prop::collection::vec((0..90 * 24_i64, -1..=1_i64), 50),
    ) {
        let now_hour = now.0 / HOUR * HOUR;
        let instants = hours.iter().map(|(hours, beside)| now_hour + hours * HOUR + beside);
        check_until(&clause, &history, now, instants.filter(|instant| *instant > now.0))?;
    }

    #[test]
    fn the_future_is_invisible((clause, history, now) in question()) {
        let past = up_to(&history, now);
        prop_assert_eq!(evaluate(&clause, &history, now), evaluate(&clause, &past, now));
        prop_assert_eq!(known(&history, now), known(&past, now));
    }

    #[test]
    fn a_trace_has_the_answer((clause, history, now) in question()) {
        let trace = trace(&clause, &history, now);
        let Answer { member, until } = evaluate(&clause, &history, now);
        prop_assert_eq!((trace.holds, trace.until), (member, until));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// Checks every hour of seven weeks, and 1 ms before and after it.
    #[test]
    fn until_is_exact_on_the_whole_grid((clause, history, now) in question()) {
        let now_hour = now.0 / HOUR * HOUR;
        let hours = 1..49 * 24_i64;
        let instants = hours.flat_map(|hour| (-1..=1).map(move |beside| now_hour + hour * HOUR + beside));
        check_until(&clause, &history, now, instants)?;
    }
}
