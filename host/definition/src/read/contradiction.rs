//! Warns of clauses in one `all` that no user meets together: probably a mistake.

use muster_document::Node;

use crate::clause::{Clause, Comparison, Did, Measure, Predicate, UserClause, When};

use super::clause::Clauses;
use super::predicate::never;

impl Clauses<'_, '_> {
    /// Warns of each clause that contradicts an earlier one.
    pub(super) fn warn_of_contradictions(&mut self, nodes: &[Node], clauses: &[Clause]) {
        let read: Vec<_> = nodes.iter().zip(clauses).collect();
        for (at, (node, clause)) in read.iter().enumerate() {
            let mut before = read.iter().take(at);
            let Some((other, _)) = before.find(|(_, other)| contradict(other, clause)) else {
                continue;
            };
            let (line, _) = self.reader.source().line_and_column(other.span.start);
            let message = format!("no user meets this clause and the one in line {line}");
            let help = "under `all` both must hold, so the cohort has no members; write `any` if one is enough";
            self.reader.warn(node.span, message, help);
        }
    }
}

/// Returns true if no user meets both. Finds only plain cases: a clause and its opposite, counts of
/// the same events, values of one property.
fn contradict(a: &Clause, b: &Clause) -> bool {
    let ((a, a_holds), (b, b_holds)) = (stripped(a), stripped(b));
    if a == b && a_holds != b_holds {
        return true;
    }
    match (a, b) {
        (Clause::Did(a), Clause::Did(b)) => match (counts(a), counts(b)) {
            (Some(first), Some(second)) if same_events(a, b) => {
                no_count((first, a_holds), (second, b_holds))
            }
            _ => false,
        },
        (Clause::User(a), Clause::User(b)) if a_holds && b_holds => no_value(a, b),
        _ => false,
    }
}

/// Removes each `not` from a clause. Returns the clause below it, and true if that clause must
/// hold.
fn stripped(mut clause: &Clause) -> (&Clause, bool) {
    let mut holds = true;
    while let Clause::Not(inner) = clause {
        clause = inner;
        holds = !holds;
    }
    (clause, holds)
}

/// Returns the condition on the count of a plain `did`.
fn counts(did: &Did) -> Option<&Comparison> {
    let Did {
        step: _,
        relations: _,
        window: _,
        measure,
        per,
    } = did;
    match measure {
        Measure::Times(times) if per.is_none() => times
            .conditions
            .iter()
            .all(|condition| condition.bound().number().is_some())
            .then_some(times),
        Measure::Times(_)
        | Measure::Number(_)
        | Measure::Distinct(_)
        | Measure::Units(..)
        | Measure::Each(..)
        | Measure::Regularly { .. }
        | Measure::Nth(_)
        | Measure::First(_)
        | Measure::Last(_) => None,
    }
}

fn same_events(a: &Did, b: &Did) -> bool {
    a.step == b.step && a.relations == b.relations && a.window == b.window
}

/// Returns true if no count meets both conditions, though each can be met alone.
fn no_count(a: (&Comparison, bool), b: (&Comparison, bool)) -> bool {
    let met = |(comparison, wanted): (&Comparison, bool), count: f64| {
        let holds = comparison.conditions.iter().all(|condition| {
            let bound = condition.bound().number();
            bound.is_some_and(|bound| condition.holds(count, bound))
        });
        holds == wanted
    };
    // The answer can change only at one of the bounds, or right after it.
    let conditions = a.0.conditions.iter().chain(&b.0.conditions);
    let named = conditions.filter_map(|condition| condition.bound().number());
    let tried: Vec<_> = named
        .flat_map(|number| [number, number + 1.0])
        .chain([0.0])
        .collect();
    let some = |of: &dyn Fn(f64) -> bool| tried.iter().any(|count| of(*count));
    some(&|count| met(a, count))
        && some(&|count| met(b, count))
        && !some(&|count| met(a, count) && met(b, count))
}

/// Returns true if a property that both name has no value that meets both, though each can be met
/// alone.
fn no_value(a: &UserClause, b: &UserClause) -> bool {
    let both_now = a.when == When::Now && b.when == When::Now;
    let together = |first: &Predicate, second: &Predicate| Predicate {
        tests: first.tests.iter().chain(&second.tests).cloned().collect(),
    };
    let pairs = a.properties.iter().flat_map(|(name, first)| {
        let of_name = b.properties.iter().filter(move |(other, _)| other == name);
        of_name.map(move |(_, second)| (first, second))
    });
    let alone = |predicate: &Predicate| never(predicate).is_none();
    both_now
        && pairs.into_iter().any(|(first, second)| {
            alone(first) && alone(second) && never(&together(first, second)).is_some()
        })
}
