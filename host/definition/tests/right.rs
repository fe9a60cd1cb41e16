//! Tests of the result of a right definition.

use std::fs;
use std::path::Path;

use muster_definition::{
    Aggregate, Body, Bound, Cadence, Clause, Comparison, Condition, Definition, Did, DidInOrder,
    Duration, End, EventName, InAnyOrder, InstantBound, InstantTest, Length, LetterCase, Measure,
    NumberOf, OnRemove, Pattern, PatternKind, Predicate, Properties, Relation, RelationKind,
    Sample, Start, Step, Sync, Test, TimeOfDay, TimeZoneName, Unit, UserClause, When, Window,
    Without, parse_in,
};
use muster_document::SourceFile;
use muster_model::{CohortId, Millis, Order, Scalar, Version};
use muster_testkit::definition::definition;
use muster_testkit::schema;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::validator;

const DAY: u64 = 86_400_000;

/// Reads a definition, and checks that the schema accepts it too.
fn read(path: &str, text: &str) -> Definition {
    let loaded = schema::load(path, text).unwrap_or_default();
    assert_eq!(validator::fault(&loaded), None, "{text}");
    definition(path, text)
}

fn clause(text: &str) -> Clause {
    let text = format!("where:\n  {}", text.replace('\n', "\n  "));
    match read("cohorts/a.yaml", &text).body {
        Body::Where(clause) => clause,
        Body::Rule(path) | Body::Members(path) => panic!("{path}"),
    }
}

fn step(name: &str) -> Step {
    Step {
        names: vec![EventName::from(name)],
        with: Vec::new(),
        with_any: Vec::new(),
        with_user: Vec::new(),
    }
}

fn did(name: &str) -> Did {
    Did {
        step: step(name),
        relations: Vec::new(),
        window: Window::EVER,
        measure: Measure::Times(Comparison::at_least(1.0)),
        per: None,
    }
}

fn length(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn in_last(ms: u64) -> Window {
    Window {
        start: Start::Last(length(ms)),
        end: End::Now,
    }
}

fn utc() -> TimeZoneName {
    TimeZoneName::utc()
}

fn one(property: &str, test: Test) -> (Box<str>, Predicate) {
    (property.into(), Predicate { tests: vec![test] })
}

fn exactly(number: f64) -> Comparison {
    Comparison {
        conditions: vec![Condition::Exactly(Bound::Number(number))],
    }
}

/// Reads a `did` with these keys beside it.
fn a_did(keys: &str) -> Did {
    match clause(&format!("{{did: A, {keys}}}")) {
        Clause::Did(did) => did,
        other => panic!("{other:?}"),
    }
}

fn measure(keys: &str) -> Measure {
    a_did(keys).measure
}

fn window(keys: &str) -> Window {
    a_did(keys).window
}

fn tests(text: &str) -> Vec<Test> {
    match clause(&format!("user: {{p: {text}}}")) {
        Clause::User(UserClause { mut properties, .. }) => properties.remove(0).1.tests,
        other => panic!("{other:?}"),
    }
}

fn texts(texts: &[&str]) -> Vec<Box<str>> {
    texts.iter().map(|text| (*text).into()).collect()
}

#[test]
fn a_whole_definition() {
    let text = "
id: gs72ns
name: Big spenders in Seattle
description: Three times 50 or more.
time_zone: america/los_angeles
cadence: hourly
sync:
  - to: growth
    user_properties: [city, fav_animal]
  - crm
where:
  all:
    - did: Purchase
      with: {amount: {at_least: 50}, currency: [USD, EUR]}
      times: {at_least: 3}
      in_last: 30 days
    - not: {did: Refund, in_last: 7 days}
    - user: {city: Seattle}
";
    let read = read("cohorts/whatever.yaml", text);
    assert!(read.warnings.is_empty());
    assert_eq!(read.id.as_str(), "gs72ns");
    assert_eq!(read.name, "Big spenders in Seattle");
    assert_eq!(read.description.as_deref(), Some("Three times 50 or more."));
    assert_eq!(read.time_zone.as_str(), "America/Los_Angeles");
    assert_eq!(read.cadence, Cadence::Hourly { minute: 0 });
    let sync = |to: &str, properties: &[&str]| Sync {
        to: to.to_owned(),
        user_properties: properties.iter().map(|name| (*name).to_owned()).collect(),
    };
    assert_eq!(
        read.sync,
        [sync("growth", &["city", "fav_animal"]), sync("crm", &[])]
    );
    let place = |span| read.source.slice(span);
    assert_eq!(read.spans.id.map(place), Some("gs72ns"));
    assert_eq!(
        read.spans
            .sync
            .iter()
            .copied()
            .map(place)
            .collect::<Vec<_>>(),
        ["growth", "crm"]
    );
    assert!(place(read.spans.body).ends_with("user: {city: Seattle}"));
    let spends = Did {
        step: Step {
            with: vec![
                one("amount", Test::AtLeast(50.0)),
                one("currency", Test::AnyOf(texts(&["USD", "EUR"]))),
            ],
            ..step("Purchase")
        },
        relations: Vec::new(),
        measure: Measure::Times(Comparison::at_least(3.0)),
        window: in_last(30 * DAY),
        per: None,
    };
    let refunds = Did {
        window: in_last(7 * DAY),
        ..did("Refund")
    };
    let expected = Clause::All(vec![
        Clause::Did(spends),
        Clause::Not(Box::new(Clause::Did(refunds))),
        Clause::User(UserClause {
            properties: vec![one("city", Test::AnyOf(texts(&["Seattle"])))],
            when: When::Now,
        }),
    ]);
    assert_eq!(read.body, Body::Where(expected));
}

#[test]
fn keys_that_are_left_out_have_defaults() {
    let read = read("cohorts/big-spenders.yaml", "rule: ./vip.wasm");
    assert_eq!(read.id.as_str(), "big-spenders");
    assert_eq!(read.name, "big-spenders");
    assert_eq!((read.description, read.time_zone), (None, utc()));
    assert_eq!(
        read.cadence,
        Cadence::Daily {
            at: TimeOfDay { hour: 0, minute: 0 }
        }
    );
    assert_eq!(read.sync, []);
    assert_eq!(read.body, Body::Rule("./vip.wasm".to_owned()));
    assert_eq!(clause("did: Purchase"), Clause::Did(did("Purchase")));
}

#[test]
fn a_body_may_be_a_file() {
    let body = |text: &str| read("a.yaml", text).body;
    assert_eq!(
        body("rule: ./vip.wasm"),
        Body::Rule("./vip.wasm".to_owned())
    );
    assert_eq!(
        body("members: ../lists/vip.csv"),
        Body::Members("../lists/vip.csv".to_owned())
    );
}

#[test]
fn the_time_zone_is_its_own_or_the_projects() {
    let berlin = TimeZoneName::new("Europe/Berlin").unwrap_or_else(utc);
    let tokyo = TimeZoneName::new("Asia/Tokyo").unwrap_or_else(utc);
    let days = "where: {did: A, days: 3, in_last: 7 calendar days}";
    let zones = |text: &str| {
        let source = SourceFile::new("a.yaml", text);
        let read = parse_in(&source, &berlin).unwrap_or_else(|error| panic!("{error}"));
        match read.body {
            Body::Where(Clause::Did(Did {
                measure: Measure::Units(Unit::Day, days, _),
                window:
                    Window {
                        start: Start::Calendar { zone, .. },
                        ..
                    },
                ..
            })) => [read.time_zone, days, zone],
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(zones(days), [&berlin; 3].map(Clone::clone));
    let own = format!("{days}\ntime_zone: asia/tokyo");
    assert_eq!(zones(&own), [&tokyo; 3].map(Clone::clone));
}

#[test]
fn cadences() {
    let cadence = |text: &str| read("a.yaml", &format!("cadence: {text}\nrule: a.wasm")).cadence;
    let daily = |hour, minute| Cadence::Daily {
        at: TimeOfDay { hour, minute },
    };
    assert_eq!(cadence("daily"), daily(0, 0));
    assert_eq!(cadence("hourly"), Cadence::Hourly { minute: 0 });
    assert_eq!(cadence("real_time"), Cadence::RealTime);
    assert_eq!(cadence("{daily: {at: \"06:30\"}}"), daily(6, 30));
    // YAML 1.2 has no numbers to the base of 60, so the value without quotes is a text, too.
    assert_eq!(cadence("{daily: {at: 23:59}}"), daily(23, 59));
    assert_eq!(
        cadence("{hourly: {at: 15}}"),
        Cadence::Hourly { minute: 15 }
    );
}

#[test]
fn on_remove_keeps_or_exits() {
    let on_remove = |text: &str| read("a.yaml", &format!("{text}\nrule: a.wasm")).on_remove;
    assert_eq!(on_remove("# nothing"), OnRemove::Keep);
    assert_eq!(on_remove("on_remove: keep"), OnRemove::Keep);
    assert_eq!(on_remove("on_remove: exit"), OnRemove::Exit);
}

#[test]
fn names_and_globs() {
    let names = |text: &str| match clause(&format!("did: {text}")) {
        Clause::Did(did) => did
            .step
            .names
            .iter()
            .map(|name| name.as_str().to_owned())
            .collect(),
        other => vec![format!("{other:?}")],
    };
    assert_eq!(names("Purchase"), ["Purchase"]);
    assert_eq!(
        names("[A, \"404\", Checkout *, \"*\"]"),
        ["A", "404", "Checkout *", "*"]
    );
    assert_eq!(
        clause("{did_not: Refund, with: {amount: 5}, in_last: 2 hours}"),
        clause("not: {did: Refund, with: {amount: 5}, times: {at_least: 1}, in_last: 2 hours}"),
    );
    let fits = |glob: &str, name: &str| EventName::from(glob).matches(name);
    assert!(fits("Purchase", "Purchase") && !fits("Purchase", "purchase"));
    assert!(fits("*", "") && fits("*", "anything"));
    assert!(fits("Checkout *", "Checkout Begun") && !fits("Checkout *", "Checkout"));
    assert!(fits("*a*b*", "xaxbx") && !fits("*a*b*", "xbxax"));
    assert!(!fits("ab*ba", "aba") && fits("ab*ba", "abba"));
    assert!(!fits("a.c", "abc") && !fits("[ab]", "a") && !fits("?", "a"));
}

#[test]
fn predicates() {
    assert_eq!(tests("Seattle"), [Test::AnyOf(texts(&["Seattle"]))]);
    assert_eq!(tests("50"), tests("\"50\""));
    assert_eq!(tests("50.0"), tests("5e1"));
    assert_ne!(tests("50"), tests("\"50.0\""));
    assert_eq!(tests("true"), tests("\"true\""));
    // YAML 1.2: `yes`, `no` and `on` are texts, so `no` for Norway stays a text.
    assert_eq!(tests("no"), [Test::AnyOf(texts(&["no"]))]);
    assert_eq!(
        tests("[a, 1, false]"),
        [Test::AnyOf(texts(&["a", "1", "false"]))]
    );
    assert_eq!(tests("{is: a}"), tests("a"));
    assert_eq!(tests("{not: a}"), [Test::NoneOf(texts(&["a"]))]);
    assert_eq!(tests("{any_of: [a, b]}"), tests("[a, b]"));
    assert_eq!(
        tests("{none_of: [a, b]}"),
        [Test::NoneOf(texts(&["a", "b"]))]
    );
    assert_eq!(
        tests("{between: [-1.5, 2]}"),
        [Test::AtLeast(-1.5), Test::AtMost(2.0)]
    );
    assert_eq!(
        tests("{at_least: 1, more_than: 2, at_most: 9, less_than: 8}"),
        [
            Test::AtLeast(1.0),
            Test::MoreThan(2.0),
            Test::AtMost(9.0),
            Test::LessThan(8.0)
        ],
    );
    assert_eq!(
        tests("{set: true, not: \"\"}"),
        [Test::Set(true), Test::NoneOf(texts(&[""]))]
    );
    // Keys are always texts.
    assert!(
        matches!(clause("user: {404: x, true: y, a.b: z}"), Clause::User(user)
        if user.properties.iter().map(|(name, _)| &**name).eq(["404", "true", "a.b"]))
    );
}

#[test]
fn predicates_on_texts_and_lists() {
    let fits = |kind, text: &str| Pattern::new(kind, text).map(Test::Fits);
    let fits_not = |kind, text: &str| Pattern::new(kind, text).map(Test::FitsNot);
    let first = |text: &str| tests(text).into_iter().next();
    use LetterCase::{Exact, Ignored};
    use PatternKind::{Contains, EndsWith, Glob, Regex, StartsWith};
    assert_eq!(first("{contains: Pro}"), fits(Contains(Ignored), "Pro"));
    assert_eq!(
        first("{not_contains: 404}"),
        fits_not(Contains(Ignored), "404")
    );
    assert_eq!(
        first("{starts_with: Sea}"),
        fits(StartsWith(Ignored), "Sea")
    );
    assert_eq!(
        first("{not_starts_with: Sea}"),
        fits_not(StartsWith(Ignored), "Sea")
    );
    assert_eq!(first("{ends_with: tle}"), fits(EndsWith(Ignored), "tle"));
    assert_eq!(
        first("{case: exact, ends_with: tle}"),
        fits(EndsWith(Exact), "tle")
    );
    assert_eq!(
        first("{not_contains: Pro, case: exact}"),
        fits_not(Contains(Exact), "Pro")
    );
    assert_eq!(
        first("{glob: \"*@example.com\"}"),
        fits(Glob, "*@example.com")
    );
    assert_eq!(first("{not_glob: a*}"), fits_not(Glob, "a*"));
    assert_eq!(first(r"{matches: '^\d{3}$'}"), fits(Regex, r"^\d{3}$"));
    assert_eq!(
        tests("{contains_all: [a, 1]}"),
        [Test::AnyOf(texts(&["a"])), Test::AnyOf(texts(&["1"]))]
    );
    assert_eq!(
        tests("{same_as: {user: city}}"),
        [Test::SameAs("city".into())]
    );
}

fn in_utc(bound: InstantBound) -> Test {
    Test::Instant(InstantTest {
        zone: TimeZoneName::utc(),
        bound,
    })
}

#[test]
fn predicates_on_instants() {
    assert_eq!(
        tests("{after: 2026-03-01, before: 2026-03-02T01:00:00+01:00}"),
        [
            in_utc(InstantBound::After(Millis(1_772_323_200_000))),
            in_utc(InstantBound::Before(Millis(1_772_323_200_000 + 86_400_000)))
        ]
    );
    assert_eq!(
        tests("{in_last: 30 days, before_last: 1 hour}"),
        [
            in_utc(InstantBound::InLast(Length::Rolling(length(30 * DAY)))),
            in_utc(InstantBound::BeforeLast(Length::Rolling(length(DAY / 24))))
        ]
    );
    let two_days = Length::Calendar(Unit::Day, 2);
    assert_eq!(
        tests("{in_next: 2 calendar days}"),
        [in_utc(InstantBound::InNext(two_days))]
    );
    assert_eq!(
        tests("{in_next: 2 calendar days, in_last: 1 hour}"),
        [in_utc(InstantBound::Around(
            Length::Rolling(length(DAY / 24)),
            two_days
        ))]
    );
    // Dates before 1970 may be named.
    assert_eq!(
        tests("{before: 1962-05-14}"),
        [in_utc(InstantBound::Before(Millis(-240_969_600_000)))]
    );
}

#[test]
fn predicates_on_versions_and_lengths_of_lists() {
    let version = |text| Version::new(text).unwrap();
    assert_eq!(
        tests("{version: \"1.10\"}"),
        [Test::Version(vec![(Order::Exactly, version("1.10.0"))])]
    );
    assert_eq!(
        tests("{version: {at_least: \"1.10.0\", less_than: \"2.0.0-rc.1\"}}"),
        [Test::Version(vec![
            (Order::AtLeast, version("1.10.0")),
            (Order::LessThan, version("2.0.0-rc.1"))
        ])]
    );
    assert_eq!(
        tests("{version: {between: [\"1.0\", \"2.0\"]}}"),
        [Test::Version(vec![
            (Order::AtLeast, version("1")),
            (Order::AtMost, version("2"))
        ])]
    );
    assert_eq!(
        tests("{count_of: {at_least: 3}}"),
        [Test::CountOf(Comparison::at_least(3.0))]
    );
}

#[test]
fn counts() {
    let times = |text: &str| match measure(&format!("times: {text}")) {
        Measure::Times(times) => times.conditions,
        other => panic!("{other:?}"),
    };
    let number = Bound::Number;
    assert_eq!(times("3"), exactly(3.0).conditions);
    assert_eq!(times("0"), exactly(0.0).conditions);
    assert_eq!(times("{exactly: 0}"), exactly(0.0).conditions);
    assert_eq!(
        times("{not: 1, at_most: 2}"),
        [Condition::Not(number(1.0)), Condition::AtMost(number(2.0))]
    );
    assert_eq!(
        times("{between: [2, 30]}"),
        [
            Condition::AtLeast(number(2.0)),
            Condition::AtMost(number(30.0))
        ]
    );
    assert_eq!(
        times("{more_than: 1, less_than: 5}"),
        [
            Condition::MoreThan(number(1.0)),
            Condition::LessThan(number(5.0))
        ],
    );
    // The bound is the number of another event.
    let refunds = Step {
        with: vec![one("amount", Test::MoreThan(5.0))],
        ..step("Refund")
    };
    assert_eq!(
        times("{at_least: 2, less_than: {did: Refund, with: {amount: {more_than: 5}}}}"),
        [
            Condition::AtLeast(number(2.0)),
            Condition::LessThan(Bound::Times(refunds))
        ]
    );
    assert_eq!(
        measure("more_than: Refund"),
        measure("times: {more_than: {did: Refund}}")
    );
}

#[test]
fn windows() {
    let at = |text: &str| text.parse().unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(window("times: 1"), Window::EVER);
    assert_eq!(window("in_last: 30 days"), in_last(30 * DAY));
    let calendar = |unit, count| Start::Calendar {
        unit,
        count,
        zone: utc(),
    };
    assert_eq!(
        window("in_last: 1 calendar day").start,
        calendar(Unit::Day, 1)
    );
    assert_eq!(
        window("in_last: 2 calendar weeks").start,
        calendar(Unit::Week, 2)
    );
    assert_eq!(
        window("in_last: 12 calendar months, before_last: 7 days"),
        Window {
            start: calendar(Unit::Month, 12),
            end: End::Before(length(7 * DAY))
        }
    );
    assert_eq!(
        window("before_last: 30 days"),
        Window {
            start: Start::Ever,
            end: End::Before(length(30 * DAY))
        }
    );
    assert_eq!(
        window("since: 2026-01-01, until: 2026-02-01T12:00:00.5+01:00"),
        Window {
            start: Start::At(at("2026-01-01T00:00:00Z")),
            end: End::At(at("2026-02-01T11:00:00.5Z"))
        }
    );
    assert_eq!(
        window("within_first: 7 days"),
        Window {
            start: Start::Ever,
            end: End::WithinFirst(length(7 * DAY))
        }
    );
    let days = "time_zone: America/New_York\nwhere: {did: A, since: 2026-07-01}";
    let Body::Where(Clause::Did(did)) = read("a.yaml", days).body else {
        panic!("{days}")
    };
    assert_eq!(did.window.start, Start::At(at("2026-07-01T04:00:00Z")));
}

#[test]
fn measures() {
    let at_least = Comparison::at_least;
    let number = |aggregate, property: &str, comparison| NumberOf {
        aggregate,
        property: property.into(),
        comparison,
    };
    assert_eq!(
        measure("sum_of: {amount: {at_least: -0.5}, tax: 3}"),
        Measure::Number(vec![
            number(Aggregate::Sum, "amount", at_least(-0.5)),
            number(Aggregate::Sum, "tax", exactly(3.0))
        ])
    );
    for (key, aggregate) in [
        ("average_of", Aggregate::Average),
        ("smallest", Aggregate::Smallest),
        ("largest", Aggregate::Largest),
    ] {
        assert_eq!(
            measure(&format!("{key}: {{amount: 1.5}}")),
            Measure::Number(vec![number(aggregate, "amount", exactly(1.5))])
        );
    }
    assert_eq!(
        measure("distinct: {sku: {at_least: 3}}"),
        Measure::Distinct(vec![("sku".into(), at_least(3.0))])
    );
    for (key, unit) in [
        ("days", Unit::Day),
        ("weeks", Unit::Week),
        ("months", Unit::Month),
    ] {
        assert_eq!(
            measure(&format!("{key}: {{at_least: 3}}")),
            Measure::Units(unit, utc(), at_least(3.0))
        );
    }
    assert_eq!(
        measure("each: {day: {at_least: 2}}, in_last: 3 calendar months"),
        Measure::Each(Unit::Day, at_least(2.0))
    );
    assert_eq!(
        measure("each: {week: 0}, in_last: 3 calendar weeks"),
        Measure::Each(Unit::Week, exactly(0.0))
    );
    assert_eq!(
        measure("regularly: {every: 7 days, of_last: 4, at_least: 3}"),
        Measure::Regularly {
            every: length(7 * DAY),
            of_last: 4,
            at_least: 3,
            times: at_least(1.0)
        }
    );
    assert_eq!(
        measure("regularly: {every: 1 hour, of_last: 2, at_least: 2, times: 5}"),
        Measure::Regularly {
            every: length(DAY / 24),
            of_last: 2,
            at_least: 2,
            times: exactly(5.0)
        }
    );
    assert_eq!(measure("nth: 3, in_last: 1 day"), Measure::Nth(3));
    let city = || vec![one("city", Test::AnyOf(texts(&["Seattle"])))];
    assert_eq!(measure("first: {city: Seattle}"), Measure::First(city()));
    assert_eq!(measure("last: {city: Seattle}"), Measure::Last(city()));
    assert_eq!(a_did("per: cart_id").per.as_deref(), Some("cart_id"));
}

#[test]
fn alternatives() {
    let a = a_did("with_any: [{coupon: {set: true}, a: b}, {channel: email}]").step;
    let set = one("coupon", Test::Set(true));
    let text = |property, text| one(property, Test::AnyOf(texts(&[text])));
    assert_eq!(
        a.with_any,
        [vec![set, text("a", "b")], vec![text("channel", "email")]]
    );
}

#[test]
fn events_before_and_after() {
    let a = a_did(
        "preceded_by: View, not_followed_by: {did: B, with_user: {plan: pro}, within: 1 day, same: id}",
    );
    let user = Step {
        with_user: vec![one("plan", Test::AnyOf(texts(&["pro"])))],
        ..step("B")
    };
    let expected = [
        Relation {
            kind: RelationKind::NotFollowedBy,
            step: user,
            within: Some(length(DAY)),
            same: Some("id".into()),
        },
        Relation {
            kind: RelationKind::PrecededBy,
            step: step("View"),
            within: None,
            same: None,
        },
    ];
    assert_eq!(a.relations, expected);
}

#[test]
fn steps_in_order() {
    let text = "
did_in_order: [View Item, {did: [Add To Cart, \"Add *\"], with: {price: {at_least: 20}}}, Purchase]
all_within: 1 day
each_within: 1 hour
without: [{did: Remove}, {did: Refund, between: [2, 3]}]
strictly: true
same: cart_id
in_last: 30 days
";
    let expected = DidInOrder {
        steps: vec![
            step("View Item"),
            Step {
                names: vec![EventName::from("Add To Cart"), EventName::from("Add *")],
                with: vec![one("price", Test::AtLeast(20.0))],
                with_any: Vec::new(),
                with_user: Vec::new(),
            },
            step("Purchase"),
        ],
        all_within: Some(length(DAY)),
        each_within: Some(length(DAY / 24)),
        strictly: true,
        without: vec![
            Without {
                step: step("Remove"),
                from: 1,
                to: 3,
            },
            Without {
                step: step("Refund"),
                from: 2,
                to: 3,
            },
        ],
        same: Some("cart_id".into()),
        window: in_last(30 * DAY),
    };
    assert_eq!(clause(text), Clause::DidInOrder(expected));
}

#[test]
fn steps_in_any_order() {
    let expected = InAnyOrder {
        steps: vec![step("A"), step("B")],
        all_within: Some(length(DAY)),
        same: Some("id".into()),
        window: in_last(30 * DAY),
    };
    let text = "{in_any_order: [A, {did: B}], all_within: 1 day, same: id, in_last: 30 days}";
    assert_eq!(clause(text), Clause::InAnyOrder(expected));
}

#[test]
fn user_properties_over_time() {
    let when = |keys: &str| match clause(&format!("{{user: {{plan: pro}}{keys}}}")) {
        Clause::User(user) => user.when,
        other => panic!("{other:?}"),
    };
    assert_eq!(when(""), When::Now);
    assert_eq!(when(", ever: true"), When::Ever);
    assert_eq!(
        when(", in_last: 30 days"),
        When::During(Start::Last(length(30 * DAY)))
    );
    let start = Start::Calendar {
        unit: Unit::Month,
        count: 2,
        zone: utc(),
    };
    assert_eq!(when(", in_last: 2 calendar months"), When::During(start));
    assert_eq!(when(", held_for: 1 week"), When::HeldFor(length(7 * DAY)));
}

#[test]
fn other_subjects() {
    assert_eq!(
        clause("first_seen: {in_last: 7 days}"),
        Clause::FirstSeen(in_last(7 * DAY))
    );
    let sample = |percent, seed: &str| {
        Clause::Sample(Sample {
            percent,
            seed: seed.into(),
        })
    };
    assert_eq!(clause("sample: {percent: 0.5}"), sample(0.5, ""));
    assert_eq!(
        clause("sample: {percent: 10, seed: spring}"),
        sample(10.0, "spring")
    );
    let text = "where: {any: [{in_cohort: gs72ns}, {not: {in_cohort: b-1}}]}";
    let read = read("a.yaml", text);
    let places: Vec<_> = read
        .spans
        .in_cohort
        .iter()
        .map(|(id, span)| (id.as_str(), read.source.slice(*span)))
        .collect();
    assert_eq!(places, [("gs72ns", "gs72ns"), ("b-1", "b-1")]);
}

#[test]
fn json_is_read_as_it_is() {
    let yaml = clause("all:\n- {did: [A, B], times: 2, in_last: 1 week}\n- {user: {p: {not: 1}}}");
    let json = r#"{
	"description": "tabs, \"quotes\", \/ and \u00fcn\u00ef \ud83d\ude00",
	"where": {"all": [
		{"did": ["A", "B"], "times": 2, "in_last": "1 week"},
		{"user": {"p": {"not": 1.0}}}
	]}
}
"#;
    let read = read("cohorts/a.json", json);
    assert_eq!(
        read.description.as_deref(),
        Some("tabs, \"quotes\", / and ünï 😀")
    );
    assert_eq!(read.body, Body::Where(yaml));
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_change_nothing() {
    let text = "\u{feff}name: Käufer\r\nwhere:\r\n  did: Käufe\r\n";
    let read = read("a.yaml", text);
    assert_eq!(read.name, "Käufer");
    assert_eq!(read.source.slice(read.spans.body), "did: Käufe");
}

#[test]
fn the_definitions_of_the_example_are_right() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/shop/cohorts");
    let paths: Vec<_> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        // The test file of a definition stands beside it.
        .filter(|path| !path.to_string_lossy().contains(".test."))
        .collect();
    assert!(paths.len() >= 6);
    for path in &paths {
        let text = fs::read_to_string(path).unwrap_or_default();
        let definition = read(&path.display().to_string(), &text);
        assert!(definition.warnings.is_empty(), "{}", definition.warnings);
    }
}

/// Writes a text in double quotes, in the form that JSON and YAML share.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn list(items: impl IntoIterator<Item = String>) -> String {
    format!("[{}]", items.into_iter().collect::<Vec<_>>().join(", "))
}

/// Writes a length of time as a file has it; the lengths of the tests are whole seconds.
fn time(length: Duration) -> String {
    format!("{} seconds", length.millis() / 1_000)
}

fn any_time(length: Length) -> String {
    match length {
        Length::Rolling(length) => time(length),
        Length::Calendar(Unit::Day, count) => format!("{count} calendar days"),
        Length::Calendar(Unit::Week, count) => format!("{count} calendar weeks"),
        Length::Calendar(Unit::Month, count) => format!("{count} calendar months"),
    }
}

fn properties(properties: &Properties) -> String {
    let test = |test: &Test| match test {
        Test::AnyOf(texts) => format!("any_of: {}", list(texts.iter().map(|text| quoted(text)))),
        Test::NoneOf(texts) => format!("none_of: {}", list(texts.iter().map(|text| quoted(text)))),
        Test::Fits(pattern) => {
            let key = match pattern.kind() {
                PatternKind::Contains(_) => "contains",
                PatternKind::StartsWith(_) => "starts_with",
                PatternKind::EndsWith(_) => "ends_with",
                PatternKind::Glob => "glob",
                PatternKind::Regex => "matches",
            };
            format!("{key}: {}", quoted(pattern.text()))
        }
        Test::FitsNot(pattern) => {
            let key = match pattern.kind() {
                PatternKind::Contains(_) => "not_contains",
                PatternKind::StartsWith(_) => "not_starts_with",
                PatternKind::Glob => "not_glob",
                other => panic!("there is no negation of {other:?}"),
            };
            format!("{key}: {}", quoted(pattern.text()))
        }
        Test::AtLeast(number) => format!("at_least: {number}"),
        Test::MoreThan(number) => format!("more_than: {number:e}"),
        Test::AtMost(number) => format!("at_most: {number}"),
        Test::LessThan(number) => format!("less_than: {number}"),
        Test::Instant(test) => match test.bound {
            InstantBound::Before(instant) => format!("before: {instant}"),
            InstantBound::After(instant) => format!("after: {instant}"),
            InstantBound::InLast(last) => format!("in_last: {}", any_time(last)),
            InstantBound::InNext(next) => format!("in_next: {}", any_time(next)),
            InstantBound::Around(last, next) => {
                format!("in_next: {}, in_last: {}", any_time(next), any_time(last))
            }
            InstantBound::BeforeLast(last) => format!("before_last: {}", any_time(last)),
        },
        Test::Version(conditions) => {
            let one = |(order, version): &(Order, Version)| {
                let key = match order {
                    Order::Exactly => "exactly",
                    Order::Not => "not",
                    Order::AtLeast => "at_least",
                    Order::MoreThan => "more_than",
                    Order::AtMost => "at_most",
                    Order::LessThan => "less_than",
                };
                format!("{key}: \"{version}\"")
            };
            let conditions: Vec<_> = conditions.iter().map(one).collect();
            format!("version: {{{}}}", conditions.join(", "))
        }
        Test::CountOf(of) => format!("count_of: {}", comparison(of)),
        Test::Set(set) => format!("set: {set}"),
        Test::SameAs(name) => format!("same_as: {{user: {}}}", quoted(name)),
    };
    let one = |(name, predicate): &(Box<str>, Predicate)| {
        let mut tests: Vec<_> = predicate.tests.iter().map(test).collect();
        let exact = |test: &Test| match test {
            Test::Fits(pattern) | Test::FitsNot(pattern) => {
                pattern.case() == Some(LetterCase::Exact)
            }
            _ => false,
        };
        if predicate.tests.iter().any(exact) {
            tests.push("case: exact".to_owned());
        }
        format!("{}: {{{}}}", quoted(name), tests.join(", "))
    };
    format!(
        "{{{}}}",
        properties.iter().map(one).collect::<Vec<_>>().join(", ")
    )
}

fn comparison(comparison: &Comparison) -> String {
    let bound = |bound: &Bound| match bound {
        Bound::Number(number) => number.to_string(),
        Bound::Times(step) => format!("{{did: {}}}", step_written(step)),
    };
    let condition = |condition: &Condition| {
        let key = match condition {
            Condition::Exactly(_) => "exactly",
            Condition::Not(_) => "not",
            Condition::AtLeast(_) => "at_least",
            Condition::MoreThan(_) => "more_than",
            Condition::AtMost(_) => "at_most",
            Condition::LessThan(_) => "less_than",
        };
        format!("{key}: {}", bound(condition.bound()))
    };
    let conditions: Vec<_> = comparison.conditions.iter().map(condition).collect();
    format!("{{{}}}", conditions.join(", "))
}

/// Writes the value of `did:`, and the keys beside it.
fn step_written(step: &Step) -> String {
    let mut text = list(step.names.iter().map(|name| quoted(name.as_str())));
    if !step.with.is_empty() {
        text.push_str(&format!(", with: {}", properties(&step.with)));
    }
    if !step.with_any.is_empty() {
        let maps = list(step.with_any.iter().map(properties));
        text.push_str(&format!(", with_any: {maps}"));
    }
    if !step.with_user.is_empty() {
        text.push_str(&format!(", with_user: {}", properties(&step.with_user)));
    }
    text
}

fn unit_written(unit: Unit) -> &'static str {
    match unit {
        Unit::Day => "day",
        Unit::Week => "week",
        Unit::Month => "month",
    }
}

/// Writes the keys of a window, each after a comma.
fn window_written(window: &Window) -> String {
    let start = match &window.start {
        Start::Ever => String::new(),
        Start::Last(length) => format!(", in_last: {}", time(*length)),
        Start::Calendar { unit, count, .. } => {
            format!(", in_last: {count} calendar {}s", unit_written(*unit))
        }
        Start::At(instant) => format!(", since: {instant}"),
    };
    let end = match window.end {
        End::Now => String::new(),
        End::Before(length) => format!(", before_last: {}", time(length)),
        End::At(instant) => format!(", until: {instant}"),
        End::WithinFirst(length) => format!(", within_first: {}", time(length)),
    };
    start + &end
}

fn measure_written(measure: &Measure) -> String {
    match measure {
        Measure::Times(times) => format!("times: {}", comparison(times)),
        Measure::Number(numbers) => {
            let key = match numbers.first().map(|number| number.aggregate) {
                Some(Aggregate::Average) => "average_of",
                Some(Aggregate::Smallest) => "smallest",
                Some(Aggregate::Largest) => "largest",
                _ => "sum_of",
            };
            let one = |number: &NumberOf| {
                format!(
                    "{}: {}",
                    quoted(&number.property),
                    comparison(&number.comparison)
                )
            };
            let numbers: Vec<_> = numbers.iter().map(one).collect();
            format!("{key}: {{{}}}", numbers.join(", "))
        }
        Measure::Distinct(counts) => {
            let one = |(name, count): &(Box<str>, Comparison)| {
                format!("{}: {}", quoted(name), comparison(count))
            };
            let counts: Vec<_> = counts.iter().map(one).collect();
            format!("distinct: {{{}}}", counts.join(", "))
        }
        Measure::Units(unit, _, count) => {
            format!("{}s: {}", unit_written(*unit), comparison(count))
        }
        Measure::Each(unit, count) => {
            format!("each: {{{}: {}}}", unit_written(*unit), comparison(count))
        }
        Measure::Regularly {
            every,
            of_last,
            at_least,
            times,
        } => format!(
            "regularly: {{every: {}, of_last: {of_last}, at_least: {at_least}, times: {}}}",
            time(*every),
            comparison(times)
        ),
        Measure::Nth(nth) => format!("nth: {nth}"),
        Measure::First(first) => format!("first: {}", properties(first)),
        Measure::Last(last) => format!("last: {}", properties(last)),
    }
}

/// Writes the keys of relations, each before a comma.
fn relations_written(relations: &[Relation]) -> String {
    let one = |relation: &Relation| {
        let mut text = format!(
            "{}: {{did: {}",
            relation.kind.key(),
            step_written(&relation.step)
        );
        if let Some(length) = relation.within {
            text.push_str(&format!(", within: {}", time(length)));
        }
        if let Some(name) = &relation.same {
            text.push_str(&format!(", same: {}", quoted(name)));
        }
        text + "}, "
    };
    relations.iter().map(one).collect()
}

/// Writes a clause as a file has it.
fn written(clause: &Clause) -> String {
    let inside = match clause {
        Clause::All(clauses) => format!("all: {}", list(clauses.iter().map(written))),
        Clause::Any(clauses) => format!("any: {}", list(clauses.iter().map(written))),
        Clause::Not(clause) => format!("not: {}", written(clause)),
        Clause::Everyone => "everyone: true".to_owned(),
        Clause::User(user) => {
            let when = match &user.when {
                When::Now => String::new(),
                When::Ever => ", ever: true".to_owned(),
                When::During(start) => window_written(&Window {
                    start: start.clone(),
                    end: End::Now,
                }),
                When::HeldFor(length) => format!(", held_for: {}", time(*length)),
            };
            format!("user: {}{when}", properties(&user.properties))
        }
        Clause::Did(did) => {
            let per = did
                .per
                .as_ref()
                .map(|per| format!(", per: {}", quoted(per)));
            format!(
                "did: {}{}, {}{}{}",
                step_written(&did.step),
                window_written(&did.window),
                relations_written(&did.relations),
                measure_written(&did.measure),
                per.unwrap_or_default()
            )
        }
        Clause::DidInOrder(order) => {
            let steps = list(order.steps.iter().map(|step| {
                let text = step_written(step);
                format!("{{did: {text}}}")
            }));
            let mut text = format!("did_in_order: {steps}{}", window_written(&order.window));
            if let Some(length) = order.all_within {
                text.push_str(&format!(", all_within: {}", time(length)));
            }
            if let Some(length) = order.each_within {
                text.push_str(&format!(", each_within: {}", time(length)));
            }
            if order.strictly {
                text.push_str(", strictly: true");
            }
            if !order.without.is_empty() {
                let without = list(order.without.iter().map(|without| {
                    let Without { step, from, to } = without;
                    let step = step_written(step);
                    format!("{{did: {step}, between: [{from}, {to}]}}")
                }));
                text.push_str(&format!(", without: {without}"));
            }
            if let Some(name) = &order.same {
                text.push_str(&format!(", same: {}", quoted(name)));
            }
            text
        }
        Clause::InAnyOrder(order) => {
            let steps = list(order.steps.iter().map(|step| {
                let text = step_written(step);
                format!("{{did: {text}}}")
            }));
            let mut text = format!("in_any_order: {steps}{}", window_written(&order.window));
            if let Some(length) = order.all_within {
                text.push_str(&format!(", all_within: {}", time(length)));
            }
            if let Some(name) = &order.same {
                text.push_str(&format!(", same: {}", quoted(name)));
            }
            text
        }
        Clause::FirstSeen(window) => {
            let keys = window_written(window);
            format!("first_seen: {{{}}}", keys.trim_start_matches(", "))
        }
        Clause::Sample(sample) if sample.seed.is_empty() => {
            format!("sample: {{percent: {}}}", sample.percent)
        }
        Clause::Sample(sample) => format!(
            "sample: {{percent: {}, seed: {}}}",
            sample.percent,
            quoted(&sample.seed)
        ),
        Clause::InCohort(id) => format!("in_cohort: {}", quoted(id.as_str())),
        Clause::Listed(id) => panic!("a file cannot say it: {id}"),
    };
    format!("{{{inside}}}")
}

fn any_name() -> impl Strategy<Value = String> {
    "[ -~äß東🛒]{1,12}"
}

fn any_property() -> impl Strategy<Value = Box<str>> {
    any_name().prop_map(String::into_boxed_str)
}

fn any_length() -> impl Strategy<Value = Duration> {
    (1..3_000_000_000_u64).prop_map(|seconds| length(seconds * 1_000))
}

fn any_instant() -> impl Strategy<Value = Millis> {
    (Millis::EARLIEST.0..Millis::MAX.0).prop_map(Millis)
}

fn any_pattern(kinds: &'static [PatternKind]) -> impl Strategy<Value = Pattern> {
    (select(kinds), "[ -~äß東🛒]{0,8}").prop_map(|(kind, text)| {
        let text = match kind {
            PatternKind::Regex => format!(
                "^[a-c]+{}",
                text.replace(|c| "\\[](){}*+?|^$.#&-~".contains(c), "")
            ),
            _ => text,
        };
        Pattern::new(kind, &text).unwrap_or_else(|| panic!("{text}"))
    })
}

fn any_any_length() -> impl Strategy<Value = Length> {
    prop_oneof![
        any_length().prop_map(Length::Rolling),
        (any_unit(), 1..1_000_u32).prop_map(|(unit, count)| Length::Calendar(unit, count)),
    ]
}

fn any_around() -> impl Strategy<Value = InstantBound> {
    (any_any_length(), any_any_length(), 0..3).prop_map(|(last, next, which)| match which {
        0 => InstantBound::InLast(last),
        1 => InstantBound::InNext(next),
        _ => InstantBound::Around(last, next),
    })
}

fn any_versions() -> impl Strategy<Value = Vec<(Order, Version)>> {
    let orders = [
        Order::Exactly,
        Order::Not,
        Order::AtLeast,
        Order::MoreThan,
        Order::AtMost,
        Order::LessThan,
    ];
    let version = "v?[0-9]{1,3}([.][0-9]{1,3}){0,3}(-[a-z]{1,3}([.][0-9]{1,2})?)?";
    let versions = prop::collection::vec(version, 6);
    (subsequence(orders.to_vec(), 1..=6), versions).prop_map(|(orders, versions)| {
        let versions = versions.iter().map(|text| Version::new(text).unwrap());
        orders.into_iter().zip(versions).collect()
    })
}

/// Generates some of the tests that may stand together: a map has no key twice.
fn any_predicate(relative: bool) -> impl Strategy<Value = Predicate> {
    use LetterCase::{Exact, Ignored};
    use PatternKind::{Contains, EndsWith, Glob, Regex, StartsWith};
    let texts = || prop::collection::vec("[ -~äß東🛒]{0,8}".prop_map(Box::from), 1..4);
    let number = || prop::num::f64::NORMAL | prop::num::f64::ZERO;
    let patterns = any::<bool>().prop_flat_map(|exact| {
        let fits = match exact {
            true => any_pattern(&[Contains(Exact), StartsWith(Exact), EndsWith(Exact), Glob]),
            false => any_pattern(&[
                Contains(Ignored),
                StartsWith(Ignored),
                EndsWith(Ignored),
                Regex,
            ]),
        };
        let fits_not = match exact {
            true => any_pattern(&[Contains(Exact), StartsWith(Exact), Glob]),
            false => any_pattern(&[Contains(Ignored), StartsWith(Ignored), Glob]),
        };
        (fits, fits_not)
    });
    let values = (
        texts(),
        texts(),
        patterns,
        any::<bool>(),
        any_property(),
        any_versions(),
        any_count(),
    );
    let orders = (number(), number(), number(), number());
    let instants = (any_instant(), any_instant(), any_around(), any_any_length());
    let tests = (values, orders, instants).prop_map(
        move |(
            (any, none, (fits, fits_not), set, same, versions, count),
            (least, more, most, less),
            (before, after, around, before_last),
        )| {
            let in_utc = |bound| {
                Test::Instant(InstantTest {
                    zone: TimeZoneName::utc(),
                    bound,
                })
            };
            let mut tests = vec![
                Test::AnyOf(any),
                Test::NoneOf(none),
                Test::Fits(fits),
                Test::FitsNot(fits_not),
                Test::AtLeast(least),
                Test::MoreThan(more),
                Test::AtMost(most),
                Test::LessThan(less),
                in_utc(InstantBound::Before(before)),
                in_utc(InstantBound::After(after)),
                Test::Set(set),
                Test::SameAs(same),
                Test::Version(versions),
                Test::CountOf(count),
            ];
            if relative {
                tests.extend([
                    in_utc(around),
                    in_utc(InstantBound::BeforeLast(before_last)),
                ]);
            }
            tests
        },
    );
    tests.prop_flat_map(|tests| {
        let most = tests.len();
        subsequence(tests, 1..=most).prop_map(|tests| Predicate { tests })
    })
}

fn any_properties(least: usize, relative: bool) -> impl Strategy<Value = Properties> {
    prop::collection::btree_map(any_property(), any_predicate(relative), least..3)
        .prop_map(|properties| properties.into_iter().collect())
}

fn any_step() -> impl Strategy<Value = Step> {
    let names = prop::collection::vec(any_name().prop_map(|name| EventName::from(&*name)), 1..4);
    let with_any = prop::collection::vec(any_properties(1, true), 0..2);
    let with_user = prop_oneof![2 => Just(Vec::new()), 1 => any_properties(1, true)];
    let step = (names, any_properties(0, true), with_any, with_user);
    step.prop_map(|(names, with, with_any, with_user)| Step {
        names,
        with,
        with_any,
        with_user,
    })
}

fn any_relations() -> impl Strategy<Value = Vec<Relation>> {
    let kinds = subsequence(RelationKind::ALL.to_vec(), 0..=2);
    let limits = (
        prop::option::of(any_length()),
        prop::option::of(any_property()),
    );
    let others = prop::collection::vec((any_step(), limits), 4);
    (kinds, others).prop_map(|(kinds, others)| {
        let pairs = kinds.into_iter().zip(others);
        let one = |(kind, (step, (within, same)))| Relation {
            kind,
            step,
            within,
            same,
        };
        pairs.map(one).collect()
    })
}

fn any_comparison(bound: impl Strategy<Value = Bound>) -> impl Strategy<Value = Comparison> {
    let kinds: [fn(Bound) -> Condition; 6] = [
        Condition::Exactly,
        Condition::Not,
        Condition::AtLeast,
        Condition::MoreThan,
        Condition::AtMost,
        Condition::LessThan,
    ];
    let kinds = subsequence(kinds.to_vec(), 1..=6);
    (kinds, prop::collection::vec(bound, 6)).prop_map(|(kinds, bounds)| Comparison {
        conditions: kinds
            .iter()
            .zip(bounds)
            .map(|(kind, bound)| kind(bound))
            .collect(),
    })
}

fn any_count() -> impl Strategy<Value = Comparison> {
    any_comparison(select(vec![0.0, 1.0, 2.0, 7.0, 1e9]).prop_map(Bound::Number))
}

fn any_unit() -> impl Strategy<Value = Unit> {
    select(vec![Unit::Day, Unit::Week, Unit::Month])
}

fn any_calendar() -> impl Strategy<Value = Start> {
    (any_unit(), 1..1_000_u32).prop_map(|(unit, count)| Start::Calendar {
        unit,
        count,
        zone: utc(),
    })
}

/// Generates the start of a window that ends now.
fn any_start() -> impl Strategy<Value = Start> {
    prop_oneof![any_length().prop_map(Start::Last), any_calendar()]
}

fn any_window() -> impl Strategy<Value = Window> {
    let start = prop_oneof![
        Just(Start::Ever),
        any_start(),
        any_instant().prop_map(Start::At)
    ];
    let end = prop_oneof![
        Just(End::Now),
        any_length().prop_map(End::Before),
        any_instant().prop_map(End::At)
    ];
    let first = any_length().prop_map(|length| Window {
        start: Start::Ever,
        end: End::WithinFirst(length),
    });
    prop_oneof![
        3 => (start, end).prop_map(|(start, end)| Window { start, end }),
        1 => first,
    ]
}

fn any_measure() -> impl Strategy<Value = Measure> {
    let number = prop::num::f64::NORMAL.prop_map(Bound::Number);
    let aggregate = select(vec![
        Aggregate::Sum,
        Aggregate::Average,
        Aggregate::Smallest,
        Aggregate::Largest,
    ]);
    let comparisons = prop::collection::btree_map(any_property(), any_comparison(number), 1..3);
    let numbers = (aggregate, comparisons).prop_map(|(aggregate, comparisons)| {
        let one = |(property, comparison)| NumberOf {
            aggregate,
            property,
            comparison,
        };
        Measure::Number(comparisons.into_iter().map(one).collect())
    });
    let other = prop_oneof![Just(Bound::Number(3.0)), any_step().prop_map(Bound::Times)];
    let counts = prop::collection::btree_map(any_property(), any_count(), 1..3);
    prop_oneof![
        any_count().prop_map(Measure::Times),
        any_comparison(other).prop_map(Measure::Times),
        numbers,
        counts.prop_map(|counts| Measure::Distinct(counts.into_iter().collect())),
        (any_unit(), any_count()).prop_map(|(unit, count)| Measure::Units(unit, utc(), count)),
        (1..u32::MAX).prop_map(Measure::Nth),
        any_properties(1, true).prop_map(Measure::First),
        any_properties(1, true).prop_map(Measure::Last),
    ]
}

fn any_did() -> impl Strategy<Value = Did> {
    let each = (any_unit(), any_count(), 1..1_000_u32, any::<bool>());
    let each = each.prop_map(|(unit, count, units, months)| {
        let of = match unit {
            Unit::Day if months => Unit::Month,
            same => same,
        };
        let start = Start::Calendar {
            unit: of,
            count: units,
            zone: utc(),
        };
        let end = End::Now;
        (Measure::Each(unit, count), Window { start, end })
    });
    let regularly =
        (1..3_000_u64, 1..1_000_u32, 1..1_000_u32, any_count()).prop_map(|(hours, a, b, times)| {
            let measure = Measure::Regularly {
                every: length(hours * 3_600_000 / 4),
                of_last: a.max(b),
                at_least: a.min(b),
                times,
            };
            (measure, Window::EVER)
        });
    let measured = prop_oneof![
        4 => (any_measure(), any_window()),
        1 => each,
        1 => regularly,
    ];
    let per = prop::option::of(any_property());
    (any_step(), any_relations(), measured, per).prop_map(
        |(step, relations, (measure, window), per)| Did {
            step,
            relations,
            window,
            measure,
            per,
        },
    )
}

fn any_order() -> impl Strategy<Value = DidInOrder> {
    let steps = prop::collection::vec(any_step(), 2..4);
    let limits = (
        prop::option::of(any_length()),
        prop::option::of(any_length()),
        any::<bool>(),
    );
    let without = prop::collection::vec((any_step(), any::<bool>()), 0..3);
    let others = (without, prop::option::of(any_property()));
    (steps, limits, others, any_window()).prop_map(
        |(steps, (all_within, each_within, strictly), (without, same), window)| {
            let without = without.into_iter().map(|(step, all)| Without {
                step,
                from: if all { 1 } else { steps.len() - 1 },
                to: steps.len(),
            });
            DidInOrder {
                without: without.collect(),
                steps,
                all_within,
                each_within,
                strictly,
                same,
                window,
            }
        },
    )
}

fn any_steps_in_any_order() -> impl Strategy<Value = InAnyOrder> {
    let steps = prop::collection::vec(any_step(), 2..4);
    let all_within = prop::option::of(any_length());
    let same = prop::option::of(any_property());
    (steps, all_within, same, any_window()).prop_map(|(steps, all_within, same, window)| {
        InAnyOrder {
            steps,
            all_within,
            same,
            window,
        }
    })
}

fn any_user() -> impl Strategy<Value = UserClause> {
    let when = prop_oneof![
        Just(When::Ever),
        any_start().prop_map(When::During),
        any_length().prop_map(When::HeldFor),
    ];
    prop_oneof![
        any_properties(1, true).prop_map(|properties| (properties, When::Now)),
        (any_properties(1, false), when),
    ]
    .prop_map(|(properties, when)| UserClause { properties, when })
}

fn any_clause() -> impl Strategy<Value = Clause> {
    let first_seen = any_window().prop_filter("a window that a first event can lie in", |window| {
        *window != Window::EVER && !matches!(window.end, End::WithinFirst(_))
    });
    let sample = (0.0..100.0, "[ -~äß]{0,8}").prop_map(|(percent, seed)| Sample {
        percent,
        seed: seed.into(),
    });
    let id = "[A-Za-z0-9_-]{1,64}".prop_filter_map("an id", |id| CohortId::new(&id).ok());
    let leaf = prop_oneof![
        4 => any_did().prop_map(Clause::Did),
        2 => any_order().prop_map(Clause::DidInOrder),
        1 => any_steps_in_any_order().prop_map(Clause::InAnyOrder),
        2 => any_user().prop_map(Clause::User),
        1 => first_seen.prop_map(Clause::FirstSeen),
        1 => sample.prop_map(Clause::Sample),
        1 => id.prop_map(Clause::InCohort),
        1 => Just(Clause::Everyone),
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(Clause::All),
            prop::collection::vec(inner.clone(), 1..4).prop_map(Clause::Any),
            inner.prop_map(|clause| Clause::Not(Box::new(clause))),
        ]
    })
}

proptest! {
    #[test]
    fn a_written_clause_reads_back(expected in any_clause()) {
        prop_assert_eq!(clause(&written(&expected)), expected);
    }

    /// A number that is written as its canonical text is the same literal, and so is any other way
    /// to write it.
    #[test]
    fn a_number_has_one_text(number in prop::num::f64::NORMAL) {
        let canonical = Scalar::Number(number).canonical_text().into_owned();
        let expected = vec![Test::AnyOf(vec![canonical.as_str().into()])];
        prop_assert_eq!(tests(&canonical), expected.clone());
        prop_assert_eq!(tests(&format!("{number:e}")), expected.clone());
        prop_assert_eq!(tests(&quoted(&canonical)), expected);
    }
}
