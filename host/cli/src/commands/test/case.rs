//! What a test file says.

use std::collections::BTreeSet;

use muster_definition::{Definition, SourceFile, Span};
use muster_model::{Event, Millis, Value};

/// A test file, checked.
pub(super) struct TestFile {
    pub(super) source: SourceFile,
    pub(super) tests: Tested,
    pub(super) cases: Vec<Case>,
}

/// What is tested, as the file says.
pub(super) enum Tested {
    /// `cohort:`, a definition, relative to the file's folder.
    Cohort(String, Span),
    /// `rule:`, a hand-written rule, relative to the file's folder.
    Rule(String, Span),
    /// `where:`, as a definition of its own.
    Where(Box<Definition>),
    /// The definition or the rule that has the file's name.
    SameName,
}

/// One case: a name and what must hold.
pub(super) struct Case {
    pub(super) name: String,
    pub(super) span: Span,
    pub(super) what: CaseKind,
}

/// What must hold.
pub(super) enum CaseKind {
    /// `at:` and `users:`, at one instant.
    Still(Still),
    /// `steps:`, while the clock moves.
    Steps(Vec<CaseStep>),
}

/// Users at one instant.
pub(super) struct Still {
    pub(super) at: Millis,
    /// All that is known of all of them.
    pub(super) rows: CaseRows,
    pub(super) users: Vec<Expected>,
}

/// What is expected of a user.
pub(super) struct Expected {
    pub(super) user: String,
    /// The place of `expect:`.
    pub(super) span: Span,
    pub(super) member: bool,
    /// `until:` and its place.
    pub(super) until: Option<(Until, Span)>,
}

/// How long the answer must stand if nothing new happens.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// Exactly until here.
    At(Millis),
    /// For ever.
    Never,
}

/// A place of the clock, what is new, and who must move.
pub(super) struct CaseStep {
    pub(super) at: Millis,
    pub(super) span: Span,
    pub(super) rows: CaseRows,
    /// `None`: whoever.
    pub(super) enters: Option<BTreeSet<String>>,
    /// `None`: whoever.
    pub(super) exits: Option<BTreeSet<String>>,
}

/// Events and changes of user properties, in the order of the file.
#[derive(Default)]
pub(super) struct CaseRows {
    /// Each with its user.
    pub(super) events: Vec<(String, Event)>,
    pub(super) changes: Vec<PropertyChange>,
}

/// A change of a user property.
pub(super) struct PropertyChange {
    pub(super) user: String,
    pub(super) property: String,
    pub(super) at: Millis,
    /// `None`: from then on it holds nothing.
    pub(super) value: Option<Value>,
}
