//! The plain interpreter: what a clause means, short, obvious and slow. `explain` shows it and the compiler is held to it.
//!
//! Every clause has a verdict and an instant until which it stands if nothing new happens. Written as one signed instant
//! (`+u`: holds until `u`; `-u`: fails until `u`; infinite: for ever), `all` is the least, `any` the greatest and `not` the
//! negative of its parts: an `all` that holds does so until the first part changes, one that fails until the last failing part does.

use muster_model::{Event, Millis, UserHistory, Value};

use crate::{Clause, Comparison, Did, Measure, Predicate, Start, Test};

/// Whether a user is in, and how long that stands with no new event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// In or out.
    pub member: bool,
    /// The first instant at which the answer may be another one; `None`: never.
    pub until: Option<Millis>,
}

/// Whether anything is known of the user at an instant: only then can they be in a cohort (COHORTS.md, "Meaning").
#[must_use]
pub fn known(history: &UserHistory, now: Millis) -> bool {
    let changes = history.properties.values().flatten();
    history.events.iter().any(|event| event.time <= now)
        || changes.into_iter().any(|(at, _)| *at <= now)
}

/// The answer of a clause at an instant. What lies later than `now` is invisible: the caller asks again when it comes.
#[must_use]
pub fn evaluate(clause: &Clause, history: &UserHistory, now: Millis) -> Answer {
    let signed = Signed::of(clause, history, now);
    Answer {
        member: signed.holds,
        until: signed.until,
    }
}

/// A verdict and how long it stands.
#[derive(Clone, Copy)]
struct Signed {
    holds: bool,
    until: Option<Millis>,
}

impl Signed {
    fn of(clause: &Clause, history: &UserHistory, now: Millis) -> Self {
        let parts = |clauses: &[Clause]| {
            clauses
                .iter()
                .map(|clause| Self::of(clause, history, now))
                .collect::<Vec<_>>()
        };
        match clause {
            Clause::All(clauses) => Self::join(&parts(clauses), true),
            Clause::Any(clauses) => Self::join(&parts(clauses), false),
            Clause::Not(clause) => {
                let Self { holds, until } = Self::of(clause, history, now);
                Self {
                    holds: !holds,
                    until,
                }
            }
            Clause::Everyone => Self {
                holds: true,
                until: None,
            },
            Clause::Did(did) => Self::did(did, history, now),
            Clause::DidInOrder(_)
            | Clause::FirstSeen(_)
            | Clause::Sample(_)
            | Clause::InCohort(_)
            | Clause::Listed(_) => Self {
                holds: false,
                until: None,
            },
            Clause::User(user) => {
                let mut tests = user.properties.iter();
                let holds = tests.all(|(name, predicate)| {
                    predicate_holds(predicate, history.property(name, now))
                });
                Self { holds, until: None }
            }
        }
    }

    /// `all` (which a failing part decides) or `any` (which a holding part decides).
    fn join(parts: &[Self], all: bool) -> Self {
        let deciding: Vec<_> = parts.iter().filter(|part| part.holds != all).collect();
        // `None` is for ever: the latest, and never the soonest.
        let late = |until: &Option<Millis>| until.unwrap_or(Millis(i64::MAX));
        if deciding.is_empty() {
            let until = parts
                .iter()
                .map(|part| part.until)
                .min_by_key(late)
                .flatten();
            Self { holds: all, until }
        } else {
            let until = deciding
                .iter()
                .map(|part| part.until)
                .max_by_key(late)
                .flatten();
            Self { holds: !all, until }
        }
    }

    fn did(did: &Did, history: &UserHistory, now: Millis) -> Self {
        let visible = history.events.iter().filter(|event| event.time <= now);
        let matching = visible.filter(|event| matches(did, event));
        let Measure::Times(times) = &did.measure else {
            return Self {
                holds: false,
                until: None,
            };
        };
        let Start::Last(length) = did.window.start else {
            let holds = comparison_holds(times, number(matching.count()));
            return Self { holds, until: None };
        };
        let length = i64::try_from(length.millis()).unwrap_or(i64::MAX);
        // now − W < t: an event at t leaves the window at exactly t + W.
        let mut leaves: Vec<i64> = matching
            .map(|event| event.time.0.saturating_add(length))
            .collect();
        leaves.sort_unstable();
        let inside = |at: i64| leaves.len() - leaves.partition_point(|leaves| *leaves <= at);
        let holds_at = |at: i64| comparison_holds(times, number(inside(at)));
        let holds = holds_at(now.0);
        let changes = |at: &&i64| **at > now.0 && holds_at(**at) != holds;
        let until = leaves.iter().find(changes).map(|at| Millis(*at));
        Self { holds, until }
    }
}

fn matches(did: &Did, event: &Event) -> bool {
    did.step.names.iter().any(|name| name.matches(&event.name))
        && did
            .step
            .with
            .iter()
            .all(|(name, predicate)| predicate_holds(predicate, event.properties.get(name)))
}

/// Whether all tests of a predicate hold for a value, or for none.
fn predicate_holds(predicate: &Predicate, value: Option<&Value>) -> bool {
    predicate.tests.iter().all(|test| test_holds(test, value))
}

fn test_holds(test: &Test, value: Option<&Value>) -> bool {
    let one_of = |texts: &[Box<str>]| {
        let mut scalars = value.into_iter().flat_map(Value::scalars);
        scalars.any(|scalar| texts.iter().any(|text| **text == *scalar.canonical_text()))
    };
    let number = value.and_then(Value::as_number);
    match test {
        Test::AnyOf(texts) => one_of(texts),
        Test::NoneOf(texts) => !one_of(texts),
        Test::AtLeast(bound) => number.is_some_and(|number| number >= *bound),
        Test::MoreThan(bound) => number.is_some_and(|number| number > *bound),
        Test::AtMost(bound) => number.is_some_and(|number| number <= *bound),
        Test::LessThan(bound) => number.is_some_and(|number| number < *bound),
        Test::Set(set) => value.is_some() == *set,
        _ => false,
    }
}

#[expect(clippy::cast_precision_loss, reason = "no one has 2^53 events")]
fn number(count: usize) -> f64 {
    count as f64
}

/// Whether all conditions hold for a number.
pub(crate) fn comparison_holds(comparison: &Comparison, count: f64) -> bool {
    let holds = |condition: &crate::Condition| {
        let bound = condition.bound().number();
        bound.is_some_and(|bound| condition.holds(count, bound))
    };
    comparison.conditions.iter().all(holds)
}
