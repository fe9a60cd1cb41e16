//! The clauses of a cohort, checked and ready to compile or interpret (docs/cohorts.md, "Clauses").

mod instant;
mod parts;
pub(crate) mod visit;

use muster_model::{CohortId, Millis, Order, Version, matches_glob};

pub use muster_model::Unit;

pub use instant::{InstantBound, InstantTest, Length};

use crate::Pattern;
use crate::interpreter::comparison_holds;

/// The condition for membership: a boolean tree of measures over one user's history.
#[derive(Clone, Debug, PartialEq)]
pub enum Clause {
    /// `all:`, every clause holds.
    All(Vec<Clause>),
    /// `any:`, at least one clause holds.
    Any(Vec<Clause>),
    /// `not:`, the clause does not hold.
    Not(Box<Clause>),
    /// `everyone: true`.
    Everyone,
    /// `did:`, a measure over matching events.
    Did(Did),
    /// `did_in_order:`, steps in time order.
    DidInOrder(DidInOrder),
    /// `in_any_order:`, steps in any order.
    InAnyOrder(InAnyOrder),
    /// `user:`, conditions on user properties.
    User(UserClause),
    /// `first_seen:`, the user's first event ever lies in the window.
    FirstSeen(Window),
    /// `sample:`, a stable share of users.
    Sample(Sample),
    /// `in_cohort:`, as written; [`crate::link`] replaces it by the clause of the other cohort.
    InCohort(CohortId),
    /// The user is on the static list of this cohort (`members:`).
    Listed(CohortId),
}

/// The events that a clause selects: their names, and predicates on their properties.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Event names or globs. An event matches if it matches one of them.
    pub names: Vec<EventName>,
    /// `with:`, event properties, each with its predicate. All of them hold.
    pub with: Properties,
    /// `with_any:`, alternatives. If there are any, at least one of them holds too.
    pub with_any: Vec<Properties>,
    /// `with_user:`, user properties, each with its predicate. All of them hold for the values at
    /// the instant of the event.
    pub with_user: Properties,
}

/// Properties, each with its predicate. All of them hold. No name occurs twice.
pub type Properties = Vec<(Box<str>, Predicate)>;

/// A measure over the matching events in a window.
#[derive(Clone, Debug, PartialEq)]
pub struct Did {
    /// The events that match.
    pub step: Step,
    /// Conditions on the events around a matching event. All of them hold. No key occurs twice.
    pub relations: Vec<Relation>,
    /// The range of time in which the events lie.
    pub window: Window,
    /// The condition on these events.
    pub measure: Measure,
    /// `per:`, an event property. The measure is taken for each value that a matching event in the
    /// window carries (a list carries each of its values). The clause holds if one value satisfies
    /// the measure. Without any value it does not hold.
    pub per: Option<Box<str>>,
}

/// A condition on the events before or after a matching event: other events, at the same instant
/// or later (earlier). They may lie outside of the window, but not later than now.
#[derive(Clone, Debug, PartialEq)]
pub struct Relation {
    /// The side of the other event, and if there must be one.
    pub kind: RelationKind,
    /// The other events.
    pub step: Step,
    /// `within:`, the longest time between both events.
    pub within: Option<Duration>,
    /// `same:`, both events carry the same value of this event property (a list carries each of its
    /// values).
    pub same: Option<Box<str>>,
}

/// A kind of [`Relation`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RelationKind {
    /// `followed_by:`.
    FollowedBy,
    /// `not_followed_by:`.
    NotFollowedBy,
    /// `preceded_by:`.
    PrecededBy,
    /// `not_preceded_by:`.
    NotPrecededBy,
}

/// A condition on the matching events in the window.
#[derive(Clone, Debug, PartialEq)]
pub enum Measure {
    /// `times:` and `more_than:`, a condition on the number of events.
    Times(Comparison),
    /// `sum_of:` and similar measures over the numeric values of properties. All of them hold.
    Number(Vec<NumberOf>),
    /// `distinct:`, a condition on the number of different values of each property. Values are
    /// compared by canonical text; a list has each of its values. All conditions hold.
    Distinct(Vec<(Box<str>, Comparison)>),
    /// `days:`, `weeks:`, `months:`, a condition on the number of different units with an event.
    Units(Unit, TimeZoneName, Comparison),
    /// `each:`, the count holds in every unit of the window, the current unit included. The window
    /// starts with a [`Start::Calendar`] of the same unit, or of a longer unit of whole ones (days
    /// in any, weeks in weeks, months in months).
    Each(Unit, Comparison),
    /// `regularly:`, the count holds in at least `at_least` of the last `of_last` spans of `every`
    /// that end now. The window is [`Window::EVER`].
    Regularly {
        /// The length of a span. Span k is now − (k + 1) · every < t ≤ now − k · every.
        every: Duration,
        /// The number of spans that count, at least 1.
        of_last: u32,
        /// The number of spans in which the count must hold.
        at_least: u32,
        /// The count.
        times: Comparison,
    },
    /// `nth:`, the nth matching event of all history (1: the first) lies in the window.
    Nth(u32),
    /// `first:`, the first matching event in the window has these properties.
    First(Properties),
    /// `last:`, the last matching event in the window has these properties.
    Last(Properties),
}

/// An aggregate of a property's numeric values. Without any value the sum is 0 and the others do
/// not hold.
#[derive(Clone, Debug, PartialEq)]
pub struct NumberOf {
    /// The aggregate.
    pub aggregate: Aggregate,
    /// The event property whose values are aggregated.
    pub property: Box<str>,
    /// The condition on the aggregate; its bounds are [`Bound::Number`]s only.
    pub comparison: Comparison,
}

/// A way to turn values into one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Aggregate {
    /// `sum_of:`, exact for decimals ([`muster_model::DecimalSum`]).
    Sum,
    /// `average_of:`, the sum divided by the count.
    Average,
    /// `smallest:`.
    Smallest,
    /// `largest:`.
    Largest,
}

/// Steps in time order. The clause holds if at least one choice of events fits.
#[derive(Clone, Debug, PartialEq)]
pub struct DidInOrder {
    /// The steps, at least 2. Each step takes another event, at the instant of the step before or
    /// later. Events of one instant may take their steps in any order.
    pub steps: Vec<Step>,
    /// `all_within:`, the longest time from the first step to the last.
    pub all_within: Option<Duration>,
    /// `each_within:`, the longest time from a step to the next.
    pub each_within: Option<Duration>,
    /// `strictly: true`, each event strictly between the instants of the first and the last step
    /// takes a step. With `same`, only events that carry the same value count.
    pub strictly: bool,
    /// `without:`, events that do not lie between two steps.
    pub without: Vec<Without>,
    /// `same:`, all steps carry the same value of this event property (a list carries each of its
    /// values).
    pub same: Option<Box<str>>,
    /// The window in which every step lies.
    pub window: Window,
}

/// An event that does not lie strictly between the instants of two steps. With `same`, only events
/// that carry the same value count.
#[derive(Clone, Debug, PartialEq)]
pub struct Without {
    /// The event.
    pub step: Step,
    /// The number of the earlier step; the first step is 1.
    pub from: usize,
    /// The number of the later step.
    pub to: usize,
}

/// Steps in any order. The clause holds if at least one choice of events fits.
#[derive(Clone, Debug, PartialEq)]
pub struct InAnyOrder {
    /// The steps, at least 2. Each step takes another event.
    pub steps: Vec<Step>,
    /// `all_within:`, the longest time from the earliest to the latest event.
    pub all_within: Option<Duration>,
    /// `same:`, all steps carry the same value of this event property (a list carries each of its
    /// values).
    pub same: Option<Box<str>>,
    /// The window in which every step lies.
    pub window: Window,
}

/// An event name, or a glob in which `*` stands for any text and `\*` for a star.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventName(Box<str>);

/// A range of instants, after the start and before the end. No instant in it is later than now.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// The start of the range.
    pub start: Start,
    /// The end of the range.
    pub end: End,
}

/// The start of a window.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Start {
    /// All of history.
    Ever,
    /// `in_last: 30 days`, now − length < t.
    Last(Duration),
    /// `in_last: 30 calendar days`, from the start of the unit that lies `count` − 1 units before
    /// the current one.
    Calendar {
        /// Days, weeks or months.
        unit: Unit,
        /// The number of units, the current one included; at least 1.
        count: u32,
        /// The time zone of the calendar.
        zone: TimeZoneName,
    },
    /// `since:`, t ≥ the instant.
    At(Millis),
}

/// The end of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// t ≤ now.
    Now,
    /// `before_last: 30 days`, t ≤ now − length.
    Before(Duration),
    /// `until:`, t < the instant.
    At(Millis),
    /// `within_first: 7 days`, t < the user's first event ever + length. The start of the window is
    /// [`Start::Ever`].
    WithinFirst(Duration),
}

/// The name of a time zone in the built-in IANA database, spelled as in the database.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeZoneName(Box<str>);

/// A length of time, a whole number of milliseconds, at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(u64);

/// User properties, each with its predicate. All of them hold.
#[derive(Clone, Debug, PartialEq)]
pub struct UserClause {
    /// The properties and their predicates; not empty.
    pub properties: Properties,
    /// The times at which the predicates must hold.
    pub when: When,
}

/// The times at which a user property must satisfy its predicate. The history of a property
/// consists of the values that it had from each recorded change to the next. Of several changes at
/// one instant only the last one counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum When {
    /// Now.
    Now,
    /// `ever: true`, at any time since the first change of the property.
    Ever,
    /// `in_last:`, at any time since the first change of the property within the window. The
    /// instant at which the window starts is included ([`Start::Last`] or [`Start::Calendar`]).
    During(Start),
    /// `held_for:`, now and without a break for at least this long. Before its first change a
    /// property has no value.
    HeldFor(Duration),
}

/// A stable share of users: the users whose mixed hash is below the share
/// ([`crate::interpreter::sampled`]).
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The share in percent, 0 to 100.
    pub percent: f64,
    /// The seed, empty if none is given. Another seed selects other users.
    pub seed: Box<str>,
}

/// Tests of one value. All of them hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Predicate {
    /// The tests.
    pub tests: Vec<Test>,
}

/// A test of one value. `contains_all` becomes one `AnyOf` per value. Of a list, one element must
/// meet all tests on numbers of a predicate.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// The canonical text is one of these.
    AnyOf(Vec<Box<str>>),
    /// The canonical text is none of these.
    NoneOf(Vec<Box<str>>),
    /// The canonical text fits the pattern.
    Fits(Pattern),
    /// No canonical text fits the pattern.
    FitsNot(Pattern),
    /// A number of at least this.
    AtLeast(f64),
    /// A number greater than this.
    MoreThan(f64),
    /// A number of at most this.
    AtMost(f64),
    /// A number less than this.
    LessThan(f64),
    /// An instant within bounds.
    Instant(InstantTest),
    /// A version that meets all these conditions.
    Version(Vec<(Order, Version)>),
    /// A condition on the number of elements; a single value is one, an absent value is none.
    CountOf(Comparison),
    /// The value exists (`true`) or does not exist (`false`).
    Set(bool),
    /// The canonical text equals that of the current value of this user property (lists: they have
    /// a value in common).
    SameAs(Box<str>),
}

/// Conditions on a number. All of them hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The conditions.
    pub conditions: Vec<Condition>,
}

/// A condition on a number.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// Equal.
    Exactly(Bound),
    /// Not equal.
    Not(Bound),
    /// At least.
    AtLeast(Bound),
    /// Greater than.
    MoreThan(Bound),
    /// At most.
    AtMost(Bound),
    /// Less than.
    LessThan(Bound),
}

/// A bound of a condition on a number.
#[derive(Clone, Debug, PartialEq)]
pub enum Bound {
    /// A number.
    Number(f64),
    /// The number of other events in the same window (with `per`, with the same value). Only a
    /// [`Measure::Times`] has such a bound.
    Times(Step),
}

impl Test {
    /// Returns true if the test holds for an absent value (docs/cohorts.md, "Predicates").
    #[must_use]
    pub fn holds_for_none(&self) -> bool {
        match self {
            Self::Set(set) => !set,
            Self::NoneOf(_) | Self::FitsNot(_) => true,
            Self::CountOf(comparison) => comparison_holds(comparison, 0.0),
            Self::AnyOf(_)
            | Self::Fits(_)
            | Self::AtLeast(_)
            | Self::MoreThan(_)
            | Self::AtMost(_)
            | Self::LessThan(_)
            | Self::Instant(_)
            | Self::Version(_)
            | Self::SameAs(_) => false,
        }
    }
}

impl RelationKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [
        Self::FollowedBy,
        Self::NotFollowedBy,
        Self::PrecededBy,
        Self::NotPrecededBy,
    ];

    /// Returns the key.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::FollowedBy => "followed_by",
            Self::NotFollowedBy => "not_followed_by",
            Self::PrecededBy => "preceded_by",
            Self::NotPrecededBy => "not_preceded_by",
        }
    }

    /// Returns true if the other event comes before the matching event.
    #[must_use]
    pub fn is_before(self) -> bool {
        match self {
            Self::PrecededBy | Self::NotPrecededBy => true,
            Self::FollowedBy | Self::NotFollowedBy => false,
        }
    }

    /// Returns true if there must be such an event, false if there must be none.
    #[must_use]
    pub fn is_wanted(self) -> bool {
        match self {
            Self::FollowedBy | Self::PrecededBy => true,
            Self::NotFollowedBy | Self::NotPrecededBy => false,
        }
    }
}

impl Condition {
    /// Returns the bound of the condition.
    #[must_use]
    pub fn bound(&self) -> &Bound {
        match self {
            Self::Exactly(bound)
            | Self::Not(bound)
            | Self::AtLeast(bound)
            | Self::MoreThan(bound)
            | Self::AtMost(bound)
            | Self::LessThan(bound) => bound,
        }
    }

    /// Returns true if the condition holds for a number, given the number of its bound.
    #[must_use]
    pub fn holds(&self, number: f64, bound: f64) -> bool {
        match self {
            Self::Exactly(_) => number == bound,
            Self::Not(_) => number != bound,
            Self::AtLeast(_) => number >= bound,
            Self::MoreThan(_) => number > bound,
            Self::AtMost(_) => number <= bound,
            Self::LessThan(_) => number < bound,
        }
    }
}

impl Bound {
    /// Returns the number, or `None` if the bound is another event.
    #[must_use]
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Times(_) => None,
        }
    }
}

impl Comparison {
    /// Returns the comparison `at_least` a number.
    #[must_use]
    pub fn at_least(number: f64) -> Self {
        Self {
            conditions: vec![Condition::AtLeast(Bound::Number(number))],
        }
    }
}

impl Window {
    /// The window that covers all of history.
    pub const EVER: Self = Self {
        start: Start::Ever,
        end: End::Now,
    };
}

impl TimeZoneName {
    /// Finds a zone by its name, in upper or lower case. Returns `None` if the database has no such
    /// zone.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let zone = muster_model::time_zone(name)?;
        zone.iana_name().map(|name| Self(name.into()))
    }

    /// Returns `UTC`.
    #[must_use]
    pub fn utc() -> Self {
        Self("UTC".into())
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl EventName {
    /// Returns the name or glob as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns true if an event's name is this name or fits this glob. Case counts.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        matches_glob(&self.0, name)
    }
}

impl From<&str> for EventName {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl Duration {
    /// Makes a length from milliseconds.
    #[must_use]
    pub fn from_millis(ms: u64) -> Self {
        Self(ms)
    }

    /// Returns the length in milliseconds.
    #[must_use]
    pub fn millis(self) -> u64 {
        self.0
    }
}
