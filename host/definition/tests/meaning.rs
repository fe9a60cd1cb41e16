//! The interpreter against the sentences of COHORTS.md, clause by clause, and against the clock.
#![expect(
    clippy::panic,
    reason = "a helper of the tests that panics fails the test"
)]

use std::collections::BTreeMap;

use muster_definition::interpreter::{Answer, evaluate, known};
use muster_definition::{
    Body, Clause, Comparison, Condition, Did, Duration, EventName, Predicate, Source, Test,
    UserClause, Window, parse,
};
use muster_model::{Event, Millis, Scalar, UserHistory, Value};
use proptest::prelude::*;
use proptest::sample::select;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
const NOW: Millis = Millis(100 * DAY);

fn clause(text: &str) -> Clause {
    match parse(&Source::new("cohorts/a.yaml", &format!("where: {text}"))) {
        Ok(definition) => match definition.body {
            Body::Where(clause) => clause,
            Body::Rule(path) => panic!("{path}"),
        },
        Err(diagnostics) => panic!("{diagnostics}"),
    }
}

fn text(text: &str) -> Value {
    Value::One(Scalar::Text(text.into()))
}

fn number(number: f64) -> Value {
    Value::One(Scalar::Number(number))
}

fn flag(flag: bool) -> Value {
    Value::One(Scalar::Flag(flag))
}

fn list(values: &[Value]) -> Value {
    Value::List(values.iter().flat_map(Value::scalars).cloned().collect())
}

/// An event some time before now.
fn ago(name: &str, ms: i64) -> Event {
    Event {
        name: name.into(),
        time: Millis(NOW.0 - ms),
        properties: BTreeMap::new(),
    }
}

fn with(mut event: Event, property: &str, value: Value) -> Event {
    event.properties.insert(property.into(), value);
    event
}

fn history(events: impl IntoIterator<Item = Event>) -> UserHistory {
    let mut events: Vec<_> = events.into_iter().collect();
    events.sort_by_key(|event| event.time);
    UserHistory {
        events,
        properties: BTreeMap::new(),
    }
}

fn user(property: &str, value: Option<Value>) -> UserHistory {
    let properties = value.map(|value| (property.into(), vec![(Millis(0), Some(value))]));
    UserHistory {
        events: Vec::new(),
        properties: properties.into_iter().collect(),
    }
}

/// In or out, and how long from now the answer stands.
type Told = (bool, Option<i64>);

fn ask(definition: &str, history: &UserHistory) -> Told {
    let Answer { member, until } = evaluate(&clause(definition), history, NOW);
    (member, until.map(|until| until.0 - NOW.0))
}

const IN: Told = (true, None);
const OUT: Told = (false, None);

#[test]
fn a_window_is_open_at_its_start_and_closed_at_now() {
    let in_a_day = |age| ask("{did: A, in_last: 1 day}", &history([ago("A", age)]));
    assert_eq!(in_a_day(0), (true, Some(DAY)), "at now is in");
    assert_eq!(in_a_day(DAY - 1), (true, Some(1)));
    assert_eq!(in_a_day(DAY), OUT, "at now - W is out");
    assert_eq!(in_a_day(DAY + 1), OUT);
    assert_eq!(in_a_day(-1), OUT, "after now is invisible");
    assert_eq!(
        ask("{did: A}", &history([ago("A", NOW.0)])),
        IN,
        "without a window it stays"
    );
    assert!(ask("{did: A, in_last: 36525 days}", &history([ago("A", DAY)])).0);
}

#[test]
fn counts_are_of_what_is_in_the_window() {
    let three = history([
        ago("A", 5 * HOUR),
        ago("A", 3 * HOUR),
        ago("A", HOUR),
        ago("B", 0),
    ]);
    let ask = |times: &str| {
        ask(
            &format!("{{did: A, times: {times}, in_last: 6 hours}}"),
            &three,
        )
    };
    assert_eq!(ask("{at_least: 1}"), (true, Some(5 * HOUR)));
    assert_eq!(
        ask("{at_least: 3}"),
        (true, Some(HOUR)),
        "the oldest leaves first"
    );
    assert_eq!(
        ask("{at_least: 4}"),
        OUT,
        "no event leaving makes four of three"
    );
    assert_eq!(ask("3"), (true, Some(HOUR)));
    assert_eq!(
        ask("2"),
        (false, Some(HOUR)),
        "two are left when one has gone"
    );
    assert_eq!(ask("0"), (false, Some(5 * HOUR)));
    assert_eq!(ask("{not: 3}"), (false, Some(HOUR)));
    assert_eq!(
        ask("{not: 1}"),
        (true, Some(3 * HOUR)),
        "true, then false, then true again"
    );
    assert_eq!(ask("{at_most: 1}"), (false, Some(3 * HOUR)));
    assert_eq!(ask("{more_than: 1, less_than: 3}"), (false, Some(HOUR)));
    assert_eq!(ask("{between: [2, 3]}"), (true, Some(3 * HOUR)));
}

#[test]
fn no_events_are_a_count_too() {
    let none = history([]);
    for times in [
        "0",
        "{exactly: 0}",
        "{at_most: 2}",
        "{less_than: 1}",
        "{not: 1}",
    ] {
        assert_eq!(
            ask(&format!("{{did: A, times: {times}}}"), &none),
            IN,
            "{times}"
        );
    }
    for times in [
        "1",
        "{at_least: 1}",
        "{more_than: 0}",
        "{not: 0}",
        "{between: [1, 5]}",
    ] {
        assert_eq!(
            ask(&format!("{{did: A, times: {times}}}"), &none),
            OUT,
            "{times}"
        );
    }
    assert_eq!(ask("{did_not: A}", &none), IN);
}

#[test]
fn events_at_one_instant_leave_together() {
    let ties = history([ago("A", HOUR), ago("A", HOUR), ago("A", 0)]);
    assert_eq!(
        ask("{did: A, times: {at_least: 3}, in_last: 2 hours}", &ties),
        (true, Some(HOUR))
    );
    assert_eq!(
        ask("{did: A, times: 2, in_last: 2 hours}", &ties),
        OUT,
        "three become one: never two"
    );
    assert_eq!(
        ask("{did: A, times: 1, in_last: 2 hours}", &ties),
        (false, Some(HOUR))
    );
}

#[test]
fn names_are_any_of_and_may_be_globs() {
    let done = history([
        ago("Checkout Begun", 1),
        ago("Checkout Done", 2),
        ago("View", 3),
    ]);
    assert_eq!(ask("{did: Checkout}", &done), OUT);
    assert_eq!(ask("{did: \"Checkout *\", times: 2}", &done), IN);
    assert_eq!(ask("{did: [View, \"Checkout *\"], times: 3}", &done), IN);
    assert_eq!(
        ask("{did: [View, \"*\"], times: 3}", &done),
        IN,
        "an event counts once"
    );
    assert_eq!(ask("{did: view}", &done), OUT, "case counts");
}

#[test]
fn all_properties_of_an_event_hold_together() {
    let event = |amount, currency: &str| {
        with(
            with(ago("A", 1), "amount", number(amount)),
            "currency",
            text(currency),
        )
    };
    let rule = "{did: A, with: {amount: {at_least: 50}, currency: [USD, EUR]}}";
    assert_eq!(ask(rule, &history([event(50.0, "EUR")])), IN);
    assert_eq!(
        ask(rule, &history([event(49.9, "EUR"), event(60.0, "GBP")])),
        OUT
    );
    assert_eq!(ask(rule, &history([ago("A", 1)])), OUT);
}

/// Each predicate on each kind of value: absent, text, number, flag, list.
#[test]
fn predicates_hold_as_the_table_says() {
    let values = [
        None,
        Some(text("50")),
        Some(text("50.0")),
        Some(number(50.0)),
        Some(number(7.5)),
        Some(flag(true)),
        Some(text("true")),
        Some(text("")),
        Some(list(&[number(50.0), text("a")])),
        Some(list(&[text("a"), text("b")])),
    ];
    // In the order of the values above, `x` where it holds.
    let table = [
        ("50", ".x.x....x."),
        ("\"50\"", ".x.x....x."),
        ("50.0", ".x.x....x."),
        ("\"50.0\"", "..x......."),
        ("{is: 50}", ".x.x....x."),
        ("{not: 50}", "x.x.xxxx.x"),
        ("[a, 7.5]", "....x...xx"),
        ("{any_of: [true, a]}", ".....xx.xx"),
        ("{none_of: [true, a]}", "xxxxx..x.."),
        ("\"\"", ".......x.."),
        ("{at_least: 50}", ".xxx......"),
        ("{more_than: 7.5}", ".xxx......"),
        ("{at_most: 50}", ".xxxx....."),
        ("{less_than: 50}", "....x....."),
        ("{between: [7.5, 50]}", ".xxxx....."),
        ("{set: true}", ".xxxxxxxxx"),
        ("{set: false}", "x........."),
        ("{set: true, not: 50}", "..x.xxxx.x"),
        ("{at_least: 7, less_than: 50}", "....x....."),
    ];
    for (predicate, expected) in table {
        let of_user = |value: &Option<Value>| {
            ask(
                &format!("{{user: {{p: {predicate}}}}}"),
                &user("p", value.clone()),
            )
        };
        let of_event = |value: &Option<Value>| {
            let event = ago("A", 1);
            let event = match value {
                Some(value) => with(event, "p", value.clone()),
                None => event,
            };
            ask(
                &format!("{{did: A, with: {{p: {predicate}}}}}"),
                &history([event]),
            )
        };
        let line = |answer: &dyn Fn(&Option<Value>) -> Told| {
            values
                .iter()
                .map(|value| if answer(value) == IN { 'x' } else { '.' })
                .collect::<String>()
        };
        assert_eq!(line(&of_user), expected, "{predicate} of a user");
        assert_eq!(line(&of_event), expected, "{predicate} of an event");
    }
}

#[test]
fn a_user_property_is_what_it_is_now() {
    let mut history = user("city", None);
    let changes = vec![
        (Millis(NOW.0 - 2), Some(text("Reno"))),
        (Millis(NOW.0), Some(text("Seattle"))),
        (Millis(NOW.0 + 1), None),
    ];
    history.properties.insert("city".into(), changes);
    let at = |shift| {
        evaluate(
            &clause("{user: {city: Seattle}}"),
            &history,
            Millis(NOW.0 + shift),
        )
    };
    assert_eq!(
        at(-1),
        Answer {
            member: false,
            until: None
        }
    );
    assert_eq!(
        at(0),
        Answer {
            member: true,
            until: None
        },
        "a change counts from its instant on"
    );
    assert_eq!(
        at(1),
        Answer {
            member: false,
            until: None
        },
        "unset is absent"
    );
    let unset = evaluate(
        &clause("{user: {city: {set: false}}}"),
        &history,
        Millis(NOW.0 + 1),
    );
    assert!(unset.member);
}

#[test]
fn negation_is_allowed_at_the_root() {
    let done = history([ago("A", HOUR)]);
    assert_eq!(ask("{not: {did: A}}", &done), OUT);
    assert_eq!(ask("{not: {not: {did: A}}}", &done), IN);
    assert_eq!(
        ask("{did_not: A, in_last: 2 hours}", &done),
        (false, Some(HOUR))
    );
    assert_eq!(
        ask("{not: {did: A, in_last: 2 hours}}", &done),
        (false, Some(HOUR))
    );
    assert_eq!(ask("{not: {everyone: true}}", &done), OUT);
    assert_eq!(ask("{everyone: true}", &history([])), IN);
}

#[test]
fn a_boolean_stands_as_long_as_its_parts_let_it() {
    let done = history([ago("A", HOUR), ago("B", HOUR)]);
    let (short, long) = ("{did: A, in_last: 2 hours}", "{did: B, in_last: 5 hours}");
    let (never, ever) = ("{did: C, in_last: 2 hours}", "{did: A}");
    let all = |parts: &[&str]| ask(&format!("{{all: [{}]}}", parts.join(", ")), &done);
    let any = |parts: &[&str]| ask(&format!("{{any: [{}]}}", parts.join(", ")), &done);
    let not = |part: &str| format!("{{not: {part}}}");
    assert_eq!(
        all(&[short, long]),
        (true, Some(HOUR)),
        "until the first part fails"
    );
    assert_eq!(all(&[short, ever]), (true, Some(HOUR)));
    assert_eq!(
        any(&[short, long]),
        (true, Some(4 * HOUR)),
        "until the last part fails"
    );
    assert_eq!(any(&[short, ever]), IN);
    assert_eq!(
        all(&[&not(short), &not(long)]),
        (false, Some(4 * HOUR)),
        "while one part fails"
    );
    assert_eq!(all(&[&not(short), long]), (false, Some(HOUR)));
    assert_eq!(
        any(&[&not(short), &not(long)]),
        (false, Some(HOUR)),
        "until the first part holds"
    );
    assert_eq!(all(&[short, never]), OUT, "one part fails for ever");
    assert_eq!(any(&[&not(short), never]), (false, Some(HOUR)));
}

#[test]
fn a_user_is_known_by_an_event_or_a_property() {
    assert!(!known(&history([]), NOW));
    assert!(known(&history([ago("A", 0)]), NOW));
    assert!(!known(&history([ago("A", -1)]), NOW), "not yet");
    assert!(known(&user("city", Some(text("Reno"))), NOW));
    let mut unset = user("city", None);
    unset.properties.insert("city".into(), vec![(NOW, None)]);
    assert!(
        known(&unset, NOW),
        "an operation makes a user known, whatever it leaves"
    );
    assert!(!known(&unset, Millis(NOW.0 - 1)));
}

// Few names, values and instants, so that they meet.

fn any_value() -> impl Strategy<Value = Value> {
    select(vec![
        text("a"),
        text("2"),
        number(1.0),
        number(2.0),
        flag(true),
        list(&[text("a"), number(1.0)]),
    ])
}

fn any_history() -> impl Strategy<Value = UserHistory> {
    let event = (
        select(vec!["A", "B", "AB"]),
        0..60_i64,
        prop::option::of(any_value()),
    );
    let event = event.prop_map(|(name, time, value)| Event {
        name: name.into(),
        time: Millis(time),
        properties: value.into_iter().map(|value| ("p".into(), value)).collect(),
    });
    let changes = prop::collection::vec((0..60_i64, prop::option::of(any_value())), 0..3);
    (prop::collection::vec(event, 0..10), changes).prop_map(|(events, mut changes)| {
        changes.sort_by_key(|(at, _)| *at);
        let changes: Vec<_> = changes
            .into_iter()
            .map(|(at, value)| (Millis(at), value))
            .collect();
        UserHistory {
            properties: [("p".into(), changes)].into(),
            ..history(events)
        }
    })
}

fn any_properties() -> impl Strategy<Value = Vec<(Box<str>, Predicate)>> {
    let test = select(vec![
        Test::AnyOf(vec!["a".into(), "1".into()]),
        Test::NoneOf(vec!["2".into()]),
        Test::AtLeast(2.0),
        Test::LessThan(2.0),
        Test::Set(false),
    ]);
    let property = test.prop_map(|test| ("p".into(), Predicate { tests: vec![test] }));
    prop::collection::vec(property, 0..2)
}

fn any_did() -> impl Strategy<Value = Clause> {
    let condition = (0..6_usize, 0..5_u8).prop_map(|(kind, count)| {
        let count = f64::from(count);
        match kind {
            0 => Condition::Exactly(count),
            1 => Condition::Not(count),
            2 => Condition::AtLeast(count),
            3 => Condition::MoreThan(count),
            4 => Condition::AtMost(count),
            _ => Condition::LessThan(count),
        }
    });
    let times = prop::collection::vec(condition, 1..3);
    let window = prop_oneof![
        1 => Just(Window::Ever),
        4 => (1..40_u64).prop_map(|ms| Window::InLast(Duration::from_millis(ms))),
    ];
    let names = select(vec!["A", "A*", "*"]).prop_map(|name| vec![EventName::from(name)]);
    (names, any_properties(), times, window).prop_map(|(names, with, conditions, window)| {
        Clause::Did(Did {
            names,
            with,
            times: Comparison { conditions },
            window,
        })
    })
}

fn any_clause() -> impl Strategy<Value = Clause> {
    let user = any_properties().prop_map(|properties| Clause::User(UserClause { properties }));
    let leaf = prop_oneof![6 => any_did(), 1 => user, 1 => Just(Clause::Everyone)];
    leaf.prop_recursive(3, 10, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(Clause::All),
            prop::collection::vec(inner.clone(), 1..4).prop_map(Clause::Any),
            inner.prop_map(|clause| Clause::Not(Box::new(clause))),
        ]
    })
}

/// What is visible at an instant, so that nothing new happens behind it.
fn up_to(history: &UserHistory, now: Millis) -> UserHistory {
    let mut past = history.clone();
    past.events.retain(|event| event.time <= now);
    for changes in past.properties.values_mut() {
        changes.retain(|(at, _)| *at <= now);
    }
    past
}

/// Later than any event leaves any window.
const END: i64 = 60 + 40 + 1;

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn until_is_exact_for_one_did(clause in any_did(), history in any_history(), now in 0..60_i64) {
        let past = up_to(&history, Millis(now));
        let at = |instant| evaluate(&clause, &past, Millis(instant));
        let answer = at(now);
        let until = answer.until.map_or(END, |until| until.0);
        prop_assert!(until > now);
        for instant in now..until {
            prop_assert_eq!(at(instant).member, answer.member, "at {}", instant);
            prop_assert_eq!(at(instant).until, answer.until, "at {}", instant);
        }
        if answer.until.is_some() {
            prop_assert_ne!(at(until).member, answer.member);
        }
    }

    #[test]
    fn until_is_never_too_late(clause in any_clause(), history in any_history(), now in 0..60_i64) {
        let past = up_to(&history, Millis(now));
        let answer = evaluate(&clause, &past, Millis(now));
        let until = answer.until.map_or(END, |until| until.0);
        prop_assert!(until > now);
        for instant in now..until {
            prop_assert_eq!(evaluate(&clause, &past, Millis(instant)).member, answer.member);
        }
    }

    #[test]
    fn the_future_is_invisible(clause in any_clause(), history in any_history(), now in 0..60_i64) {
        let now = Millis(now);
        let past = up_to(&history, now);
        prop_assert_eq!(evaluate(&clause, &history, now), evaluate(&clause, &past, now));
        prop_assert_eq!(known(&history, now), known(&past, now));
    }

    #[test]
    fn negation_turns_the_answer_and_keeps_the_instant(
        clause in any_clause(), history in any_history(), now in 0..60_i64,
    ) {
        let now = Millis(now);
        let Answer { member, until } = evaluate(&clause, &history, now);
        let not = evaluate(&Clause::Not(Box::new(clause)), &history, now);
        prop_assert_eq!(not, Answer { member: !member, until });
    }
}
