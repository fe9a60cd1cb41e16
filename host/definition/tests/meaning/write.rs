//! Builders of clauses in few words, close to the text of a definition.

use muster_definition::{
    Aggregate, Bound, Clause, Comparison, Condition, Did, DidInOrder, Duration, End, EventName,
    InstantBound, InstantTest, Length, Measure, NumberOf, Pattern, PatternKind, Predicate,
    Relation, RelationKind, Start, Step, Test, TimeZoneName, Unit, UserClause, When, Window,
};
use muster_model::Millis;

pub(crate) const LOS_ANGELES: &str = "America/Los_Angeles";
pub(crate) const SAO_PAULO: &str = "America/Sao_Paulo";
pub(crate) const UTC: &str = "UTC";

pub(crate) fn seconds(count: u64) -> Duration {
    Duration::from_millis(count * 1_000)
}

pub(crate) fn hours(count: u64) -> Duration {
    seconds(count * 3_600)
}

pub(crate) fn days(count: u64) -> Duration {
    hours(count * 24)
}

fn zone(name: &str) -> TimeZoneName {
    TimeZoneName::new(name).unwrap()
}

pub(crate) fn calendar(count: u32, unit: Unit, zone: &str) -> Start {
    Start::Calendar {
        unit,
        count,
        zone: self::zone(zone),
    }
}

/// Builds `[A, {did: B}]`.
pub(crate) fn step(names: &str) -> Step {
    Step {
        names: names.split(',').map(EventName::from).collect(),
        with: Vec::new(),
        with_any: Vec::new(),
        with_user: Vec::new(),
    }
}

/// Builds a step with a property that is a text.
pub(crate) fn step_with(names: &str, property: &str, test: Test) -> Step {
    Step {
        with: vec![(property.into(), holds(test))],
        ..step(names)
    }
}

pub(crate) fn holds(test: Test) -> Predicate {
    Predicate { tests: vec![test] }
}

pub(crate) fn is(text: &str) -> Test {
    Test::AnyOf(vec![text.into()])
}

pub(crate) fn is_not(text: &str) -> Test {
    Test::NoneOf(vec![text.into()])
}

/// Builds a test of an instant whose dates and calendars are those of a zone.
pub(crate) fn at(zone: &str, bound: InstantBound) -> Test {
    Test::Instant(InstantTest {
        zone: self::zone(zone),
        bound,
    })
}

/// Builds a test of an instant in UTC from `in_last` and similar bounds.
pub(crate) fn rolling(bound: fn(Length) -> InstantBound, length: Duration) -> Test {
    at(UTC, bound(Length::Rolling(length)))
}

pub(crate) fn same_as(property: &str) -> Test {
    Test::SameAs(property.into())
}

pub(crate) fn fits(kind: PatternKind, text: &str) -> Test {
    Test::Fits(Pattern::new(kind, text).unwrap())
}

pub(crate) fn fits_not(kind: PatternKind, text: &str) -> Test {
    Test::FitsNot(Pattern::new(kind, text).unwrap())
}

pub(crate) fn of(conditions: &[Condition]) -> Comparison {
    Comparison {
        conditions: conditions.to_vec(),
    }
}

pub(crate) fn exactly(number: f64) -> Comparison {
    of(&[Condition::Exactly(Bound::Number(number))])
}

pub(crate) fn at_least(number: f64) -> Comparison {
    Comparison::at_least(number)
}

pub(crate) fn at_most(number: f64) -> Comparison {
    of(&[Condition::AtMost(Bound::Number(number))])
}

pub(crate) fn other_than(number: f64) -> Comparison {
    of(&[Condition::Not(Bound::Number(number))])
}

pub(crate) fn more_than(number: f64) -> Comparison {
    of(&[Condition::MoreThan(Bound::Number(number))])
}

pub(crate) fn less_than(number: f64) -> Comparison {
    of(&[Condition::LessThan(Bound::Number(number))])
}

pub(crate) fn between(low: f64, high: f64) -> Comparison {
    of(&[
        Condition::AtLeast(Bound::Number(low)),
        Condition::AtMost(Bound::Number(high)),
    ])
}

#[derive(Clone)]
pub(crate) struct DidBuilder(Did);

/// Builds `did: A`; several names have commas between them.
pub(crate) fn did(names: &str) -> DidBuilder {
    DidBuilder(Did {
        step: step(names),
        relations: Vec::new(),
        window: Window::EVER,
        measure: Measure::Times(at_least(1.0)),
        per: None,
    })
}

impl From<DidBuilder> for Clause {
    fn from(written: DidBuilder) -> Self {
        Self::Did(written.0)
    }
}

impl DidBuilder {
    pub(crate) fn with(mut self, property: &str, test: Test) -> Self {
        self.0.step.with.push((property.into(), holds(test)));
        self
    }

    pub(crate) fn or_with(mut self, properties: &[(&str, Test)]) -> Self {
        let properties = properties.iter().cloned();
        let properties = properties.map(|(name, test)| (name.into(), holds(test)));
        self.0.step.with_any.push(properties.collect());
        self
    }

    pub(crate) fn with_user(mut self, property: &str, test: Test) -> Self {
        self.0.step.with_user.push((property.into(), holds(test)));
        self
    }

    /// Adds `followed_by: B` and the like; the caller adds limits.
    pub(crate) fn relation(mut self, relation: Relation) -> Self {
        self.0.relations.push(relation);
        self
    }

    pub(crate) fn start(mut self, start: Start) -> Self {
        self.0.window.start = start;
        self
    }

    pub(crate) fn end(mut self, end: End) -> Self {
        self.0.window.end = end;
        self
    }

    pub(crate) fn in_last(self, length: Duration) -> Self {
        self.start(Start::Last(length))
    }

    pub(crate) fn in_last_calendar(self, count: u32, unit: Unit, zone: &str) -> Self {
        self.start(calendar(count, unit, zone))
    }

    pub(crate) fn before_last(self, length: Duration) -> Self {
        self.end(End::Before(length))
    }

    pub(crate) fn since(self, text: &str) -> Self {
        self.start(Start::At(text.parse::<Millis>().unwrap()))
    }

    pub(crate) fn until(self, text: &str) -> Self {
        self.end(End::At(text.parse::<Millis>().unwrap()))
    }

    pub(crate) fn within_first(self, length: Duration) -> Self {
        self.end(End::WithinFirst(length))
    }

    pub(crate) fn measure(mut self, measure: Measure) -> Self {
        self.0.measure = measure;
        self
    }

    pub(crate) fn times(self, comparison: Comparison) -> Self {
        self.measure(Measure::Times(comparison))
    }

    /// Adds `times: {at_least: {did: B}}` and similar conditions.
    pub(crate) fn times_of(self, condition: fn(Bound) -> Condition, other: Step) -> Self {
        self.times(of(&[condition(Bound::Times(other))]))
    }

    pub(crate) fn number(
        self,
        aggregate: Aggregate,
        property: &str,
        comparison: Comparison,
    ) -> Self {
        self.measure(Measure::Number(vec![NumberOf {
            aggregate,
            property: property.into(),
            comparison,
        }]))
    }

    pub(crate) fn distinct(self, property: &str, comparison: Comparison) -> Self {
        self.measure(Measure::Distinct(vec![(property.into(), comparison)]))
    }

    pub(crate) fn units(self, unit: Unit, zone: &str, comparison: Comparison) -> Self {
        self.measure(Measure::Units(unit, self::zone(zone), comparison))
    }

    pub(crate) fn each(self, unit: Unit, comparison: Comparison) -> Self {
        self.measure(Measure::Each(unit, comparison))
    }

    pub(crate) fn regularly(
        self,
        every: Duration,
        of_last: u32,
        at_least: u32,
        times: Comparison,
    ) -> Self {
        self.measure(Measure::Regularly {
            every,
            of_last,
            at_least,
            times,
        })
    }

    pub(crate) fn nth(self, nth: u32) -> Self {
        self.measure(Measure::Nth(nth))
    }

    pub(crate) fn first(self, property: &str, test: Test) -> Self {
        self.measure(Measure::First(vec![(property.into(), holds(test))]))
    }

    pub(crate) fn last(self, property: &str, test: Test) -> Self {
        self.measure(Measure::Last(vec![(property.into(), holds(test))]))
    }

    pub(crate) fn per(mut self, property: &str) -> Self {
        self.0.per = Some(property.into());
        self
    }
}

/// Builds `followed_by: B` and the like; the caller adds limits.
pub(crate) fn relation(kind: RelationKind, other: &str) -> Relation {
    Relation {
        kind,
        step: step(other),
        within: None,
        same: None,
    }
}

/// Builds `did_in_order: [A, B]`; the caller adds other keys.
pub(crate) fn in_order(steps: &[Step]) -> DidInOrder {
    DidInOrder {
        steps: steps.to_vec(),
        all_within: None,
        each_within: None,
        strictly: false,
        without: Vec::new(),
        same: None,
        window: Window::EVER,
    }
}

/// Builds `user: {property: test}` at a time.
pub(crate) fn user(property: &str, test: Test, when: When) -> Clause {
    Clause::User(UserClause {
        properties: vec![(property.into(), holds(test))],
        when,
    })
}

pub(crate) fn not(clause: impl Into<Clause>) -> Clause {
    Clause::Not(Box::new(clause.into()))
}
