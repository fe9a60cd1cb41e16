//! The outbox: messages with their final bytes that wait to be sent.

use std::collections::BTreeSet;
use std::ops::Bound::Included;

use heed::RwTxn;

use crate::codec::{ByteReader, put_bytes};
use crate::environment::{ReadTxn, Tables};
use crate::keys::{number_of, numbered, within};
use crate::meta::Counter;
use crate::store::StoreInner;
use crate::{Store, StoreError};

/// The longest name of a destination, in bytes. LMDB: a key has at most 511; it also holds a
/// cohort's id of 64, two zeros and a number of 8.
pub const MAX_DESTINATION: usize = 400;

/// The number of messages that one commit drops from the outbox: at 24 KiB each, 24 MiB of pages.
const DROPPED_AT_ONCE: usize = 1_000;

/// A message to be put in the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The name of its destination.
    pub destination: String,
    /// Its id, by which consumers find repeats.
    pub id: String,
    /// Its final bytes.
    pub body: Vec<u8>,
}

/// A message that waits in the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// Its number, by which it is acknowledged. Numbers grow.
    pub sequence: u64,
    /// Its id.
    pub id: String,
    /// Its final bytes.
    pub body: Vec<u8>,
}

/// The messages that wait for a destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Backlog {
    messages: u64,
    bytes: u64,
}

impl Store {
    /// Returns the oldest messages of a destination after a number: at most `limit`, and no more
    /// once their bodies reach `max_bytes`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn outbox(
        &self,
        destination: &str,
        after: u64,
        limit: usize,
        max_bytes: usize,
    ) -> Result<Vec<Outgoing>, StoreError> {
        within("a destination's name", destination.len(), MAX_DESTINATION)?;
        let txn = self.inner.env.read_txn()?;
        let first = numbered(destination.as_bytes(), after.saturating_add(1));
        let last = numbered(destination.as_bytes(), u64::MAX);
        let range = (Included(first.as_slice()), Included(last.as_slice()));
        let mut messages = Vec::new();
        let mut bytes = 0;
        for entry in self.inner.tables.outbox.range(&txn, &range)? {
            if messages.len() >= limit || bytes >= max_bytes {
                break;
            }
            let (key, value) = entry?;
            let mut value = ByteReader::new(value, "a message of the outbox");
            let id = value.text()?.to_owned();
            let body = value.rest().to_vec();
            bytes += body.len();
            messages.push(Outgoing {
                sequence: number_of(key)?,
                id,
                body,
            });
        }
        Ok(messages)
    }

    /// Returns numbers and ids of the messages of a destination after a number, oldest first: at
    /// most `limit`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn outbox_ids(
        &self,
        destination: &str,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, String)>, StoreError> {
        within("a destination's name", destination.len(), MAX_DESTINATION)?;
        let txn = self.inner.env.read_txn()?;
        let first = numbered(destination.as_bytes(), after.saturating_add(1));
        let last = numbered(destination.as_bytes(), u64::MAX);
        let range = (Included(first.as_slice()), Included(last.as_slice()));
        let mut ids = Vec::new();
        for entry in self.inner.tables.outbox.range(&txn, &range)?.take(limit) {
            let (key, value) = entry?;
            let mut value = ByteReader::new(value, "a message of the outbox");
            ids.push((number_of(key)?, value.text()?.to_owned()));
        }
        Ok(ids)
    }

    /// Removes sent messages from the outbox, durably. Ignores numbers that it does not hold.
    ///
    /// # Errors
    /// When the database cannot be written. Nothing has changed then.
    pub fn acknowledge(&self, destination: &str, sequences: &[u64]) -> Result<(), StoreError> {
        self.settle(destination, sequences, &[])
    }

    /// Drops all messages that wait for a destination, in commits of 1,000 messages, and its dead
    /// letters. Returns the number of messages that waited.
    ///
    /// # Errors
    /// When the database cannot be written. Messages that were dropped before stay dropped.
    pub fn drop_backlog(&self, destination: &str) -> Result<u64, StoreError> {
        self.drop_dead_letters(destination, None)?;
        let mut dropped = 0;
        loop {
            let waiting = self.outbox(destination, 0, DROPPED_AT_ONCE, usize::MAX)?;
            if waiting.is_empty() {
                return Ok(dropped);
            }
            let sequences: Vec<u64> = waiting.iter().map(|message| message.sequence).collect();
            self.acknowledge(destination, &sequences)?;
            dropped += sequences.len() as u64;
        }
    }

    /// Calls `listener` after each commit that adds messages to the outbox, once for each of their
    /// destinations. The call is on the thread that commits, so it must be brief.
    pub fn on_messages(&self, listener: impl Fn(&str) + Send + Sync + 'static) {
        let listeners = &self.inner.message_listeners;
        let mut listeners = listeners.write();
        listeners.push(Box::new(listener));
    }

    /// Returns the backlog of each destination: name, messages, bytes.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn backlog(&self) -> Result<Vec<(String, u64, u64)>, StoreError> {
        let txn = self.inner.env.read_txn()?;
        backlog(&txn, &self.inner.tables)
    }
}

impl StoreInner {
    /// Calls the listeners for the messages that a commit added.
    pub(crate) fn notify_messages(&self, messages: &[Message]) {
        if messages.is_empty() {
            return;
        }
        let destinations: BTreeSet<&str> = (messages.iter())
            .map(|message| message.destination.as_str())
            .collect();
        let listeners = &self.message_listeners;
        let listeners = listeners.read();
        for listener in listeners.iter() {
            for destination in &destinations {
                listener(destination);
            }
        }
    }
}

/// Returns the backlog of each destination: name, messages, bytes.
pub(crate) fn backlog(
    txn: &ReadTxn<'_>,
    tables: &Tables,
) -> Result<Vec<(String, u64, u64)>, StoreError> {
    let mut all = Vec::new();
    for entry in tables.backlog.iter(txn)? {
        let (key, value) = entry?;
        let destination = String::from_utf8_lossy(key).into_owned();
        let backlog = decode_backlog(value)?;
        all.push((destination, backlog.messages, backlog.bytes));
    }
    Ok(all)
}

pub(crate) fn add(
    txn: &mut RwTxn<'_>,
    tables: &Tables,
    messages: &[Message],
) -> Result<(), StoreError> {
    let mut value = Vec::new();
    for of_destination in messages.chunk_by(|a, b| a.destination == b.destination) {
        let Some(Message { destination, .. }) = of_destination.first() else {
            continue;
        };
        within("a destination's name", destination.len(), MAX_DESTINATION)?;
        let mut backlog = read_backlog(txn, tables, destination)?;
        for message in of_destination {
            value.clear();
            put_bytes(&mut value, message.id.as_bytes());
            value.extend_from_slice(&message.body);
            // Numbers start at 1, so that `after` 0 means from the beginning.
            let number = Counter::Message.take(txn, tables)? + 1;
            let key = numbered(destination.as_bytes(), number);
            tables.outbox.put(txn, &key, &value)?;
            backlog.messages += 1;
            backlog.bytes += value.len() as u64;
        }
        write_backlog(txn, tables, destination, backlog)?;
    }
    Ok(())
}

/// Removes messages of a destination. Ignores numbers that the outbox does not hold.
pub(crate) fn remove(
    txn: &mut RwTxn<'_>,
    tables: &Tables,
    destination: &str,
    sequences: impl Iterator<Item = u64>,
) -> Result<(), StoreError> {
    let mut backlog = read_backlog(txn, tables, destination)?;
    for sequence in sequences {
        let key = numbered(destination.as_bytes(), sequence);
        let Some(value) = tables.outbox.get(txn, &key)? else {
            continue;
        };
        backlog.messages = backlog.messages.saturating_sub(1);
        backlog.bytes = backlog.bytes.saturating_sub(value.len() as u64);
        tables.outbox.delete(txn, &key)?;
    }
    write_backlog(txn, tables, destination, backlog)
}

fn read_backlog(
    txn: &ReadTxn<'_>,
    tables: &Tables,
    destination: &str,
) -> Result<Backlog, StoreError> {
    match tables.backlog.get(txn, destination.as_bytes())? {
        Some(value) => decode_backlog(value),
        None => Ok(Backlog::default()),
    }
}

fn decode_backlog(value: &[u8]) -> Result<Backlog, StoreError> {
    let mut reader = ByteReader::new(value, "the size of a backlog");
    Ok(Backlog {
        messages: reader.u64()?,
        bytes: reader.u64()?,
    })
}

fn write_backlog(
    txn: &mut RwTxn<'_>,
    tables: &Tables,
    destination: &str,
    backlog: Backlog,
) -> Result<(), StoreError> {
    let key = destination.as_bytes();
    if backlog.messages == 0 {
        tables.backlog.delete(txn, key)?;
        return Ok(());
    }
    let mut value = backlog.messages.to_le_bytes().to_vec();
    value.extend_from_slice(&backlog.bytes.to_le_bytes());
    tables.backlog.put(txn, key, &value)?;
    Ok(())
}
