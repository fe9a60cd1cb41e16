//! The plain interpreter: the meaning of a clause, short, obvious and slow. `explain` shows its
//! results, and tests compare the compiler with it.
//!
//! - [`holds`] defines the meaning: one function per kind of clause, each a sentence of
//!   docs/cohorts.md.
//! - [`evaluate`] adds the expiry of the answer. It calls [`holds`] again at every later instant
//!   that could matter.
//! - [`trace`] returns the values that decided a clause.

mod any_order;
mod calendar;
mod comparison;
mod decided;
mod different;
mod instant;
mod measure;
mod moment;
mod order;
mod predicate;
mod relation;
mod sample;
mod step;
mod trace;
mod until;
mod user;
mod window;

use muster_model::{Millis, UserHistory};

use crate::Clause;

use self::moment::Moment;

pub(crate) use self::comparison::comparison_holds;
pub use self::sample::sampled;
pub use self::trace::{Trace, trace};

/// The answer for one user, with its expiry if no new event arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The user is a member.
    pub member: bool,
    /// The first instant at which the answer changes if no new event arrives; `None`: it never
    /// changes.
    pub until: Option<Millis>,
}

/// Returns true if the history has anything at or before an instant. Only then can the user be in a
/// cohort (docs/cohorts.md, "Meaning").
#[must_use]
pub fn known(history: &UserHistory, now: Millis) -> bool {
    let changes = history.properties.values().flatten();
    history.events.iter().any(|event| event.time <= now)
        || changes.into_iter().any(|(at, _)| *at <= now)
}

/// Returns true if a clause holds at an instant. Events and changes later than `now` are invisible.
///
/// [`Clause::InCohort`] holds for no user: link the clause first.
#[must_use]
pub fn holds(clause: &Clause, history: &UserHistory, now: Millis) -> bool {
    let moment = Moment { history, now };
    match clause {
        Clause::All(clauses) => clauses.iter().all(|clause| holds(clause, history, now)),
        Clause::Any(clauses) => clauses.iter().any(|clause| holds(clause, history, now)),
        Clause::Not(clause) => !holds(clause, history, now),
        Clause::Everyone => true,
        Clause::Did(did) => measure::holds(did, moment),
        Clause::DidInOrder(order) => order::holds(order, moment),
        Clause::InAnyOrder(order) => any_order::holds(order, moment),
        Clause::User(user) => user::holds(user, moment),
        Clause::FirstSeen(window) => moment
            .first_seen()
            .is_some_and(|first| moment.resolve(window).contains(first)),
        Clause::Sample(sample) => sampled(history.hash, &sample.seed, sample.percent),
        Clause::Listed(list) => history.lists.contains(list),
        Clause::InCohort(_) => false,
    }
}

/// Returns the answer of a clause at an instant, with its expiry. Events and changes later than
/// `now` are invisible and stay so. The caller must evaluate again at their time.
#[must_use]
pub fn evaluate(clause: &Clause, history: &UserHistory, now: Millis) -> Answer {
    let past = until::up_to(history, now);
    let member = holds(clause, &past, now);
    let until = until::instants(clause, &past, now)
        .into_iter()
        .find(|later| holds(clause, &past, *later) != member);
    Answer { member, until }
}
