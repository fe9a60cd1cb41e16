//! The data that a module reads: streams, columns, calendars, lists.

use std::collections::BTreeSet;

use muster_definition::{Duration, EventName, Start, TimeZoneName, Unit, Window};
use muster_model::ValueForm;

use super::{Plan, PlanWindow, SpanStart};

/// A `stream-reads` of the contract.
#[derive(Debug)]
pub(crate) struct PlanStream {
    pub(crate) names: BTreeSet<Box<str>>,
    pub(crate) columns: Vec<PlanColumn>,
    /// The lookback, in ms; none: all history.
    pub(crate) lookback: Option<u64>,
}

/// A `property` of the contract: its name, with the form of its numbers behind it. In a stream the
/// empty name means the name of the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlanColumn {
    pub(crate) name: Box<str>,
    pub(crate) kind: ReadKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadKind {
    Text,
    Number,
    Instant,
}

/// A `calendar` of the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlanCalendar {
    pub(crate) zone: TimeZoneName,
    pub(crate) unit: Unit,
    /// The number of units; none: all since 1970.
    pub(crate) count: Option<u32>,
}

/// The place of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Space {
    Stream(usize),
    User,
    History,
}

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

impl Plan {
    /// Returns the index of a column, and adds the column if it is new.
    pub(super) fn place(&mut self, space: Space, name: &str, kind: ReadKind) -> usize {
        match kind {
            ReadKind::Text => self.column(space, name.into(), kind),
            ReadKind::Number | ReadKind::Instant => self.place_form(space, name, kind, None),
        }
    }

    /// Returns the index of a column whose numbers have a form, and adds the column if it is new.
    pub(super) fn place_form(
        &mut self,
        space: Space,
        name: &str,
        kind: ReadKind,
        form: Option<&ValueForm>,
    ) -> usize {
        self.column(space, ValueForm::join(name, form).into(), kind)
    }

    fn column(&mut self, space: Space, name: Box<str>, kind: ReadKind) -> usize {
        let column = PlanColumn { name, kind };
        let columns = match space {
            Space::Stream(stream) => match self.streams.get_mut(stream) {
                Some(stream) => &mut stream.columns,
                None => return 0,
            },
            Space::User => &mut self.user_columns,
            Space::History => &mut self.histories,
        };
        index_of(columns, column)
    }

    /// Returns the stream of some events, and adds the stream if it is new.
    pub(super) fn stream<'n>(&mut self, names: impl IntoIterator<Item = &'n EventName>) -> usize {
        let names: BTreeSet<Box<str>> =
            names.into_iter().map(|name| name.as_str().into()).collect();
        let known = self.streams.iter().position(|stream| stream.names == names);
        known.unwrap_or_else(|| {
            self.streams.push(PlanStream {
                names,
                columns: Vec::new(),
                lookback: Some(0),
            });
            self.streams.len() - 1
        })
    }

    /// Returns true if the stream has these names and no others.
    pub(super) fn is_whole_stream(&self, stream: usize, names: &[EventName]) -> bool {
        let names: BTreeSet<&str> = names.iter().map(EventName::as_str).collect();
        self.streams
            .get(stream)
            .is_some_and(|stream| stream.names.iter().map(|name| &**name).eq(names))
    }

    /// Extends the lookback of a stream, in ms; none: all of history.
    pub(super) fn lookback(&mut self, stream: usize, lookback: Option<i64>) {
        let lookback = lookback.map(|lookback| u64::try_from(lookback).unwrap_or(0));
        if let Some(stream) = self.streams.get_mut(stream) {
            stream.lookback = stream.lookback.zip(lookback).map(|(a, b)| a.max(b));
        }
    }

    pub(super) fn span(&mut self, window: &Window) -> PlanWindow {
        PlanWindow {
            start: self.span_start(&window.start),
            end: window.end,
        }
    }

    pub(super) fn span_start(&mut self, start: &Start) -> SpanStart {
        match start {
            Start::Ever => SpanStart::Ever,
            Start::Last(length) => SpanStart::Last(millis(*length)),
            Start::Calendar { unit, count, zone } => {
                SpanStart::Calendar(self.calendar(zone, *unit, Some(*count)))
            }
            Start::At(at) => SpanStart::At(at.0),
        }
    }

    pub(super) fn calendar(
        &mut self,
        zone: &TimeZoneName,
        unit: Unit,
        count: Option<u32>,
    ) -> usize {
        let zone = zone.clone();
        index_of(&mut self.calendars, PlanCalendar { zone, unit, count })
    }

    /// Returns the calendar that has every unit of a window. Units count here as shorter than they
    /// ever are, so there are enough of them.
    pub(super) fn units_of(&mut self, window: &Window, unit: Unit, zone: &TimeZoneName) -> usize {
        let units = |ms: i64| {
            let shortest = match unit {
                Unit::Day => 20 * HOUR,
                Unit::Week => 6 * DAY,
                Unit::Month => 27 * DAY,
            };
            u32::try_from(ms / shortest + 2).unwrap_or(u32::MAX)
        };
        let count = lookback_of(&window.start).map(units);
        self.calendar(zone, unit, count)
    }
}

/// Returns the longest time from a window's start to now, in ms; `None`: there is no bound. Units
/// count here as longer than they ever are, and two more days cover a change of the date line.
pub(super) fn lookback_of(start: &Start) -> Option<i64> {
    match start {
        Start::Ever | Start::At(_) => None,
        Start::Last(length) => Some(millis(*length)),
        Start::Calendar {
            unit,
            count,
            zone: _,
        } => {
            let longest = match unit {
                Unit::Day => DAY + 2 * HOUR,
                Unit::Week => 7 * DAY + 2 * HOUR,
                Unit::Month => 31 * DAY + 2 * HOUR,
            };
            Some(
                i64::from(*count)
                    .saturating_mul(longest)
                    .saturating_add(2 * DAY),
            )
        }
    }
}

pub(super) fn millis(length: Duration) -> i64 {
    i64::try_from(length.millis()).unwrap_or(i64::MAX)
}

/// Converts an instant to an `f64`, which holds every instant of Muster exactly.
#[expect(clippy::cast_precision_loss, reason = "instants are below 2^53 ms")]
pub(super) fn exact(instant: i64) -> f64 {
    instant as f64
}

/// Returns the index of an item, and adds the item if it is new.
pub(super) fn index_of<T: PartialEq>(items: &mut Vec<T>, item: T) -> usize {
    items
        .iter()
        .position(|known| *known == item)
        .unwrap_or_else(|| {
            items.push(item);
            items.len() - 1
        })
}
