//! Dead letters: messages that left the outbox because their destination will never accept them.

use std::ops::Bound::Included;

use heed::RwTxn;
use muster_model::Millis;

use crate::codec::{ByteReader, put_bytes};
use crate::environment::{ReadTxn, Table, Tables};
use crate::keys::{number_of, numbered, within};
use crate::outbox::{self, Message};
use crate::{MAX_DESTINATION, Snapshot, Store, StoreError};

/// The number of dead letters that one commit moves or drops: at 1 MiB each, 100 MiB of pages.
const MOVED_AT_ONCE: usize = 100;

/// A message that a destination will never accept, as the drain found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedMessage {
    /// Its number in the outbox.
    pub sequence: u64,
    /// The reason why the destination refuses it.
    pub reason: String,
    /// The instant of the first attempt to send it.
    pub first_attempt: Millis,
    /// The instant of the last attempt.
    pub last_attempt: Millis,
}

/// A dead letter, without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The name of its destination.
    pub destination: String,
    /// Its number, which it had in the outbox.
    pub sequence: u64,
    /// Its message id.
    pub id: String,
    /// The reason why the destination refuses it.
    pub reason: String,
    /// The instant of the first attempt to send it.
    pub first_attempt: Millis,
    /// The instant of the last attempt.
    pub last_attempt: Millis,
    /// The number of its bytes.
    pub bytes: u64,
}

impl Store {
    /// Removes messages from the outbox of a destination in one commit: those that were sent, and
    /// those that become dead letters. Ignores numbers that the outbox does not hold.
    ///
    /// # Errors
    /// When the database cannot be written. Nothing has changed then.
    pub fn settle(
        &self,
        destination: &str,
        sent: &[u64],
        rejected: &[RejectedMessage],
    ) -> Result<(), StoreError> {
        within("a destination's name", destination.len(), MAX_DESTINATION)?;
        let tables = &self.inner.tables;
        let mut txn = self.inner.env.write_txn()?;
        if !rejected.is_empty() {
            bury(&mut txn, tables, destination, rejected)?;
        }
        let gone = rejected.iter().map(|message| message.sequence);
        outbox::remove(
            &mut txn,
            tables,
            destination,
            sent.iter().copied().chain(gone),
        )?;
        self.inner.commit(txn)
    }

    /// Puts dead letters of a destination back at the end of its outbox: the one of this number, or
    /// all. Ids and bytes stay the same. Returns how many there were.
    ///
    /// # Errors
    /// When the database cannot be written. Those that were put back before stay so.
    pub fn retry_dead_letters(
        &self,
        destination: &str,
        sequence: Option<u64>,
    ) -> Result<u64, StoreError> {
        self.take_dead_letters(destination, sequence, true)
    }

    /// Drops dead letters of a destination: the one of this number, or all. Returns how many there
    /// were.
    ///
    /// # Errors
    /// When the database cannot be written. Those that were dropped before stay so.
    pub fn drop_dead_letters(
        &self,
        destination: &str,
        sequence: Option<u64>,
    ) -> Result<u64, StoreError> {
        self.take_dead_letters(destination, sequence, false)
    }

    fn take_dead_letters(
        &self,
        destination: &str,
        sequence: Option<u64>,
        retry: bool,
    ) -> Result<u64, StoreError> {
        within("a destination's name", destination.len(), MAX_DESTINATION)?;
        let (inner, tables) = (&self.inner, &self.inner.tables);
        let table = tables.dead_letters()?;
        let mut taken = 0;
        loop {
            let mut txn = inner.env.write_txn()?;
            let (mut keys, mut messages) = (Vec::new(), Vec::new());
            let first = numbered(destination.as_bytes(), sequence.unwrap_or(0));
            let last = numbered(destination.as_bytes(), sequence.unwrap_or(u64::MAX));
            let range = (Included(first.as_slice()), Included(last.as_slice()));
            for entry in table.range(&txn, &range)?.take(MOVED_AT_ONCE) {
                let (key, value) = entry?;
                keys.push(key.to_vec());
                if retry {
                    let (letter, body) = decode(key, value)?;
                    messages.push(Message {
                        destination: destination.to_owned(),
                        id: letter.id,
                        body: body.to_vec(),
                    });
                }
            }
            if keys.is_empty() {
                return Ok(taken);
            }
            for key in &keys {
                table.delete(&mut txn, key)?;
            }
            outbox::add(&mut txn, tables, &messages)?;
            inner.commit(txn)?;
            inner.notify_messages(&messages);
            taken += keys.len() as u64;
        }
    }

    /// Returns the number of dead letters of a destination.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn count_dead_letters(&self, destination: &str) -> Result<u64, StoreError> {
        let txn = self.inner.env.read_txn()?;
        count(&txn, &self.inner.tables, destination)
    }
}

impl Snapshot {
    /// Returns the dead letters of all destinations, by destination and number: at most `limit`.
    /// A store of an earlier version, opened read-only, has none.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, StoreError> {
        self.read_with(|context, _| list(context.txn, context.tables, limit))
    }

    /// Returns the number of dead letters of a destination.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn count_dead_letters(&self, destination: &str) -> Result<u64, StoreError> {
        self.read_with(|context, _| count(context.txn, context.tables, destination))
    }

    /// Returns a dead letter and its bytes.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn dead_letter(
        &self,
        destination: &str,
        sequence: u64,
    ) -> Result<Option<(DeadLetter, Vec<u8>)>, StoreError> {
        self.read_with(|context, _| {
            let Ok(table) = context.tables.dead_letters() else {
                return Ok(None);
            };
            let key = numbered(destination.as_bytes(), sequence);
            let Some(value) = table.get(context.txn, &key)? else {
                return Ok(None);
            };
            let (letter, body) = decode(&key, value)?;
            Ok(Some((letter, body.to_vec())))
        })
    }
}

fn count(txn: &ReadTxn<'_>, tables: &Tables, destination: &str) -> Result<u64, StoreError> {
    let Ok(table) = tables.dead_letters() else {
        return Ok(0);
    };
    let first = numbered(destination.as_bytes(), 0);
    let last = numbered(destination.as_bytes(), u64::MAX);
    let mut count = 0;
    for entry in table.range(
        txn,
        &(Included(first.as_slice()), Included(last.as_slice())),
    )? {
        entry?;
        count += 1;
    }
    Ok(count)
}

fn list(txn: &ReadTxn<'_>, tables: &Tables, limit: usize) -> Result<Vec<DeadLetter>, StoreError> {
    let Ok(table) = tables.dead_letters() else {
        return Ok(Vec::new());
    };
    let mut letters = Vec::new();
    for entry in table.iter(txn)?.take(limit) {
        let (key, value) = entry?;
        letters.push(decode(key, value)?.0);
    }
    Ok(letters)
}

/// Copies messages of the outbox to the table of dead letters.
fn bury(
    txn: &mut RwTxn<'_>,
    tables: &Tables,
    destination: &str,
    rejected: &[RejectedMessage],
) -> Result<(), StoreError> {
    let table: Table = tables.dead_letters()?;
    let mut buried = Vec::new();
    for message in rejected {
        let key = numbered(destination.as_bytes(), message.sequence);
        let Some(value) = tables.outbox.get(txn, &key)? else {
            continue;
        };
        buried.clear();
        buried.extend_from_slice(&message.first_attempt.0.to_le_bytes());
        buried.extend_from_slice(&message.last_attempt.0.to_le_bytes());
        put_bytes(&mut buried, message.reason.as_bytes());
        // The value of the outbox follows: the id, and the bytes.
        buried.extend_from_slice(value);
        table.put(txn, &key, &buried)?;
    }
    Ok(())
}

fn decode<'a>(key: &[u8], value: &'a [u8]) -> Result<(DeadLetter, &'a [u8]), StoreError> {
    let mut reader = ByteReader::new(value, "a dead letter");
    let (first, last) = (Millis(reader.i64()?), Millis(reader.i64()?));
    let reason = reader.text()?.to_owned();
    let id = reader.text()?.to_owned();
    let body = reader.rest();
    // The key ends in a zero and a number of eight bytes.
    let name = key
        .len()
        .checked_sub(9)
        .and_then(|length| key.get(..length));
    let name = name.ok_or_else(|| reader.corrupt())?;
    let letter = DeadLetter {
        destination: String::from_utf8_lossy(name).into_owned(),
        sequence: number_of(key)?,
        id,
        reason,
        first_attempt: first,
        last_attempt: last,
        bytes: body.len() as u64,
    };
    Ok((letter, body))
}
