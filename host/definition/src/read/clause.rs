//! Reads clauses (docs/cohorts.md, "Clauses"): a map with one subject, and the keys that belong to
//! that subject.

use muster_document::{
    Diagnostic, Entry, Node, NodeContent, Span, YamlReader, either, list, names, quote,
};
use muster_model::CohortId;

use crate::clause::{Clause, TimeZoneName};
use crate::limits;

use super::key::{LanguageKey, LanguageKind, key};
use super::words::unknown_key;
use super::{comparison, did, measure, order, relation, sample, step, user, window};

/// The subjects of a clause.
pub(crate) const TABLE: [LanguageKey; 12] = [
    key("all", LanguageKind::Clauses, "Every clause holds."),
    key("any", LanguageKind::Clauses, "At least one clause holds."),
    key("not", LanguageKind::Clause, "The clause does not hold."),
    key(
        "did",
        LanguageKind::Events,
        "A measure over matching events: a name, a list of names (any of them), a glob or `\"*\"`.",
    ),
    key(
        "did_not",
        LanguageKind::Events,
        "No such event lies in the window.",
    ),
    key(
        "did_in_order",
        LanguageKind::Steps,
        "Steps in time order; the clause holds if any choice of events fits.",
    ),
    key(
        "in_any_order",
        LanguageKind::Steps,
        "Different events, one for each step, in any order; the clause holds if any choice of events fits.",
    ),
    key(
        "user",
        LanguageKind::Properties,
        "Predicates on user properties; all of them hold.",
    ),
    key(
        "first_seen",
        LanguageKind::FirstSeen,
        "The user's first event ever lies in the window.",
    ),
    key(
        "in_cohort",
        LanguageKind::Id,
        "A member of another cohort, by its id.",
    ),
    key("everyone", LanguageKind::True, "Every known user."),
    key(
        "sample",
        LanguageKind::Sample,
        "A stable share of users: the same users every time, on every machine.",
    ),
];

const SUBJECTS: [&str; 12] = names(&TABLE);

/// Returns the keys that may stand beside a subject.
pub(crate) fn beside(subject: &str) -> Vec<&'static LanguageKey> {
    let groups: &[&'static [LanguageKey]] = match subject {
        "did" => &[
            &step::TABLE,
            &relation::TABLE,
            &window::TABLE,
            &measure::TABLE,
            &did::TABLE,
        ],
        "did_not" => &[&step::TABLE, &relation::TABLE, &window::TABLE],
        "did_in_order" => &[&order::TABLE, &window::TABLE],
        "in_any_order" => &[&order::ANY_TABLE, &window::TABLE],
        "user" => &[&user::TABLE],
        _ => &[],
    };
    groups.iter().copied().flatten().collect()
}

fn companions(subject: &str) -> Vec<&'static str> {
    beside(subject).iter().map(|key| key.name).collect()
}

const WHAT: &str = "a clause";

/// A reader of the clauses of one definition, which counts them.
pub(super) struct Clauses<'r, 's> {
    pub(super) reader: &'r mut YamlReader<'s>,
    /// The time zone of days and dates.
    pub(super) zone: &'r TimeZoneName,
    /// The cohorts that are used, and their places.
    pub(super) in_cohort: Vec<(CohortId, Span)>,
    /// The number of patterns.
    pub(super) patterns: usize,
    count: usize,
}

impl<'r, 's> Clauses<'r, 's> {
    pub(super) fn new(reader: &'r mut YamlReader<'s>, zone: &'r TimeZoneName) -> Self {
        Self {
            reader,
            zone,
            in_cohort: Vec::new(),
            patterns: 0,
            count: 0,
        }
    }

    pub(super) fn read(&mut self, node: &Node) -> Option<Clause> {
        self.counted(node)?;
        let entries = match &node.content {
            NodeContent::Map(entries) => entries,
            NodeContent::List(_) => {
                return self.reader.expected(
                    node,
                    WHAT,
                    "a list of clauses belongs under `all:` or `any:`",
                );
            }
            NodeContent::Text(_) => {
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
        let value = &subject.value;
        let clause = match &*subject.key {
            "all" => self.all(subject).map(Clause::All),
            "any" => self.several(subject).map(Clause::Any),
            "not" => self.read(value).map(not),
            "did" => self.did(subject, entries).map(Clause::Did),
            "did_not" => {
                // These are two clauses: `not` and `did`.
                self.counted(node)?;
                self.did(subject, entries).map(|did| not(Clause::Did(did)))
            }
            "did_in_order" => self.did_in_order(subject, entries).map(Clause::DidInOrder),
            "in_any_order" => self.in_any_order(subject, entries).map(Clause::InAnyOrder),
            "user" => self.user(subject, entries).map(Clause::User),
            "first_seen" => self.first_seen(value).map(Clause::FirstSeen),
            "in_cohort" => self.in_cohort(value).map(Clause::InCohort),
            "sample" => self.sample(value).map(Clause::Sample),
            _ => self.everyone(value),
        };
        clause.filter(|_| fits)
    }

    /// Counts a clause. Returns `None` if it is one too many.
    fn counted(&mut self, node: &Node) -> Option<()> {
        self.count += 1;
        if self.count <= limits::CLAUSES {
            return Some(());
        }
        // Reported once: the rest of the file has the same fault.
        if self.count == limits::CLAUSES + 1 {
            let help = format!(
                "write at most {}; put many values of one property into one clause with a list",
                limits::CLAUSES
            );
            self.reader
                .wrong::<()>(node.span, "the definition has too many clauses", help);
        }
        None
    }

    /// Returns the one key that is the subject of the clause.
    fn subject<'n>(&mut self, entries: &'n [Entry], span: Span) -> Option<&'n Entry> {
        let mut subjects = entries.iter().filter(|entry| is_subject(&entry.key));
        let Some(subject) = subjects.next() else {
            let mistyped = entries
                .iter()
                .find(|entry| companions_of(&entry.key).is_empty());
            match mistyped {
                Some(entry) => unknown_key(self.reader, entry, WHAT, &SUBJECTS),
                None => {
                    let help = format!("add one of {}", list(&SUBJECTS));
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
        Some(subject)
    }

    /// Returns true if all keys beside the subject belong to it.
    fn companions(&mut self, entries: &[Entry], subject: &Entry) -> bool {
        let subject = &*subject.key;
        let known = companions(subject);
        let mut fit = true;
        for entry in entries.iter().filter(|entry| &*entry.key != subject) {
            let key = &*entry.key;
            if known.contains(&key) {
                continue;
            }
            fit = false;
            if let Some(help) = misplaced(subject, key) {
                let message = format!("{} does not go with `{subject}`", quote(key));
                self.reader.wrong::<()>(entry.key_span, message, help);
            } else {
                let all: Vec<_> = std::iter::once(subject)
                    .chain(known.iter().copied())
                    .collect();
                let what = format!("a clause with `{subject}`");
                unknown_key(self.reader, entry, &what, &all);
            }
        }
        fit
    }

    fn all(&mut self, subject: &Entry) -> Option<Vec<Clause>> {
        let clauses = self.several(subject)?;
        if let NodeContent::List(nodes) = &subject.value.content {
            self.warn_of_contradictions(nodes, &clauses);
        }
        Some(clauses)
    }

    fn several(&mut self, subject: &Entry) -> Option<Vec<Clause>> {
        let NodeContent::List(items) = &subject.value.content else {
            return self.reader.expected(
                &subject.value,
                "a list of clauses",
                "begin each clause with `- `, also a single one",
            );
        };
        if items.is_empty() {
            let help = "name at least one clause; for all known users write `everyone: true`";
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
                "for a cohort without members write `not: {everyone: true}`",
            ),
        }
    }

    fn in_cohort(&mut self, node: &Node) -> Option<CohortId> {
        const WHAT: &str = "a cohort's id";
        if let NodeContent::List(_) = node.content {
            let help = "for one of several cohorts write `any: [{in_cohort: a}, {in_cohort: b}]`";
            return self.reader.expected(node, WHAT, help);
        }
        let text = self.reader.text(node, WHAT)?;
        match CohortId::new(text) {
            Ok(id) => {
                self.in_cohort.push((id.clone(), node.span));
                Some(id)
            }
            Err(_) => self.reader.wrong(
                node.span,
                format!("{} is not a cohort's id", quote(text)),
                "write the `id:` of its file, or the file's name without its extension",
            ),
        }
    }
}

fn not(clause: Clause) -> Clause {
    Clause::Not(Box::new(clause))
}

/// Returns true if a key is the subject of a clause.
pub(super) fn is_subject(key: &str) -> bool {
    SUBJECTS.contains(&key)
}

/// Returns the subjects that a key can stand beside.
pub(super) fn companions_of(key: &str) -> Vec<&'static str> {
    SUBJECTS
        .into_iter()
        .filter(|subject| companions(subject).contains(&key))
        .collect()
}

/// Says where a key belongs that does not belong to a subject. Returns `None` if it is no key of
/// the language.
fn misplaced(subject: &str, key: &str) -> Option<String> {
    let of_measure = measure::KEYS.contains(&key);
    let of_window = window::KEYS.contains(&key);
    let help = match subject {
        "did_not" if of_measure || key == "per" => {
            format!(
                "`did_not` means no event at all; for a count write `not: {{did: …, {key}: …}}`"
            )
        }
        "did_in_order" if key == "between" => {
            "it belongs inside `without`: `without: {did: …, between: [1, 2]}`".to_owned()
        }
        "did" | "did_not" | "did_in_order" | "in_any_order"
            if comparison::KEYS.contains(&key) && !of_measure =>
        {
            format!("for a count write `times: {{{key}: …}}` beside `did`")
        }
        "did_in_order" | "in_any_order" if step::KEYS.contains(&key) => {
            format!("it belongs inside a step: `{{did: …, {key}: …}}`")
        }
        "did_in_order" | "in_any_order" if key == "per" => {
            "to require the same value of a property in all steps, write `same`".to_owned()
        }
        "did" | "did_not" if key == "without" => {
            "for no such event afterwards write `not_followed_by`".to_owned()
        }
        "did" if key == "same" => "to measure for each value of a property, write `per`".to_owned(),
        "user" if of_window => format!(
            "the current value counts, unless the clause has one of {}",
            list(&user::KEYS)
        ),
        "first_seen" if of_window => {
            format!("the window belongs inside: `first_seen: {{{key}: …}}`")
        }
        "sample" if sample::TABLE.has(key) => {
            "it belongs inside: `sample: {percent: 10}`".to_owned()
        }
        _ => {
            let subjects = companions_of(key);
            if subjects.is_empty() {
                return None;
            }
            format!("it belongs beside {}", either(&subjects))
        }
    };
    Some(help)
}
