//! Reading a batch of users as columns.

use std::ops::Range;

use muster_columns::{ColumnBuilder, ReadBudget};
use muster_model::Millis;

use super::build::{push, push_rows};
use super::fetch::ReadContext;
use super::prepared::{ColumnForm, ColumnRead, ResolvedReads};
use super::properties::{PropertyColumns, by_user};
use super::select::{Selection, WantedUsers};
use super::source::RowSource;
use super::texts::{BatchTexts, Remap};
use crate::firsts::{self, First};
use crate::keys::{GROUP, GROUP_BITS};
use crate::rows::index;
use crate::{EventRows, History, StoreError, UserKey};

/// The bytes that selecting a row takes: its place among the pieces (12 bytes) and the merge of
/// sources (16).
const ROW_SELECTION: usize = 28;

/// A builder of rows that grow group by group.
struct RowsBuilder {
    starts: Vec<u32>,
    times: Vec<i64>,
    columns: Vec<ColumnBuilder>,
}

impl RowsBuilder {
    fn new<'f>(columns: impl Iterator<Item = &'f ColumnForm>, users: usize) -> Self {
        let mut starts = Vec::with_capacity(users + 1);
        starts.push(0);
        Self {
            starts,
            times: Vec::new(),
            columns: columns.map(|column| column.builder(0)).collect(),
        }
    }

    fn finish(self) -> EventRows {
        EventRows {
            starts: self.starts,
            times: self.times,
            columns: self
                .columns
                .into_iter()
                .map(ColumnBuilder::finish)
                .collect(),
        }
    }
}

/// Reads a batch.
pub(crate) fn read(
    context: ReadContext<'_>,
    reads: &ResolvedReads,
    users: &[UserKey],
    now: Millis,
    remap: &mut Remap,
    mut budget: ReadBudget,
) -> Result<History, StoreError> {
    let (all, now) = (users, now.0);
    let users = all.len();
    let limit = budget.limit();
    let mut selection = Selection::default();
    // Each selection is freed before the next, and takes no more than the columns may.
    selection.most = Some((budget.limit() / ROW_SELECTION) as u64);
    budget.take(reads.size(users))?;
    let mut texts = BatchTexts::new(context.terms, context.view.counts.texts, remap, budget);
    let mut rows: Vec<RowsBuilder> = reads
        .streams
        .iter()
        .map(|stream| RowsBuilder::new(stream.columns.iter().map(|(column, _)| column), users))
        .collect();
    let mut current: Vec<ColumnBuilder> = reads
        .user_properties
        .iter()
        .map(|(column, _)| column.builder(users))
        .collect();
    let mut changes: Vec<RowsBuilder> = reads
        .property_histories
        .iter()
        .map(|(column, _)| RowsBuilder::new(std::iter::once(column), users))
        .collect();
    let mut history = History {
        first_seen: Vec::with_capacity(users),
        next_row: vec![i64::MAX; users],
        ..History::default()
    };
    let mut sources = Vec::new();
    let mut seen = [First::NONE; GROUP];

    for (group, places) in groups(all) {
        let of_group = all.get(places.clone()).unwrap_or_default();
        let wanted = WantedUsers::new(
            of_group
                .iter()
                .map(|user| user.0.to_le_bytes()[0])
                .collect(),
        );
        let next = history.next_row.get_mut(places).unwrap_or_default();
        firsts::of_group(context.txn, context.tables, group, &mut seen)?;
        for (user, next) in wanted.users.iter().zip(&mut *next) {
            let first = seen
                .get(usize::from(*user))
                .map_or(i64::MAX, |first| first.event);
            history
                .first_seen
                .push(if first <= now { first } else { i64::MAX });
            if first > now {
                *next = first;
            }
        }
        for (stream, rows) in reads.streams.iter().zip(&mut rows) {
            let window = stream.window(now);
            context.sources(&stream.names, group, window.after, &mut sources)?;
            selection.keep_users_apart = false;
            if !selection.fill(&sources, &wanted, window, next) {
                return Err(StoreError::TooLarge { limit });
            }
            append(rows, &stream.columns, &sources, &selection, &mut texts)?;
        }
        if current.is_empty() && changes.is_empty() {
            continue;
        }
        context.operations(group, &wanted, now, next, &mut sources, &mut selection)?;
        let mut text = |code| context.text(code);
        for ((_, operations), column) in reads.user_properties.iter().zip(&mut current) {
            let property = PropertyColumns::new(operations, &sources)?;
            for pieces in by_user(&selection) {
                property.current(pieces, &mut text, |cell| push(column, cell, &mut texts))?;
            }
        }
        for ((kind, operations), rows) in reads.property_histories.iter().zip(&mut changes) {
            let property = PropertyColumns::new(operations, &sources)?;
            for pieces in by_user(&selection) {
                property.changes(pieces, &mut text, |source, row, cell| {
                    texts.take(size_of::<i64>() + kind.width())?;
                    let source = sources.get(source as usize);
                    rows.times
                        .push(source.map_or(0, |(_, source)| source.time(row)));
                    match rows.columns.first_mut() {
                        Some(column) => push(column, cell, &mut texts),
                        None => Ok(()),
                    }
                })?;
                rows.starts.push(index(rows.times.len())?);
            }
        }
    }
    history.dictionary = texts.finish();
    history.streams = rows.into_iter().map(RowsBuilder::finish).collect();
    history.user_properties = current.into_iter().map(ColumnBuilder::finish).collect();
    history.property_histories = changes.into_iter().map(RowsBuilder::finish).collect();
    Ok(history)
}

/// Appends the selected rows of a group.
fn append(
    rows: &mut RowsBuilder,
    columns: &[(ColumnForm, ColumnRead)],
    sources: &[(u32, RowSource<'_>)],
    selection: &Selection,
    texts: &mut BatchTexts<'_>,
) -> Result<(), StoreError> {
    let base = index(rows.times.len())?;
    let row: usize = columns.iter().map(|(kind, _)| kind.width()).sum();
    let rows_added = selection.users.last().map_or(0, |end| end.rows as usize);
    texts.take(rows_added.saturating_mul(size_of::<i64>() + row))?;
    for piece in &selection.pieces {
        if let Some((_, source)) = sources.get(piece.source as usize) {
            source.times(piece.row..piece.row + piece.length, &mut rows.times);
        }
    }
    index(rows.times.len())?;
    rows.starts
        .extend(selection.users.iter().map(|end| base + end.rows));
    for ((_, column), builder) in columns.iter().zip(&mut rows.columns) {
        let mut views = Vec::with_capacity(sources.len());
        match column {
            ColumnRead::Property(column) => {
                for (_, source) in sources {
                    views.push(source.column(*column)?);
                }
            }
            ColumnRead::Unknown => {}
            ColumnRead::Name => {
                append_names(builder, sources, selection, texts)?;
                continue;
            }
        }
        for piece in &selection.pieces {
            match views.get(piece.source as usize) {
                Some(view) => push_rows(builder, view, piece.row, piece.length, texts)?,
                None => builder.push_absent(piece.length),
            }
        }
    }
    Ok(())
}

/// Appends the event names of the selected rows of a group. All rows of a source have one name.
fn append_names(
    builder: &mut ColumnBuilder,
    sources: &[(u32, RowSource<'_>)],
    selection: &Selection,
    texts: &mut BatchTexts<'_>,
) -> Result<(), StoreError> {
    for piece in &selection.pieces {
        match sources.get(piece.source as usize) {
            Some((name, _)) => builder.push_text(texts.name(*name)?, piece.length)?,
            None => builder.push_absent(piece.length),
        }
    }
    Ok(())
}

/// Returns the groups of the users (ascending), with their places.
pub(crate) fn groups(users: &[UserKey]) -> impl Iterator<Item = (u32, Range<usize>)> {
    let mut start = 0;
    users
        .chunk_by(|a, b| a.0 >> GROUP_BITS == b.0 >> GROUP_BITS)
        .map(move |chunk| {
            let places = start..start + chunk.len();
            start = places.end;
            (chunk.first().map_or(0, |user| user.0 >> GROUP_BITS), places)
        })
}
