//! A batch of users as columns.

use std::ops::Range;

use super::build::Builder;
use super::fetch::Context;
use super::properties::{Property, by_user};
use super::select::{Selection, Wanted, Window};
use super::source::Source;
use super::texts::{Remap, Texts};
use crate::firsts::{self, First};
use crate::keys::{GROUP, GROUP_BITS};
use crate::rows::index;
use crate::{EventRows, History, Kind, PropertyRead, ReadRequest, StoreError, StreamRead, UserKey};

/// Rows that grow group by group.
struct RowsBuilder {
    starts: Vec<u32>,
    times: Vec<i64>,
    columns: Vec<Builder>,
}

impl RowsBuilder {
    fn new(properties: &[PropertyRead], users: usize) -> Self {
        let mut starts = Vec::with_capacity(users + 1);
        starts.push(0);
        Self {
            starts,
            times: Vec::new(),
            columns: properties
                .iter()
                .map(|property| Builder::new(property.kind, 0))
                .collect(),
        }
    }

    fn finish(self) -> EventRows {
        EventRows {
            starts: self.starts,
            times: self.times,
            columns: self.columns.into_iter().map(Builder::finish).collect(),
        }
    }
}

/// A stream with its names and columns as numbers.
struct Stream {
    names: Vec<u32>,
    columns: Vec<Wish>,
    window: Window,
}

/// What a column of a stream is to hold.
#[derive(Clone, Copy)]
enum Wish {
    /// An event property by its number.
    Property(u32),
    /// An event property that no event ever had.
    Unknown,
    /// The event's own name.
    Name,
}

impl Wish {
    fn new(context: &Context<'_>, read: &PropertyRead) -> Self {
        if read.name.is_empty() && read.kind == Kind::Text {
            return Self::Name;
        }
        context
            .property(&read.name)
            .map_or(Self::Unknown, Self::Property)
    }
}

impl Stream {
    fn new(context: &Context<'_>, read: &StreamRead, now: i64) -> Self {
        let columns = read
            .properties
            .iter()
            .map(|property| Wish::new(context, property))
            .collect();
        let reach = read
            .reach
            .map(|reach| i64::try_from(reach).unwrap_or(i64::MAX));
        Self {
            names: context.names(&read.names),
            columns,
            window: Window {
                after: reach.map_or(i64::MIN, |reach| now.saturating_sub(reach)),
                now,
            },
        }
    }
}

/// Reads a batch.
pub(crate) fn read(
    context: Context<'_>,
    request: &ReadRequest<'_>,
    remap: &mut Remap,
) -> Result<History, StoreError> {
    let now = request.now.0;
    let users = request.users.len();
    let mut texts = Texts::new(context.terms, context.view.counts.texts, remap);
    let streams: Vec<Stream> = request
        .streams
        .iter()
        .map(|stream| Stream::new(&context, stream, now))
        .collect();
    let mut rows: Vec<RowsBuilder> = request
        .streams
        .iter()
        .map(|stream| RowsBuilder::new(&stream.properties, users))
        .collect();
    let mut current: Vec<Builder> = request
        .user_properties
        .iter()
        .map(|property| Builder::new(property.kind, users))
        .collect();
    let mut changes: Vec<RowsBuilder> = request
        .property_histories
        .iter()
        .map(|property| RowsBuilder::new(std::slice::from_ref(property), users))
        .collect();
    let mut history = History {
        first_seen: Vec::with_capacity(users),
        next_row: vec![i64::MAX; users],
        ..History::default()
    };
    let mut sources = Vec::new();
    let mut selection = Selection::default();
    let mut seen = [First::NONE; GROUP];

    for (group, places) in groups(request.users) {
        let of_group = request.users.get(places.clone()).unwrap_or_default();
        let wanted = Wanted::new(
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
        for (stream, rows) in streams.iter().zip(&mut rows) {
            context.sources(&stream.names, group, stream.window.after, &mut sources)?;
            selection.keep_users_apart = false;
            selection.fill(&sources, &wanted, stream.window, next);
            append(rows, &stream.columns, &sources, &selection, &mut texts)?;
        }
        if current.is_empty() && changes.is_empty() {
            continue;
        }
        context.operations(group, &wanted, now, next, &mut sources, &mut selection)?;
        let mut text = |code| context.text(code);
        for (read, column) in request.user_properties.iter().zip(&mut current) {
            let property = Property::new(&context, &read.name, &sources)?;
            for pieces in by_user(&selection) {
                property.current(pieces, &mut text, |cell| column.push(cell, &mut texts))?;
            }
        }
        for (read, rows) in request.property_histories.iter().zip(&mut changes) {
            let property = Property::new(&context, &read.name, &sources)?;
            for pieces in by_user(&selection) {
                property.changes(pieces, &mut text, |source, row, cell| {
                    let source = sources.get(source as usize);
                    rows.times
                        .push(source.map_or(0, |(_, source)| source.time(row)));
                    match rows.columns.first_mut() {
                        Some(column) => column.push(cell, &mut texts),
                        None => Ok(()),
                    }
                })?;
                rows.starts.push(index(rows.times.len())?);
            }
        }
    }
    history.dictionary = texts.finish();
    history.streams = rows.into_iter().map(RowsBuilder::finish).collect();
    history.user_properties = current.into_iter().map(Builder::finish).collect();
    history.property_histories = changes.into_iter().map(RowsBuilder::finish).collect();
    Ok(history)
}

/// Appends the selected rows of a group.
fn append(
    rows: &mut RowsBuilder,
    columns: &[Wish],
    sources: &[(u32, Source<'_>)],
    selection: &Selection,
    texts: &mut Texts<'_>,
) -> Result<(), StoreError> {
    let base = index(rows.times.len())?;
    for piece in &selection.pieces {
        if let Some((_, source)) = sources.get(piece.source as usize) {
            source.times(piece.row..piece.row + piece.length, &mut rows.times);
        }
    }
    index(rows.times.len())?;
    rows.starts
        .extend(selection.users.iter().map(|end| base + end.rows));
    for (column, builder) in columns.iter().zip(&mut rows.columns) {
        let mut views = Vec::with_capacity(sources.len());
        match column {
            Wish::Property(column) => {
                for (_, source) in sources {
                    views.push(source.column(*column)?);
                }
            }
            Wish::Unknown => {}
            Wish::Name => {
                append_names(builder, sources, selection, texts)?;
                continue;
            }
        }
        for piece in &selection.pieces {
            match views.get(piece.source as usize) {
                Some(view) => builder.push_rows(view, piece.row, piece.length, texts)?,
                None => builder.push_absent(piece.length),
            }
        }
    }
    Ok(())
}

/// Appends the event names of the selected rows of a group: all rows of a source have one.
fn append_names(
    builder: &mut Builder,
    sources: &[(u32, Source<'_>)],
    selection: &Selection,
    texts: &mut Texts<'_>,
) -> Result<(), StoreError> {
    for piece in &selection.pieces {
        match sources.get(piece.source as usize) {
            Some((name, _)) => builder.push_text(texts.name(*name)?, piece.length)?,
            None => builder.push_absent(piece.length),
        }
    }
    Ok(())
}

/// The groups that users (ascending) fall into, with their places.
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
