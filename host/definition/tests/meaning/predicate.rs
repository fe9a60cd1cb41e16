//! Tests of predicates: each on each kind of value (docs/cohorts.md, "Predicates").

use muster_definition::Clause;
use muster_definition::interpreter::holds;
use muster_definition::{Duration, Pattern, PatternKind, Predicate, Test, UserClause, When};
use muster_model::Millis;
use muster_testkit::history::{history, instant};

use super::write::{did, fits, fits_not};

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
        (vec![Test::AtLeast(50.0)], ".xxx......"),
        (vec![Test::MoreThan(7.5)], ".xxx......"),
        (vec![Test::AtMost(50.0)], ".xxxx....."),
        (vec![Test::LessThan(50.0)], "....x....."),
        (vec![Test::AtLeast(7.5), Test::AtMost(50.0)], ".xxxx....."),
        (vec![Test::Set(true)], ".xxxxxxxxx"),
        (vec![Test::Set(false)], "x........."),
        (vec![Test::Set(true), none_of(&["50"])], "..x.xxxx.x"),
        (vec![], "xxxxxxxxxx"),
    ] {
        assert_eq!(line(&tests, &values), expected, "{tests:?}");
    }
}

#[test]
fn patterns_read_the_canonical_text() {
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
        (fits(Contains, "SEA"), ".xx....x.."),
        (fits(Contains, "ünï"), "........x."),
        // The Kelvin sign folds to k.
        (fits(Contains, "k"), ".........x"),
        (fits(Contains, ""), ".xxxxxxxxx"),
        (fits(Contains, "."), "....x....."),
        (fits_not(Contains, "sea"), "x..xxxx.xx"),
        (fits(StartsWith, "s"), ".xx....x.."),
        (fits(StartsWith, "5"), "...xx....."),
        (fits_not(StartsWith, "5"), "xxx..xxxxx"),
        (fits(EndsWith, "LE"), ".xx....x.."),
        (fits(EndsWith, "0"), "...xx....."),
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
    let at = instant("2026-02-28", Millis(0));
    assert_eq!(at, Millis(1_772_236_800_000));
    let next = Millis(at.0 + 1);
    let day = Duration::from_millis(86_400_000);
    let longer = Duration::from_millis(86_400_001);
    let shorter = Duration::from_millis(86_399_999);
    for (test, expected) in [
        (Test::Before(at), "............"),
        (Test::Before(next), ".xxxxxx....."),
        (Test::After(at), ".......x...."),
        (Test::After(Millis(at.0 - 1)), ".xxxxxxx...."),
        // now − W < t ≤ now
        (Test::InLast(day), ".......x...."),
        (Test::InLast(longer), ".xxxxxxx...."),
        // t ≤ now − W
        (Test::BeforeLast(day), ".xxxxxx....."),
        (Test::BeforeLast(longer), "............"),
        (Test::BeforeLast(shorter), ".xxxxxxx...."),
    ] {
        assert_eq!(
            line(std::slice::from_ref(&test), &values),
            expected,
            "{test:?}"
        );
    }
}
