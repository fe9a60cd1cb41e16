//! Tests of a row of a stream, of a property's history or of a user.

use std::collections::BTreeSet;

use muster_definition::{
    EventName, InstantBound, InstantTest, Length, Pattern, PatternKind, Predicate, Properties,
    Step, Test, TimeZoneName, Unit,
};
use muster_model::{Order, ValueForm, plain_name};

use super::counts::numbers;
use super::reads::{ReadKind, Space, exact, millis};
use super::{Compare, Plan, reads};

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
    /// An instant later than now, and not later than now plus so many ms.
    InNext(i64),
    /// An instant not later than now minus so many ms.
    BeforeLast(i64),
    /// An instant that has come (`true`) or has not (`false`).
    Come(bool),
    /// A number that meets all conditions; an absent one is 0.
    Count(Vec<Compare>),
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
            Self::InLast(_) | Self::InNext(_) | Self::BeforeLast(_) | Self::Come(_) => true,
            Self::AtLeast(_)
            | Self::MoreThan(_)
            | Self::AtMost(_)
            | Self::LessThan(_)
            | Self::Count(_)
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
            if let Some(plain) = plain_name(name.as_str()) {
                exact.push(plain.into());
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
        let bounds: Vec<_> = predicate.tests.iter().filter_map(number_bound).collect();
        if let Some(form) = form_of(&bounds) {
            let column = self.place_form(space, property, ReadKind::Number, Some(&form));
            for (order, bound) in bounds {
                let bound = Bits::of(bound);
                let check = match order {
                    Order::AtLeast => ValueTest::AtLeast(bound),
                    Order::MoreThan => ValueTest::MoreThan(bound),
                    Order::AtMost => ValueTest::AtMost(bound),
                    Order::LessThan => ValueTest::LessThan(bound),
                    // No test on numbers has these.
                    Order::Exactly | Order::Not => continue,
                };
                tests.push(RowTest::Column { column, check });
            }
        }
        for test in &predicate.tests {
            tests.push(self.check(space, property, test));
        }
        RowTest::all(tests)
    }

    /// Returns a test of a value. Tests on numbers are left out: `predicate` joins them.
    fn check(&mut self, space: Space, property: &str, test: &Test) -> RowTest {
        let check = match test {
            Test::AtLeast(_) | Test::MoreThan(_) | Test::AtMost(_) | Test::LessThan(_) => {
                return RowTest::All(Vec::new());
            }
            Test::AnyOf(texts) => ValueTest::In(self.text_set(texts)),
            Test::NoneOf(texts) => ValueTest::NotIn(self.text_set(texts)),
            Test::Fits(pattern) => ValueTest::Fits(self.pattern(pattern)),
            Test::FitsNot(pattern) => ValueTest::FitsNot(self.pattern(pattern)),
            Test::Set(set) => ValueTest::Set(*set),
            Test::SameAs(other) => {
                ValueTest::SameAs(self.place(Space::User, other, ReadKind::Text))
            }
            Test::Instant(test) => return self.instant(space, property, test),
            Test::Version(conditions) => {
                let form = ValueForm::Version(conditions.clone());
                let column = self.place_form(space, property, ReadKind::Number, Some(&form));
                let check = ValueTest::AtLeast(Bits::of(1.0));
                return RowTest::Column { column, check };
            }
            Test::CountOf(comparison) => {
                let form = Some(&ValueForm::Count);
                let column = self.place_form(space, property, ReadKind::Number, form);
                let check = ValueTest::Count(numbers(comparison));
                return RowTest::Column { column, check };
            }
        };
        let column = self.place(space, property, ReadKind::Text);
        RowTest::Column { column, check }
    }

    fn instant(&mut self, space: Space, property: &str, test: &InstantTest) -> RowTest {
        let InstantTest { zone, bound } = test;
        let mut column = |start, check| self.instant_column(space, property, zone, start, check);
        // A window of calendar units moves when now reaches the start of a unit near the instant.
        match bound {
            InstantBound::Before(at) => column(None, ValueTest::LessThan(Bits::of(exact(at.0)))),
            InstantBound::After(at) => column(None, ValueTest::MoreThan(Bits::of(exact(at.0)))),
            InstantBound::InLast(Length::Rolling(length)) => {
                column(None, ValueTest::InLast(millis(*length)))
            }
            InstantBound::InLast(Length::Calendar(unit, count)) => RowTest::all([
                column(None, ValueTest::Come(true)),
                column(Some((*unit, (*count).into())), ValueTest::Come(false)),
            ]),
            InstantBound::InNext(Length::Rolling(length)) => {
                column(None, ValueTest::InNext(millis(*length)))
            }
            InstantBound::InNext(Length::Calendar(unit, count)) => RowTest::all([
                column(None, ValueTest::Come(false)),
                column(Some((*unit, 1 - i64::from(*count))), ValueTest::Come(true)),
            ]),
            InstantBound::BeforeLast(Length::Rolling(length)) => {
                column(None, ValueTest::BeforeLast(millis(*length)))
            }
            InstantBound::BeforeLast(Length::Calendar(unit, count)) => {
                column(Some((*unit, (*count).into())), ValueTest::Come(true))
            }
            InstantBound::Around(last, next) => {
                let parts = [InstantBound::InLast(*last), InstantBound::InNext(*next)];
                let part = |bound| {
                    let zone = zone.clone();
                    self.instant(space, property, &InstantTest { zone, bound })
                };
                RowTest::any(parts.map(part))
            }
        }
    }

    /// Returns a test of the instants of a property, or of the starts of calendar units near them.
    fn instant_column(
        &mut self,
        space: Space,
        property: &str,
        zone: &TimeZoneName,
        start: Option<(Unit, i64)>,
        check: ValueTest,
    ) -> RowTest {
        let form = ValueForm::Instant {
            zone: zone.as_str().into(),
            start,
        };
        // Without a form, dates are read in UTC.
        let plain = start.is_none() && *zone == TimeZoneName::utc();
        let form = Some(&form).filter(|_| !plain);
        let column = self.place_form(space, property, ReadKind::Instant, form);
        RowTest::Column { column, check }
    }

    fn text_set(&mut self, texts: &[Box<str>]) -> usize {
        let set: BTreeSet<Box<str>> = texts.iter().cloned().collect();
        reads::index_of(&mut self.text_sets, set)
    }

    fn pattern(&mut self, pattern: &Pattern) -> usize {
        reads::index_of(&mut self.patterns, pattern.clone())
    }
}

/// Returns the bound of a test on numbers.
fn number_bound(test: &Test) -> Option<(Order, f64)> {
    match test {
        Test::AtLeast(bound) => Some((Order::AtLeast, *bound)),
        Test::MoreThan(bound) => Some((Order::MoreThan, *bound)),
        Test::AtMost(bound) => Some((Order::AtMost, *bound)),
        Test::LessThan(bound) => Some((Order::LessThan, *bound)),
        Test::AnyOf(_)
        | Test::NoneOf(_)
        | Test::Fits(_)
        | Test::FitsNot(_)
        | Test::Instant(_)
        | Test::Version(_)
        | Test::CountOf(_)
        | Test::Set(_)
        | Test::SameAs(_) => None,
    }
}

/// Returns the form of a column in which a list has an element that meets all bounds if one does.
/// Bounds on one side share a column, whatever their numbers.
fn form_of(bounds: &[(Order, f64)]) -> Option<ValueForm> {
    let is_low = |(order, _): &(Order, f64)| matches!(order, Order::AtLeast | Order::MoreThan);
    if bounds.is_empty() {
        None
    } else if bounds.iter().all(is_low) {
        Some(ValueForm::Largest)
    } else if !bounds.iter().any(is_low) {
        Some(ValueForm::Smallest)
    } else {
        Some(ValueForm::Within(bounds.to_vec()))
    }
}

/// Returns true if a predicate holds for an absent value (docs/cohorts.md, "Predicates").
pub(super) fn holds_for_none(predicate: &Predicate) -> bool {
    predicate.tests.iter().all(Test::holds_for_none)
}
