//! Random clauses.

use muster_definition::{
    Clause, Did, DidInOrder, End, EventName, InAnyOrder, Measure, Relation, RelationKind, Sample,
    Start, Step, UserClause, When, Window, Without,
};
use proptest::prelude::*;
use proptest::sample::select;

use super::measure::{count, measured, property};
use super::predicate::{properties, step};
use super::window::{calendar, length, window, window_of_events};
use super::{Era, GLOBS, LISTS, list};

fn did(era: Era) -> impl Strategy<Value = Clause> {
    let per = prop::option::weighted(0.2, property());
    let did = (step(era), relations(era), measured(era), per);
    did.prop_map(|(step, relations, (measure, window), per)| {
        Clause::Did(Did {
            step,
            relations,
            window,
            measure,
            per,
        })
    })
}

fn relations(era: Era) -> impl Strategy<Value = Vec<Relation>> {
    let within = prop::option::weighted(0.5, length());
    let same = prop::option::weighted(0.3, property());
    let kind = select(&RelationKind::ALL[..]);
    let relation =
        (kind, step(era), within, same).prop_map(|(kind, step, within, same)| Relation {
            kind,
            step,
            within,
            same,
        });
    let some = prop::collection::vec(relation, 1..3).prop_map(|mut relations| {
        relations.sort_by_key(|relation| relation.kind);
        relations.dedup_by_key(|relation| relation.kind);
        relations
    });
    prop_oneof![3 => Just(Vec::new()), 1 => some]
}

/// Generates the clause whose expiry the compiled module must compute exactly: `times` in a rolling
/// window.
pub fn times(era: Era) -> impl Strategy<Value = Clause> {
    let names = prop::collection::vec(select(&GLOBS[..]).prop_map(EventName::from), 1..3);
    (names, properties(era, false, 0), count(), length()).prop_map(
        |(names, with, times, length)| {
            Clause::Did(Did {
                step: Step {
                    names,
                    with,
                    with_any: Vec::new(),
                    with_user: Vec::new(),
                },
                relations: Vec::new(),
                window: Window {
                    start: Start::Last(length),
                    end: End::Now,
                },
                measure: Measure::Times(times),
                per: None,
            })
        },
    )
}

/// Generates steps; often all of them are the same, so that they need different events.
fn steps(era: Era) -> impl Strategy<Value = Vec<Step>> {
    let same = (step(era), 2..5_usize).prop_map(|(step, count)| vec![step; count]);
    prop_oneof![3 => prop::collection::vec(step(era), 2..5), 1 => same]
}

fn in_order(era: Era) -> impl Strategy<Value = Clause> {
    let within = || prop::option::weighted(0.3, length());
    let without = (step(era), prop::option::of((1..4_usize, 1..4_usize)));
    let without = prop_oneof![
        2 => Just(Vec::new()),
        1 => prop::collection::vec(without, 1..3),
    ];
    let same = prop::option::weighted(0.3, property());
    let strictly = prop::bool::weighted(0.2);
    (
        steps(era),
        (within(), within(), strictly),
        without,
        same,
        window_of_events(era),
    )
        .prop_map(
            |(steps, (all_within, each_within, strictly), without, same, window)| {
                let last = steps.len();
                let between = |(step, between): (Step, Option<(usize, usize)>)| {
                    let (from, count) = between.unwrap_or((1, last));
                    let from = from.min(last - 1);
                    let to = (from + count).min(last);
                    Without { step, from, to }
                };
                Clause::DidInOrder(DidInOrder {
                    without: without.into_iter().map(between).collect(),
                    steps,
                    all_within,
                    each_within,
                    strictly,
                    same,
                    window,
                })
            },
        )
}

fn in_any_order(era: Era) -> impl Strategy<Value = Clause> {
    let within = prop::option::weighted(0.6, length());
    let same = prop::option::weighted(0.3, property());
    (steps(era), within, same, window_of_events(era)).prop_map(
        |(steps, all_within, same, window)| {
            Clause::InAnyOrder(InAnyOrder {
                steps,
                all_within,
                same,
                window,
            })
        },
    )
}

fn user(era: Era) -> impl Strategy<Value = Clause> {
    let start = prop_oneof![length().prop_map(Start::Last), calendar(None)];
    let past = prop_oneof![
        Just(When::Ever),
        start.prop_map(When::During),
        length().prop_map(When::HeldFor),
    ];
    let now = (properties(era, true, 1), Just(When::Now));
    // Tests relative to now are not allowed for other times than now.
    let past = (properties(era, false, 1), past);
    prop_oneof![now, past]
        .prop_map(|(properties, when)| Clause::User(UserClause { properties, when }))
}

fn sample() -> impl Strategy<Value = Clause> {
    let percent = select(&[0.0, 10.0, 50.0, 99.9, 100.0][..]);
    (percent, select(&["", "s"][..])).prop_map(|(percent, seed)| {
        Clause::Sample(Sample {
            percent,
            seed: seed.into(),
        })
    })
}

/// Generates a clause of one subject.
pub fn leaf(era: Era) -> impl Strategy<Value = Clause> {
    prop_oneof![
        12 => did(era),
        5 => in_order(era),
        2 => in_any_order(era),
        4 => user(era),
        1 => window(era)
            .prop_filter("a window", |window| *window != Window::EVER)
            .prop_map(Clause::FirstSeen),
        1 => sample(),
        1 => select(&LISTS[..]).prop_map(|name| Clause::Listed(list(name))),
        1 => Just(Clause::Everyone),
    ]
}

/// Generates a clause with clauses inside.
pub fn clause(era: Era) -> impl Strategy<Value = Clause> {
    leaf(era).prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(Clause::All),
            prop::collection::vec(inner.clone(), 1..4).prop_map(Clause::Any),
            inner.prop_map(|clause| Clause::Not(Box::new(clause))),
        ]
    })
}
