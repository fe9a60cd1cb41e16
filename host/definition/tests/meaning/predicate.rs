//! Tests of predicates: each on each kind of value (docs/cohorts.md, "Predicates").

use muster_definition::Clause;
use muster_definition::interpreter::holds;
use muster_definition::{
    Duration, InstantBound, LetterCase, Pattern, PatternKind, Predicate, Test, UserClause, When,
};
use muster_model::{Millis, Order, Version};
use muster_testkit::history::{history, instant};

use super::write::{UTC, at_least, did, exactly, fits, fits_not, less_than, rolling};

const NOW: &str = "2026-03-01T00:00:00Z";

/// Returns the answers for a list of values, `x` where the tests hold. The value is that of a user
/// property, and then that of an event property.
fn line(tests: &[Test], values: &[&str]) -> String {
    let now = instant(NOW, Millis(0));
    let predicate = Predicate {
        tests: tests.to_vec(),
    };
    let of_user = Clause::User(UserClause {
        properties: vec![("p".into(), predicate)],
        when: When::Now,
    });
    let of_event = tests
        .iter()
        .fold(did("A"), |did, test| did.with("p", test.clone()))
        .into();
    let one = |value: &&str| {
        let (change, event) = match *value {
            "absent" => ("-1h .q=1".to_owned(), "-1h A".to_owned()),
            value => (format!("-1h .p={value}"), format!("-1h A p={value}")),
        };
        let answer = holds(&of_user, &history(&change, now), now);
        assert_eq!(
            answer,
            holds(&of_event, &history(&event, now), now),
            "{tests:?} of an event with {value}"
        );
        if answer { 'x' } else { '.' }
    };
    values.iter().map(one).collect()
}

fn any_of(texts: &[&str]) -> Test {
    Test::AnyOf(texts.iter().map(|text| Box::from(*text)).collect())
}

fn none_of(texts: &[&str]) -> Test {
    Test::NoneOf(texts.iter().map(|text| Box::from(*text)).collect())
}

#[test]
fn predicates_read_texts_numbers_flags_and_lists() {
    let values = [
        "absent", "'50'", "'50.0'", "50", "7.5", "true", "'true'", "''", "[50,a]", "[a,b]",
    ];
    for (tests, expected) in [
        (vec![any_of(&["50"])], ".x.x....x."),
        (vec![any_of(&["50.0"])], "..x......."),
        (vec![none_of(&["50"])], "x.x.xxxx.x"),
        (vec![any_of(&["a", "7.5"])], "....x...xx"),
        (vec![any_of(&["true", "a"])], ".....xx.xx"),
        (vec![none_of(&["true", "a"])], "xxxxx..x.."),
        (vec![any_of(&[""])], ".......x.."),
        // `contains_all: [a, 50]`
        (vec![any_of(&["a"]), any_of(&["50"])], "........x."),
        (vec![any_of(&["a"]), any_of(&["b"])], ".........x"),
        (vec![Test::AtLeast(50.0)], ".xxx....x."),
        (vec![Test::MoreThan(7.5)], ".xxx....x."),
        (vec![Test::AtMost(50.0)], ".xxxx...x."),
        (vec![Test::LessThan(50.0)], "....x....."),
        (vec![Test::AtLeast(7.5), Test::AtMost(50.0)], ".xxxx...x."),
        (vec![Test::Set(true)], ".xxxxxxxxx"),
        (vec![Test::Set(false)], "x........."),
        (vec![Test::Set(true), none_of(&["50"])], "..x.xxxx.x"),
        (vec![], "xxxxxxxxxx"),
    ] {
        assert_eq!(line(&tests, &values), expected, "{tests:?}");
    }
}

#[test]
fn one_element_of_a_list_meets_all_tests_of_numbers() {
    let holds = |tests: Vec<Test>, list: &str| {
        let now = instant(NOW, Millis(0));
        let predicate = Predicate { tests };
        let clause = Clause::User(UserClause {
            properties: vec![("p".into(), predicate)],
            when: When::Now,
        });
        holds(&clause, &history(&format!("-1h .p={list}"), now), now)
    };
    let between = || vec![Test::AtLeast(18.0), Test::AtMost(29.0)];
    assert!(holds(between(), "[5,20,100]"));
    assert!(holds(between(), "[5,'20',x]"));
    assert!(!holds(between(), "[5,100]"));
    assert!(holds(vec![Test::MoreThan(50.0)], "[10,60]"));
    assert!(!holds(vec![Test::MoreThan(60.0)], "[10,60]"));
    assert!(!holds(vec![Test::AtMost(60.0)], "[a,true]"));
}

#[test]
fn versions_and_lengths_of_lists() {
    let values = [
        "absent",
        "'1.9'",
        "'1.10'",
        "'v1.10.0'",
        "'2.0.0-rc.1'",
        "2",
        "soon",
        "true",
        "[0.1,'1.10.1']",
    ];
    let version = |conditions: &[(Order, &str)]| {
        let read = |(order, text): &(Order, &str)| (*order, Version::new(text).unwrap());
        Test::Version(conditions.iter().map(read).collect())
    };
    let count = Test::CountOf;
    for (test, expected) in [
        (version(&[(Order::Exactly, "1.10.0")]), "..xx....."),
        (version(&[(Order::Not, "1.10.0")]), ".x..xx..x"),
        (version(&[(Order::AtLeast, "1.10.0")]), "..xxxx..x"),
        (version(&[(Order::MoreThan, "1.10.0")]), "....xx..x"),
        (version(&[(Order::AtMost, "1.9.0")]), ".x......x"),
        (version(&[(Order::LessThan, "2")]), ".xxxx...x"),
        (
            version(&[(Order::AtLeast, "1.10"), (Order::LessThan, "1.10.1")]),
            "..xx.....",
        ),
        (count(at_least(1.0)), ".xxxxxxxx"),
        (count(at_least(2.0)), "........x"),
        (count(exactly(0.0)), "x........"),
        (count(less_than(2.0)), "xxxxxxxx."),
    ] {
        assert_eq!(
            line(std::slice::from_ref(&test), &values),
            expected,
            "{test:?}"
        );
    }
}

#[test]
fn patterns_read_the_canonical_text() {
    use LetterCase::{Exact, Ignored};
    use PatternKind::{Contains, EndsWith, Glob, Regex, StartsWith};
    let values = [
        "absent",
        "Seattle",
        "seattle",
        "50",
        "'50.0'",
        "true",
        "''",
        "[Oslo,Seattle]",
        "ÜNÏ",
        "'\u{212a}'",
    ];
    for (test, expected) in [
        (fits(Contains(Ignored), "SEA"), ".xx....x.."),
        (fits(Contains(Ignored), "ünï"), "........x."),
        // The Kelvin sign folds to k.
        (fits(Contains(Ignored), "k"), ".........x"),
        (fits(Contains(Ignored), ""), ".xxxxxxxxx"),
        (fits(Contains(Ignored), "."), "....x....."),
        (fits_not(Contains(Ignored), "sea"), "x..xxxx.xx"),
        (fits(StartsWith(Ignored), "s"), ".xx....x.."),
        (fits(StartsWith(Ignored), "5"), "...xx....."),
        (fits_not(StartsWith(Ignored), "5"), "xxx..xxxxx"),
        (fits(EndsWith(Ignored), "LE"), ".xx....x.."),
        (fits(EndsWith(Ignored), "0"), "...xx....."),
        (fits(Contains(Exact), "ea"), ".xx....x.."),
        (fits(Contains(Exact), "Sea"), ".x.....x.."),
        (fits(StartsWith(Exact), "s"), "..x......."),
        (fits(EndsWith(Exact), "LE"), ".........."),
        (fits_not(StartsWith(Exact), "S"), "x.xxxxx.xx"),
        (fits(Glob, "S*e"), ".x.....x.."),
        (fits(Glob, "s*e"), "..x......."),
        (fits(Glob, "*"), ".xxxxxxxxx"),
        (fits(Glob, "50"), "...x......"),
        (fits(Glob, "5?"), ".........."),
        (fits_not(Glob, "*e"), "x..xx.x.xx"),
        (fits(Regex, "tt"), ".xx....x.."),
        (fits(Regex, "^[Ss]eattle$"), ".xx....x.."),
        (fits(Regex, "^$"), "......x..."),
        (fits(Regex, "(?i)^ü"), "........x."),
        (fits(Regex, "^50"), "...xx....."),
    ] {
        assert_eq!(
            line(std::slice::from_ref(&test), &values),
            expected,
            "{test:?}"
        );
    }
    assert!(Pattern::new(Regex, "(").is_none());
}

#[test]
fn instants_are_read_from_texts_and_numbers() {
    let values = [
        "absent",
        "'2026-02-28'",
        "'2026-02-28T00:00:00Z'",
        "'2026-02-28T02:00:00+02:00'",
        "1772236800000",
        "'1772236800000'",
        "1772236800000.9",
        "'2026-02-28T00:00:00.001Z'",
        "soon",
        "true",
        "[2026-02-28]",
        "-1",
    ];
    use InstantBound::{After, Before, BeforeLast, InLast};
    let at = instant("2026-02-28", Millis(0));
    assert_eq!(at, Millis(1_772_236_800_000));
    let next = Millis(at.0 + 1);
    let day = Duration::from_millis(86_400_000);
    let longer = Duration::from_millis(86_400_001);
    let shorter = Duration::from_millis(86_399_999);
    for (test, expected) in [
        (super::write::at(UTC, Before(at)), "............"),
        (super::write::at(UTC, Before(next)), ".xxxxxx....."),
        (super::write::at(UTC, After(at)), ".......x...."),
        (
            super::write::at(UTC, After(Millis(at.0 - 1))),
            ".xxxxxxx....",
        ),
        // now − W < t ≤ now
        (rolling(InLast, day), ".......x...."),
        (rolling(InLast, longer), ".xxxxxxx...."),
        // t ≤ now − W
        (rolling(BeforeLast, day), ".xxxxxx....."),
        (rolling(BeforeLast, longer), "............"),
        (rolling(BeforeLast, shorter), ".xxxxxxx...."),
    ] {
        assert_eq!(
            line(std::slice::from_ref(&test), &values),
            expected,
            "{test:?}"
        );
    }
}
