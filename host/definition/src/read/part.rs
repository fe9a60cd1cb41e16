//! Parts of the language within other files: a test's inline `where:`, its `ago: 3 days`.

use crate::yaml::{Node, Reader};
use crate::{Clause, Duration, TimeZoneName};

use super::clause::Clauses;

/// Reads a clause in another file than a definition. The time zone is the one whose days and dates are meant.
pub fn read_clause(reader: &mut Reader<'_>, node: &Node, zone: &TimeZoneName) -> Option<Clause> {
    Clauses::new(reader, zone).read(node)
}

/// Reads a length of time, such as `30 days`, in another file than a definition.
pub fn read_duration(reader: &mut Reader<'_>, node: &Node) -> Option<Duration> {
    super::duration::duration(reader, node)
}
