//! Native tests of rules: make a user, ask the rule. No WebAssembly is involved.
//!
//! ```
//! use muster_rule::testing::TestUser;
//! use muster_rule::{days, rule};
//!
//! rule! {
//!     cohort "buyers" when is_buyer;
//!     user User {}
//!     events purchases: Purchase = "Purchase" {}
//! }
//!
//! fn is_buyer(user: &User) -> bool {
//!     !user.purchases().in_last(days(7)).is_empty()
//! }
//!
//! # fn main() {
//! let answer = TestUser::at("2026-03-08")
//!     .event("Purchase", "2026-03-02T12:00:00Z")
//!     .ask::<User>();
//! assert!(answer.member);
//! assert_eq!(answer.until, Some("2026-03-09T12:00:00Z".into()));
//! # }
//! ```
//!
//! [`TestUser::ask`] also asks at many instants before `until`, and fails if the answer changes
//! earlier than the rule says.

mod batch;
mod instant;
mod value;

pub use batch::batch_of;
pub(crate) use instant::{read, written};
pub use value::Value;

use crate::time::{Instant, Span};
use crate::verdicts::Rule;

/// A user with a history, at an instant.
#[derive(Clone, Debug)]
#[must_use]
pub struct TestUser {
    now: Instant,
    changes: Vec<(Instant, String, Value)>,
    events: Vec<TestEvent>,
    hash: u64,
    lists: Vec<String>,
}

/// An event of a [`TestUser`].
#[derive(Clone, Debug)]
pub(crate) struct TestEvent {
    name: String,
    time: Instant,
    properties: Vec<(String, Value)>,
}

/// The answer of a rule about a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// True if the user is a member.
    pub member: bool,
    /// The instant at which the answer can change with no new event; `None`: never.
    pub until: Option<Instant>,
}

/// A time in a test: an instant, its text, or so long ago.
#[derive(Clone, Copy, Debug)]
pub enum When {
    /// An instant.
    At(Instant),
    /// So long before now.
    Ago(Span),
}

impl From<Instant> for When {
    fn from(instant: Instant) -> Self {
        Self::At(instant)
    }
}

impl From<&str> for When {
    fn from(text: &str) -> Self {
        Self::At(text.into())
    }
}

impl From<Span> for When {
    fn from(ago: Span) -> Self {
        Self::Ago(ago)
    }
}

/// The number of instants before `until` at which the answer is checked.
const CHECKS: i64 = 64;

impl TestUser {
    /// Makes a user without history. The run is at this instant: `2026-03-01T00:00:00Z`.
    pub fn at(now: impl Into<Instant>) -> Self {
        Self {
            now: now.into(),
            changes: Vec::new(),
            events: Vec::new(),
            hash: 0,
            lists: Vec::new(),
        }
    }

    /// Moves the run to another instant. Events after it are hidden, as the host hides them.
    pub fn later(mut self, now: impl Into<Instant>) -> Self {
        self.now = now.into();
        self
    }

    /// Sets a user property, long before now.
    pub fn property(self, name: &str, value: impl Into<Value>) -> Self {
        self.set(Instant(0), name, value)
    }

    /// Sets a user property at a time.
    pub fn set(mut self, when: impl Into<When>, name: &str, value: impl Into<Value>) -> Self {
        let time = self.time(when);
        self.changes.push((time, name.to_owned(), value.into()));
        self
    }

    /// Adds an event.
    pub fn event(mut self, name: &str, when: impl Into<When>) -> Self {
        let time = self.time(when);
        self.events.push(TestEvent {
            name: name.to_owned(),
            time,
            properties: Vec::new(),
        });
        self
    }

    /// Gives the event that was added last a property.
    ///
    /// # Panics
    /// If there is no event yet.
    pub fn having(mut self, name: &str, value: impl Into<Value>) -> Self {
        let event = self
            .events
            .last_mut()
            .expect("an event to have the property");
        event.properties.push((name.to_owned(), value.into()));
        self
    }

    /// Sets the hash of the user.
    pub fn hash(mut self, hash: u64) -> Self {
        self.hash = hash;
        self
    }

    /// Puts the user on a list.
    pub fn listed(mut self, list: &str) -> Self {
        self.lists.push(list.to_owned());
        self
    }

    /// Asks a rule about the user.
    ///
    /// # Panics
    /// If the rule answers differently before the instant until which its answer holds.
    #[must_use]
    pub fn ask<R: Rule>(&self) -> Answer {
        let answer = self.answer::<R>();
        // A year, if the answer holds for ever.
        let end = answer
            .until
            .map_or(self.now.0 + 31_536_000_000, |until| until.0);
        let length = end - self.now.0;
        for check in 1..=CHECKS {
            // Also just before the end.
            let at = Instant(end - 1 - length * (CHECKS - check) / CHECKS).max(self.now);
            let then = self.clone().later(at).answer::<R>();
            assert!(
                then.member == answer.member || self.changes_until(at),
                "the answer {answer:?} of {:?} does not hold: it is {then:?} at {at:?}",
                self.now
            );
        }
        answer
    }

    fn answer<R: Rule>(&self) -> Answer {
        let verdicts = R::classify(&batch_of(&R::describe(), core::slice::from_ref(self)));
        Answer {
            member: verdicts.members[0] & 1 == 1,
            until: (verdicts.until[0] != i64::MAX).then_some(Instant(verdicts.until[0])),
        }
    }

    /// Returns true if something happens after now: the host evaluates the user again then.
    fn changes_until(&self, at: Instant) -> bool {
        let times = self.changes.iter().map(|(time, ..)| *time);
        let mut times = times.chain(self.events.iter().map(|event| event.time));
        times.any(|time| self.now < time && time <= at)
    }

    fn time(&self, when: impl Into<When>) -> Instant {
        match when.into() {
            When::At(instant) => instant,
            When::Ago(span) => self.now - span,
        }
    }
}
