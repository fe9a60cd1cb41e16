//! Tests of a row of a stream, of a property's history or of a user.

use std::collections::BTreeSet;

use muster_definition::{EventName, Pattern, PatternKind, Predicate, Properties, Step, Test};

use super::reads::{ReadKind, Space, millis};
use super::{Plan, reads};

/// A test of one row, over the columns of its space.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum RowTest {
    Column {
        column: usize,
        check: ValueTest,
    },
    /// All tests hold; without tests it holds.
    All(Vec<RowTest>),
    /// At least one test holds.
    Any(Vec<RowTest>),
    /// A test of the value that a user property had at the row's instant.
    AtRow {
        /// The test. Its columns are [`Plan::histories`], all of the same property.
        test: Box<RowTest>,
        /// The test holds for an absent value.
        absent: bool,
    },
}

/// A test of a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum ValueTest {
    AtLeast(Bits),
    MoreThan(Bits),
    AtMost(Bits),
    LessThan(Bits),
    /// An instant after now minus so many ms, and not later than now.
    InLast(i64),
    /// An instant not later than now minus so many ms.
    BeforeLast(i64),
    Set(bool),
    /// A text in the text set of this index.
    In(usize),
    NotIn(usize),
    /// A text that fits the pattern of this index.
    Fits(usize),
    FitsNot(usize),
    /// The text of the user column of this index.
    SameAs(usize),
}

/// A number that is equal to itself: an `f64` by its bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Bits(u64);

impl Bits {
    pub(crate) fn of(number: f64) -> Self {
        // -0 and 0 compare alike, so they become one test.
        Self(if number == 0.0 { 0 } else { number.to_bits() })
    }

    pub(crate) fn number(self) -> f64 {
        f64::from_bits(self.0)
    }
}

impl RowTest {
    /// Joins tests that must all hold. They are sorted, so that equal sets of tests are equal.
    pub(super) fn all(tests: impl IntoIterator<Item = Self>) -> Self {
        let mut flat = BTreeSet::new();
        for test in tests {
            match test {
                Self::All(tests) => flat.extend(tests),
                other => drop(flat.insert(other)),
            }
        }
        Self::join(flat, Self::All)
    }

    /// Joins tests of which at least one must hold.
    pub(super) fn any(tests: impl IntoIterator<Item = Self>) -> Self {
        Self::join(tests.into_iter().collect(), Self::Any)
    }

    fn join(tests: BTreeSet<Self>, join: fn(Vec<Self>) -> Self) -> Self {
        let mut tests: Vec<_> = tests.into_iter().collect();
        if tests.len() == 1
            && let Some(only) = tests.pop()
        {
            return only;
        }
        join(tests)
    }

    /// Returns the tests of the row's own columns, each as often as it occurs.
    pub(crate) fn columns(&self) -> Vec<(usize, &ValueTest)> {
        match self {
            Self::Column { column, check } => vec![(*column, check)],
            Self::All(tests) | Self::Any(tests) => tests.iter().flat_map(Self::columns).collect(),
            Self::AtRow { test: _, absent: _ } => Vec::new(),
        }
    }

    /// Returns the tests of user properties at the row's instant, each as often as it occurs.
    pub(crate) fn at_row(&self) -> Vec<&Self> {
        match self {
            Self::Column {
                column: _,
                check: _,
            } => Vec::new(),
            Self::All(tests) | Self::Any(tests) => tests.iter().flat_map(Self::at_row).collect(),
            Self::AtRow { test, absent: _ } => vec![test],
        }
    }

    /// Returns true if every row passes.
    pub(crate) fn is_nothing(&self) -> bool {
        matches!(self, Self::All(tests) if tests.is_empty())
    }

    /// Returns true if the answer changes with the clock.
    pub(crate) fn is_relative(&self) -> bool {
        let at_row = self.at_row();
        self.columns().iter().any(|(_, check)| check.is_relative())
            || at_row.into_iter().any(Self::is_relative)
    }
}

impl ValueTest {
    /// Returns true if the answer changes with the clock.
    fn is_relative(&self) -> bool {
        match self {
            Self::InLast(_) | Self::BeforeLast(_) => true,
            Self::AtLeast(_)
            | Self::MoreThan(_)
            | Self::AtMost(_)
            | Self::LessThan(_)
            | Self::Set(_)
            | Self::In(_)
            | Self::NotIn(_)
            | Self::Fits(_)
            | Self::FitsNot(_)
            | Self::SameAs(_) => false,
        }
    }
}

impl Plan {
    /// Returns the test of an event: its properties, and its name if the stream has other names
    /// too.
    pub(super) fn step(&mut self, stream: usize, step: &Step) -> RowTest {
        let mut tests = vec![self.properties(Space::Stream(stream), &step.with)];
        if !step.with_any.is_empty() {
            let any: Vec<_> = step
                .with_any
                .iter()
                .map(|properties| self.properties(Space::Stream(stream), properties))
                .collect();
            tests.push(RowTest::any(any));
        }
        for (property, predicate) in &step.with_user {
            tests.push(RowTest::AtRow {
                test: Box::new(self.predicate(Space::History, property, predicate)),
                absent: holds_for_none(predicate),
            });
        }
        if !self.is_whole_stream(stream, &step.names) {
            tests.push(self.names(stream, &step.names));
        }
        RowTest::all(tests)
    }

    fn names(&mut self, stream: usize, names: &[EventName]) -> RowTest {
        let column = self.place(Space::Stream(stream), "", ReadKind::Text);
        let mut exact = Vec::new();
        let mut tests = Vec::new();
        for name in names {
            if !name.as_str().contains('*') {
                exact.push(name.as_str().into());
            } else if let Some(pattern) = Pattern::new(PatternKind::Glob, name.as_str()) {
                let check = ValueTest::Fits(self.pattern(&pattern));
                tests.push(RowTest::Column { column, check });
            }
        }
        if !exact.is_empty() {
            let check = ValueTest::In(self.text_set(&exact));
            tests.push(RowTest::Column { column, check });
        }
        RowTest::any(tests)
    }

    pub(super) fn properties(&mut self, space: Space, properties: &Properties) -> RowTest {
        let tests: Vec<_> = properties
            .iter()
            .map(|(property, predicate)| self.predicate(space, property, predicate))
            .collect();
        RowTest::all(tests)
    }

    pub(super) fn predicate(
        &mut self,
        space: Space,
        property: &str,
        predicate: &Predicate,
    ) -> RowTest {
        let mut tests = Vec::new();
        for test in &predicate.tests {
            let (kind, check) = self.check(test);
            let column = self.place(space, property, kind);
            tests.push(RowTest::Column { column, check });
        }
        RowTest::all(tests)
    }

    /// Returns the test of a value, and the kind of column that it needs.
    fn check(&mut self, test: &Test) -> (ReadKind, ValueTest) {
        let instant = |at: muster_model::Millis| Bits::of(reads::exact(at.0));
        match test {
            Test::AnyOf(texts) => (ReadKind::Text, ValueTest::In(self.text_set(texts))),
            Test::NoneOf(texts) => (ReadKind::Text, ValueTest::NotIn(self.text_set(texts))),
            Test::Fits(pattern) => (ReadKind::Text, ValueTest::Fits(self.pattern(pattern))),
            Test::FitsNot(pattern) => (ReadKind::Text, ValueTest::FitsNot(self.pattern(pattern))),
            Test::Set(set) => (ReadKind::Text, ValueTest::Set(*set)),
            Test::SameAs(property) => {
                let column = self.place(Space::User, property, ReadKind::Text);
                (ReadKind::Text, ValueTest::SameAs(column))
            }
            Test::AtLeast(number) => (ReadKind::Number, ValueTest::AtLeast(Bits::of(*number))),
            Test::MoreThan(number) => (ReadKind::Number, ValueTest::MoreThan(Bits::of(*number))),
            Test::AtMost(number) => (ReadKind::Number, ValueTest::AtMost(Bits::of(*number))),
            Test::LessThan(number) => (ReadKind::Number, ValueTest::LessThan(Bits::of(*number))),
            Test::Before(at) => (ReadKind::Instant, ValueTest::LessThan(instant(*at))),
            Test::After(at) => (ReadKind::Instant, ValueTest::MoreThan(instant(*at))),
            Test::InLast(length) => (ReadKind::Instant, ValueTest::InLast(millis(*length))),
            Test::BeforeLast(length) => (ReadKind::Instant, ValueTest::BeforeLast(millis(*length))),
        }
    }

    fn text_set(&mut self, texts: &[Box<str>]) -> usize {
        let set: BTreeSet<Box<str>> = texts.iter().cloned().collect();
        reads::index_of(&mut self.text_sets, set)
    }

    fn pattern(&mut self, pattern: &Pattern) -> usize {
        reads::index_of(&mut self.patterns, pattern.clone())
    }
}

/// Returns true if a predicate holds for an absent value (docs/cohorts.md, "Predicates").
pub(super) fn holds_for_none(predicate: &Predicate) -> bool {
    predicate.tests.iter().all(Test::holds_for_none)
}
