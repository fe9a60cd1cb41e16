//! Writes steps, windows and measures.

use std::fmt;

use super::predicate::properties;
use super::text::{calendar, duration, entry, list, map, one_or_list, quoted, unit};
use crate::{
    Aggregate, Bound, Comparison, Condition, Did, End, Measure, NumberOf, Relation, Start, Step,
    Window,
};

pub(super) fn entries(did: &Did) -> Vec<String> {
    let mut entries = step(&did.step);
    entries.extend(
        did.relations
            .iter()
            .map(|relation| entry(relation.kind.key(), relation)),
    );
    entries.extend(window(&did.window));
    if did.measure != Measure::Times(Comparison::at_least(1.0)) {
        entries.extend(measure(&did.measure));
    }
    entries.extend(
        did.per
            .iter()
            .map(|property| entry("per", quoted(property))),
    );
    entries
}

pub(super) fn step(step: &Step) -> Vec<String> {
    let mut entries = vec![entry("did", names(step))];
    if !step.with.is_empty() {
        entries.push(entry("with", properties(&step.with)));
    }
    if !step.with_any.is_empty() {
        entries.push(entry(
            "with_any",
            list(step.with_any.iter().map(properties)),
        ));
    }
    if !step.with_user.is_empty() {
        entries.push(entry("with_user", properties(&step.with_user)));
    }
    entries
}

fn names(step: &Step) -> String {
    let names: Vec<_> = step
        .names
        .iter()
        .map(|name| quoted(name.as_str()))
        .collect();
    one_or_list(&names)
}

/// Returns the name of an event that is selected by nothing else.
fn only_name(step: &Step) -> Option<&str> {
    let Step {
        names,
        with,
        with_any,
        with_user,
    } = step;
    match names.as_slice() {
        [name] if with.is_empty() && with_any.is_empty() && with_user.is_empty() => {
            Some(name.as_str())
        }
        _ => None,
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match only_name(self) {
            Some(name) => f.write_str(&quoted(name)),
            None => f.write_str(&map(&step(self))),
        }
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let within = self.within.map(|within| entry("within", duration(within)));
        let same = self.same.as_ref().map(|same| entry("same", quoted(same)));
        let limits: Vec<_> = within.into_iter().chain(same).collect();
        if limits.is_empty() {
            return self.step.fmt(f);
        }
        f.write_str(&map(&[step(&self.step), limits].concat()))
    }
}

pub(super) fn window(window: &Window) -> Vec<String> {
    let mut entries: Vec<_> = start(&window.start).into_iter().collect();
    entries.extend(match window.end {
        End::Now => None,
        End::Before(length) => Some(entry("before_last", duration(length))),
        End::At(until) => Some(entry("until", until)),
        End::WithinFirst(length) => Some(entry("within_first", duration(length))),
    });
    entries
}

pub(super) fn start(start: &Start) -> Option<String> {
    match start {
        Start::Ever => None,
        Start::Last(length) => Some(entry("in_last", duration(*length))),
        Start::Calendar {
            unit,
            count,
            zone: _,
        } => Some(entry("in_last", calendar(*unit, *count))),
        Start::At(since) => Some(entry("since", since)),
    }
}

fn measure(measure: &Measure) -> Vec<String> {
    match measure {
        Measure::Times(comparison) => match comparison.conditions.as_slice() {
            [Condition::MoreThan(Bound::Times(other))] => vec![entry("more_than", other)],
            _ => vec![entry("times", comparison)],
        },
        Measure::Number(numbers) => {
            // `sum_of` takes several properties.
            let groups = numbers.chunk_by(|a, b| a.aggregate == b.aggregate);
            groups.filter_map(aggregates).collect()
        }
        Measure::Distinct(properties) => {
            let each = properties.iter();
            let each = each.map(|(name, comparison)| entry(&quoted(name), comparison));
            vec![entry("distinct", map(&each.collect::<Vec<_>>()))]
        }
        Measure::Units(unit, _, comparison) => {
            vec![entry(&format!("{}s", self::unit(*unit)), comparison)]
        }
        Measure::Each(unit, comparison) => {
            vec![entry("each", map(&[entry(self::unit(*unit), comparison)]))]
        }
        Measure::Regularly {
            every,
            of_last,
            at_least,
            times,
        } => {
            let entries = [
                entry("every", duration(*every)),
                entry("of_last", of_last),
                entry("at_least", at_least),
                entry("times", times),
            ];
            vec![entry("regularly", map(&entries))]
        }
        Measure::Nth(nth) => vec![entry("nth", nth)],
        Measure::First(with) => vec![entry("first", properties(with))],
        Measure::Last(with) => vec![entry("last", properties(with))],
    }
}

fn aggregates(numbers: &[NumberOf]) -> Option<String> {
    let key = match numbers.first()?.aggregate {
        Aggregate::Sum => "sum_of",
        Aggregate::Average => "average_of",
        Aggregate::Smallest => "smallest",
        Aggregate::Largest => "largest",
    };
    let each = numbers.iter();
    let each = each.map(|number| entry(&quoted(&number.property), &number.comparison));
    Some(entry(key, map(&each.collect::<Vec<_>>())))
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&measure(self).join(", "))
    }
}
