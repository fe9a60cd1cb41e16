//! Reading single users, row by row.

use std::collections::{BTreeMap, BTreeSet};

use muster_model::{Event, Millis, UserHistory, Value, user_hash};

use super::batch::groups;
use super::fetch::ReadContext;
use super::properties::{OperationColumns, PropertyColumns, by_user};
use super::select::{Selection, WantedUsers};
use super::time_range::TimeRange;
use crate::{StoreError, UserKey};

/// Returns everything that the store knows of a user at `now`, except the user's static lists.
pub(crate) fn history(
    context: ReadContext<'_>,
    user: UserKey,
    now: Millis,
) -> Result<UserHistory, StoreError> {
    let (group, wanted) = (user.0 >> 8, WantedUsers::new(vec![user.0.to_le_bytes()[0]]));
    let mut next = [i64::MAX];
    let mut sources = Vec::new();
    let mut selection = Selection::default();
    let mut history = UserHistory {
        hash: context.user_id(user)?.map_or(0, user_hash),
        ..UserHistory::default()
    };

    let window = TimeRange {
        after: i64::MIN,
        now: now.0,
    };
    context.sources(
        &context.names(&["*".to_owned()]),
        group,
        window.after,
        &mut sources,
    )?;
    // Without a limit the selection is always complete.
    let _ = selection.fill(&sources, &wanted, window, &mut next);
    let mut text = |code| context.text(code);
    let columns: Vec<(u32, Box<str>)> = {
        let terms = context.terms.read();
        (0..context.view.counts.properties)
            .filter_map(|code| Some((code, terms.properties.text(code)?.into())))
            .collect()
    };
    for piece in &selection.pieces {
        let Some((name, source)) = sources.get(piece.source as usize) else {
            continue;
        };
        let name = context.name(*name)?;
        let first = history.events.len();
        for row in piece.row..piece.row + piece.length {
            history.events.push(Event {
                name: name.clone(),
                time: Millis(source.time(row)),
                properties: BTreeMap::new(),
            });
        }
        for (code, property) in &columns {
            let view = source.column(*code)?;
            let events = history.events.get_mut(first..).unwrap_or_default();
            for (row, event) in (piece.row..).zip(events) {
                if let Some(cell) = view.cell(row)? {
                    event
                        .properties
                        .insert(property.clone(), cell.to_value(&mut text)?);
                }
            }
        }
    }

    context.operations(
        group,
        &wanted,
        now.0,
        &mut next,
        &mut sources,
        &mut selection,
    )?;
    for name in context.user_properties() {
        let property = PropertyColumns::new(&OperationColumns::of(&context, &name), &sources)?;
        let mut changes = Vec::new();
        property.changes(&selection.pieces, &mut text, |source, row, cell| {
            let time = sources
                .get(source as usize)
                .map_or(0, |(_, source)| source.time(row));
            let mut text = |code| context.text(code);
            let value = cell.map(|cell| cell.to_value(&mut text)).transpose()?;
            changes.push((Millis(time), value));
            Ok(())
        })?;
        if !changes.is_empty() {
            history.properties.insert(name, changes);
        }
    }
    Ok(history)
}

/// Returns the values of user properties at `now`: per user (ascending), per property.
pub(crate) fn values(
    context: ReadContext<'_>,
    users: &[UserKey],
    properties: &[String],
    now: Millis,
) -> Result<Vec<Vec<Option<Value>>>, StoreError> {
    let operations = properties.iter();
    let operations: Vec<_> = operations
        .map(|name| OperationColumns::of(&context, name))
        .collect();
    let mut all = Vec::with_capacity(users.len());
    let mut next = vec![i64::MAX; users.len()];
    let mut sources = Vec::new();
    let mut selection = Selection::default();
    for (group, places) in groups(users) {
        let of_group = users.get(places.clone()).unwrap_or_default();
        let wanted = WantedUsers::new(
            of_group
                .iter()
                .map(|user| user.0.to_le_bytes()[0])
                .collect(),
        );
        let next = next.get_mut(places).unwrap_or_default();
        context.operations(group, &wanted, now.0, next, &mut sources, &mut selection)?;
        let base = all.len();
        all.resize(base + of_group.len(), Vec::with_capacity(properties.len()));
        for operations in &operations {
            let property = PropertyColumns::new(operations, &sources)?;
            let held = all.get_mut(base..).unwrap_or_default();
            for (pieces, held) in by_user(&selection).zip(held) {
                let mut text = |code| context.text(code);
                property.current(pieces, &mut text, |cell| {
                    let mut text = |code| context.text(code);
                    held.push(cell.map(|cell| cell.to_value(&mut text)).transpose()?);
                    Ok(())
                })?;
            }
        }
    }
    Ok(all)
}

impl<'a> ReadContext<'a> {
    /// Returns a user's id.
    pub(crate) fn user_id(&self, user: UserKey) -> Result<Option<&'a str>, StoreError> {
        let id = self.tables.users.get(self.txn, &user.0.to_be_bytes())?;
        // An empty id means that the user was forgotten.
        id.filter(|id| !id.is_empty())
            .map(std::str::from_utf8)
            .transpose()
            .map_err(|_| StoreError::Corrupt { what: "a user id" })
    }

    /// Returns the names of all user properties.
    fn user_properties(&self) -> BTreeSet<Box<str>> {
        let terms = self.terms.read();
        (0..self.view.counts.operations)
            .filter_map(|code| terms.operation_of(code))
            .filter(|(_, property)| !property.is_empty())
            .map(|(_, property)| property.into())
            .collect()
    }

    /// Returns the number of an event property.
    pub(crate) fn property(&self, name: &str) -> Option<u32> {
        let terms = self.terms.read();
        terms
            .properties
            .get(name)
            .filter(|code| *code < self.view.counts.properties)
    }

    /// Returns the text of a code.
    pub(crate) fn text(&self, code: u32) -> Result<Box<str>, StoreError> {
        let terms = self.terms.read();
        let text = terms.text_of(code).ok_or(StoreError::Corrupt {
            what: "the code of a text",
        })?;
        Ok(text.into())
    }

    /// Returns the text of an event name.
    pub(crate) fn name(&self, name: u32) -> Result<Box<str>, StoreError> {
        let terms = self.terms.read();
        let text = terms.name_text(name).ok_or(StoreError::Corrupt {
            what: "the number of an event name",
        })?;
        Ok(text.into())
    }
}
