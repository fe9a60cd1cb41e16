//! What a right definition becomes.
#![expect(
    clippy::panic,
    reason = "a helper of the tests that panics fails the test"
)]

use std::fs;
use std::path::Path;

use muster_definition::{
    Body, Cadence, Clause, Comparison, Condition, Definition, Did, Duration, EventName, Predicate,
    Source, Sync, Test, TimeOfDay, UserClause, Window, parse,
};
use muster_model::Scalar;
use proptest::prelude::*;
use proptest::sample::select;

const DAY: u64 = 86_400_000;

fn read(path: &str, text: &str) -> Definition {
    match parse(&Source::new(path, text)) {
        Ok(definition) => definition,
        Err(diagnostics) => panic!("{diagnostics}\n\n{text}"),
    }
}

fn clause(text: &str) -> Clause {
    let text = format!("where:\n  {}", text.replace('\n', "\n  "));
    match read("cohorts/a.yaml", &text).body {
        Body::Where(clause) => clause,
        Body::Rule(path) => panic!("{path}"),
    }
}

fn did(name: &str) -> Did {
    Did {
        names: vec![EventName::from(name)],
        with: Vec::new(),
        times: Comparison {
            conditions: vec![Condition::AtLeast(1.0)],
        },
        window: Window::Ever,
    }
}

fn in_last(ms: u64) -> Window {
    Window::InLast(Duration::from_millis(ms))
}

fn tests(text: &str) -> Vec<Test> {
    match clause(&format!("user: {{p: {text}}}")) {
        Clause::User(UserClause { mut properties }) => properties.remove(0).1.tests,
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
    assert_eq!(read.time_zone.as_deref(), Some("America/Los_Angeles"));
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
    let one = |property: &str, test: Test| (property.into(), Predicate { tests: vec![test] });
    let spends = Did {
        with: vec![
            one("amount", Test::AtLeast(50.0)),
            one("currency", Test::AnyOf(texts(&["USD", "EUR"]))),
        ],
        times: Comparison {
            conditions: vec![Condition::AtLeast(3.0)],
        },
        window: in_last(30 * DAY),
        ..did("Purchase")
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
        }),
    ]);
    assert_eq!(read.body, Body::Where(expected));
}

#[test]
fn what_is_left_out_has_its_default() {
    let read = read("cohorts/big-spenders.yaml", "rule: ./vip.wasm");
    assert_eq!(read.id.as_str(), "big-spenders");
    assert_eq!(read.name, "big-spenders");
    assert_eq!((read.description, read.time_zone), (None, None));
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
fn cadences() {
    let cadence = |text: &str| read("a.yaml", &format!("cadence: {text}\nrule: a.wasm")).cadence;
    let daily = |hour, minute| Cadence::Daily {
        at: TimeOfDay { hour, minute },
    };
    assert_eq!(cadence("daily"), daily(0, 0));
    assert_eq!(cadence("hourly"), Cadence::Hourly { minute: 0 });
    assert_eq!(cadence("real_time"), Cadence::RealTime);
    assert_eq!(cadence("{daily: {at: \"06:30\"}}"), daily(6, 30));
    // YAML 1.2 has no numbers to the base of 60: without quotes it is a text, too.
    assert_eq!(cadence("{daily: {at: 23:59}}"), daily(23, 59));
    assert_eq!(
        cadence("{hourly: {at: 15}}"),
        Cadence::Hourly { minute: 15 }
    );
}

#[test]
fn names_and_globs() {
    let names = |text: &str| match clause(&format!("did: {text}")) {
        Clause::Did(did) => did
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
    // YAML 1.2: `yes`, `no` and `on` are texts, so that Norway stays Norway.
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
    // Keys are texts, however they look.
    assert!(
        matches!(clause("user: {404: x, true: y, a.b: z}"), Clause::User(user)
        if user.properties.iter().map(|(name, _)| &**name).eq(["404", "true", "a.b"]))
    );
}

#[test]
fn counts() {
    let times = |text: &str| match clause(&format!("{{did: A, times: {text}}}")) {
        Clause::Did(did) => did.times.conditions,
        other => panic!("{other:?}"),
    };
    assert_eq!(times("3"), [Condition::Exactly(3.0)]);
    assert_eq!(times("0"), [Condition::Exactly(0.0)]);
    assert_eq!(times("{exactly: 0}"), [Condition::Exactly(0.0)]);
    assert_eq!(
        times("{not: 1, at_most: 2}"),
        [Condition::Not(1.0), Condition::AtMost(2.0)]
    );
    assert_eq!(
        times("{between: [2, 30]}"),
        [Condition::AtLeast(2.0), Condition::AtMost(30.0)]
    );
    assert_eq!(
        times("{more_than: 1, less_than: 5}"),
        [Condition::MoreThan(1.0), Condition::LessThan(5.0)],
    );
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
fn the_example_is_right() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/shop/cohorts");
    let paths: Vec<_> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .collect();
    assert!(paths.len() >= 6);
    for path in paths.iter().map(fs::DirEntry::path) {
        let text = fs::read_to_string(&path).unwrap_or_default();
        let definition = read(&path.display().to_string(), &text);
        assert!(definition.warnings.is_empty(), "{}", definition.warnings);
    }
}

/// A text in double quotes, as JSON and YAML both have it.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn list(items: impl IntoIterator<Item = String>) -> String {
    format!("[{}]", items.into_iter().collect::<Vec<_>>().join(", "))
}

fn properties(properties: &[(Box<str>, Predicate)]) -> String {
    let test = |test: &Test| match test {
        Test::AnyOf(texts) => format!("any_of: {}", list(texts.iter().map(|text| quoted(text)))),
        Test::NoneOf(texts) => format!("none_of: {}", list(texts.iter().map(|text| quoted(text)))),
        Test::AtLeast(number) => format!("at_least: {number}"),
        Test::MoreThan(number) => format!("more_than: {number:e}"),
        Test::AtMost(number) => format!("at_most: {number}"),
        Test::LessThan(number) => format!("less_than: {number}"),
        Test::Set(set) => format!("set: {set}"),
    };
    let one = |(name, predicate): &(Box<str>, Predicate)| {
        let tests: Vec<_> = predicate.tests.iter().map(test).collect();
        format!("{}: {{{}}}", quoted(name), tests.join(", "))
    };
    format!(
        "{{{}}}",
        properties.iter().map(one).collect::<Vec<_>>().join(", ")
    )
}

/// A clause as a file says it.
fn written(clause: &Clause) -> String {
    match clause {
        Clause::All(clauses) => format!("{{all: {}}}", list(clauses.iter().map(written))),
        Clause::Any(clauses) => format!("{{any: {}}}", list(clauses.iter().map(written))),
        Clause::Not(clause) => format!("{{not: {}}}", written(clause)),
        Clause::Everyone => "{everyone: true}".to_owned(),
        Clause::User(user) => format!("{{user: {}}}", properties(&user.properties)),
        Clause::Did(did) => {
            let condition = |condition: &Condition| match condition {
                Condition::Exactly(number) => format!("exactly: {number}"),
                Condition::Not(number) => format!("not: {number}"),
                Condition::AtLeast(number) => format!("at_least: {number}"),
                Condition::MoreThan(number) => format!("more_than: {number}"),
                Condition::AtMost(number) => format!("at_most: {number}"),
                Condition::LessThan(number) => format!("less_than: {number}"),
            };
            let mut text = list(did.names.iter().map(|name| quoted(name.as_str())));
            if !did.with.is_empty() {
                text.push_str(&format!(", with: {}", properties(&did.with)));
            }
            let conditions: Vec<_> = did.times.conditions.iter().map(condition).collect();
            text.push_str(&format!(", times: {{{}}}", conditions.join(", ")));
            if let Window::InLast(length) = did.window {
                text.push_str(&format!(", in_last: {} seconds", length.millis() / 1_000));
            }
            format!("{{did: {text}}}")
        }
    }
}

fn any_name() -> impl Strategy<Value = String> {
    "[ -~äß東🛒]{1,12}"
}

/// Each test or condition at most once: a map has no key twice.
fn any_predicate() -> impl Strategy<Value = Predicate> {
    let texts = || prop::collection::vec("[ -~äß東🛒]{0,8}".prop_map(Box::from), 1..4);
    let number = || prop::num::f64::NORMAL | prop::num::f64::ZERO;
    let all = (
        texts(),
        texts(),
        number(),
        number(),
        number(),
        number(),
        any::<bool>(),
    );
    let tests = all.prop_map(|(any, none, least, more, most, less, set)| {
        vec![
            Test::AnyOf(any),
            Test::NoneOf(none),
            Test::AtLeast(least),
            Test::MoreThan(more),
            Test::AtMost(most),
            Test::LessThan(less),
            Test::Set(set),
        ]
    });
    tests.prop_flat_map(|tests| {
        let most = tests.len();
        prop::sample::subsequence(tests, 1..=most).prop_map(|tests| Predicate { tests })
    })
}

fn any_properties(least: usize) -> impl Strategy<Value = Vec<(Box<str>, Predicate)>> {
    let name = any_name().prop_map(String::into_boxed_str);
    prop::collection::btree_map(name, any_predicate(), least..4)
        .prop_map(|properties| properties.into_iter().collect())
}

fn any_did() -> impl Strategy<Value = Did> {
    let names = prop::collection::vec(any_name().prop_map(|name| EventName::from(&*name)), 1..4);
    let numbers = prop::collection::vec(select(vec![0.0, 1.0, 2.0, 7.0, 1e9]), 6);
    let times = (numbers, 1..=6_usize).prop_map(|(numbers, count)| {
        let kinds: [fn(f64) -> Condition; 6] = [
            Condition::Exactly,
            Condition::Not,
            Condition::AtLeast,
            Condition::MoreThan,
            Condition::AtMost,
            Condition::LessThan,
        ];
        let conditions = kinds.iter().zip(numbers).map(|(kind, number)| kind(number));
        Comparison {
            conditions: conditions.take(count).collect(),
        }
    });
    let window = prop_oneof![
        Just(Window::Ever),
        (1..3_000_000_000_u64).prop_map(|seconds| in_last(seconds * 1_000)),
    ];
    (names, any_properties(0), times, window).prop_map(|(names, with, times, window)| Did {
        names,
        with,
        times,
        window,
    })
}

fn any_clause() -> impl Strategy<Value = Clause> {
    let user = any_properties(1).prop_map(|properties| Clause::User(UserClause { properties }));
    let leaf = prop_oneof![
        any_did().prop_map(Clause::Did),
        user,
        Just(Clause::Everyone)
    ];
    leaf.prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(Clause::All),
            prop::collection::vec(inner.clone(), 1..4).prop_map(Clause::Any),
            inner.prop_map(|clause| Clause::Not(Box::new(clause))),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_what_is_read(expected in any_clause()) {
        prop_assert_eq!(clause(&written(&expected)), expected);
    }

    /// A number that is written as its canonical text is the same literal, and any other way of writing it, too.
    #[test]
    fn a_number_has_one_text(number in prop::num::f64::NORMAL) {
        let canonical = Scalar::Number(number).canonical_text().into_owned();
        let expected = vec![Test::AnyOf(vec![canonical.as_str().into()])];
        prop_assert_eq!(tests(&canonical), expected.clone());
        prop_assert_eq!(tests(&format!("{number:e}")), expected.clone());
        prop_assert_eq!(tests(&quoted(&canonical)), expected);
    }
}
