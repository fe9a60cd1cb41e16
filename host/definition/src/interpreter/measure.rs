//! Measures: conditions on the matching events in the window (docs/cohorts.md, "did": "Measures").

use std::collections::BTreeSet;

use muster_model::{DecimalSum, Event, Millis, Value};

use super::comparison::{compare, comparison_holds, count};
use super::moment::{Moment, before};
use super::predicate::properties_hold;
use super::window::InstantRange;
use super::{calendar, relation, step};
use crate::{Aggregate, Did, Duration, Measure, NumberOf, Start, Step, Unit, Window};

/// Returns true if the measure holds. With `per:`, it holds if it holds for the events of at least
/// one value.
pub(super) fn holds(did: &Did, moment: Moment<'_>) -> bool {
    let Some(property) = &did.per else {
        return Measured::of(did, moment, None).holds();
    };
    let values = values(did, property, moment);
    let mut values = values.iter();
    values.any(|value| Measured::of(did, moment, Some((property, value))).holds())
}

/// Returns the values of the `per:` property that the matching events in the window carry. For
/// `regularly`, the events are those in the spans.
pub(super) fn values(did: &Did, property: &str, moment: Moment<'_>) -> BTreeSet<String> {
    let window = match &did.measure {
        Measure::Regularly {
            every,
            of_last,
            at_least: _,
            times: _,
        } => Window {
            start: Start::Last(times(*every, *of_last)),
            ..did.window.clone()
        },
        Measure::Times(_)
        | Measure::Number(_)
        | Measure::Distinct(_)
        | Measure::Units(..)
        | Measure::Each(..)
        | Measure::Nth(_)
        | Measure::First(_)
        | Measure::Last(_) => did.window.clone(),
    };
    let span = moment.resolve(&window);
    let matching = moment
        .events()
        .filter(|event| span.contains(event.time) && matches(did, event, moment));
    matching
        .flat_map(|event| step::carried(event, property))
        .collect()
}

/// Returns true if an event matches the step and all relations of a `did`.
fn matches(did: &Did, event: &Event, moment: Moment<'_>) -> bool {
    step::matches(&did.step, event, moment) && relation::all_hold(&did.relations, event, moment)
}

/// Returns the length of a number of spans.
fn times(every: Duration, spans: u32) -> Duration {
    Duration::from_millis(every.millis().saturating_mul(spans.into()))
}

/// The events of a measure: all matching events, or those that carry one value of the `per:`
/// property.
pub(super) struct Measured<'d, 'h> {
    did: &'d Did,
    pub(super) moment: Moment<'h>,
    per: Option<(&'d str, &'d str)>,
    span: InstantRange,
    /// The events in all of visible history.
    pub(super) ever: Vec<&'h Event>,
    /// The events in the window.
    pub(super) inside: Vec<&'h Event>,
}

impl<'d, 'h> Measured<'d, 'h> {
    pub(super) fn of(did: &'d Did, moment: Moment<'h>, per: Option<(&'d str, &'d str)>) -> Self {
        let span = moment.resolve(&did.window);
        let mut measured = Self {
            did,
            moment,
            per,
            span,
            ever: Vec::new(),
            inside: Vec::new(),
        };
        measured.ever = measured.matching(&did.step);
        measured
            .ever
            .retain(|event| relation::all_hold(&did.relations, event, moment));
        measured.inside = measured.ever.clone();
        measured.inside.retain(|event| span.contains(event.time));
        measured
    }

    /// Returns the events in the window that match the step, whether or not the relations hold.
    pub(super) fn selected(&self) -> Vec<&'h Event> {
        let mut events = self.matching(&self.did.step);
        events.retain(|event| self.span.contains(event.time));
        events
    }

    fn matching(&self, step: &Step) -> Vec<&'h Event> {
        let carries = |event: &Event| match self.per {
            Some((property, value)) => step::carried(event, property).contains(value),
            None => true,
        };
        let matches = |event: &&Event| step::matches(step, event, self.moment) && carries(event);
        self.moment.events().filter(matches).collect()
    }

    pub(super) fn holds(&self) -> bool {
        let first = self.inside.first();
        let last = self.inside.last();
        let satisfies = |event: &&Event, properties| {
            properties_hold(properties, self.moment, |name| event.properties.get(name))
        };
        match &self.did.measure {
            Measure::Times(comparison) => compare(comparison, count(self.inside.len()), |other| {
                self.times_of(other)
            }),
            Measure::Number(numbers) => numbers.iter().all(|of| {
                let number = self.number(of);
                number.is_some_and(|number| comparison_holds(&of.comparison, number))
            }),
            Measure::Distinct(properties) => properties.iter().all(|(property, comparison)| {
                comparison_holds(comparison, count(self.distinct(property)))
            }),
            Measure::Units(unit, zone, comparison) => {
                let start = |event: &&Event| calendar::start(*unit, zone, event.time, 0);
                let units: BTreeSet<_> = self.inside.iter().map(start).collect();
                comparison_holds(comparison, count(units.len()))
            }
            Measure::Each(unit, comparison) => self
                .per_unit(*unit)
                .iter()
                .all(|(_, times)| comparison_holds(comparison, count(*times))),
            Measure::Regularly {
                every: _,
                of_last: _,
                at_least,
                times,
            } => {
                let spans = self.per_span();
                let enough = |times_in: &&usize| comparison_holds(times, count(**times_in));
                spans.iter().filter(enough).count()
                    >= usize::try_from(*at_least).unwrap_or(usize::MAX)
            }
            Measure::Nth(nth) => {
                let before = usize::try_from(*nth).unwrap_or(usize::MAX).checked_sub(1);
                let event = before.and_then(|before| self.ever.get(before));
                event.is_some_and(|event| self.span.contains(event.time))
            }
            Measure::First(properties) => first.is_some_and(|event| satisfies(event, properties)),
            Measure::Last(properties) => last.is_some_and(|event| satisfies(event, properties)),
        }
    }

    /// Returns the number of other events in the same window.
    pub(super) fn times_of(&self, other: &Step) -> usize {
        let mut events = self.matching(other);
        events.retain(|event| self.span.contains(event.time));
        events.len()
    }

    /// Returns the aggregate of a property's numeric values.
    pub(super) fn number(&self, of: &NumberOf) -> Option<f64> {
        let value = |event: &&Event| {
            event
                .properties
                .get(&of.property)
                .and_then(Value::as_number)
        };
        let numbers: Vec<f64> = self.inside.iter().filter_map(value).collect();
        let sum: DecimalSum = numbers.iter().copied().collect();
        match of.aggregate {
            Aggregate::Sum => Some(sum.sum()),
            Aggregate::Average => (!numbers.is_empty()).then(|| sum.over(count(numbers.len()))),
            Aggregate::Smallest => numbers.into_iter().reduce(f64::min),
            Aggregate::Largest => numbers.into_iter().reduce(f64::max),
        }
    }

    /// Returns the number of different values of a property.
    pub(super) fn distinct(&self, property: &str) -> usize {
        let values = self
            .inside
            .iter()
            .flat_map(|event| step::carried(event, property));
        values.collect::<BTreeSet<_>>().len()
    }

    /// Returns each unit from the window's start to the current one, with its number of events. No
    /// event is earlier than the earliest instant, so units before the unit of that instant are
    /// left out.
    pub(super) fn per_unit(&self, unit: Unit) -> Vec<(Millis, usize)> {
        let Start::Calendar {
            unit: of,
            count,
            zone,
        } = &self.did.window.start
        else {
            return Vec::new();
        };
        let mut units = Vec::new();
        let earliest = calendar::start(*of, zone, Millis::MIN, 0);
        let first = calendar::start(*of, zone, self.moment.now, 1 - i64::from(*count));
        let mut start = first.max(earliest);
        while start <= self.moment.now {
            let end = calendar::start(unit, zone, start, 1);
            let inside = |event: &&&Event| start <= event.time && event.time < end;
            units.push((start, self.inside.iter().filter(inside).count()));
            start = end;
        }
        units
    }

    /// Returns the number of events in each of the last spans of `regularly`, the latest span
    /// first. Span k is now − (k + 1) · every < t ≤ now − k · every.
    pub(super) fn per_span(&self) -> Vec<usize> {
        let Measure::Regularly {
            every,
            of_last,
            at_least: _,
            times: _,
        } = self.did.measure
        else {
            return Vec::new();
        };
        let end = |k| before(self.moment.now, times(every, k));
        let times_in = |k: u32| {
            let inside = |event: &&&Event| end(k + 1) < event.time && event.time <= end(k);
            self.ever.iter().filter(inside).count()
        };
        (0..of_last).map(times_in).collect()
    }
}
