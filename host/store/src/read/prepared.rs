//! A read of users with names and properties resolved to numbers, once for all batches.

use std::sync::Arc;

use muster_columns::ColumnBuilder;
use muster_model::ValueForm;

use super::fetch::ReadContext;
use super::properties::OperationColumns;
use super::time_range::TimeRange;
use crate::{PropertyRead, StreamRead, ValueKind};

/// A read of users with resolved names. It is valid for the state in which it was resolved: later
/// states may have names that it does not know.
pub(crate) struct ResolvedReads {
    pub(crate) streams: Vec<ResolvedStream>,
    pub(crate) user_properties: Vec<(ColumnForm, OperationColumns)>,
    pub(crate) property_histories: Vec<(ColumnForm, OperationColumns)>,
}

/// A stream with its names and columns as numbers.
pub(crate) struct ResolvedStream {
    pub(crate) names: Arc<[u32]>,
    pub(crate) columns: Vec<(ColumnForm, ColumnRead)>,
    lookback: Option<i64>,
}

/// The kind of a column, and the form of its numbers if there is one.
#[derive(Clone)]
pub(crate) struct ColumnForm {
    kind: ValueKind,
    form: Option<Arc<ValueForm>>,
}

impl ColumnForm {
    /// Returns the name of a read's property, and the column that the read makes of it.
    fn of(read: &PropertyRead) -> (&str, Self) {
        let (name, form) = read.split();
        let form = form.map(Arc::new);
        let kind = read.kind;
        (name, Self { kind, form })
    }

    /// Returns an empty column with space for so many rows.
    pub(crate) fn builder(&self, rows: usize) -> ColumnBuilder {
        match &self.form {
            Some(form) => ColumnBuilder::derived(Arc::clone(form), rows),
            None => ColumnBuilder::new(self.kind, rows),
        }
    }

    pub(crate) fn width(&self) -> usize {
        self.kind.width()
    }
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
                .map(|read| {
                    let (name, column) = ColumnForm::of(read);
                    (column, OperationColumns::of(context, name))
                })
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
                .map(|property| {
                    let (name, column) = ColumnForm::of(property);
                    let read = ColumnRead::new(context, name, property.kind);
                    (column, read)
                })
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
    fn new(context: &ReadContext<'_>, name: &str, kind: ValueKind) -> Self {
        if name.is_empty() && kind == ValueKind::Text {
            return Self::Name;
        }
        context.property(name).map_or(Self::Unknown, Self::Property)
    }
}
