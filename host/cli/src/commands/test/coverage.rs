//! The coverage: the clauses that were true and that were false in the cases.

use muster_definition::Clause;
use muster_definition::interpreter::Trace;
use serde_json::{Value as Json, json};

/// The coverage of a definition by the cases.
pub(super) struct Coverage {
    /// All clauses, each before its parts.
    clauses: Vec<ClauseCoverage>,
}

/// The number of times that a clause was true and false.
struct ClauseCoverage {
    text: String,
    /// The clause is worth a warning of its own. `not` only negates its part, and `everyone` is
    /// always true.
    counts: bool,
    holds: u64,
    fails: u64,
}

impl Coverage {
    pub(super) fn new(clause: &Clause) -> Self {
        let mut clauses = Vec::new();
        add(clause, &mut clauses);
        Self { clauses }
    }

    /// Counts the answers for a known user at one instant.
    pub(super) fn add(&mut self, trace: &Trace) {
        let mut rest = self.clauses.iter_mut();
        count(trace, &mut rest);
    }

    /// Adds the counts of the same definition by other cases.
    pub(super) fn merge(&mut self, other: Self) {
        for (clause, other) in self.clauses.iter_mut().zip(other.clauses) {
            clause.holds += other.holds;
            clause.fails += other.fails;
        }
    }

    /// Returns a warning for each answer that no case has.
    pub(super) fn warnings(&self) -> Vec<String> {
        let Some((root, parts)) = self.clauses.split_first() else {
            return Vec::new();
        };
        if root.holds + root.fails == 0 {
            return vec!["no case has a user with an event or property".to_owned()];
        }
        let mut warnings = Vec::new();
        if root.holds == 0 {
            warnings.push("no case has a user who is in".to_owned());
        }
        // With `everyone` alone no user can be out.
        if root.fails == 0 && (root.counts || !parts.is_empty()) {
            warnings.push("no case has a user who is out".to_owned());
        }
        for clause in parts.iter().filter(|clause| clause.counts) {
            if clause.holds == 0 {
                warnings.push(format!("never true in any case: {}", clause.text));
            }
            if clause.fails == 0 {
                warnings.push(format!("never false in any case: {}", clause.text));
            }
        }
        warnings
    }

    pub(super) fn json(&self) -> Json {
        let clauses = self.clauses.iter();
        clauses
            .map(|clause| json!({ "clause": clause.text, "true": clause.holds, "false": clause.fails }))
            .collect()
    }
}

fn add(clause: &Clause, clauses: &mut Vec<ClauseCoverage>) {
    clauses.push(ClauseCoverage {
        text: clause.to_string(),
        counts: !matches!(clause, Clause::Not(_) | Clause::Everyone),
        holds: 0,
        fails: 0,
    });
    for part in clause.parts() {
        add(part, clauses);
    }
}

fn count<'s>(trace: &Trace, clauses: &mut impl Iterator<Item = &'s mut ClauseCoverage>) {
    if let Some(clause) = clauses.next() {
        if trace.holds {
            clause.holds += 1;
        } else {
            clause.fails += 1;
        }
    }
    for part in &trace.parts {
        count(part, clauses);
    }
}
