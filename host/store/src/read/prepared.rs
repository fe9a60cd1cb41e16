//! A read of users with names and properties resolved to numbers, once for all batches.

use std::sync::Arc;

use super::fetch::ReadContext;
use super::properties::OperationColumns;
use super::time_range::TimeRange;
use crate::{PropertyRead, StreamRead, ValueKind};

/// A read of users with resolved names. It is valid for the state in which it was resolved: later
/// states may have names that it does not know.
pub(crate) struct ResolvedReads {
    pub(crate) streams: Vec<ResolvedStream>,
    pub(crate) user_properties: Vec<(ValueKind, OperationColumns)>,
    pub(crate) property_histories: Vec<(ValueKind, OperationColumns)>,
}

/// A stream with its names and columns as numbers.
pub(crate) struct ResolvedStream {
    pub(crate) names: Arc<[u32]>,
    pub(crate) columns: Vec<(ValueKind, ColumnRead)>,
    lookback: Option<i64>,
}

/// The content of a column of a stream.
#[derive(Clone, Copy)]
pub(crate) enum ColumnRead {
    /// An event property by its number.
    Property(u32),
    /// An event property that no event ever had.
    Unknown,
    /// The name of the event itself.
    Name,
}

impl ResolvedReads {
    pub(crate) fn new(
        context: &ReadContext<'_>,
        streams: &[StreamRead],
        user_properties: &[PropertyRead],
        property_histories: &[PropertyRead],
    ) -> Self {
        let operations = |reads: &[PropertyRead]| {
            let reads = reads.iter();
            reads
                .map(|read| (read.kind, OperationColumns::of(context, &read.name)))
                .collect()
        };
        Self {
            streams: (streams.iter())
                .map(|read| ResolvedStream::new(context, read))
                .collect(),
            user_properties: operations(user_properties),
            property_histories: operations(property_histories),
        }
    }

    /// Returns the bytes that a batch of users takes before it has a row.
    pub(crate) fn size(&self, users: usize) -> usize {
        let starts = self.streams.len() + self.property_histories.len();
        let widths = self.user_properties.iter().map(|(kind, _)| kind.width());
        let user = size_of::<i64>() + starts * size_of::<u32>() + widths.sum::<usize>();
        users.saturating_add(1).saturating_mul(user)
    }

    /// Returns the number of rows in the streams, whatever their lookback and users.
    pub(crate) fn rows(&self, context: &ReadContext<'_>) -> u64 {
        // Several streams may read one name.
        let mut counted: Vec<Option<u64>> = vec![None; context.view.counts.names as usize + 1];
        let mut total = 0;
        for name in self.streams.iter().flat_map(|stream| &*stream.names) {
            if let Some(rows) = counted.get_mut(*name as usize) {
                total += *rows.get_or_insert_with(|| context.view.rows(*name));
            }
        }
        total
    }
}

impl ResolvedStream {
    fn new(context: &ReadContext<'_>, read: &StreamRead) -> Self {
        let columns = read.properties.iter();
        Self {
            names: context.names(&read.names),
            columns: columns
                .map(|property| (property.kind, ColumnRead::new(context, property)))
                .collect(),
            lookback: read
                .lookback
                .map(|reach| i64::try_from(reach).unwrap_or(i64::MAX)),
        }
    }

    pub(crate) fn window(&self, now: i64) -> TimeRange {
        TimeRange {
            after: self
                .lookback
                .map_or(i64::MIN, |reach| now.saturating_sub(reach)),
            now,
        }
    }
}

impl ColumnRead {
    fn new(context: &ReadContext<'_>, read: &PropertyRead) -> Self {
        if read.name.is_empty() && read.kind == ValueKind::Text {
            return Self::Name;
        }
        context
            .property(&read.name)
            .map_or(Self::Unknown, Self::Property)
    }
}
