//! Which clauses the cases have seen true and false.

use muster_definition::Clause;
use muster_definition::interpreter::Trace;
use serde_json::{Value as Json, json};

/// What the cases have seen of a definition.
pub(super) struct Coverage {
    /// Each clause, before its parts.
    clauses: Vec<ClauseCoverage>,
}

/// How often a clause was true and false.
struct ClauseCoverage {
    text: String,
    /// Whether it says something by itself; `not` says of its part what the part says, and
    /// `everyone` is always true.
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

    /// Takes a user of whom something is known, at one instant.
    pub(super) fn see(&mut self, trace: &Trace) {
        let mut rest = self.clauses.iter_mut();
        count(trace, &mut rest);
    }

    /// What no case has seen.
    pub(super) fn warnings(&self) -> Vec<String> {
        let Some((root, parts)) = self.clauses.split_first() else {
            return Vec::new();
        };
        if root.holds + root.fails == 0 {
            return vec!["no case has a user of whom anything is known".to_owned()];
        }
        let mut warnings = Vec::new();
        if root.holds == 0 {
            warnings.push("no case has a user who is in".to_owned());
        }
        // `everyone` alone is for everyone.
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
    match clause {
        Clause::All(parts) | Clause::Any(parts) => {
            parts.iter().for_each(|part| add(part, clauses));
        }
        Clause::Not(part) => add(part, clauses),
        _ => {}
    }
}

fn count<'s>(trace: &Trace, clauses: &mut impl Iterator<Item = &'s mut ClauseCoverage>) {
    if let Some(seen) = clauses.next() {
        if trace.holds {
            seen.holds += 1;
        } else {
            seen.fails += 1;
        }
    }
    for part in &trace.parts {
        count(part, clauses);
    }
}
