//! Reads parts of the language in other files: a test's inline `where:`, its `ago: 3 days`.

use muster_document::{Node, Span, YamlReader};
use muster_model::CohortId;

use crate::{Clause, Duration, TimeZoneName};

use super::clause::Clauses;

/// Reads a clause in a file that is not a definition. Returns the clause and the cohorts that it
/// uses, each with its place. Days and dates are those of the time zone.
pub fn read_clause(
    reader: &mut YamlReader<'_>,
    node: &Node,
    zone: &TimeZoneName,
) -> Option<(Clause, Vec<(CohortId, Span)>)> {
    let mut clauses = Clauses::new(reader, zone);
    let clause = clauses.read(node);
    Some((clause?, clauses.in_cohort))
}

/// Reads a length of time, such as `30 days`, in a file that is not a definition.
pub fn read_duration(reader: &mut YamlReader<'_>, node: &Node) -> Option<Duration> {
    super::duration::duration(reader, node)
}
