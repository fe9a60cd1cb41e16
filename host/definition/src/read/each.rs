//! Reads `each` (docs/cohorts.md, "Measures"): a count that holds in every unit of a calendar
//! window.

use muster_document::{Entry, NodeContent};

use crate::clause::{End, Measure, Start, Unit, Window};

use super::clause::Clauses;
use super::comparison::ComparisonKind;
use super::measure::plural;

/// The units in each of which a count can hold.
pub(crate) const UNITS: [(&str, Unit); 3] = [
    ("day", Unit::Day),
    ("week", Unit::Week),
    ("month", Unit::Month),
];

const EXAMPLE: &str = "write `each: {day: {at_least: 1}}`";

impl Clauses<'_, '_> {
    pub(super) fn each(
        &mut self,
        entry: &Entry,
        entries: &[Entry],
        window: Option<&Window>,
    ) -> Option<Measure> {
        let node = &entry.value;
        let NodeContent::Map(units) = &node.content else {
            let what = "a day, week or month and its count";
            return self.reader.expected(node, what, EXAMPLE);
        };
        let names = UNITS.map(|(name, _)| name);
        self.reader.fields(node, "`each`", &names)?;
        let [one] = units.as_slice() else {
            let message = format!("`each` has one unit, and this has {}", units.len());
            return self.reader.wrong(node.span, message, EXAMPLE);
        };
        let (_, unit) = UNITS.into_iter().find(|(name, _)| *name == &*one.key)?;
        let comparison = self.comparison(&one.value, ComparisonKind::Count("events"));
        let fits = self.consists_of(unit, entry, entries, window?);
        comparison
            .filter(|_| fits)
            .map(|comparison| Measure::Each(unit, comparison))
    }

    /// Checks that a window is a calendar window that consists of whole units.
    fn consists_of(
        &mut self,
        unit: Unit,
        each: &Entry,
        entries: &[Entry],
        window: &Window,
    ) -> bool {
        let units = plural(unit);
        let write = format!(
            "write `in_last: {} calendar {units}`",
            about(&window.start, unit)
        );
        let place = |key: &str| {
            let entry = entries.iter().find(|entry| &*entry.key == key);
            entry.unwrap_or(each).key_span
        };
        let (span, message, help) = match (&window.start, window.end) {
            (Start::Calendar { .. }, End::Before(_) | End::At(_)) => {
                let key = match window.end {
                    End::At(_) => "until",
                    End::Before(_) | End::Now | End::WithinFirst(_) => "before_last",
                };
                (
                    place(key),
                    "`each` checks all units of the window until now".to_owned(),
                    format!("leave `{key}` out"),
                )
            }
            (Start::Calendar { unit: of, .. }, _) if !is_whole(*of, unit) => (
                place("in_last"),
                format!(
                    "a window of calendar {} does not consist of whole {units}",
                    plural(*of)
                ),
                write,
            ),
            (Start::Calendar { .. }, _) => return true,
            (Start::Ever, End::Now) => (
                each.key_span,
                "`each` checks the units of a calendar window, and this clause has no window"
                    .to_owned(),
                write,
            ),
            (start, end) => {
                let key = match (start, end) {
                    (Start::Last(_), _) => "in_last",
                    (Start::At(_), _) => "since",
                    (Start::Ever | Start::Calendar { .. }, End::At(_)) => "until",
                    (Start::Ever | Start::Calendar { .. }, End::WithinFirst(_)) => "within_first",
                    (Start::Ever | Start::Calendar { .. }, End::Now | End::Before(_)) => {
                        "before_last"
                    }
                };
                (
                    place(key),
                    "`each` checks the units of a calendar window, and this is not a calendar window".to_owned(),
                    write,
                )
            }
        };
        self.reader.wrong::<()>(span, message, help);
        false
    }
}

/// Returns the number of calendar units that are about as long as a rolling window, or four without
/// a rolling window.
fn about(start: &Start, unit: Unit) -> u64 {
    let days = match unit {
        Unit::Day => 1,
        Unit::Week => 7,
        Unit::Month => 30,
    };
    match start {
        Start::Last(length) => length.millis().div_ceil(days * 86_400_000),
        Start::Ever | Start::At(_) | Start::Calendar { .. } => 4,
    }
}

/// Returns true if every calendar unit `of` consists of whole units `unit`.
pub(crate) fn is_whole(of: Unit, unit: Unit) -> bool {
    unit == Unit::Day || of == unit
}
