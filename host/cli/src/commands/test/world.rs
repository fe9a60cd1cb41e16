//! The store of one case, and runs of the real module on it.

use std::collections::BTreeSet;
use std::num::NonZero;
use std::sync::atomic::Ordering;

use anyhow::{Context, bail};
use muster_engine::{Cohort, RunOptions, StaticLists};
use muster_model::{EventBuffer, Millis, Operator, ScalarRef, UserHistory, Value};
use muster_store::{Store, UserKey};
use tempfile::TempDir;

use super::case::CaseRows;
use super::subject::Subject;

/// The bytes to which a case's store can grow: 64 MiB, over 60 times the largest file of cases
/// ([`muster_definition::limits::FILE_BYTES`] of 1 MiB, some 100 bytes an event).
const MAP_SIZE: u64 = 64 << 20;

/// A store with the events and properties of a case, and the members so far.
pub(super) struct CaseStore<'s> {
    subject: &'s Subject,
    cohort: Cohort,
    lists: StaticLists,
    store: Store,
    _directory: TempDir,
}

impl<'s> CaseStore<'s> {
    pub(super) fn new(subject: &'s Subject) -> anyhow::Result<Self> {
        let directory = tempfile::tempdir().context("cannot make a temporary folder")?;
        let options = muster_store::StoreOptions {
            map_size: MAP_SIZE,
            readers: 2,
            durable: false,
            ..muster_store::StoreOptions::default()
        };
        let store = Store::open(directory.path(), &options)?;
        let cohort = Cohort {
            id: subject.id.clone(),
            name: subject.id.to_string(),
            definition: subject.module.digest(),
            cadence: muster_model::Cadence::default(),
            sync: Vec::new(),
            exit_on_remove: false,
        };
        Ok(Self {
            subject,
            cohort,
            lists: subject.lists.for_engine(),
            store,
            _directory: directory,
        })
    }

    /// Adds events and changes of properties. Those later than the clock count from their time on.
    pub(super) fn append(&self, rows: &CaseRows) -> anyhow::Result<()> {
        let mut buffer = EventBuffer::default();
        for (user, event) in &rows.events {
            buffer.event(user, &event.name, event.time, None);
            for (name, value) in &event.properties {
                match value {
                    Value::One(scalar) => buffer.property(name, scalar.into()),
                    Value::List(list) => {
                        buffer.list_property(name, list.iter().map(ScalarRef::from));
                    }
                }
            }
        }
        for change in &rows.changes {
            let operator = match change.value {
                Some(_) => Operator::Set,
                None => Operator::Unset,
            };
            let value = change.value.as_ref();
            buffer.operation(
                &change.user,
                change.at,
                None,
                operator,
                &change.property,
                value,
            );
        }
        if !buffer.is_empty() {
            self.store.append(&buffer, None)?;
        }
        Ok(())
    }

    /// Moves the clock and makes a run, which evaluates changed users and due users, as `muster
    /// run` does.
    pub(super) fn run(&self, at: Millis) -> anyhow::Result<()> {
        let options = RunOptions {
            workers: NonZero::<usize>::MIN,
            lists: &self.lists,
            ..RunOptions::at(at)
        };
        let cohorts = std::slice::from_ref(&self.cohort);
        let report =
            muster_engine::run_module(&self.store, &self.subject.module, cohorts, &options)?;
        self.subject
            .evaluated
            .fetch_add(report.evaluated, Ordering::Relaxed);
        if let Some(skipped) = report.skipped.first() {
            bail!("the module failed at {at}: {}", skipped.reason);
        }
        Ok(())
    }

    /// Returns the members.
    pub(super) fn members(&self) -> anyhow::Result<BTreeSet<String>> {
        let snapshot = self.store.snapshot()?;
        let mut members = BTreeSet::new();
        for user in snapshot.members(&self.cohort.id)? {
            members.extend(snapshot.user_id(UserKey(user))?);
        }
        Ok(members)
    }

    /// Returns the instant at which the first answer expires; `None`: no answer does.
    pub(super) fn next_due(&self) -> anyhow::Result<Option<Millis>> {
        let snapshot = self.store.snapshot()?;
        // A case has one module.
        let Some(module) = snapshot.module_keys()?.first().copied() else {
            return Ok(None);
        };
        Ok(snapshot.next_due(&module)?)
    }

    /// Returns true if the answer for a user has expired at an instant.
    pub(super) fn is_due(&self, user: &str, at: Millis) -> anyhow::Result<bool> {
        let snapshot = self.store.snapshot()?;
        let module = snapshot.module_keys()?.first().copied();
        let (Some(module), Some(user)) = (module, snapshot.user_key(user)?) else {
            return Ok(false);
        };
        Ok(snapshot.due(&module, at)?.contains(user.0))
    }

    /// Returns all users that have events or properties, at any instant.
    pub(super) fn users(&self) -> anyhow::Result<Vec<String>> {
        let snapshot = self.store.snapshot()?;
        let mut users = Vec::new();
        for user in 0..snapshot.users() {
            users.extend(snapshot.user_id(UserKey(user))?);
        }
        Ok(users)
    }

    /// Returns a user's history up to an instant; `None`: the user has none yet.
    pub(super) fn history(&self, user: &str, at: Millis) -> anyhow::Result<Option<UserHistory>> {
        let snapshot = self.store.snapshot()?;
        let Some(key) = snapshot.user_key(user)? else {
            return Ok(None);
        };
        let history = UserHistory {
            lists: self.subject.lists.of_user(user),
            ..snapshot.history(key, at)?
        };
        Ok(muster_definition::interpreter::known(&history, at).then_some(history))
    }
}
