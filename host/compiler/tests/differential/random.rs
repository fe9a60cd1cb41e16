//! Random definitions over the whole language and random histories. They use few names, values and
//! instants, so that ties, edges of windows and changes of clocks are common.

use muster_definition::{
    Aggregate, Bound, Clause, Comparison, Condition, Did, DidInOrder, Duration, End, EventName,
    Measure, NumberOf, Pattern, PatternKind, Predicate, Properties, Sample, Start, Step, Test,
    TimeZoneName, Unit, UserClause, When, Window,
};
use muster_model::{CohortId, Event, Millis, Scalar, UserHistory, Value, user_hash};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

const NAMES: [&str; 3] = ["View", "Cart", "Cart Again"];
const GLOBS: [&str; 8] = [
    "View",
    "View",
    "Cart",
    "Cart",
    "Cart*",
    "*a*",
    "*",
    "None Such",
];
const PROPERTIES: [&str; 3] = ["amount", "kind", "seen"];
/// The properties that a clause reads; `absent` is on no event and no user.
const READ: [&[&str]; 12] = [
    &["amount"],
    &["amount"],
    &["amount"],
    &["kind"],
    &["kind"],
    &["kind"],
    &["seen"],
    &["seen"],
    &["absent"],
    &["amount", "kind"],
    &["kind", "seen"],
    &["seen", "absent"],
];
const TEXTS: [&str; 14] = [
    "a", "a", "a", "b", "b", "A", "", "50", "50", "50.0", "true", "1e2", "ünï", "\u{212a}",
];
const NUMBERS: [f64; 8] = [0.0, 1.0, 2.0, 50.0, 50.5, -3.0, 0.1, -0.0];
const LISTS: [&str; 2] = ["l1", "l2"];
const ZONES: [&str; 3] = ["UTC", "America/Los_Angeles", "America/Sao_Paulo"];

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// The number of days from an era's start in which events, changes and now lie.
const DAYS: i64 = 14;
/// Hours in UTC: midnights of UTC, São Paulo and Los Angeles in winter and summer, and some more.
const HOURS: [i64; 8] = [0, 2, 3, 7, 8, 9, 12, 23];

/// The start of two weeks in which clocks change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Era(i64);

const ERAS: [Era; 3] = [
    // From 2018-10-27: on 2018-11-04 Los Angeles has an hour twice and São Paulo skips midnight; a
    // month begins.
    Era(1_540_598_400_000),
    // From 2018-02-10: on 2018-02-17 São Paulo has the hour before midnight twice.
    Era(1_518_220_800_000),
    // From 2018-02-26: on 2018-03-11 Los Angeles skips an hour; February ends with its 28th day.
    Era(1_519_603_200_000),
];

pub(crate) fn era() -> impl Strategy<Value = Era> {
    select(&ERAS[..])
}

/// Generates an instant on the grid of an era.
fn instant(era: Era) -> impl Strategy<Value = Millis> {
    (0..DAYS, select(&HOURS[..]))
        .prop_map(move |(day, hour)| Millis(era.0 + day * DAY + hour * HOUR))
}

/// Generates now: mostly on the grid, else 1 ms beside it. It is mostly late, so that there are
/// visible events.
pub(crate) fn now(era: Era) -> impl Strategy<Value = Millis> {
    let day = prop_oneof![1 => 0..DAYS, 3 => DAYS / 2..DAYS];
    let beside = prop_oneof![4 => Just(0_i64), 1 => Just(-1), 1 => Just(1)];
    (day, select(&HOURS[..]), beside)
        .prop_map(move |(day, hour, beside)| Millis(era.0 + day * DAY + hour * HOUR + beside))
}

// Histories.

fn plain() -> impl Strategy<Value = Scalar> {
    prop_oneof![
        4 => select(&TEXTS[..]).prop_map(|text| Scalar::Text(text.into())),
        4 => select(&NUMBERS[..]).prop_map(Scalar::Number),
        1 => any::<bool>().prop_map(Scalar::Flag),
    ]
}

/// Generates an instant in the forms that senders use.
fn sent(era: Era) -> impl Strategy<Value = Scalar> {
    (instant(era), 0..5_usize).prop_map(|(at, how)| {
        let text = at.to_string();
        match how {
            0 => Scalar::Number(at.0 as f64),
            1 => Scalar::Number(at.0 as f64 + 0.5),
            2 => Scalar::Text(at.0.to_string().into()),
            3 => Scalar::Text(text[..10].into()),
            _ => Scalar::Text(text.into()),
        }
    })
}

/// Generates a property's value: for `seen` mostly an instant, for the others mostly anything else.
fn value(era: Era, property: &'static str) -> BoxedStrategy<Value> {
    let scalar = match property {
        "seen" => prop_oneof![5 => sent(era), 1 => plain()].boxed(),
        "amount" => {
            prop_oneof![4 => select(&NUMBERS[..]).prop_map(Scalar::Number), 1 => plain()].boxed()
        }
        _ => prop_oneof![20 => plain(), 1 => sent(era)].boxed(),
    };
    let list = prop::collection::vec(scalar.clone(), 1..4).prop_map(Value::List);
    prop_oneof![5 => scalar.prop_map(Value::One), 1 => list].boxed()
}

fn event(era: Era) -> impl Strategy<Value = Event> {
    let property = |name| prop::option::weighted(0.6, value(era, name));
    let values = PROPERTIES.map(property);
    (select(&NAMES[..]), instant(era), values).prop_map(|(name, time, values)| {
        let named = PROPERTIES.iter().zip(values);
        Event {
            name: name.into(),
            time,
            properties: named
                .filter_map(|(name, value)| Some(((*name).into(), value?)))
                .collect(),
        }
    })
}

fn changes(era: Era, property: &'static str) -> BoxedStrategy<Vec<(Millis, Option<Value>)>> {
    let value = prop::option::weighted(0.8, value(era, property));
    prop::collection::vec((instant(era), value), 0..6)
        .prop_map(|mut changes| {
            changes.sort_by_key(|(time, _)| *time);
            changes
        })
        .boxed()
}

/// Generates a user. Some rows lie after `now`: the batch leaves them out, and the interpreter must
/// not see them.
pub(crate) fn history(era: Era) -> impl Strategy<Value = UserHistory> {
    let events = prop_oneof![
        1 => Just(Vec::new()),
        9 => prop::collection::vec(event(era), 0..20),
    ];
    let properties = PROPERTIES.map(|name| changes(era, name));
    let lists = subsequence(&LISTS[..], 0..=LISTS.len());
    (events, properties, lists, any::<u16>()).prop_map(|(mut events, properties, lists, user)| {
        events.sort_by(|a, b| (a.time, &a.name).cmp(&(b.time, &b.name)));
        let named = PROPERTIES.iter().zip(properties);
        UserHistory {
            events,
            properties: named
                .filter(|(_, changes)| !changes.is_empty())
                .map(|(name, changes)| ((*name).into(), changes))
                .collect(),
            hash: user_hash(&user.to_string()),
            lists: lists.into_iter().map(list).collect(),
        }
    })
}

fn list(name: &str) -> CohortId {
    CohortId::new(name).unwrap()
}

// Definitions.

fn length() -> impl Strategy<Value = Duration> {
    let hours = select(&[1_u64, 3, 6, 12, 24, 24, 48, 48, 72, 72, 168, 168, 168, 336][..]);
    hours.prop_map(|hours| Duration::from_millis(hours * HOUR as u64))
}

fn zone() -> impl Strategy<Value = TimeZoneName> {
    select(&ZONES[..]).prop_map(|name| TimeZoneName::new(name).unwrap())
}

fn unit() -> impl Strategy<Value = Unit> {
    select(&[Unit::Day, Unit::Day, Unit::Week, Unit::Month][..])
}

/// Generates a calendar window in which whole units of `each` fit.
fn calendar(each: Option<Unit>) -> impl Strategy<Value = Start> {
    let units = match each {
        None => vec![Unit::Day, Unit::Day, Unit::Week, Unit::Month],
        Some(Unit::Day) => vec![Unit::Day, Unit::Day, Unit::Week],
        Some(unit) => vec![unit],
    };
    let count = select(&[1_u32, 1, 2, 3, 7][..]);
    (select(units), count, zone()).prop_map(|(unit, count, zone)| Start::Calendar {
        unit,
        // Months beyond the era add nothing new.
        count: if unit == Unit::Month {
            count.min(2)
        } else {
            count
        },
        zone,
    })
}

/// Generates the allowed combinations: an end that moves with `in_last`, a fixed one with `since`.
fn window(era: Era) -> impl Strategy<Value = Window> {
    let until = || instant(era).prop_map(End::At);
    let before = || prop_oneof![2 => Just(End::Now), 1 => length().prop_map(End::Before)];
    let pair = |(start, end)| Window { start, end };
    prop_oneof![
        2 => Just(Window::EVER),
        5 => (length().prop_map(Start::Last), before()).prop_map(pair),
        3 => (calendar(None), before()).prop_map(pair),
        1 => (Just(Start::Ever), length().prop_map(End::Before)).prop_map(pair),
        2 => (instant(era).prop_map(Start::At), prop_oneof![Just(End::Now), until()]).prop_map(pair),
        1 => (Just(Start::Ever), until()).prop_map(pair),
    ]
}

/// Generates a window of events, which may be that of the user's first days.
fn window_of_events(era: Era) -> impl Strategy<Value = Window> {
    let first = length().prop_map(|length| Window {
        start: Start::Ever,
        end: End::WithinFirst(length),
    });
    prop_oneof![9 => window(era), 1 => first]
}

fn pattern(kinds: &'static [PatternKind]) -> impl Strategy<Value = Pattern> {
    let texts = ["a", "B", "5", "0", "ünÏ", "k", "tru", ""];
    let globs = ["a", "5*", "*0*", "*", "t*e"];
    let expressions = ["a", "^5", "0$", "^(a|b)?$", "(?i)ÜN", "."];
    select(kinds).prop_flat_map(move |kind| {
        let texts = match kind {
            PatternKind::Glob => globs.to_vec(),
            PatternKind::Regex => expressions.to_vec(),
            _ => texts.to_vec(),
        };
        select(texts).prop_map(move |text| Pattern::new(kind, text).unwrap())
    })
}

/// Generates one test; `clock`: tests that compare with now are among them.
fn test(era: Era, clock: bool) -> impl Strategy<Value = Test> {
    use PatternKind::{Contains, EndsWith, Glob, Regex, StartsWith};
    let texts = || prop::collection::vec(select(&TEXTS[..]).prop_map(Box::from), 1..4);
    let number = || select(&NUMBERS[..]);
    let set = || any::<bool>().prop_map(Test::Set);
    let relative = if clock {
        prop_oneof![
            length().prop_map(Test::InLast),
            length().prop_map(Test::BeforeLast),
        ]
        .boxed()
    } else {
        set().boxed()
    };
    prop_oneof![
        4 => texts().prop_map(Test::AnyOf),
        2 => texts().prop_map(Test::NoneOf),
        1 => pattern(&[Contains, StartsWith, EndsWith, Glob, Regex]).prop_map(Test::Fits),
        1 => pattern(&[Contains, StartsWith, Glob]).prop_map(Test::FitsNot),
        2 => number().prop_map(Test::AtLeast),
        1 => number().prop_map(Test::MoreThan),
        1 => number().prop_map(Test::AtMost),
        1 => number().prop_map(Test::LessThan),
        1 => instant(era).prop_map(Test::Before),
        1 => instant(era).prop_map(Test::After),
        3 => relative,
        2 => set(),
        1 => property().prop_map(Test::SameAs),
    ]
}

/// Keeps the first item of each kind: a map has no key twice.
fn different<T>(mut items: Vec<T>) -> Vec<T> {
    let mut kinds = Vec::new();
    items.retain(|item| {
        let kind = std::mem::discriminant(item);
        let is_new = !kinds.contains(&kind);
        kinds.push(kind);
        is_new
    });
    items
}

fn properties(era: Era, clock: bool, least: usize) -> BoxedStrategy<Properties> {
    let texts = || select(&TEXTS[..]).prop_map(|text| Test::AnyOf(vec![text.into()]));
    let predicate = prop_oneof![
        12 => prop::collection::vec(test(era, clock), 1),
        4 => prop::collection::vec(test(era, clock), 2).prop_map(different),
        // `contains_all`
        1 => prop::collection::vec(texts(), 2),
    ];
    let predicate = predicate.prop_map(|tests| Predicate { tests });
    let none = if least == 0 { 12 } else { 0 };
    let names =
        (0..READ.len() + none).prop_map(|at| READ.get(at).copied().unwrap_or_default().to_vec());
    (names, prop::collection::vec(predicate, 2))
        .prop_map(|(names, predicates)| names.into_iter().map(Box::from).zip(predicates).collect())
        .boxed()
}

fn step(era: Era) -> BoxedStrategy<Step> {
    let names = prop::collection::vec(select(&GLOBS[..]).prop_map(EventName::from), 1..3);
    let with = prop_oneof![3 => Just(Vec::new()), 1 => properties(era, true, 1)];
    let any = prop::collection::vec(properties(era, true, 1), 1..3);
    let with_any = prop_oneof![5 => Just(Vec::new()), 1 => any];
    (names, with, with_any)
        .prop_map(|(names, with, with_any)| Step {
            names,
            with,
            with_any,
        })
        .boxed()
}

fn comparison(bound: impl Strategy<Value = Bound> + Clone + 'static) -> BoxedStrategy<Comparison> {
    let kinds: [fn(Bound) -> Condition; 10] = [
        Condition::Exactly,
        Condition::Not,
        Condition::AtLeast,
        Condition::AtLeast,
        Condition::AtLeast,
        Condition::AtLeast,
        Condition::MoreThan,
        Condition::AtMost,
        Condition::AtMost,
        Condition::LessThan,
    ];
    let condition = (select(kinds.to_vec()), bound).prop_map(|(kind, bound)| kind(bound));
    prop::collection::vec(condition, 1..3)
        .prop_map(|conditions| Comparison {
            conditions: different(conditions),
        })
        .boxed()
}

fn numbers(of: &'static [f64]) -> impl Strategy<Value = Bound> + Clone {
    select(of).prop_map(Bound::Number)
}

fn count() -> BoxedStrategy<Comparison> {
    comparison(numbers(&[0.0, 1.0, 1.0, 2.0, 2.0, 3.0, 5.0]))
}

fn property() -> impl Strategy<Value = Box<str>> + Clone {
    let names = ["amount", "amount", "kind", "kind", "seen", "absent"];
    select(names.to_vec()).prop_map(Box::from)
}

/// Generates different properties with a comparison each.
fn of_properties(
    comparison: BoxedStrategy<Comparison>,
) -> BoxedStrategy<Vec<(Box<str>, Comparison)>> {
    let names = select(&READ[..]).prop_map(<[&str]>::to_vec);
    (names, prop::collection::vec(comparison, 2))
        .prop_map(|(names, comparisons)| {
            names.into_iter().map(Box::from).zip(comparisons).collect()
        })
        .boxed()
}

/// Generates a measure, with a window that the measure allows.
fn measured(era: Era) -> impl Strategy<Value = (Measure, Window)> {
    let bound = prop_oneof![
        5 => numbers(&[0.0, 1.0, 1.0, 2.0, 3.0, 5.0]),
        1 => step(era).prop_map(Bound::Times),
    ];
    let sums = comparison(numbers(&[0.0, 1.0, 2.0, 50.0, 50.5, 100.5, -3.0]));
    let aggregates = [
        Aggregate::Sum,
        Aggregate::Sum,
        Aggregate::Average,
        Aggregate::Smallest,
        Aggregate::Largest,
    ];
    let number = (select(aggregates.to_vec()), of_properties(sums)).prop_map(|(aggregate, of)| {
        let one = |(property, comparison)| NumberOf {
            aggregate,
            property,
            comparison,
        };
        Measure::Number(of.into_iter().map(one).collect())
    });
    let of_window = prop_oneof![
        8 => comparison(bound).prop_map(Measure::Times),
        3 => number,
        2 => of_properties(count()).prop_map(Measure::Distinct),
        2 => (unit(), zone(), count()).prop_map(|(unit, zone, count)| Measure::Units(unit, zone, count)),
        2 => (1..4_u32).prop_map(Measure::Nth),
        1 => properties(era, true, 1).prop_map(Measure::First),
        1 => properties(era, true, 1).prop_map(Measure::Last),
    ];
    let regularly =
        (length(), 1..5_u32, 1..5_u32, count()).prop_map(|(every, of_last, at_least, times)| {
            Measure::Regularly {
                every,
                of_last,
                at_least: at_least.min(of_last),
                times,
            }
        });
    let each = unit().prop_flat_map(|unit| {
        let window = calendar(Some(unit)).prop_map(|start| Window {
            start,
            end: End::Now,
        });
        (
            count().prop_map(move |count| Measure::Each(unit, count)),
            window,
        )
    });
    prop_oneof![
        10 => (of_window, window_of_events(era)),
        1 => regularly.prop_map(|measure| (measure, Window::EVER)),
        1 => each,
    ]
}

pub(crate) fn did(era: Era) -> impl Strategy<Value = Clause> {
    let per = prop::option::weighted(0.2, property());
    (step(era), measured(era), per).prop_map(|(step, (measure, window), per)| {
        Clause::Did(Did {
            step,
            window,
            measure,
            per,
        })
    })
}

/// Generates the clause whose expiry the compiled module must compute exactly: `times` in a rolling
/// window.
pub(crate) fn times(era: Era) -> impl Strategy<Value = Clause> {
    let names = prop::collection::vec(select(&GLOBS[..]).prop_map(EventName::from), 1..3);
    (names, properties(era, false, 0), count(), length()).prop_map(
        |(names, with, times, length)| {
            Clause::Did(Did {
                step: Step {
                    names,
                    with,
                    with_any: Vec::new(),
                },
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

fn in_order(era: Era) -> impl Strategy<Value = Clause> {
    let within = || prop::option::weighted(0.3, length());
    let without = prop::option::weighted(0.3, step(era));
    let same = prop::option::weighted(0.3, property());
    let steps = prop::collection::vec(step(era), 2..5);
    (
        steps,
        within(),
        within(),
        without,
        same,
        window_of_events(era),
    )
        .prop_map(|(steps, all_within, each_within, without, same, window)| {
            Clause::DidInOrder(DidInOrder {
                steps,
                all_within,
                each_within,
                without,
                same,
                window,
            })
        })
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
pub(crate) fn leaf(era: Era) -> impl Strategy<Value = Clause> {
    prop_oneof![
        12 => did(era),
        5 => in_order(era),
        4 => user(era),
        1 => window(era)
            .prop_filter("a window", |window| *window != Window::EVER)
            .prop_map(Clause::FirstSeen),
        1 => sample(),
        1 => select(&LISTS[..]).prop_map(|name| Clause::Listed(list(name))),
        1 => Just(Clause::Everyone),
    ]
}

pub(crate) fn clause(era: Era) -> impl Strategy<Value = Clause> {
    leaf(era).prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(Clause::All),
            prop::collection::vec(inner.clone(), 1..4).prop_map(Clause::Any),
            inner.prop_map(|clause| Clause::Not(Box::new(clause))),
        ]
    })
}
