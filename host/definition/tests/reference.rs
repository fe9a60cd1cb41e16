//! Compares `docs/cohorts.md` and the README with the parser. The parser accepts their examples,
//! they explain each key and show it in an example, and their limits are those of the code.

use std::collections::{BTreeMap, BTreeSet};

use muster_definition::{limits, members, parse};
use muster_document::SourceFile;

const REFERENCE: &str = include_str!("../../../docs/cohorts.md");
const README: &str = include_str!("../../../README.md");
const MIGRATION: &str = include_str!("../../../docs/migration.md");

/// A fenced block of YAML: the line it begins at, its mark as a clause, and its text.
struct YamlBlock {
    line: usize,
    is_clause: bool,
    text: String,
}

impl YamlBlock {
    /// Returns true if the block is a whole definition.
    fn is_definition(&self) -> bool {
        let body = |line: &str| {
            ["where:", "rule:", "members:"]
                .iter()
                .any(|key| line.starts_with(key))
        };
        self.text.lines().any(body)
    }

    /// Returns the definition in the block, or one made of its clause or list of clauses.
    fn definition(&self) -> String {
        if !self.is_clause {
            return self.text.clone();
        }
        let indented = self.text.replace('\n', "\n    ");
        match self.text.starts_with("- ") {
            true => format!("where:\n  any:\n    {indented}"),
            false => format!("where:\n    {indented}"),
        }
    }
}

/// Returns the blocks of a document that begin with ```` ```yaml ````.
fn blocks(page: &str) -> Vec<YamlBlock> {
    let mut blocks = Vec::new();
    let mut lines = page.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let Some(language) = line.strip_prefix("```").filter(|rest| !rest.is_empty()) else {
            continue;
        };
        let inside: Vec<_> = lines
            .by_ref()
            .map(|(_, line)| line)
            .take_while(|line| *line != "```")
            .collect();
        let is_clause = match language {
            "yaml" => false,
            "yaml clause" => true,
            _ => continue,
        };
        blocks.push(YamlBlock {
            line: at + 1,
            is_clause,
            text: inside.join("\n"),
        });
    }
    blocks
}

/// Returns the parser's diagnostics for a definition; empty, if the definition is right.
fn diagnostics(name: &str, text: &str) -> String {
    match parse(&SourceFile::new(name, text)) {
        Ok(definition) => definition.warnings.to_string(),
        Err(diagnostics) => diagnostics.to_string(),
    }
}

#[test]
fn examples_are_read_without_a_diagnostic() {
    let of_reference = blocks(REFERENCE);
    let of_readme = blocks(README);
    let clauses = of_reference.iter().filter(|block| block.is_clause).count();
    assert!(clauses >= 10, "{clauses} blocks of clauses were found");
    let readme: Vec<_> = of_readme
        .iter()
        .filter(|block| block.is_clause || block.is_definition())
        .collect();
    assert!(!readme.is_empty(), "the README shows no definition");
    for (page, block) in of_reference
        .iter()
        .map(|block| ("docs/cohorts.md", block))
        .chain(readme.into_iter().map(|block| ("README.md", block)))
    {
        let place = format!("{page}, the block of line {}", block.line);
        assert!(
            block.is_clause != block.is_definition(),
            "{place} is neither a definition nor marked `yaml clause`, or both"
        );
        let found = diagnostics("example.yaml", &block.definition());
        assert!(found.is_empty(), "{place}\n{found}");
    }
}

#[test]
fn the_clauses_of_the_page_on_migration_are_right() {
    let mut clauses: Vec<String> = blocks(MIGRATION)
        .iter()
        .map(YamlBlock::definition)
        .collect();
    let codes = MIGRATION.split('`').skip(1).step_by(2);
    for code in codes {
        let bare = code
            .strip_prefix('{')
            .and_then(|code| code.strip_suffix('}'));
        let bare = bare.unwrap_or(code);
        let subject = bare.split(':').next().unwrap_or_default();
        let is_clause = ["did", "did_not", "did_in_order", "user", "first_seen"].contains(&subject);
        if is_clause && bare.contains(": ") {
            clauses.push(format!("where: {{{bare}}}\n"));
        }
    }
    assert!(clauses.len() >= 20, "{} clauses", clauses.len());
    for clause in clauses {
        let found = diagnostics("example.yaml", &clause);
        assert!(found.is_empty(), "{clause}\n{found}");
    }
}

/// Returns the keys that the parser knows in a map, read from its message about an unknown key. `…`
/// stands for that key.
fn keys(definition: &str) -> BTreeSet<String> {
    const NONE: &str = "zzzzzzzzzzzz";
    let text = definition.replace('…', &format!("{NONE}: 1"));
    let found = diagnostics("cohorts/a.yaml", &text);
    let is_list = |line: &&str| line.contains("here are `") || line.contains("only key here is `");
    let mut lists = found.lines().filter(is_list);
    let (Some(list), None) = (lists.next(), lists.next()) else {
        panic!("the parser does not list its keys once for\n{text}\n{found}");
    };
    in_code(list)
}

/// Returns the texts in backticks.
fn in_code(text: &str) -> BTreeSet<String> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// Returns the rows of the table under a heading of the reference: cells without the blanks around
/// them.
fn rows(heading: &str) -> Vec<[&'static str; 2]> {
    let Some((_, section)) = REFERENCE.split_once(&format!("\n## {heading}\n")) else {
        panic!("the reference has no section {heading}");
    };
    let section = section.split("\n## ").next().unwrap_or_default();
    let cells = |line: &'static str| {
        let inner = line.strip_prefix("| ")?.strip_suffix(" |")?;
        let (first, second) = inner.split_once(" | ")?;
        Some([first, second])
    };
    // The first row is the header.
    section.lines().filter_map(cells).skip(1).collect()
}

/// Maps of the language. Each entry has the rows of the reference's last table that list the map's
/// keys, and a definition in which `…` is a key of the map.
const MAPS: [(&[&str], &str); 21] = [
    (&["a definition"], "…"),
    (&["`cadence`"], "cadence: {…}\nrule: a.wasm"),
    (&["`cadence`"], "cadence: {daily: {…}}\nrule: a.wasm"),
    (&["`cadence`"], "cadence: {hourly: {…}}\nrule: a.wasm"),
    (&["`sync`"], "sync: [{to: a, …}]\nrule: a.wasm"),
    (&["a clause, one of"], "where: {…}"),
    (
        &["beside `did`", "windows", "measures"],
        "where: {did: A, …}",
    ),
    (&["beside `did_not`", "windows"], "where: {did_not: A, …}"),
    (
        &["beside `did_in_order`", "windows"],
        "where: {did_in_order: [A, B], …}",
    ),
    (
        &["beside `in_any_order`", "windows"],
        "where: {in_any_order: [A, B], …}",
    ),
    (
        &["an event of `without`"],
        "where: {did_in_order: [A, B], without: {did: C, …}}",
    ),
    (&["beside `user`, one of"], "where: {user: {p: 1}, …}"),
    (
        &["an event inside a clause"],
        "where: {did_in_order: [A, {did: B, …}]}",
    ),
    (
        &["`followed_by` and its like"],
        "where: {did: A, followed_by: {did: B, …}}",
    ),
    (&["a comparison"], "where: {did: A, times: {…}}"),
    (
        &["`each`"],
        "where: {did: A, in_last: 1 calendar day, each: {…}}",
    ),
    (
        &["`regularly`"],
        "where: {did: A, regularly: {every: 1 day, of_last: 2, at_least: 2, …}}",
    ),
    (
        &["`first_seen`"],
        "where: {first_seen: {in_last: 1 day, …}}",
    ),
    (&["`sample`"], "where: {sample: {percent: 1, …}}"),
    (
        &[
            "a predicate: texts",
            "a predicate: numbers",
            "a predicate: instants",
            "a predicate: versions",
            "a predicate: values",
        ],
        "where: {user: {p: {…}}}",
    ),
    (
        &["`same_as`"],
        "where: {user: {p: {same_as: {user: p, …}}}}",
    ),
];

#[test]
fn every_key_of_the_parser_is_in_the_last_table_and_no_other() {
    let rows = rows("All keys");
    let listed: BTreeMap<_, _> = rows
        .iter()
        .map(|[place, keys]| (*place, in_code(keys)))
        .collect();
    assert_eq!(listed.len(), rows.len(), "a place is there twice");

    let mut known: BTreeMap<&[&str], BTreeSet<String>> = BTreeMap::new();
    for (places, definition) in MAPS {
        let mut keys = keys(definition);
        // The parser lists the subject among the keys of its clause.
        if let Some(subject) = places
            .first()
            .and_then(|place| place.strip_prefix("beside "))
        {
            keys.retain(|key| !in_code(subject).contains(key));
        }
        known.entry(places).or_default().extend(keys);
    }
    let mut checked = BTreeSet::new();
    for (places, known) in known {
        let mut said = BTreeSet::new();
        for place in places {
            let Some(keys) = listed.get(place) else {
                panic!("the last table has no row for {place}");
            };
            said.extend(keys.iter().cloned());
            checked.insert(*place);
        }
        assert_eq!(said, known, "the keys of {places:?}: the page, the parser");
    }
    let unchecked: Vec<_> = listed
        .keys()
        .filter(|place| !checked.contains(*place))
        .collect();
    assert!(unchecked.is_empty(), "no such map: {unchecked:?}");
}

#[test]
fn every_key_of_the_parser_is_explained_and_shown_in_an_example() {
    let (explained, _) = REFERENCE.split_once("\n## All keys\n").unwrap_or_default();
    let in_text: BTreeSet<String> = explained
        .lines()
        .flat_map(in_code)
        .flat_map(|code| words(&code))
        .collect();
    let examples: String = blocks(REFERENCE)
        .iter()
        .map(|block| format!("\n{}\n", block.text))
        .collect();
    for key in MAPS.iter().flat_map(|(_, definition)| keys(definition)) {
        assert!(in_text.contains(&key), "`{key}` is not explained");
        let shown = |before: char| examples.contains(&format!("{before}{key}: "));
        let opens = |before: char| examples.contains(&format!("{before}{key}:\n"));
        let is_shown = [' ', '{', '\n']
            .into_iter()
            .any(|before| shown(before) || opens(before));
        assert!(is_shown, "no example has `{key}`");
    }
}

/// Returns the runs of letters, digits and `_`.
fn words(text: &str) -> Vec<String> {
    let is_word = |char: char| char.is_alphanumeric() || char == '_';
    let words = text.split(|char| !is_word(char));
    words.map(str::to_owned).collect()
}

#[test]
fn limits_are_those_of_the_code() {
    let mib = |bytes: usize| format!("{} MiB", bytes >> 20);
    let days = format!("{} days", grouped(limits::DURATION_MS / 86_400_000));
    let number = |limit: usize| grouped(limit as u64);
    let expected = [
        ("a definition's file", mib(limits::FILE_BYTES)),
        ("lists and maps inside each other", number(limits::DEPTH)),
        ("clauses of a definition", number(limits::CLAUSES)),
        ("files of a definition and", mib(limits::LINKED_BYTES)),
        ("values of `any_of`", number(limits::VALUES)),
        ("values of `contains_all`", number(limits::ELEMENTS)),
        ("event names of one `did`", number(limits::EVENT_NAMES)),
        ("properties of one map", number(limits::PROPERTIES)),
        ("maps of one `with_any`", number(limits::ALTERNATIVES)),
        (
            "steps of `did_in_order` or `in_any_order`",
            number(limits::STEPS),
        ),
        ("events of `without`", number(limits::WITHOUT)),
        ("spans of `regularly`", grouped(limits::SPANS.into())),
        ("patterns of a definition", number(limits::PATTERNS)),
        ("the table of one pattern", mib(limits::PATTERN_BYTES)),
        ("a length of time", days),
        (
            "a name of an event",
            format!("{} bytes", number(limits::NAME_BYTES)),
        ),
        ("destinations of a cohort", number(limits::DESTINATIONS)),
        (
            "user properties of a destination",
            number(limits::SYNCED_PROPERTIES),
        ),
        (
            "ids of a static list",
            format!("{}, of 256 bytes each", number(limits::MEMBERS)),
        ),
    ];
    let rows = rows("Limits");
    assert_eq!(rows.len(), expected.len());
    for ([what, limit], (begins, expected)) in rows.iter().zip(expected) {
        assert!(what.starts_with(begins), "{what}, where {begins} belongs");
        assert_eq!(*limit, expected, "{what}");
    }
    let list = |bytes| members(&SourceFile::new("a.csv", &"a".repeat(bytes)));
    assert!(list(256).is_ok() && list(257).is_err());
}

/// Formats a number with a comma between thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
