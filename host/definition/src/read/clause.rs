//! Clauses (COHORTS.md, "Clauses"): a map with one subject, and what goes with that subject.

use crate::clause::{
    Bound, Clause, Comparison, Condition, Did, EventName, Measure, Start, Step, UserClause, When,
    Window,
};
use crate::diagnostic::{Diagnostic, Span};
use crate::limits;
use crate::yaml::{Content, Entry, Node, Reader, list};

use super::comparison::count;
use super::duration::duration;
use super::not_yet::{Place, is_not_yet, message};
use super::predicate::properties;

/// The subjects and what may stand beside each.
const SUBJECTS: [(&str, &[&str]); 7] = [
    ("all", &[]),
    ("any", &[]),
    ("not", &[]),
    ("did", &["with", "times", "in_last"]),
    ("did_not", &["with", "in_last"]),
    ("user", &[]),
    ("everyone", &[]),
];

const WHAT: &str = "a clause";

/// Reads the clauses of one definition, and counts them.
pub(super) struct Clauses<'r, 's> {
    reader: &'r mut Reader<'s>,
    count: usize,
}

impl<'r, 's> Clauses<'r, 's> {
    pub(super) fn new(reader: &'r mut Reader<'s>) -> Self {
        Self { reader, count: 0 }
    }

    pub(super) fn read(&mut self, node: &Node) -> Option<Clause> {
        self.count += 1;
        if self.count > limits::CLAUSES {
            // Said once: the rest of the file has the same fault.
            if self.count == limits::CLAUSES + 1 {
                let help = format!(
                    "at most {}; many values of one property are one clause with a list",
                    limits::CLAUSES
                );
                self.reader
                    .wrong::<()>(node.span, "the definition has too many clauses", help);
            }
            return None;
        }
        let entries = match &node.content {
            Content::Map(entries) => entries,
            Content::List(_) => {
                return self.reader.expected(
                    node,
                    WHAT,
                    "a list of clauses belongs under `all:` or `any:`",
                );
            }
            Content::Text(_) => {
                return self.reader.expected(
                    node,
                    WHAT,
                    "a clause is a map, such as `did: Purchase`",
                );
            }
            _ => {
                return self.reader.expected(
                    node,
                    WHAT,
                    "a clause is a map, such as `{did: Purchase, in_last: 30 days}`",
                );
            }
        };
        let subject = self.subject(entries, node.span)?;
        let fits = self.companions(entries, subject);
        let clause = match &*subject.key {
            "all" => self.several(subject).map(Clause::All),
            "any" => self.several(subject).map(Clause::Any),
            "not" => self
                .read(&subject.value)
                .map(|clause| Clause::Not(Box::new(clause))),
            "did" => self.did(subject, entries).map(Clause::Did),
            "did_not" => self
                .did(subject, entries)
                .map(|did| Clause::Not(Box::new(Clause::Did(did)))),
            "user" => properties(self.reader, subject).map(|properties| {
                Clause::User(UserClause {
                    properties,
                    when: When::Now,
                })
            }),
            _ => self.everyone(&subject.value),
        };
        clause.filter(|_| fits)
    }

    /// The one key that says what the clause is about.
    fn subject<'n>(&mut self, entries: &'n [Entry], span: Span) -> Option<&'n Entry> {
        let names = SUBJECTS.map(|(subject, _)| subject);
        let mut subjects = entries.iter().filter(|entry| is_subject(&entry.key));
        let Some(subject) = subjects.next() else {
            let mistyped = entries.iter().find(|entry| companion(&entry.key).is_none());
            match mistyped {
                Some(entry) => self.reader.unknown_key(entry, WHAT, &names),
                None => {
                    let help = format!("add one of {}", list(&names));
                    self.reader.wrong::<()>(
                        span,
                        "this clause does not say what it is about",
                        help,
                    );
                }
            }
            return None;
        };
        if let Some(second) = subjects.next() {
            let source = self.reader.source();
            let error = Diagnostic::error(format!(
                "a clause has one subject, and this has `{}` and `{}`",
                subject.key, second.key
            ))
            .at(source, second.key_span, "the second subject")
            .at(source, subject.key_span, "the first subject");
            self.reader
                .report(error.help("make two clauses of it, in a list under `all:` or `any:`"));
            return None;
        }
        if is_not_yet(Place::Subject, &subject.key) {
            return self.reader.wrong(
                subject.key_span,
                message(&subject.key),
                Place::Subject.help(),
            );
        }
        Some(subject)
    }

    /// Whether all keys beside the subject go with it.
    fn companions(&mut self, entries: &[Entry], subject: &Entry) -> bool {
        let subject = &*subject.key;
        let known = SUBJECTS
            .iter()
            .find(|(name, _)| *name == subject)
            .map_or(&[][..], |(_, companions)| companions);
        let mut fit = true;
        for entry in entries.iter().filter(|entry| &*entry.key != subject) {
            let key = &*entry.key;
            if known.contains(&key) {
                continue;
            }
            fit = false;
            let places: &[Place] = match subject {
                "did" => &[Place::Window, Place::Measure, Place::Did],
                "did_not" => &[Place::Window, Place::Did],
                "user" => &[Place::User],
                _ => &[],
            };
            if let Some(place) = places.iter().find(|place| is_not_yet(**place, key)) {
                self.reader
                    .wrong::<()>(entry.key_span, message(key), place.help());
            } else if let Some(help) = companion(key) {
                let help = match subject {
                    "did_not" => format!(
                        "`did_not` means no event at all; a count is `not: {{did: …, {key}: …}}`"
                    ),
                    _ => help.to_owned(),
                };
                self.reader.wrong::<()>(
                    entry.key_span,
                    format!("`{key}` does not go with `{subject}`"),
                    help,
                );
            } else {
                let all: Vec<_> = std::iter::once(subject)
                    .chain(known.iter().copied())
                    .collect();
                self.reader
                    .unknown_key(entry, &format!("a clause with `{subject}`"), &all);
            }
        }
        fit
    }

    fn several(&mut self, subject: &Entry) -> Option<Vec<Clause>> {
        let Content::List(items) = &subject.value.content else {
            return self.reader.expected(
                &subject.value,
                "a list of clauses",
                "begin each clause with `- `, also a single one",
            );
        };
        if items.is_empty() {
            let help = "name at least one clause; all known users are `everyone: true`";
            return self
                .reader
                .wrong(subject.value.span, "this list of clauses is empty", help);
        }
        let clauses: Vec<_> = items.iter().map(|item| self.read(item)).collect();
        clauses.into_iter().collect()
    }

    fn everyone(&mut self, node: &Node) -> Option<Clause> {
        match self.reader.flag(node, "`true`")? {
            true => Some(Clause::Everyone),
            false => self.reader.wrong(
                node.span,
                "`everyone` is always `true`",
                "no one at all is `not: {everyone: true}`",
            ),
        }
    }

    fn did(&mut self, subject: &Entry, entries: &[Entry]) -> Option<Did> {
        let entry = |key: &str| entries.iter().find(|entry| &*entry.key == key);
        let names = self.names(&subject.value);
        let with = match entry("with") {
            Some(entry) => properties(self.reader, entry),
            None => Some(Vec::new()),
        };
        let times = match entry("times") {
            Some(entry) if &*subject.key == "did" => count(self.reader, &entry.value),
            _ => Some(Comparison {
                conditions: vec![Condition::AtLeast(Bound::Number(1.0))],
            }),
        };
        let window = match entry("in_last") {
            Some(entry) => duration(self.reader, &entry.value).map(|length| Window {
                start: Start::Last(length),
                ..Window::EVER
            }),
            None => Some(Window::EVER),
        };
        Some(Did {
            step: Step {
                names: names?,
                with: with?,
                with_any: Vec::new(),
            },
            measure: Measure::Times(times?),
            window: window?,
            per: None,
        })
    }

    fn names(&mut self, node: &Node) -> Option<Vec<EventName>> {
        const NAME: &str = "an event's name";
        if !matches!(node.content, Content::List(_)) {
            return self
                .reader
                .text(node, NAME)
                .map(|name| vec![EventName::from(name)]);
        }
        let items = self
            .reader
            .list(node, "a list of event names", limits::EVENT_NAMES)?;
        if items.is_empty() {
            return self.reader.wrong(
                node.span,
                "this list of event names is empty",
                "any event at all is `did: \"*\"`",
            );
        }
        let names: Vec<_> = items
            .iter()
            .map(|item| self.reader.text(item, NAME).map(EventName::from))
            .collect();
        names.into_iter().collect()
    }
}

/// Whether a key says what a clause is about.
pub(super) fn is_subject(key: &str) -> bool {
    SUBJECTS.iter().any(|(subject, _)| *subject == key) || is_not_yet(Place::Subject, key)
}

/// Where a key that stands beside some subject belongs; `None`: it stands beside none.
pub(super) fn companion(key: &str) -> Option<&'static str> {
    let of_did = ["with", "times", "in_last"].contains(&key)
        || [Place::Window, Place::Measure, Place::Did]
            .iter()
            .any(|place| is_not_yet(*place, key));
    if of_did {
        Some("it belongs beside `did`")
    } else if is_not_yet(Place::User, key) {
        Some("it belongs beside `user`")
    } else {
        None
    }
}
