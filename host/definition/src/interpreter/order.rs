//! Steps in time order (docs/cohorts.md, "did_in_order").

use std::collections::{BTreeMap, BTreeSet};

use muster_model::{Event, Millis};

use super::different::all_differ;
use super::moment::{Moment, after};
use super::step;
use crate::{DidInOrder, Duration, Step};

/// Returns true if at least one choice of events fits.
pub(super) fn holds(order: &DidInOrder, moment: Moment<'_>) -> bool {
    found(order, moment).is_some()
}

/// Returns the first and the last event of a choice that fits. With `same:`, all its events carry
/// one value.
pub(super) fn found<'h>(order: &DidInOrder, moment: Moment<'h>) -> Option<(&'h Event, &'h Event)> {
    let fits = |events: &[&'h Event]| {
        let chooser = Chooser {
            order,
            moment,
            events,
        };
        chooser.find()
    };
    of_one_value(order.same.as_deref(), moment, fits)
}

/// Calls `fits` with all events; with `same:`, with the events of each value, until one fits.
pub(super) fn of_one_value<'h, T>(
    same: Option<&str>,
    moment: Moment<'h>,
    fits: impl Fn(&[&'h Event]) -> Option<T>,
) -> Option<T> {
    let events: Vec<_> = moment.events().collect();
    let Some(property) = same else {
        return fits(&events);
    };
    let values: BTreeSet<_> = events
        .iter()
        .flat_map(|event| step::carried(event, property))
        .collect();
    values.iter().find_map(|value| {
        let mut events = events.clone();
        events.retain(|event| step::carried(event, property).contains(value));
        fits(&events)
    })
}

/// The first steps of a choice.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Chain {
    /// The number of steps.
    done: usize,
    /// The instants of those steps that a limit counts from, by number: the first step, the latest
    /// one, and those that a `without` begins with.
    at: BTreeMap<usize, Millis>,
    /// Each event at the instant of the latest step is a step.
    whole: bool,
}

impl Chain {
    fn first(&self) -> Option<Millis> {
        self.at.get(&1).copied()
    }

    fn latest(&self) -> Option<Millis> {
        self.at.get(&self.done).copied()
    }
}

/// The events among which a choice is searched.
struct Chooser<'c, 'h> {
    order: &'c DidInOrder,
    moment: Moment<'h>,
    events: &'c [&'h Event],
}

impl<'h> Chooser<'_, 'h> {
    /// Returns the first and the last event of a choice that fits.
    ///
    /// The events of one instant may have any order, so they take some steps in a row, each step
    /// another event. From instant to instant this finds all chains of steps so far.
    fn find(&self) -> Option<(&'h Event, &'h Event)> {
        let steps = &self.order.steps;
        let instants: BTreeSet<_> = self.events.iter().map(|event| event.time).collect();
        let mut chains = BTreeSet::from([Chain::default()]);
        for at in instants {
            let here: Vec<_> = self
                .events
                .iter()
                .filter(|event| event.time == at)
                .copied()
                .collect();
            let mut longer = Vec::new();
            for chain in chains.iter().filter(|chain| self.goes_on(chain, at)) {
                for done in chain.done + 1..=steps.len() {
                    let taken = steps.get(chain.done..done).unwrap_or_default();
                    if !all_differ(taken, &here, |event, step| self.takes(event, step)) {
                        break;
                    }
                    if !self.is_undisturbed(chain, done, at) {
                        continue;
                    }
                    let next = self.extended(chain, done, at, here.len() == taken.len());
                    if done == steps.len() {
                        return self.ends(&next);
                    }
                    longer.push(next);
                }
            }
            chains.extend(longer);
        }
        None
    }

    /// Returns true if a step can take an event.
    fn takes(&self, event: &Event, step: &Step) -> bool {
        let span = self.moment.resolve(&self.order.window);
        span.contains(event.time) && step::matches(step, event, self.moment)
    }

    /// Returns true if the next step of a chain may lie at an instant.
    fn goes_on(&self, chain: &Chain, at: Millis) -> bool {
        let (Some(first), Some(latest)) = (chain.first(), chain.latest()) else {
            return true;
        };
        let in_time = |from: Millis, length: Option<Duration>| {
            length.is_none_or(|length| at <= after(from, length))
        };
        let is_strict = || {
            let between = |event: &&Event| latest < event.time && event.time < at;
            (chain.whole || latest == first) && !self.events.iter().any(between)
        };
        in_time(latest, self.order.each_within)
            && in_time(first, self.order.all_within)
            && (!self.order.strictly || is_strict())
    }

    /// Returns true if no event of a `without` lies between its two steps. The later one is among
    /// those that a chain takes at an instant.
    fn is_undisturbed(&self, chain: &Chain, done: usize, at: Millis) -> bool {
        self.order.without.iter().all(|without| {
            // Within one instant nothing lies between.
            let Some(from) = chain.at.get(&without.from) else {
                return true;
            };
            let disturbs = |event: &&Event| {
                *from < event.time
                    && event.time < at
                    && step::matches(&without.step, event, self.moment)
            };
            let is_taken = chain.done < without.to && without.to <= done;
            !(is_taken && self.events.iter().any(disturbs))
        })
    }

    /// Returns a chain with steps at an instant, up to the step of number `done`.
    fn extended(&self, chain: &Chain, done: usize, at: Millis, whole: bool) -> Chain {
        let mut next = chain.clone();
        next.at
            .extend((chain.done + 1..=done).map(|step| (step, at)));
        let begins = |step: usize| {
            let mut without = self.order.without.iter();
            step == 1 || step == done || without.any(|without| without.from == step)
        };
        next.at.retain(|step, _| begins(*step));
        Chain {
            done,
            whole,
            ..next
        }
    }

    /// Returns an event for the first and one for the last step of a whole chain.
    fn ends(&self, chain: &Chain) -> Option<(&'h Event, &'h Event)> {
        let event = |at: Option<Millis>, step: Option<&Step>| {
            let mut events = self.events.iter().filter(|event| Some(event.time) == at);
            events.find(|event| step.is_some_and(|step| self.takes(event, step)))
        };
        let first = event(chain.first(), self.order.steps.first())?;
        let last = event(chain.latest(), self.order.steps.last())?;
        Some((first, last))
    }
}
