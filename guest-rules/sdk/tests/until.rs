//! The instant until which an answer holds is derived: never too late, and as late as the windows
//! allow.

use muster_rule::testing::TestUser;
use muster_rule::{Instant, Span, days, hours, rule};
use proptest::collection::vec;
use proptest::prelude::*;

rule! {
    cohort "windows" when is_member;
    user Shopper { length: number, age: number, wanted: number, least: number, way: number }
    events purchases: Purchase = "Purchase" { amount: number }
}

fn is_member(user: &Shopper) -> bool {
    let number = |value: Option<f64>| value.unwrap_or_default();
    let (length, age) = (
        Span(number(user.length()) as i64),
        Span(number(user.age()) as i64),
    );
    let wanted = number(user.wanted()) as usize;
    let window = user.purchases().in_last(length).before_last(age);
    let kept = window.filter(|purchase| purchase.amount() >= user.least());
    match number(user.way()) as i64 {
        0 => kept.at_least(wanted),
        1 => kept.count() >= wanted,
        2 => kept.collect::<Vec<_>>().len() >= wanted,
        3 => kept.rev().take(wanted).count() >= wanted,
        4 => kept.sum_of(|purchase| purchase.amount().map(|_| 1.0)) >= wanted as f64,
        5 => wanted == 0 || !kept.is_empty(),
        6 => wanted == 0 || kept.first().is_some(),
        7 => wanted == 0 || kept.last().is_some(),
        8 => window.at_least(wanted),
        9 => window.count() >= wanted,
        10 => window.map(|_| 1).sum::<usize>() >= wanted,
        _ => user.passed(Instant(0) + length),
    }
}

/// Decides the same plainly.
fn plainly(bought: &[(i64, f64)], rule: [i64; 5], now: i64) -> bool {
    let [length, age, wanted, least, way] = rule;
    if way > 10 {
        return now >= length;
    }
    let inside = |time: i64| time <= now && time > now - length && time <= now - age;
    let kept = |amount: f64| way >= 8 || amount >= least as f64;
    let count = bought
        .iter()
        .filter(|(time, amount)| inside(*time) && kept(*amount))
        .count();
    match way {
        5..=7 => wanted == 0 || count > 0,
        _ => count >= wanted as usize,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_answer_holds_until_its_instant(
        bought in vec((0..1_000_i64, 0..5_i32), 0..6),
        rule in (1..500_i64, 0..300_i64, 0..4_i64, 0..5_i64, 0..12_i64),
        now in 0..1_500_i64,
    ) {
        let rule = [rule.0, rule.1, rule.2, rule.3, rule.4];
        let mut user = TestUser::at(Instant(now));
        for (name, value) in ["length", "age", "wanted", "least", "way"].iter().zip(rule) {
            user = user.property(name, value as f64);
        }
        for (time, amount) in &bought {
            user = user.event("Purchase", Instant(*time)).having("amount", *amount);
        }
        let bought: Vec<_> = bought.iter().map(|(time, amount)| (*time, f64::from(*amount))).collect();
        let answer = user.ask::<Shopper>();
        prop_assert_eq!(answer.member, plainly(&bought, rule, now));
        // No event happens after now, so time alone changes the answer.
        let known: Vec<_> = bought.iter().copied().filter(|(time, _)| *time <= now).collect();
        let changes = (now + 1..2_500).find(|at| plainly(&known, rule, *at) != answer.member);
        if let Some(changes) = changes {
            prop_assert!(answer.until.is_some_and(|until| until.0 <= changes));
        }
        // `at_least` of events is exact but for events that are still to come into the window.
        if [0, 8].contains(&rule[4]) && answer.member && rule[1] == 0 {
            prop_assert_eq!(answer.until.map(|until| until.0), changes);
        }
    }
}

#[test]
fn only_what_is_read_is_noted() {
    rule! {
        cohort "notes" when decide;
        user User { way: number, due: instant }
        events views: View = "View" { seconds: number }
        calendar today = 1 day in "UTC";
    }

    fn decide(user: &User) -> bool {
        match user.way().unwrap_or_default() as i64 {
            0 => user.views().is_empty(),
            1 => user.views().in_last(days(1)).is_empty(),
            2 => user.views().in_last(days(1)).count() > 1,
            3 => user.views().within(&user.today()).at_least(1),
            4 => user.due().is_some_and(|due| user.passed(due)),
            5 => user.now() > Instant(0),
            6 => user.is_new_within(days(3)),
            _ => user.with_now(|now| (now > Instant(0), Some(now + hours(2)))),
        }
    }

    let user = TestUser::at("2026-03-01T12:00:00Z")
        .property("due", "2026-05-01")
        .event("View", "2026-02-28T18:00:00Z")
        .event("View", "2026-03-01T06:00:00Z");
    for (way, until) in [
        (0, None),
        // The newest view decides if there is one, the oldest how many there are.
        (1, Some("2026-03-02T06:00:00Z")),
        (2, Some("2026-03-01T18:00:00Z")),
        (3, Some("2026-03-02")),
        (4, Some("2026-05-01")),
        (5, Some("2026-03-01T12:00:00.001Z")),
        (6, Some("2026-03-03T18:00:00Z")),
        (7, Some("2026-03-01T14:00:00Z")),
    ] {
        let answer = user.clone().property("way", way).ask::<User>();
        assert_eq!(answer.until, until.map(Instant::from), "{way}");
    }
}

#[test]
#[should_panic(expected = "does not hold")]
fn a_rule_that_answers_for_too_long_fails_its_test() {
    rule! {
        cohort "wrong" when decide;
        user User {}
        events views: View = "View" {}
    }

    fn decide(user: &User) -> bool {
        user.with_now(|now| (user.views().all(|view| now - view.time() < days(1)), None))
    }

    let _ = TestUser::at("2026-03-01")
        .event("View", hours(5))
        .ask::<User>();
}
