//! What decided: a clause, its answer and the values behind it, for `explain` and for tests that fail.

use std::fmt::Write as _;

use muster_model::{Millis, UserHistory};

use super::evaluate;
use crate::Clause;

/// A clause with its answer and what decided it.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// The clause in one line, as an analyst writes it; of `all`, `any` and `not` that word alone, as their parts follow.
    pub text: String,
    /// Whether it holds.
    pub holds: bool,
    /// The first instant at which that changes if nothing new happens.
    pub until: Option<Millis>,
    /// What decided: `2 events match`, `city is Seattle`. At most a handful.
    pub values: Vec<String>,
    /// The clauses it consists of.
    pub parts: Vec<Trace>,
}

/// What decided a clause at an instant.
#[must_use]
pub fn trace(clause: &Clause, history: &UserHistory, now: Millis) -> Trace {
    let answer = evaluate(clause, history, now);
    let part = |clause| trace(clause, history, now);
    let (text, parts) = match clause {
        Clause::All(clauses) => ("all".to_owned(), clauses.iter().map(part).collect()),
        Clause::Any(clauses) => ("any".to_owned(), clauses.iter().map(part).collect()),
        Clause::Not(clause) => ("not".to_owned(), vec![part(clause)]),
        _ => (clause.to_string(), Vec::new()),
    };
    Trace {
        text,
        holds: answer.member,
        until: answer.until,
        values: Vec::new(),
        parts,
    }
}

impl Trace {
    /// The tree as indented text, a line a clause: `✓` if it holds, `✗` if not.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        self.write(&mut text, 0);
        text
    }

    fn write(&self, text: &mut String, depth: usize) {
        let indent = "  ".repeat(depth);
        let mark = if self.holds { '✓' } else { '✗' };
        let until = self.until.map(|until| format!("  until {until}"));
        let until = until.unwrap_or_default();
        // Writing to a text never fails.
        let _ = writeln!(text, "{indent}{mark} {}{until}", self.text);
        for value in &self.values {
            let _ = writeln!(text, "{indent}    {value}");
        }
        for part in &self.parts {
            part.write(text, depth + 1);
        }
    }
}
