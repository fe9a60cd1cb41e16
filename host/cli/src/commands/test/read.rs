//! The reader of test files in YAML (docs/cohorts.md, "Cases: how a rule is tested").

use std::collections::{BTreeMap, BTreeSet};

use muster_definition::{
    Body, Cadence, Definition, DefinitionSpans, OnRemove, TimeZoneName, read_clause, read_duration,
    time_zone,
};
use muster_document::{
    Diagnostics, Fields, Node, NodeContent, SourceFile, YamlReader, closest, quote,
};
use muster_model::{CohortId, Event, Millis, Scalar, Value};

use super::case::{
    Case, CaseKind, CaseRows, CaseStep, Expected, PropertyChange, TestFile, Tested, Until, UsersAt,
};

/// The largest number of cases, steps, events or users in one list. A file with more is a data set,
/// not an example.
const MOST: usize = 10_000;

const CASE: &str = "a case";
const INSTANT: &str = "an instant such as `2026-03-01T00:00:00Z`";

/// Reads a test file. The time zone is the project's.
pub(super) fn test_file(source: &SourceFile, zone: &TimeZoneName) -> Result<TestFile, Diagnostics> {
    let mut reader = YamlReader::new(source);
    let root = reader.load();
    let file = root.and_then(|root| top(&mut reader, &root, zone));
    let diagnostics = reader.finish();
    match file {
        Some(file) if !diagnostics.has_errors() => Ok(file),
        _ => Err(diagnostics),
    }
}

fn top(reader: &mut YamlReader<'_>, root: &Node, zone: &TimeZoneName) -> Option<TestFile> {
    let keys = ["cohort", "rule", "where", "time_zone", "cases"];
    let fields = reader.fields(root, "a test file", &keys)?;
    let tests = tested(reader, &fields, zone);
    let Some(cases) = fields.get("cases") else {
        return reader.wrong(
            fields.span,
            "the test file has no `cases:`",
            "write `cases:` and below it `  - name: …`",
        );
    };
    let nodes = reader.list(cases, "`cases:`", MOST)?;
    let numbered = nodes.iter().enumerate();
    let cases: Vec<_> = numbered
        .filter_map(|(index, node)| case(reader, node, index + 1))
        .collect();
    Some(TestFile {
        source: reader.source().clone(),
        tests: tests?,
        cases,
    })
}

fn tested(reader: &mut YamlReader<'_>, fields: &Fields<'_>, zone: &TimeZoneName) -> Option<Tested> {
    let subjects = ["cohort", "rule", "where"];
    let given: Vec<_> = subjects
        .into_iter()
        .filter_map(|key| fields.entry(key))
        .collect();
    if let [_, second, ..] = given.as_slice() {
        let message = format!("a test file tests one thing; `{}:` is a second", second.key);
        return reader.wrong(second.key_span, message, "make two test files of it");
    }
    if let (Some(entry), None) = (fields.entry("time_zone"), fields.get("where")) {
        return reader.wrong(
            entry.key_span,
            "`time_zone:` belongs to an inline `where:`",
            "leave it out: a definition names its own time zone",
        );
    }
    let Some(entry) = given.first() else {
        return Some(Tested::SameName);
    };
    let node = &entry.value;
    match &*entry.key {
        "cohort" => Some(Tested::Cohort(
            reader.text(node, "the path of a definition")?.to_owned(),
            node.span,
        )),
        "rule" => Some(Tested::Rule(
            reader.text(node, "the path of a module")?.to_owned(),
            node.span,
        )),
        _ => {
            let own = match fields.get("time_zone") {
                Some(node) => time_zone(reader, node),
                None => None,
            };
            let definition = inline(reader, node, own.unwrap_or_else(|| zone.clone()))?;
            Some(Tested::Where(Box::new(definition)))
        }
    }
}

/// Reads a clause as its own definition.
fn inline(reader: &mut YamlReader<'_>, node: &Node, time_zone: TimeZoneName) -> Option<Definition> {
    let (clause, in_cohort) = read_clause(reader, node, &time_zone)?;
    Some(Definition {
        id: CohortId::new("the-clause-of-a-test").ok()?,
        name: String::new(),
        description: None,
        time_zone,
        cadence: Cadence::RealTime,
        sync: Vec::new(),
        on_remove: OnRemove::Keep,
        body: Body::Where(clause),
        warnings: Diagnostics::default(),
        source: reader.source().clone(),
        spans: DefinitionSpans {
            id: None,
            sync: Vec::new(),
            body: node.span,
            in_cohort,
        },
    })
}

fn case(reader: &mut YamlReader<'_>, node: &Node, number: usize) -> Option<Case> {
    let fields = reader.fields(node, CASE, &["name", "at", "users", "steps"])?;
    let name = match fields.get("name") {
        Some(node) => reader.text(node, "a name")?.to_owned(),
        None => format!("case {number}"),
    };
    let what = match (fields.entry("users"), fields.entry("steps")) {
        (Some(_), Some(steps)) => {
            return reader.wrong(
                steps.key_span,
                "a case has either `users:` or `steps:`, and this has both",
                "make two cases of it",
            );
        }
        (None, Some(steps)) => {
            if let Some(at) = fields.entry("at") {
                return reader.wrong(
                    at.key_span,
                    "a case with `steps:` has no `at:` of its own",
                    "write `at:` into each step",
                );
            }
            CaseKind::Steps(self::steps(reader, &steps.value)?)
        }
        (Some(users), None) => {
            // Without a clock the rest is read too, so that all errors are shown at once.
            let at = clock(reader, &fields, CASE);
            let users = users_at(reader, &users.value, at)?;
            at?;
            CaseKind::UsersAt(users)
        }
        (None, None) => {
            return reader.wrong(
                node.span,
                "this case has neither `users:` nor `steps:`",
                "add `users:` with the expected answer for each, or `steps:`",
            );
        }
    };
    let span = fields.get("name").map_or(node.span, |name| name.span);
    Some(Case { name, span, what })
}

/// Reads `at:`, the instant of the clock.
fn clock(reader: &mut YamlReader<'_>, fields: &Fields<'_>, what: &str) -> Option<Millis> {
    match fields.get("at") {
        Some(node) => instant(reader, node),
        None => reader.wrong(
            fields.span,
            format!("{what} needs a clock"),
            "add `at:` with an instant, such as `at: 2026-03-01T00:00:00Z`",
        ),
    }
}

fn instant(reader: &mut YamlReader<'_>, node: &Node) -> Option<Millis> {
    let text = reader.text(node, INSTANT)?;
    match text.parse() {
        Ok(instant) => Some(instant),
        Err(_) => {
            let message = format!("{} is not an instant", quote(text));
            reader.wrong(node.span, message, "write it like `2026-03-01T00:00:00Z`")
        }
    }
}

fn users_at(reader: &mut YamlReader<'_>, node: &Node, clock: Option<Millis>) -> Option<UsersAt> {
    let entries = reader.map(node, "a map of users by id")?;
    let at = clock.unwrap_or(Millis::MAX);
    let mut case = UsersAt {
        at,
        rows: CaseRows::default(),
        users: Vec::new(),
    };
    for entry in entries {
        let keys = ["properties", "events", "expect", "until"];
        let Some(fields) = reader.fields(&entry.value, "a user", &keys) else {
            continue;
        };
        if let Some(node) = fields.get("properties") {
            // A plain value of a user property holds from the beginning of time.
            properties_of(reader, &entry.key, node, Millis::MIN, &mut case.rows);
        }
        if let Some(node) = fields.get("events") {
            events(reader, node, at, Some(&*entry.key), &mut case.rows);
        }
        let Some(expect) = fields.get("expect") else {
            if !mistyped(&fields, "expect") {
                reader.wrong::<()>(
                    entry.key_span,
                    "this user has no expected answer",
                    "add `expect: in` or `expect: out`",
                );
            }
            continue;
        };
        let Some(member) = self::expect(reader, expect) else {
            continue;
        };
        let until = match fields.get("until") {
            Some(node) => self::until(reader, node, clock).map(|until| (until, node.span)),
            None => None,
        };
        case.users.push(Expected {
            user: entry.key.to_string(),
            span: expect.span,
            member,
            until,
        });
    }
    Some(case)
}

/// Returns true if a key is missing because it is mistyped, which the reader has reported.
fn mistyped(fields: &Fields<'_>, key: &str) -> bool {
    let mut keys = fields.entries.iter().map(|entry| &*entry.key);
    keys.any(|written| closest(written, [key]).is_some())
}

fn expect(reader: &mut YamlReader<'_>, node: &Node) -> Option<bool> {
    match &node.content {
        NodeContent::Text(text) if &**text == "in" => Some(true),
        NodeContent::Text(text) if &**text == "out" => Some(false),
        _ => reader.expected(node, "`in` or `out`", "a user is `in` the cohort or `out`"),
    }
}

fn until(reader: &mut YamlReader<'_>, node: &Node, clock: Option<Millis>) -> Option<Until> {
    if matches!(&node.content, NodeContent::Text(text) if &**text == "never") {
        return Some(Until::Never);
    }
    let until = instant(reader, node)?;
    if let Some(clock) = clock.filter(|clock| until <= *clock) {
        return reader.wrong(
            node.span,
            format!("this is not later than the clock, {clock}"),
            "write the instant at which the answer changes, or `never`",
        );
    }
    Some(Until::At(until))
}

/// Reads `properties:` of a user: the value of each, or its history `[{at, is}, …]`.
fn properties_of(
    reader: &mut YamlReader<'_>,
    user: &str,
    node: &Node,
    since: Millis,
    rows: &mut CaseRows,
) {
    let Some(entries) = reader.map(node, "a map of properties") else {
        return;
    };
    for entry in entries {
        let change = |property: &str, at, value| PropertyChange {
            user: user.to_owned(),
            property: property.to_owned(),
            at,
            value,
        };
        let history = match &entry.value.content {
            NodeContent::List(items) => items
                .iter()
                .any(|item| matches!(item.content, NodeContent::Map(_)))
                .then_some(items),
            _ => None,
        };
        let Some(items) = history else {
            let held = values(reader, &entry.key, &entry.value);
            rows.changes.extend(
                held.into_iter()
                    .map(|(property, value)| change(&property, since, Some(value))),
            );
            continue;
        };
        for item in items {
            rows.changes
                .extend(recorded(reader, item).map(|(at, value)| change(&entry.key, at, value)));
        }
    }
}

/// Reads `{at, is}`, a change of a user property; `is: null`: the property is removed.
fn recorded(reader: &mut YamlReader<'_>, node: &Node) -> Option<(Millis, Option<Value>)> {
    let what = "a change of a property";
    let fields = reader.fields(node, what, &["at", "is"])?;
    let at = clock(reader, &fields, what)?;
    let Some(is) = fields.get("is") else {
        return reader.wrong(
            node.span,
            "this change of a property has no value",
            "add `is:` with a value, or `is: null` to remove the property",
        );
    };
    Some((at, value(reader, is)?))
}

/// Reads `events:`. An event without a time happens at the clock's instant. `user`: the user of all
/// events; `None`: each event names its user.
fn events(
    reader: &mut YamlReader<'_>,
    node: &Node,
    clock: Millis,
    user: Option<&str>,
    rows: &mut CaseRows,
) {
    let Some(nodes) = reader.list(node, "`events:`", MOST) else {
        return;
    };
    for node in nodes {
        rows.events.extend(event(reader, node, clock, user));
    }
}

fn event(
    reader: &mut YamlReader<'_>,
    node: &Node,
    clock: Millis,
    user: Option<&str>,
) -> Option<(String, Event)> {
    let keys: &[_] = match user {
        Some(_) => &["event", "at", "ago", "with"],
        None => &["user", "event", "at", "ago", "with"],
    };
    let fields = reader.fields(node, "an event", keys)?;
    let user = match (user, fields.get("user")) {
        (Some(user), _) => user,
        (None, Some(node)) => reader.text(node, "a user's id")?,
        (None, None) => {
            return reader.wrong(
                node.span,
                "the event has no user",
                "add `user:` with a user id",
            );
        }
    };
    let Some(name) = fields.get("event") else {
        if mistyped(&fields, "event") {
            return None;
        }
        return reader.wrong(
            node.span,
            "the event has no name",
            "add `event:` with its name",
        );
    };
    let name = reader.text(name, "an event's name")?;
    let time = match (fields.entry("at"), fields.entry("ago")) {
        (Some(_), Some(ago)) => {
            return reader.wrong(
                ago.key_span,
                "an event has either `at:` or `ago:`, and this has both",
                "leave one of them out",
            );
        }
        (Some(at), None) => instant(reader, &at.value)?,
        (None, Some(ago)) => {
            let length = read_duration(reader, &ago.value)?;
            let ms = clock.0.saturating_sub_unsigned(length.millis());
            match Millis::in_range(ms) {
                Some(time) => time,
                None => {
                    return reader.wrong(
                        ago.value.span,
                        "this is before 1970, where instants begin",
                        "write a shorter time",
                    );
                }
            }
        }
        (None, None) => clock,
    };
    let mut properties = BTreeMap::new();
    if let Some(node) = fields.get("with") {
        for entry in reader.map(node, "a map of properties")? {
            let held = values(reader, &entry.key, &entry.value);
            properties.extend(held.into_iter().map(|(name, value)| (name.into(), value)));
        }
    }
    let event = Event {
        name: name.into(),
        time,
        properties,
    };
    Some((user.to_owned(), event))
}

/// Reads the value of a property. As in event files, a map holds properties with dotted names:
/// `{shipping: {method: express}}` is `shipping.method`.
fn values(reader: &mut YamlReader<'_>, name: &str, node: &Node) -> Vec<(String, Value)> {
    let NodeContent::Map(entries) = &node.content else {
        let value = value(reader, node).flatten();
        return value
            .map(|value| (name.to_owned(), value))
            .into_iter()
            .collect();
    };
    let inner = entries.iter();
    inner
        .flat_map(|entry| values(reader, &format!("{name}.{}", entry.key), &entry.value))
        .collect()
}

/// Reads a value; `Some(None)`: `null`.
fn value(reader: &mut YamlReader<'_>, node: &Node) -> Option<Option<Value>> {
    if let NodeContent::Nothing = node.content {
        return Some(None);
    }
    if let NodeContent::List(nodes) = &node.content {
        let scalars: Vec<_> = nodes.iter().map(|node| scalar(reader, node)).collect();
        return Some(Value::list(scalars.into_iter().collect::<Option<_>>()?));
    }
    Some(Some(Value::One(scalar(reader, node)?)))
}

fn scalar(reader: &mut YamlReader<'_>, node: &Node) -> Option<Scalar> {
    match &node.content {
        NodeContent::Text(text) => Some(Scalar::Text(text.clone())),
        NodeContent::Number(number) => {
            let exact = Scalar::from_written(reader.source().slice(node.span));
            Some(exact.unwrap_or(Scalar::Number(*number)))
        }
        NodeContent::Flag(flag) => Some(Scalar::Flag(*flag)),
        NodeContent::Nothing | NodeContent::List(_) | NodeContent::Map(_) => reader.expected(
            node,
            "a text, a number or a flag",
            "a property holds one value, or a list of them",
        ),
    }
}

fn steps(reader: &mut YamlReader<'_>, node: &Node) -> Option<Vec<CaseStep>> {
    let nodes = reader.list(node, "`steps:`", MOST)?;
    let mut steps: Vec<CaseStep> = Vec::new();
    for node in nodes {
        let Some(step) = step(reader, node) else {
            continue;
        };
        if let Some(before) = steps.last().filter(|before| before.at >= step.at) {
            let message = format!("this step is not later than the one before, {}", before.at);
            reader.wrong::<()>(step.span, message, "the clock goes forward only");
        }
        steps.push(step);
    }
    Some(steps)
}

fn step(reader: &mut YamlReader<'_>, node: &Node) -> Option<CaseStep> {
    let keys = ["at", "events", "properties", "enters", "exits"];
    let fields = reader.fields(node, "a step", &keys)?;
    let at = clock(reader, &fields, "a step")?;
    let mut rows = CaseRows::default();
    if let Some(node) = fields.get("events") {
        events(reader, node, at, None, &mut rows);
    }
    if let Some(node) = fields.get("properties") {
        let users = reader.map(node, "a map of users by id, each with its properties")?;
        for entry in users {
            properties_of(reader, &entry.key, &entry.value, at, &mut rows);
        }
    }
    Some(CaseStep {
        at,
        span: fields.get("at").map_or(node.span, |at| at.span),
        rows,
        enters: users(reader, fields.get("enters"))?,
        exits: users(reader, fields.get("exits"))?,
    })
}

/// Reads a list of users. The outer `None`: the list is wrong; the inner `None`: there is no list.
fn users(reader: &mut YamlReader<'_>, node: Option<&Node>) -> Option<Option<BTreeSet<String>>> {
    let Some(node) = node else {
        return Some(None);
    };
    let nodes = reader.list(node, "a list of users", MOST)?;
    let mut users = BTreeSet::new();
    for node in nodes {
        users.insert(reader.text(node, "a user's id")?.to_owned());
    }
    Some(Some(users))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A test file with every key that a test file may have.
    const WHOLE: &str = "where: {did: Purchase}\ntime_zone: Europe/Berlin\ncases:\n  - name: still\n    at: 2026-03-01T00:00:00Z\n    users:\n      ann: {properties: {city: Reno, plan: [{at: 2026-01-01T00:00:00Z, is: null}]}, events: [{event: Purchase, ago: 3 days, with: {a: {b: [1, x]}}}], expect: in, until: never}\n  - steps:\n      - {at: 2026-03-01T00:00:00Z, events: [{user: bob, event: Purchase}], enters: [bob], exits: []}\n";

    proptest! {
        /// Reads damaged files: each is read, or refused with a message.
        #[test]
        fn any_file_is_read_or_refused(cuts in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), "[-:{}\\[\\],\"'a-z0-9 \n\\PC]{0,6}"), 0..6)) {
            let mut text: Vec<char> = WHOLE.chars().collect();
            for (from, to, instead) in cuts {
                let (one, other) = (from.index(text.len() + 1), to.index(text.len() + 1));
                // At most 8 characters are cut, so that most of the file stays intact.
                let (from, to) = (one.min(other), one.max(other).min(one.min(other) + 8));
                text.splice(from..to, instead.chars());
            }
            let text: String = text.into_iter().collect();
            let source = SourceFile::new("a.test.yaml", &text);
            if let Err(diagnostics) = test_file(&source, &TimeZoneName::utc()) {
                prop_assert!(diagnostics.has_errors() && !diagnostics.to_string().is_empty());
            }
        }
    }

    #[test]
    fn a_file_with_every_key_is_read() {
        let file = test_file(&SourceFile::new("a.test.yaml", WHOLE), &TimeZoneName::utc()).unwrap();
        assert_eq!(file.cases.len(), 2);
    }
}
