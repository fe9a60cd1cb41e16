//! The values that decided a clause, as text for `explain` and failed tests.

use std::collections::BTreeSet;

use muster_model::{Event, Scalar, Value, Version};

use super::measure::{self, Measured};
use super::moment::Moment;
use super::{any_order, instant, order, relation, sample, step, user};
use crate::show::text::{entry, map, quoted, value};
use crate::{
    Aggregate, Bound, Clause, Did, DidInOrder, InAnyOrder, Measure, Predicate, Step, Test,
    UserClause, When, Window,
};

/// The number of events, values or changes that are shown for one clause: the latest ones.
const SHOWN: usize = 3;

/// Returns the values that decided a clause. `all`, `any` and `not` have parts instead.
pub(super) fn values(clause: &Clause, moment: Moment<'_>) -> Vec<String> {
    let history = moment.history;
    match clause {
        Clause::Did(did) => self::did(did, moment),
        Clause::DidInOrder(order) => in_order(order, moment),
        Clause::InAnyOrder(order) => in_any_order(order, moment),
        Clause::User(user) => self::user(user, moment),
        Clause::FirstSeen(_) => vec![match moment.first_seen() {
            Some(first) => format!("first event at {first}"),
            None => "no event".to_owned(),
        }],
        Clause::Sample(sample) => {
            let place = sample::place(history.hash, &sample.seed) * 100.0;
            vec![format!("stands at {place:.3} % of all users")]
        }
        Clause::Listed(list) if history.lists.contains(list) => vec!["on the list".to_owned()],
        Clause::Listed(_) => vec!["not on the list".to_owned()],
        Clause::InCohort(id) => vec![format!("{id} is not linked")],
        Clause::All(_) | Clause::Any(_) | Clause::Not(_) | Clause::Everyone => Vec::new(),
    }
}

fn did(did: &Did, moment: Moment<'_>) -> Vec<String> {
    let shown = mentioned(did);
    let Some(property) = &did.per else {
        return measured(&Measured::of(did, moment, None), did, &shown);
    };
    let values = measure::values(did, property, moment);
    let mut each = values.iter().map(|value| {
        let events = Measured::of(did, moment, Some((property, value)));
        (value, events)
    });
    let holding = each.clone().find(|(_, events)| events.holds());
    let mut lines = vec![format!(
        "{} of {}",
        several(values.len(), "value"),
        quoted(property)
    )];
    if let Some((value, events)) = holding.or_else(|| each.next_back()) {
        lines.push(entry(&quoted(property), quoted(value)));
        lines.extend(measured(&events, did, &shown));
    }
    lines
}

/// Describes the result of a measure, and its events.
fn measured(measured: &Measured<'_, '_>, did: &Did, shown: &Mentioned<'_>) -> Vec<String> {
    let inside = &measured.inside;
    let mut lines = vec![format!(
        "{} of {} in the window",
        inside.len(),
        several(measured.ever.len(), "matching event"),
    )];
    lines.extend(related(did, measured));
    let number = |number: f64| number.to_string();
    match &did.measure {
        Measure::Times(comparison) => {
            for condition in &comparison.conditions {
                match condition.bound() {
                    Bound::Number(_) => {}
                    Bound::Times(other) => {
                        let times = several(measured.times_of(other), "event");
                        lines.push(format!("{times} of {other} in the window"));
                    }
                }
            }
        }
        Measure::Number(numbers) => lines.extend(numbers.iter().map(|of| {
            let number = measured.number(of).map_or("no number".to_owned(), number);
            format!(
                "{} of {} is {number}",
                name(of.aggregate),
                quoted(&of.property)
            )
        })),
        Measure::Distinct(properties) => lines.extend(properties.iter().map(|(name, _)| {
            let values = several(measured.distinct(name), "different value");
            format!("{values} of {}", quoted(name))
        })),
        Measure::Each(unit, _) => {
            let units = measured.per_unit(*unit);
            let units: Vec<_> = units.iter().map(|(_, times)| times.to_string()).collect();
            lines.push(format!("by unit, the earliest first: {}", units.join(", ")));
        }
        Measure::Regularly { .. } => {
            let spans = measured.per_span();
            let spans: Vec<_> = spans.iter().map(usize::to_string).collect();
            lines.push(format!("by span, the latest first: {}", spans.join(", ")));
        }
        Measure::Units(..) | Measure::Nth(_) | Measure::First(_) | Measure::Last(_) => {}
    }
    // The earliest event decides `first`. For other measures the reader expects the latest.
    let events = match did.measure {
        Measure::First(_) => inside.get(..1.min(inside.len())),
        Measure::Last(_) => inside.get(inside.len().saturating_sub(1)..),
        Measure::Times(_)
        | Measure::Number(_)
        | Measure::Distinct(_)
        | Measure::Units(..)
        | Measure::Each(..)
        | Measure::Regularly { .. }
        | Measure::Nth(_) => inside.get(inside.len().saturating_sub(SHOWN)..),
    };
    let events = events.unwrap_or_default();
    lines.extend(
        events
            .iter()
            .map(|event| describe(event, shown, measured.moment)),
    );
    lines.extend(misread_values(&did.step, measured.moment));
    lines
}

/// Describes the relations: how many events in the window fulfil each, and the latest event that
/// has another one where there must be none.
fn related(did: &Did, measured: &Measured<'_, '_>) -> Vec<String> {
    let mut lines = Vec::new();
    let selected = measured.selected();
    for relation in &did.relations {
        let moment = measured.moment;
        let holds = |event: &&&Event| relation::holds(relation, event, moment);
        let key = relation.kind.key();
        lines.push(format!(
            "{} of {} in the window with {key}: {relation}",
            selected.iter().filter(holds).count(),
            several(selected.len(), "event"),
        ));
        let mut others = selected.iter().rev().filter_map(|event| {
            let other = relation::other(relation, event, moment)?;
            Some((event, other))
        });
        if let (false, Some((event, other))) = (relation.kind.is_wanted(), others.next()) {
            let side = if relation.kind.is_before() {
                "before"
            } else {
                "after"
            };
            let of = |event| describe(event, &Mentioned::default(), moment);
            lines.push(format!("{}, {side} {}", of(other), of(event)));
        }
    }
    lines
}

fn in_order(order: &DidInOrder, moment: Moment<'_>) -> Vec<String> {
    if let Some((first, last)) = order::found(order, moment) {
        let shown = Mentioned {
            of_event: order.same.iter().map(|same| &**same).collect(),
            of_user: BTreeSet::new(),
        };
        return vec![
            format!("from {}", describe(first, &shown, moment)),
            format!("to {}", describe(last, &shown, moment)),
        ];
    }
    steps(&order.steps, &order.window, moment)
}

fn in_any_order(order: &InAnyOrder, moment: Moment<'_>) -> Vec<String> {
    let Some(events) = any_order::found(order, moment) else {
        return steps(&order.steps, &order.window, moment);
    };
    let shown = Mentioned {
        of_event: order.same.iter().map(|same| &**same).collect(),
        of_user: BTreeSet::new(),
    };
    let events = events.iter().take(2 * SHOWN);
    events
        .map(|event| describe(event, &shown, moment))
        .collect()
}

/// Describes how many events in the window each step could take.
fn steps(steps: &[Step], window: &Window, moment: Moment<'_>) -> Vec<String> {
    let span = moment.resolve(window);
    let times = |step: &Step| {
        let matches =
            |event: &&Event| span.contains(event.time) && step::matches(step, event, moment);
        moment.events().filter(matches).count()
    };
    let steps = steps.iter().take(2 * SHOWN);
    let each =
        steps.map(|step| format!("{} in the window for {step}", several(times(step), "event")));
    each.collect()
}

fn user(clause: &UserClause, moment: Moment<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, predicate) in clause.properties.iter().take(2 * SHOWN) {
        let name_shown = quoted(name);
        let states = user::states(name, moment);
        if states.is_empty() {
            lines.push(format!("{name_shown} was never set"));
        }
        let most = match clause.when {
            When::Now => 1,
            When::Ever | When::During(_) | When::HeldFor(_) => SHOWN,
        };
        let latest = states.get(states.len().saturating_sub(most)..);
        lines.extend(latest.unwrap_or_default().iter().map(|state| {
            let verb = if state.to.is_none() { "is" } else { "was" };
            let shown = state.value.map_or("nothing".to_owned(), value);
            let line = format!("{name_shown} {verb} {shown} from {}", state.from);
            match state.value.and_then(|value| misread(predicate, value)) {
                Some(why) => format!("{line}; it {why}"),
                None => line,
            }
        }));
    }
    lines
}

/// Returns what keeps a value from meeting a predicate of instants or versions, whatever its
/// bounds.
fn misread(predicate: &Predicate, value: &Value) -> Option<&'static str> {
    predicate.tests.iter().find_map(|test| match test {
        Test::Instant(test) => instant::instant(test, value)
            .is_none()
            .then_some("is no instant"),
        Test::Version(_) => {
            let version = |scalar: &Scalar| Version::new(&scalar.canonical_text()).is_some();
            (!value.scalars().iter().any(version)).then_some("is no version")
        }
        Test::AnyOf(_)
        | Test::NoneOf(_)
        | Test::Fits(_)
        | Test::FitsNot(_)
        | Test::AtLeast(_)
        | Test::MoreThan(_)
        | Test::AtMost(_)
        | Test::LessThan(_)
        | Test::CountOf(_)
        | Test::Set(_)
        | Test::SameAs(_) => None,
    })
}

/// Describes the values of events that keep a step from matching, each once: `due 1771581600 is no
/// instant`.
fn misread_values(step: &Step, moment: Moment<'_>) -> Vec<String> {
    let named = |event: &&Event| step.names.iter().any(|name| name.matches(&event.name));
    let mut lines = Vec::new();
    for event in moment.events().filter(named) {
        for (name, predicate) in step.with.iter().chain(step.with_any.iter().flatten()) {
            let held = event.properties.get(name);
            if let Some((held, why)) = held.and_then(|held| Some((held, misread(predicate, held)?)))
            {
                let line = format!("{} {} {why}", quoted(name), value(held));
                if !lines.contains(&line) && lines.len() < SHOWN {
                    lines.push(line);
                }
            }
        }
    }
    lines
}

/// The properties that a clause reads of its events.
#[derive(Default)]
struct Mentioned<'d> {
    /// Event properties.
    of_event: BTreeSet<&'d str>,
    /// User properties at the instant of the event.
    of_user: BTreeSet<&'d str>,
}

/// Formats an event as `2026-02-20T10:00:00Z Purchase {amount: 60}`, with the properties that the
/// clause reads. User properties follow as `with_user {plan: pro}`.
fn describe(event: &Event, shown: &Mentioned<'_>, moment: Moment<'_>) -> String {
    let of_event = shown.of_event.iter().filter_map(|name| {
        let held = event.properties.get(*name)?;
        Some(entry(&quoted(name), value(held)))
    });
    let of_user = shown.of_user.iter().filter_map(|name| {
        let held = moment.property_at(name, event.time)?;
        Some(entry(&quoted(name), value(held)))
    });
    let of_event: Vec<_> = of_event.collect();
    let of_user: Vec<_> = of_user.collect();
    let mut text = format!("{} {}", event.time, quoted(&event.name));
    for (before, properties) in [(" ", of_event), (" with_user ", of_user)] {
        if !properties.is_empty() {
            text.push_str(before);
            text.push_str(&map(&properties));
        }
    }
    text
}

/// Returns the properties that a clause reads of its events.
fn mentioned(did: &Did) -> Mentioned<'_> {
    let step = &did.step;
    Mentioned {
        of_event: mentioned_of_event(did),
        of_user: step.with_user.iter().map(|(name, _)| &**name).collect(),
    }
}

fn mentioned_of_event(did: &Did) -> BTreeSet<&str> {
    let mut mentioned: BTreeSet<&str> = did.per.iter().map(|per| &**per).collect();
    mentioned.extend(
        did.relations
            .iter()
            .filter_map(|other| other.same.as_deref()),
    );
    let step = &did.step;
    for properties in step.with_any.iter().chain([&step.with]) {
        mentioned.extend(properties.iter().map(|(name, _)| &**name));
    }
    match &did.measure {
        Measure::Number(numbers) => mentioned.extend(numbers.iter().map(|of| &*of.property)),
        Measure::Distinct(of) => mentioned.extend(of.iter().map(|(name, _)| &**name)),
        Measure::First(of) | Measure::Last(of) => {
            mentioned.extend(of.iter().map(|(name, _)| &**name));
        }
        Measure::Times(_)
        | Measure::Units(..)
        | Measure::Each(..)
        | Measure::Regularly { .. }
        | Measure::Nth(_) => {}
    }
    mentioned
}

fn name(aggregate: Aggregate) -> &'static str {
    match aggregate {
        Aggregate::Sum => "the sum",
        Aggregate::Average => "the average",
        Aggregate::Smallest => "the smallest",
        Aggregate::Largest => "the largest",
    }
}

fn several(count: usize, name: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {name}{s}")
}
