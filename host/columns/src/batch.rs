//! A batch: columns of history in the shape of the contract, as a module receives them.

use muster_model::Millis;
use muster_sandbox::{
    Batch, CalendarBounds, Column as BatchColumn, Dictionary as BatchDictionary,
    EventRows as BatchRows, ModuleError, TextLists, Verdicts,
};

use crate::{CalendarStarts, Column, EventRows, History};

/// The data of one call of a module.
#[derive(Clone, Copy, Debug)]
pub struct BatchInput<'a> {
    /// The instant of the evaluation.
    pub now: Millis,
    /// The number of users.
    pub users: usize,
    /// Their history, with what the module reads.
    pub history: &'a History,
    /// The hash of each user's id, if the module reads it; else empty.
    pub user_hash: &'a [u64],
    /// The calendars that the module names.
    pub calendars: &'a [CalendarStarts],
    /// For each static list that the module names, one bit per user: bit u % 64 of word u / 64.
    pub lists: &'a [Vec<u64>],
}

impl BatchInput<'_> {
    /// Builds the batch and calls a module with it. An answer holds at most until the user's first
    /// row that the batch leaves out because it is later than now.
    ///
    /// # Errors
    /// Those of the call.
    pub fn evaluate(
        &self,
        classify: impl FnOnce(&Batch<'_>) -> Result<Verdicts, ModuleError>,
    ) -> Result<Verdicts, ModuleError> {
        let history = self.history;
        let user_properties: Vec<_> = history.user_properties.iter().map(column).collect();
        let histories = RowColumns::of(&history.property_histories);
        let streams = RowColumns::of(&history.streams);
        let calendars: Vec<CalendarBounds<'_>> = self.calendars.iter().map(bounds).collect();
        let batch = Batch {
            now: self.now.0,
            users: u32::try_from(self.users).unwrap_or(u32::MAX),
            dictionary: BatchDictionary {
                offsets: &history.dictionary.offsets,
                bytes: &history.dictionary.bytes,
            },
            first_seen: &history.first_seen,
            user_hash: self.user_hash,
            user_properties: &user_properties,
            property_histories: &histories.rows(&history.property_histories),
            streams: &streams.rows(&history.streams),
            calendars: &calendars,
            lists: &self.lists.iter().map(Vec::as_slice).collect::<Vec<_>>(),
        };
        let mut verdicts = classify(&batch)?;
        for (until, next) in verdicts.until.iter_mut().zip(&history.next_row) {
            *until = (*until).min(*next);
        }
        Ok(verdicts)
    }
}

fn bounds(calendar: &CalendarStarts) -> CalendarBounds<'_> {
    CalendarBounds {
        starts: calendar.starts(),
        moves_at: calendar.moves_at(),
    }
}

/// The columns of several streams, borrowed in the shape of the contract.
struct RowColumns<'a>(Vec<Vec<BatchColumn<'a>>>);

impl<'a> RowColumns<'a> {
    fn of(streams: &'a [EventRows]) -> Self {
        Self(
            streams
                .iter()
                .map(|rows| rows.columns.iter().map(column).collect())
                .collect(),
        )
    }

    fn rows<'b>(&'b self, streams: &'b [EventRows]) -> Vec<BatchRows<'b>> {
        let rows = streams.iter().zip(&self.0);
        rows.map(|(rows, columns)| BatchRows {
            starts: &rows.starts,
            times: &rows.times,
            columns,
        })
        .collect()
    }
}

fn column(column: &Column) -> BatchColumn<'_> {
    match column {
        Column::Number(values) => BatchColumn::Number(values),
        Column::Flag(values) => BatchColumn::Flag(values),
        Column::Text(codes) => BatchColumn::Text(codes),
        Column::Texts { starts, codes } => BatchColumn::Texts(TextLists { starts, codes }),
    }
}
