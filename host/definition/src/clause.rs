//! The clauses of a cohort, checked and ready to compile or interpret (COHORTS.md, "Clauses").

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
    /// `user:`, what user properties hold now.
    User(UserClause),
}

/// How often matching events happened in a window.
#[derive(Clone, Debug, PartialEq)]
pub struct Did {
    /// Event names or globs; an event matches any of them.
    pub names: Vec<EventName>,
    /// Event properties, each with its predicate; all hold.
    pub with: Vec<(Box<str>, Predicate)>,
    /// What the count must be.
    pub times: Comparison,
    /// Which events count.
    pub window: Window,
}

/// An event name, or a glob in which `*` stands for any text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventName(Box<str>);

/// Which events a measure looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// All of history.
    Ever,
    /// `in_last:`, now − length < t ≤ now.
    InLast(Duration),
}

/// A length of time, a whole number of milliseconds, at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(u64);

/// User properties, each with its predicate; all hold.
#[derive(Clone, Debug, PartialEq)]
pub struct UserClause {
    /// Properties and what they must hold.
    pub properties: Vec<(Box<str>, Predicate)>,
}

/// Tests of one value; all hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Predicate {
    /// The tests.
    pub tests: Vec<Test>,
}

/// A test of one value.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// The canonical text is one of these.
    AnyOf(Vec<Box<str>>),
    /// The canonical text is none of these.
    NoneOf(Vec<Box<str>>),
    /// A number of at least this.
    AtLeast(f64),
    /// A number over this.
    MoreThan(f64),
    /// A number of at most this.
    AtMost(f64),
    /// A number under this.
    LessThan(f64),
    /// There is a value, or there is none.
    Set(bool),
}

/// Conditions on a number; all hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The conditions.
    pub conditions: Vec<Condition>,
}

/// A condition on a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Condition {
    /// Equal.
    Exactly(f64),
    /// Not equal.
    Not(f64),
    /// At least.
    AtLeast(f64),
    /// Over.
    MoreThan(f64),
    /// At most.
    AtMost(f64),
    /// Under.
    LessThan(f64),
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
