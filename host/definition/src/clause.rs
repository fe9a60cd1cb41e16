//! The clauses of a cohort, checked and ready to compile or interpret (docs/cohorts.md, "Clauses").

use muster_model::{CohortId, Millis};

pub use muster_model::Unit;

use crate::Pattern;

/// Who is in: a boolean tree of measures over one user's history.
#[derive(Clone, Debug, PartialEq)]
pub enum Clause {
    /// `all:`, every clause holds.
    All(Vec<Clause>),
    /// `any:`, one clause holds at least.
    Any(Vec<Clause>),
    /// `not:`, the clause does not hold.
    Not(Box<Clause>),
    /// `everyone: true`.
    Everyone,
    /// `did:`, a measure over matching events.
    Did(Did),
    /// `did_in_order:`, steps in time order.
    DidInOrder(DidInOrder),
    /// `user:`, what user properties hold.
    User(UserClause),
    /// `first_seen:`, the user's first event ever lies in the window.
    FirstSeen(Window),
    /// `sample:`, a stable share of users.
    Sample(Sample),
    /// `in_cohort:`, as written; [`crate::link`] puts the other cohort's clause in its place.
    InCohort(CohortId),
    /// A member of the static list of this cohort (`members:`).
    Listed(CohortId),
}

/// Which events: their names, and what their properties hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Event names or globs; an event matches any of them.
    pub names: Vec<EventName>,
    /// `with:`, event properties, each with its predicate; all hold.
    pub with: Properties,
    /// `with_any:`, and at least one of these, if there are any.
    pub with_any: Vec<Properties>,
}

/// Properties, each with its predicate; all hold. No name comes twice.
pub type Properties = Vec<(Box<str>, Predicate)>;

/// A measure over the matching events in a window.
#[derive(Clone, Debug, PartialEq)]
pub struct Did {
    /// Which events match.
    pub step: Step,
    /// Where they lie.
    pub window: Window,
    /// What must be true of them.
    pub measure: Measure,
    /// `per:`, the measure is taken per value of this event property that a matching event in the
    /// window carries (a list carries each of its values); one value that satisfies it is enough.
    /// No value, and it does not hold.
    pub per: Option<Box<str>>,
}

/// What must be true of the matching events in the window.
#[derive(Clone, Debug, PartialEq)]
pub enum Measure {
    /// `times:` and `more_than:`, how many there are.
    Times(Comparison),
    /// `sum_of:` and its like, over the numeric values of properties; all hold.
    Number(Vec<NumberOf>),
    /// `distinct:`, how many different values (canonical texts; a list has each of its values) each
    /// property has; all hold.
    Distinct(Vec<(Box<str>, Comparison)>),
    /// `days:`, `weeks:`, `months:`, on how many different ones.
    Units(Unit, TimeZoneName, Comparison),
    /// `each:`, the count holds in every unit of the window, which starts with a
    /// [`Start::Calendar`] of the same or a longer unit that consists of whole ones (days in any;
    /// weeks in weeks; months in months). The current unit counts.
    Each(Unit, Comparison),
    /// `regularly:`, of the last `of_last` spans of `every` that end now, the count holds in at
    /// least `at_least`. The window is [`Window::EVER`].
    Regularly {
        /// The length of a span: span k is now − (k + 1) · every < t ≤ now − k · every.
        every: Duration,
        /// How many spans are looked at, at least 1.
        of_last: u32,
        /// In how many of them the count must hold.
        at_least: u32,
        /// The count.
        times: Comparison,
    },
    /// `nth:`, the nth matching event ever (1: the first) lies in the window.
    Nth(u32),
    /// `first:`, the first matching event in the window has these properties.
    First(Properties),
    /// `last:`, the last matching event in the window has these properties.
    Last(Properties),
}

/// An aggregate of a property's numeric values. The sum of none is 0; the others of none do not
/// hold.
#[derive(Clone, Debug, PartialEq)]
pub struct NumberOf {
    /// Which.
    pub aggregate: Aggregate,
    /// Of which event property.
    pub property: Box<str>,
    /// What it must be; [`Bound::Number`]s only.
    pub comparison: Comparison,
}

/// How values become one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Aggregate {
    /// `sum_of:`, in time order.
    Sum,
    /// `average_of:`, the sum through the count.
    Average,
    /// `smallest:`.
    Smallest,
    /// `largest:`.
    Largest,
}

/// Steps in time order. The clause holds if any choice of events fits.
#[derive(Clone, Debug, PartialEq)]
pub struct DidInOrder {
    /// At least 2. An event that takes a step is another one than that of the step before, at the
    /// same instant or later.
    pub steps: Vec<Step>,
    /// `all_within:`, first step to last, at most.
    pub all_within: Option<Duration>,
    /// `each_within:`, step to next, at most.
    pub each_within: Option<Duration>,
    /// `without:`, no such event strictly between the instants of the first and the last step; with
    /// `same`, none that carries the same value.
    pub without: Option<Step>,
    /// `same:`, all steps carry the same value of this event property (a list carries each of its
    /// values).
    pub same: Option<Box<str>>,
    /// Every step lies in it.
    pub window: Window,
}

/// An event name, or a glob in which `*` stands for any text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventName(Box<str>);

/// Which instants: after the start and before the end. Nothing is later than now.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// Where it starts.
    pub start: Start,
    /// Where it ends.
    pub end: End,
}

/// The start of a window.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Start {
    /// All of history.
    Ever,
    /// `in_last: 30 days`, now − length < t.
    Last(Duration),
    /// `in_last: 30 calendar days`, from the start of the unit `count` − 1 before the current one.
    Calendar {
        /// Days, weeks or months.
        unit: Unit,
        /// How many, the current one included; at least 1.
        count: u32,
        /// Whose.
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
    /// `within_first: 7 days`, t < the user's first event ever + length. Its start is
    /// [`Start::Ever`].
    WithinFirst(Duration),
}

/// A time zone of the built-in IANA database, by its name as that spells it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeZoneName(Box<str>);

/// A length of time, a whole number of milliseconds, at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(u64);

/// User properties, each with its predicate; all hold.
#[derive(Clone, Debug, PartialEq)]
pub struct UserClause {
    /// Properties and what they must hold; not empty.
    pub properties: Properties,
    /// When.
    pub when: When,
}

/// When a user property must hold its predicate. A property's history is what it held from each
/// recorded change to the next; of changes at one instant only the last one counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum When {
    /// Now.
    Now,
    /// `ever: true`, at some time since its first change.
    Ever,
    /// `in_last:`, at some time since its first change within the window, the instant of its start
    /// included ([`Start::Last`] or [`Start::Calendar`]).
    During(Start),
    /// `held_for:`, now, and without a break for at least so long. Before its first change a
    /// property held nothing, from the beginning of time.
    HeldFor(Duration),
}

/// A stable share of users: those whose mixed hash is below the share
/// ([`crate::interpreter::sampled`]).
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// 0 to 100.
    pub percent: f64,
    /// Another seed takes other users; empty if none is given.
    pub seed: Box<str>,
}

/// Tests of one value; all hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Predicate {
    /// The tests.
    pub tests: Vec<Test>,
}

/// A test of one value. `contains_all` is one `AnyOf` a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// The canonical text is one of these.
    AnyOf(Vec<Box<str>>),
    /// The canonical text is none of these.
    NoneOf(Vec<Box<str>>),
    /// The canonical text fits.
    Fits(Pattern),
    /// No canonical text fits.
    FitsNot(Pattern),
    /// A number of at least this.
    AtLeast(f64),
    /// A number over this.
    MoreThan(f64),
    /// A number of at most this.
    AtMost(f64),
    /// A number under this.
    LessThan(f64),
    /// An instant earlier than this.
    Before(Millis),
    /// An instant later than this.
    After(Millis),
    /// An instant with now − length < t ≤ now.
    InLast(Duration),
    /// An instant with t ≤ now − length.
    BeforeLast(Duration),
    /// There is a value, or there is none.
    Set(bool),
    /// The canonical text is that of the current value of this user property (lists: they have one
    /// in common).
    SameAs(Box<str>),
}

/// Conditions on a number; all hold.
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
    /// Over.
    MoreThan(Bound),
    /// At most.
    AtMost(Bound),
    /// Under.
    LessThan(Bound),
}

/// What a number is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum Bound {
    /// A number.
    Number(f64),
    /// How many events of another kind there are in the same window (and with `per`, with the same
    /// value). Only a
    /// [`Measure::Times`] has it.
    Times(Step),
}

impl Condition {
    /// What it compares with.
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

    /// Whether it holds for a number, given its bound's.
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
    /// The number, if it is one.
    #[must_use]
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Times(_) => None,
        }
    }
}

impl Comparison {
    /// `at_least` a number.
    #[must_use]
    pub fn at_least(number: f64) -> Self {
        Self {
            conditions: vec![Condition::AtLeast(Bound::Number(number))],
        }
    }
}

impl Window {
    /// All of history.
    pub const EVER: Self = Self {
        start: Start::Ever,
        end: End::Now,
    };
}

impl TimeZoneName {
    /// A zone by its name, in any case; `None` if there is none.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let zone = muster_model::time_zone(name)?;
        zone.iana_name().map(|name| Self(name.into()))
    }

    /// `UTC`.
    #[must_use]
    pub fn utc() -> Self {
        Self("UTC".into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl EventName {
    /// The name or glob as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether an event's name is this name or fits this glob. Case counts.
    #[must_use]
    pub fn matches<'n>(&self, name: &'n str) -> bool {
        let mut parts = self.0.split('*');
        let Some(rest) = parts.next().and_then(|head| name.strip_prefix(head)) else {
            return false;
        };
        let Some(tail) = parts.next_back() else {
            return rest.is_empty();
        };
        // The leftmost fit of each middle part leaves the most for those behind it.
        let fit = |rest: &'n str, part: &str| rest.split_once(part).map(|(_, behind)| behind);
        parts
            .try_fold(rest, fit)
            .is_some_and(|rest| rest.ends_with(tail))
    }
}

impl From<&str> for EventName {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl Duration {
    /// A length in milliseconds.
    #[must_use]
    pub fn from_millis(ms: u64) -> Self {
        Self(ms)
    }

    /// The length in milliseconds.
    #[must_use]
    pub fn millis(self) -> u64 {
        self.0
    }
}
