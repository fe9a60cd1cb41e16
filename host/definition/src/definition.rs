//! A whole cohort definition, checked.

use muster_model::{Cadence, CohortId};

use crate::{Clause, Diagnostics, SourceFile, Span, TimeZoneName};

/// What one file says of one cohort. [`crate::parse`] makes it.
#[derive(Clone, Debug)]
pub struct Definition {
    /// `id:`, or the stem of the file's name.
    pub id: CohortId,
    /// `name:`, or the id.
    pub name: String,
    /// `description:`, for people; no payload carries it.
    pub description: Option<String>,
    /// `time_zone:`, or the project's, or UTC: whose days, weeks, months and dates are meant.
    pub time_zone: TimeZoneName,
    /// `cadence:`, how often membership is computed.
    pub cadence: Cadence,
    /// `sync:`, where entries and exits go.
    pub sync: Vec<Sync>,
    /// `on_remove:`, what becomes of the members when the definition goes away.
    pub on_remove: OnRemove,
    /// Who is in.
    pub body: Body,
    /// What is allowed and yet probably not meant.
    pub warnings: Diagnostics,
    /// The file, for what is found out later than here (an unknown destination, a missing rule).
    pub source: SourceFile,
    /// Where things stand in that file.
    pub spans: DefinitionSpans,
}

/// Where a definition says what: the places that checks across files point at.
#[derive(Clone, Debug)]
pub struct DefinitionSpans {
    /// The value of `id:`; `None` if the file's name gives the id.
    pub id: Option<Span>,
    /// Each destination's name, in the order of [`Definition::sync`].
    pub sync: Vec<Span>,
    /// The value of `where:`, `rule:` or `members:`.
    pub body: Span,
    /// The cohorts that `in_cohort:` names, in the order of the file, and where.
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

/// What becomes of a cohort's members when its definition goes away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnRemove {
    /// Nothing is sent: destinations keep whom they have.
    #[default]
    Keep,
    /// Every member is sent as an exit.
    Exit,
}

/// Who is in a cohort.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// `where:`, in the cohort language.
    Where(Clause),
    /// `rule:`, a hand-written module: its path as written, relative to the definition's folder.
    Rule(String),
    /// `members:`, a static list of user ids: its path as written, relative to the definition's
    /// folder. [`crate::members`] reads what is in it.
    Members(String),
}
