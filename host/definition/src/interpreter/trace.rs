//! Traces: a clause, its answer and the values that decided it, for `explain` and for failed tests.

use std::fmt::Write as _;

use muster_model::{Millis, UserHistory};

use super::moment::Moment;
use super::{decided, evaluate};
use crate::Clause;

/// A clause with its answer and the values that decided it.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// The clause in one line, as an analyst writes it. For `all`, `any` and `not` it is only that
    /// word, as the parts follow.
    pub text: String,
    /// The clause holds.
    pub holds: bool,
    /// The first instant at which the answer changes if no new event arrives.
    pub until: Option<Millis>,
    /// The values that decided the clause: `2 events match`, `city is Seattle`. There are only a
    /// few.
    pub values: Vec<String>,
    /// The clauses that the clause consists of.
    pub parts: Vec<Trace>,
}

/// Returns the values that decided a clause at an instant.
#[must_use]
pub fn trace(clause: &Clause, history: &UserHistory, now: Millis) -> Trace {
    let answer = evaluate(clause, history, now);
    let text = match clause {
        Clause::All(_) => "all".to_owned(),
        Clause::Any(_) => "any".to_owned(),
        Clause::Not(_) => "not".to_owned(),
        Clause::Everyone
        | Clause::Did(_)
        | Clause::DidInOrder(_)
        | Clause::InAnyOrder(_)
        | Clause::User(_)
        | Clause::FirstSeen(_)
        | Clause::Sample(_)
        | Clause::InCohort(_)
        | Clause::Listed(_) => clause.to_string(),
    };
    let parts = clause.parts().iter();
    Trace {
        text,
        holds: answer.member,
        until: answer.until,
        values: decided::values(clause, Moment { history, now }),
        parts: parts.map(|part| trace(part, history, now)).collect(),
    }
}

impl Trace {
    /// Renders the tree as indented text, one line per clause: `✓` if it holds, `✗` if not.
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
        // Writing to a string never fails.
        let _ = writeln!(text, "{indent}{mark} {}{until}", self.text);
        for value in &self.values {
            let _ = writeln!(text, "{indent}    {value}");
        }
        for part in &self.parts {
            part.write(text, depth + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use muster_model::{Event, Scalar, Value};

    use super::*;
    use crate::{
        Bound, Comparison, Condition, Did, Duration, End, Measure, Predicate, Start, Step, Test,
        UserClause, When, Window,
    };

    #[test]
    fn a_trace_is_readable() {
        let text = |text: &str| Value::One(Scalar::Text(text.into()));
        let event = |time: &str, amount: f64| Event {
            name: "Purchase".into(),
            time: time.parse().unwrap(),
            properties: [
                ("amount".into(), Value::One(Scalar::Number(amount))),
                ("sku".into(), text("a")),
            ]
            .into(),
        };
        let history = UserHistory {
            events: vec![
                event("2026-01-01T00:00:00Z", 60.0),
                event("2026-02-20T10:00:00Z", 75.5),
            ],
            properties: [(
                "city".into(),
                vec![("2026-01-05T00:00:00Z".parse().unwrap(), Some(text("Reno")))],
            )]
            .into(),
            ..UserHistory::default()
        };
        let with = |name: &str, test| vec![(name.into(), Predicate { tests: vec![test] })];
        let did = Clause::Did(Did {
            step: Step {
                names: vec!["Purchase".into()],
                with: with("amount", Test::AtLeast(50.0)),
                with_any: vec![],
                with_user: vec![],
            },
            relations: vec![],
            window: Window {
                start: Start::Last(Duration::from_millis(30 * 86_400_000)),
                end: End::Now,
            },
            measure: Measure::Times(Comparison {
                conditions: vec![Condition::AtLeast(Bound::Number(2.0))],
            }),
            per: None,
        });
        let city = Clause::User(UserClause {
            properties: with("city", Test::AnyOf(vec!["Seattle".into()])),
            when: When::Now,
        });
        let clause = Clause::All(vec![Clause::Not(Box::new(did)), city]);
        let trace = trace(&clause, &history, "2026-03-01T00:00:00Z".parse().unwrap());
        insta::assert_snapshot!(trace.render(), @r"
        ✗ all
          ✓ not
            ✗ {did: Purchase, with: {amount: {at_least: 50}}, in_last: 30 days, times: {at_least: 2}}
                1 of 2 matching events in the window
                2026-02-20T10:00:00Z Purchase {amount: 75.5}
          ✗ {user: {city: Seattle}}
              city is Reno from 2026-01-05T00:00:00Z
        ");
    }
}
