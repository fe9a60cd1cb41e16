//! The parts of a test file.

use std::collections::BTreeSet;

use muster_definition::Definition;
use muster_document::{SourceFile, Span};
use muster_model::{Event, Millis, Value};

/// A test file without errors.
pub(super) struct TestFile {
    pub(super) source: SourceFile,
    pub(super) tests: Tested,
    pub(super) cases: Vec<Case>,
}

/// The subject of a test file, as the file names it.
pub(super) enum Tested {
    /// `cohort:`, a definition, relative to the file's folder.
    Cohort(String, Span),
    /// `rule:`, a hand-written rule, relative to the file's folder.
    Rule(String, Span),
    /// `where:`, as its own definition.
    Where(Box<Definition>),
    /// The definition or the rule that has the file's name.
    SameName,
}

/// One case: a name and what is expected.
pub(super) struct Case {
    pub(super) name: String,
    pub(super) span: Span,
    pub(super) what: CaseKind,
}

/// The expectations of a case.
pub(super) enum CaseKind {
    /// `at:` and `users:`, at one instant.
    UsersAt(UsersAt),
    /// `steps:`, while the clock moves.
    Steps(Vec<CaseStep>),
}

/// Users at one instant.
pub(super) struct UsersAt {
    pub(super) at: Millis,
    /// The events and properties of all users.
    pub(super) rows: CaseRows,
    pub(super) users: Vec<Expected>,
}

/// The expected answer for a user.
pub(super) struct Expected {
    pub(super) user: String,
    /// The place of `expect:`.
    pub(super) span: Span,
    pub(super) member: bool,
    /// `until:` and its place.
    pub(super) until: Option<(Until, Span)>,
}

/// The expected expiry of an answer without new events.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// The answer changes exactly at this instant.
    At(Millis),
    /// The answer never changes.
    Never,
}

/// An instant of the clock, the new events and properties, and the expected entries and exits.
pub(super) struct CaseStep {
    pub(super) at: Millis,
    pub(super) span: Span,
    pub(super) rows: CaseRows,
    /// The expected entries; `None`: any.
    pub(super) enters: Option<BTreeSet<String>>,
    /// The expected exits; `None`: any.
    pub(super) exits: Option<BTreeSet<String>>,
}

/// Events and changes of user properties, in the order of the file.
#[derive(Default)]
pub(super) struct CaseRows {
    /// Each event with its user.
    pub(super) events: Vec<(String, Event)>,
    pub(super) changes: Vec<PropertyChange>,
}

impl CaseRows {
    /// Returns the rows of one user.
    pub(super) fn of(&self, user: &str) -> Self {
        let events = self.events.iter().filter(|(other, _)| other == user);
        let changes = self.changes.iter().filter(|change| change.user == user);
        Self {
            events: events.cloned().collect(),
            changes: changes.cloned().collect(),
        }
    }

    /// Returns the instants of all rows.
    pub(super) fn instants(&self) -> impl Iterator<Item = Millis> {
        let events = self.events.iter().map(|(_, event)| event.time);
        events.chain(self.changes.iter().map(|change| change.at))
    }

    /// Returns the instants of a user's rows that are later than an instant.
    pub(super) fn instants_after(&self, at: Millis, user: &str) -> BTreeSet<Millis> {
        let events = self.events.iter().filter(|(other, _)| other == user);
        let changes = self.changes.iter().filter(|change| change.user == user);
        let events = events.map(|(_, event)| event.time);
        let all = events.chain(changes.map(|change| change.at));
        all.filter(|instant| *instant > at).collect()
    }
}

/// A change of a user property.
#[derive(Clone)]
pub(super) struct PropertyChange {
    pub(super) user: String,
    pub(super) property: String,
    pub(super) at: Millis,
    /// The new value; `None`: the property is removed.
    pub(super) value: Option<Value>,
}
