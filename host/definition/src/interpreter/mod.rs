//! The plain interpreter: what a clause means, short, obvious and slow. `explain` shows it and the
//! compiler is held to it.
//!
//! - [`holds`] is the meaning: one function a clause kind, each a sentence of docs/cohorts.md.
//! - [`evaluate`] adds until when the answer stands. It asks [`holds`] again at every later instant
//!   that could matter.
//! - [`trace`] says what decided.

mod calendar;
mod comparison;
mod decided;
mod measure;
mod moment;
mod order;
mod predicate;
mod sample;
mod step;
mod trace;
mod until;
mod user;
mod window;

use muster_model::{Millis, UserHistory};

use crate::Clause;

use self::moment::Moment;

pub use self::sample::sampled;
pub use self::trace::{Trace, trace};

/// Whether a user is in, and how long that stands with no new event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// In or out.
    pub member: bool,
    /// The first instant at which the answer is the other one if nothing new happens; `None`:
    /// never.
    pub until: Option<Millis>,
}

/// Whether anything is known of the user at an instant: only then can they be in a cohort
/// (docs/cohorts.md, "Meaning").
#[must_use]
pub fn known(history: &UserHistory, now: Millis) -> bool {
    let changes = history.properties.values().flatten();
    history.events.iter().any(|event| event.time <= now)
        || changes.into_iter().any(|(at, _)| *at <= now)
}

/// Whether a clause holds at an instant. What lies later than `now` is invisible.
///
/// [`Clause::InCohort`] holds for nobody: link it first.
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
        Clause::User(user) => user::holds(user, moment),
        Clause::FirstSeen(window) => moment
            .first_seen()
            .is_some_and(|first| moment.resolve(window).contains(first)),
        Clause::Sample(sample) => sampled(history.hash, &sample.seed, sample.percent),
        Clause::Listed(list) => history.lists.contains(list),
        Clause::InCohort(_) => false,
    }
}

/// The answer of a clause at an instant, and until when it stands. What lies later than `now` is
/// invisible and stays so: the caller asks again when it comes.
#[must_use]
pub fn evaluate(clause: &Clause, history: &UserHistory, now: Millis) -> Answer {
    let past = until::up_to(history, now);
    let member = holds(clause, &past, now);
    let until = until::instants(clause, &past, now)
        .into_iter()
        .find(|later| holds(clause, &past, *later) != member);
    Answer { member, until }
}
