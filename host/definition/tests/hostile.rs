//! Tests that no text makes the reader panic, recurse without bound or take long, and that each
//! limit has the value that its name says.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use muster_definition::{Definition, limits, parse};
use muster_document::{Diagnostics, SourceFile};
use proptest::prelude::*;
use proptest::sample::{Index, select};

fn read(text: &str) -> Result<Definition, Diagnostics> {
    parse(&SourceFile::new("cohorts/a.yaml", text))
}

/// Returns the first message, or `fine`.
fn first_message(text: &str) -> String {
    match read(text) {
        Ok(_) => "fine".to_owned(),
        Err(diagnostics) => diagnostics
            .iter()
            .next()
            .map(|first| first.message().to_owned())
            .unwrap_or_default(),
    }
}

fn many(count: usize, item: impl Fn(usize) -> String) -> String {
    (0..count).map(item).collect::<Vec<_>>().join(", ")
}

/// Checks that a text at a limit is fine, and that one more is refused with this message.
fn limit(most: usize, message: &str, text: impl Fn(usize) -> String) {
    assert_eq!(first_message(&text(most)), "fine", "{message}");
    assert_eq!(first_message(&text(most + 1)), message);
}

#[test]
fn limits_have_the_values_of_their_names() {
    limit(
        limits::FILE_BYTES,
        "the file has 1048577 bytes, and at most 1048576 are read",
        |bytes| {
            let mut text = "where: {everyone: true}\n#".to_owned();
            text.push_str(&" ".repeat(bytes - text.len()));
            text
        },
    );
    // The map at the top level and the two maps of the innermost clause are levels, too.
    limit(
        limits::DEPTH - 2,
        "lists and maps are nested more than 128 deep",
        |depth| {
            format!(
                "where: {}{{everyone: true}}{}",
                "{not: ".repeat(depth),
                "}".repeat(depth)
            )
        },
    );
    limit(
        limits::CLAUSES - 1,
        "the definition has too many clauses",
        |clauses| {
            format!(
                "where: {{any: [{}]}}",
                many(clauses, |n| format!("{{did: e{n}}}"))
            )
        },
    );
    limit(
        limits::VALUES,
        "this list is too long: 10001 elements",
        |values| {
            format!(
                "where: {{user: {{p: [{}]}}}}",
                many(values, |n| format!("v{n}"))
            )
        },
    );
    limit(
        limits::EVENT_NAMES,
        "this list is too long: 1001 elements",
        |names| format!("where: {{did: [{}]}}", many(names, |n| format!("e{n}"))),
    );
    limit(
        limits::PROPERTIES,
        "`user` names 201 properties",
        |properties| {
            format!(
                "where: {{user: {{{}}}}}",
                many(properties, |n| format!("p{n}: x"))
            )
        },
    );
    limit(
        limits::DESTINATIONS,
        "this list is too long: 21 elements",
        |destinations| {
            format!(
                "sync: [{}]\nwhere: {{everyone: true}}",
                many(destinations, |n| format!("d{n}"))
            )
        },
    );
    limit(
        limits::SYNCED_PROPERTIES,
        "this list is too long: 51 elements",
        |properties| {
            let properties = many(properties, |n| format!("p{n}"));
            format!("sync: [{{to: d, user_properties: [{properties}]}}]\nwhere: {{everyone: true}}")
        },
    );
    limit(
        limits::NAME_BYTES,
        "this text is too long for a name: 1025 bytes",
        |bytes| format!("name: {}\nwhere: {{everyone: true}}", "n".repeat(bytes)),
    );
    limit(
        limits::CLAUSES / 2,
        "the definition has too many clauses",
        |clauses| {
            // `any` is one clause, and each `did_not` is two.
            let clauses = many(clauses - 1, |n| format!("{{did_not: e{n}}}"));
            format!("where: {{any: [{clauses}, {{did: a}}]}}")
        },
    );
    limit(
        limits::ALTERNATIVES,
        "this list is too long: 201 elements",
        |maps| {
            format!(
                "where: {{did: A, with_any: [{}]}}",
                many(maps, |n| format!("{{p: {n}}}"))
            )
        },
    );
    limit(
        limits::ELEMENTS,
        "this list is too long: 201 elements",
        |values| {
            format!(
                "where: {{user: {{p: {{contains_all: [{}]}}}}}}",
                many(values, |n| format!("v{n}"))
            )
        },
    );
    limit(
        limits::STEPS,
        "this list is too long: 21 elements",
        |steps| {
            format!(
                "where: {{did_in_order: [{}]}}",
                many(steps, |n| format!("e{n}"))
            )
        },
    );
    limit(
        limits::WITHOUT,
        "this list is too long: 11 elements",
        |events| {
            format!(
                "where: {{did_in_order: [A, B], without: [{}]}}",
                many(events, |n| format!("e{n}"))
            )
        },
    );
    limit(
        usize::try_from(limits::SPANS).unwrap_or_default(),
        "`of_last: 1001` is too many spans",
        |spans| {
            format!("where: {{did: A, regularly: {{every: 1 day, of_last: {spans}, at_least: 1}}}}")
        },
    );
    limit(
        limits::PATTERNS,
        "the definition has too many patterns",
        |patterns| {
            format!(
                "where: {{did: A, with_any: [{}]}}",
                many(patterns.div_ceil(3), |n| {
                    let rest = patterns.saturating_sub(n * 3);
                    let keys = ["contains: a", "glob: b", "matches: c"];
                    format!(
                        "{{p: {{{}}}}}",
                        many(rest.min(3), |key| keys[key].to_owned())
                    )
                })
            )
        },
    );
    // The size of the automaton counts, not that of the text: a long text is fine, a very long one
    // is not.
    let contains = |count| {
        first_message(&format!(
            "where: {{user: {{p: {{contains: {}}}}}}}",
            "ä".repeat(count)
        ))
    };
    assert_eq!(contains(100), "fine");
    assert!(contains(100_000).ends_with("is too large a pattern"));
    let days = usize::try_from(limits::DURATION_MS / 86_400_000).unwrap_or_default();
    limit(days, "`36526 days` is too long", |days| {
        format!("where: {{did: Purchase, in_last: {days} days}}")
    });
}

#[test]
fn errors_beyond_the_limit_are_counted() {
    let text = format!(
        "where: {{user: {{{}}}}}",
        many(180, |n| format!("p{n}: {{like: x}}"))
    );
    let diagnostics = read(&text).expect_err("there are 180 errors");
    assert_eq!(diagnostics.iter().len(), limits::DIAGNOSTICS);
    assert!(diagnostics.to_string().ends_with("\n\nand 130 more"));
}

/// Texts of the largest size, each the worst of its kind.
#[test]
fn the_largest_files_are_read_or_refused_in_good_time() {
    let fill = |part: &str| part.repeat(limits::FILE_BYTES / part.len());
    let texts = [
        fill("["),
        fill("{"),
        fill("{a: "),
        fill("- "),
        fill("? "),
        fill("a: "),
        fill("a:\n"),
        fill("- - a\n"),
        fill("\""),
        fill("'a' "),
        fill("a\n"),
        fill("#\n"),
        fill("---\n"),
        fill("&a "),
        fill("!a "),
        fill("*a "),
        fill("%a\n"),
        fill("\u{feff}"),
        fill("\t"),
        fill("ä"),
        format!("where: [{}]", fill("a,").split_at(1_000_000).0),
        format!("where: {{{}}}", many(100_000, |n| format!("k{n}: "))),
        format!(
            "where: {{all: [{}]}}",
            many(100_000, |_| "{a: b}".to_owned())
        ),
        format!(
            "where: {{any: [{}]}}",
            many(30_000, |n| format!("{{user: {{zip: 0{n}}}}}"))
        ),
        format!("where: {{user: {{\n{}}}}}", "ä: {ä: 1}\n,".repeat(60_000)),
        (0..1_000)
            .map(|n| format!("{}a:\n", " ".repeat(n)))
            .collect(),
        format!("where: |\n{}", "  a\n".repeat(200_000)),
        format!(
            "where: {{user: {{p: {{matches: '{}'}}}}}}",
            fill("(").split_at(1_000_000).0
        ),
        format!(
            "where: {{user: {{p: {{contains: '{}'}}}}}}",
            fill("aä").split_at(999_999).0
        ),
        format!(
            "where: {{user: {{p: {{glob: '{}'}}}}}}",
            fill("*a").split_at(1_000_000).0
        ),
        format!(
            "where: {{any: [{}]}}",
            many(900, |n| format!(
                "{{user: {{p: {{matches: '(a|b)*a(a|b){{{}}}'}}}}}}",
                n + 20
            ))
        ),
        format!(
            "where: {{any: [{}]}}",
            many(900, |n| format!(
                "{{user: {{p: {{matches: '\\w{{{}}}'}}}}}}",
                n + 1_000_000
            ))
        ),
    ];
    for text in texts {
        let start = Instant::now();
        let message = match read(&text) {
            Ok(_) => String::new(),
            Err(diagnostics) => diagnostics.to_string(),
        };
        let beginning: String = text.chars().take(40).collect();
        let took = start.elapsed();
        assert!(!message.is_empty(), "{beginning:?} is a definition");
        assert!(
            took < Duration::from_secs(10),
            "{beginning:?} took {took:?}"
        );
    }
}

/// Returns valid files, which the test then spoils.
fn seeds() -> Vec<String> {
    let wrong = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wrong");
    let shop = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/shop/cohorts");
    let folders = [wrong, shop]
        .into_iter()
        .filter_map(|folder| fs::read_dir(folder).ok());
    let mut paths: Vec<_> = folders
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    paths.sort();
    let texts = paths
        .into_iter()
        .filter_map(|path| fs::read_to_string(path).ok());
    let texts: Vec<_> = texts.filter(|text| text.len() < 4_000).collect();
    assert!(texts.len() > 60);
    texts
}

const PIECES: [&str; 109] = [
    "members",
    "in_cohort",
    "did_in_order",
    "first_seen",
    "sample",
    "percent",
    "seed",
    "with_any",
    "per",
    "before_last",
    "since",
    "until",
    "within_first",
    "30 calendar days",
    "2026-01-01",
    "2026-01-01T00:00:00Z",
    "sum_of",
    "distinct",
    "days",
    "each",
    "day",
    "regularly",
    "every",
    "of_last",
    "nth",
    "first",
    "last",
    "more_than",
    "all_within",
    "without",
    "same",
    "ever",
    "held_for",
    "contains",
    "matches",
    "glob",
    "before",
    "after",
    "contains_all",
    "same_as",
    "(a|b)*",
    "[^",
    "\\w{9}",
    "{did: A}",
    "where",
    "all",
    "any",
    "not",
    "did",
    "did_not",
    "user",
    "with",
    "times",
    "in_last",
    "id",
    "name",
    "sync",
    "to",
    "cadence",
    "on_remove",
    "exit",
    "daily",
    "at",
    "rule",
    "at_least",
    "between",
    "none_of",
    "set",
    "everyone",
    "30 days",
    "Purchase",
    "*",
    "true",
    "null",
    "~",
    "50",
    "-1",
    "1e999",
    "007",
    ":",
    ": ",
    ",",
    "- ",
    "[",
    "]",
    "{",
    "}",
    "\"",
    "'",
    "\n",
    "\n  ",
    "\n    ",
    "\t",
    "\r\n",
    "#",
    "---\n",
    "...\n",
    "&a ",
    "*a",
    "!t ",
    "|",
    ">",
    "\\u",
    "\\ud83d\\ude00",
    "\\ud83d",
    "\\",
    "ä",
    "\u{feff}",
    "\u{0}",
];

fn check(text: &str) {
    for path in ["a.yaml", "a.json"] {
        match parse(&SourceFile::new(path, text)) {
            Ok(definition) => drop(definition.warnings.to_string()),
            Err(diagnostics) => {
                assert!(diagnostics.has_errors());
                assert!(!diagnostics.to_string().is_empty());
                assert!(!diagnostics.render(true).is_empty());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
        check(&text);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(source) = SourceFile::from_bytes("a.yaml", &bytes) {
            check(source.text());
        }
    }

    #[test]
    fn any_pieces_are_read_or_refused(pieces in prop::collection::vec(select(&PIECES[..]), 0..60)) {
        check(&pieces.concat());
    }

    #[test]
    fn spoilt_files_are_read_or_refused(
        seed in select(seeds()),
        cuts in prop::collection::vec((any::<Index>(), 0..6_usize, select(&PIECES[..])), 1..6),
    ) {
        let mut chars: Vec<char> = seed.chars().collect();
        for (at, length, piece) in cuts {
            let at = at.index(chars.len() + 1);
            let end = (at + length).min(chars.len());
            chars.splice(at..end, piece.chars());
        }
        check(&chars.into_iter().collect::<String>());
    }
}
