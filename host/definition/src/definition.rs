//! The parts of a cohort definition that passed all checks.

use muster_document::{Diagnostics, SourceFile, Span};
use muster_model::{Cadence, CohortId};

use crate::{Clause, TimeZoneName};

/// The content of one definition file. [`crate::parse`] makes it.
#[derive(Clone, Debug)]
pub struct Definition {
    /// `id:`, or the stem of the file's name.
    pub id: CohortId,
    /// `name:`, or the id.
    pub name: String,
    /// `description:`, for readers of the file; no payload carries it.
    pub description: Option<String>,
    /// `time_zone:`, or the time zone of the project, or UTC. Days, weeks, months and dates of the
    /// definition are those of this zone.
    pub time_zone: TimeZoneName,
    /// `cadence:`, how often membership is computed.
    pub cadence: Cadence,
    /// `sync:`, where entries and exits go.
    pub sync: Vec<Sync>,
    /// `on_remove:`, the treatment of the members when the definition is removed.
    pub on_remove: OnRemove,
    /// The condition for membership.
    pub body: Body,
    /// Warnings: what the file says is allowed, but probably a mistake.
    pub warnings: Diagnostics,
    /// The file, for errors that are found later (an unknown destination, a missing module).
    pub source: SourceFile,
    /// The places of values in the file.
    pub spans: DefinitionSpans,
}

/// Places in a definition file that checks across files point at.
#[derive(Clone, Debug)]
pub struct DefinitionSpans {
    /// The value of `id:`; `None` if the id comes from the file's name.
    pub id: Option<Span>,
    /// Each destination's name, in the order of [`Definition::sync`].
    pub sync: Vec<Span>,
    /// The value of `where:`, `rule:` or `members:`.
    pub body: Span,
    /// The cohorts that `in_cohort:` names and their places, in the order of the file.
    pub in_cohort: Vec<(CohortId, Span)>,
}

/// A destination of a cohort's updates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sync {
    /// The destination's name in the project.
    pub to: String,
    /// The user properties that each update carries, at most [`crate::limits::SYNCED_PROPERTIES`].
    pub user_properties: Vec<String>,
}

/// The treatment of a cohort's members when its definition is removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnRemove {
    /// Nothing is sent: destinations keep their members.
    #[default]
    Keep,
    /// Each member is sent as an exit.
    Exit,
}

/// The condition for membership, in one of its three forms.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// `where:`, in the cohort language.
    Where(Clause),
    /// `rule:`, a hand-written module. The path is as written, relative to the definition's folder.
    Rule(String),
    /// `members:`, a static list of user ids. The path is as written, relative to the definition's
    /// folder. [`crate::members`] reads the list.
    Members(String),
}
