//! The engine's data: one commit for all changes of a run.

use heed::RwTxn;
use muster_model::{CohortId, Millis};

use crate::codec::ByteReader;
use crate::environment::{ReadTxn, Tables};
use crate::keys::{number_of, numbered};
use crate::members::{self, MemberChange};
use crate::outbox::{self, Message};
use crate::sent::{self, SentEntries, UnsentChange};
use crate::store::StoreInner;
use crate::{
    FailureChanges, ModuleKey, Store, StoreError, UserKey, changed_users, expiries, failures,
};

/// The number of run records kept of a cohort; older ones are dropped. A record per minute for 90
/// days is 129,600, and with 200 bytes each that is about 30 MB.
pub const MAX_RECORDS: u64 = 150_000;
/// The largest number of old records that one new record drops, so that a shortened time of keeping
/// them does not delay a run. Their number still falls, because a run adds only one.
const PRUNED: usize = 16;

/// All changes of a run. They are committed completely or not at all.
#[derive(Clone, Debug, Default)]
pub struct RunCommit {
    /// The changes of the module; `None` if the run evaluated no module.
    pub module: Option<ModuleCommit>,
    /// The entries and exits of cohorts.
    pub members: Vec<MemberChange>,
    /// The engine's own bytes per cohort.
    pub cohort_states: Vec<(CohortId, Vec<u8>)>,
    /// The messages for the outbox.
    pub messages: Vec<Message>,
    /// The users whose latest entry or exit destinations were not sent, or have now been sent.
    pub unsent: Vec<UnsentChange>,
    /// The users that destinations are now sent as entries.
    pub sent: Vec<SentEntries>,
    /// The addresses of destinations by name. The outbox sends a destination's messages to its
    /// address.
    pub places: Vec<(String, String)>,
    /// The records of the run, for operators.
    pub records: Vec<StoredRun>,
}

/// The changes that a run makes to its module.
#[derive(Clone, Debug)]
pub struct ModuleCommit {
    /// The key of the module.
    pub key: ModuleKey,
    /// The engine's own bytes.
    pub state: Vec<u8>,
    /// The sequence up to which the module has now processed changed users; 0 leaves it unchanged.
    pub sequence: u64,
    /// The expiry of these users' answers, in ms; `i64::MAX` means never.
    pub expiries: Vec<(UserKey, i64)>,
    /// The users that have no answer from the module, and the users that have one again. `None`
    /// changes nothing.
    pub failures: Option<FailureChanges>,
}

impl ModuleCommit {
    /// Makes a commit that only registers the module.
    #[must_use]
    pub fn new(key: ModuleKey) -> Self {
        Self {
            key,
            state: Vec::new(),
            sequence: 0,
            expiries: Vec::new(),
            failures: None,
        }
    }
}

/// The record of what a run did to a cohort.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRun {
    /// The cohort.
    pub cohort: CohortId,
    /// The run's clock.
    pub at: Millis,
    /// The engine's own bytes.
    pub body: Vec<u8>,
    /// True if the record replaces the cohort's latest record.
    pub replaces_last: bool,
}

impl Store {
    /// Commits a run, durably.
    ///
    /// # Errors
    /// When the database cannot be written. Nothing has changed then.
    pub fn commit_run(&self, run: &RunCommit) -> Result<(), StoreError> {
        let tables = &self.inner.tables;
        let mut txn = self.inner.env.write_txn()?;
        if let Some(module) = &run.module {
            let seen = match tables.modules.get(&txn, &module.key.0)? {
                Some(state) if module.sequence == 0 => changed_users::seen_by(state)?,
                _ => module.sequence,
            };
            let mut state = seen.to_le_bytes().to_vec();
            state.extend_from_slice(&module.state);
            tables.modules.put(&mut txn, &module.key.0, &state)?;
            expiries::set(&mut txn, tables, &module.key, &module.expiries)?;
            if let Some(changes) = &module.failures {
                failures::apply(&mut txn, tables, &module.key, changes)?;
            }
        }
        for change in &run.members {
            members::apply(&mut txn, tables, change)?;
        }
        for change in &run.unsent {
            sent::toggle(&mut txn, tables, change)?;
        }
        for entries in &run.sent {
            sent::add(&mut txn, tables, entries)?;
        }
        for (destination, place) in &run.places {
            let key = destination.as_bytes();
            tables.destinations.put(&mut txn, key, place.as_bytes())?;
        }
        let (states, records) = (&run.cohort_states, &run.records);
        (self.inner).put_outcome(&mut txn, states, &run.messages, records)?;
        if run.module.is_some() {
            changed_users::prune(&mut txn, tables)?;
        }
        self.inner.commit(txn)?;
        self.inner.notify_messages(&run.messages);
        Ok(())
    }

    /// Drops the state, the expiries and the failures of a module that is no longer used. Also
    /// drops the entries of changed users that only this module had not processed.
    ///
    /// # Errors
    /// When the database cannot be written. Nothing has changed then.
    pub fn forget_module(&self, module: &ModuleKey) -> Result<(), StoreError> {
        let tables = &self.inner.tables;
        let mut txn = self.inner.env.write_txn()?;
        tables.modules.delete(&mut txn, &module.0)?;
        expiries::forget(&mut txn, tables, module)?;
        failures::forget(&mut txn, tables, module)?;
        changed_users::prune(&mut txn, tables)?;
        self.inner.commit(txn)
    }
}

impl StoreInner {
    /// Writes the outcome for cohorts.
    pub(crate) fn put_outcome(
        &self,
        txn: &mut RwTxn<'_>,
        states: &[(CohortId, Vec<u8>)],
        messages: &[Message],
        records: &[StoredRun],
    ) -> Result<(), StoreError> {
        let tables = &self.tables;
        for (cohort, state) in states {
            tables.cohorts.put(txn, cohort.as_str().as_bytes(), state)?;
        }
        outbox::add(txn, tables, messages)?;
        for record in records {
            add_record(txn, tables, record, self.options.keep_records)?;
        }
        Ok(())
    }
}

pub(crate) fn module_state(
    txn: &ReadTxn<'_>,
    tables: &Tables,
    module: &ModuleKey,
) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(value) = tables.modules.get(txn, &module.0)? else {
        return Ok(None);
    };
    changed_users::seen_by(value)?;
    Ok(value.get(8..).map(<[u8]>::to_vec))
}

/// Adds a record, and drops some that are too old or too many.
fn add_record(
    txn: &mut RwTxn<'_>,
    tables: &Tables,
    record: &StoredRun,
    keep: i64,
) -> Result<(), StoreError> {
    let prefix = members::prefix(&record.cohort);
    let latest = tables.records.rev_prefix_iter(txn, &prefix)?.next();
    let number = match latest {
        Some(entry) => number_of(entry?.0)? + u64::from(!record.replaces_last),
        None => 0,
    };
    let mut value = record.at.0.to_le_bytes().to_vec();
    value.extend_from_slice(&record.body);
    let cohort = record.cohort.as_str().as_bytes();
    tables.records.put(txn, &numbered(cohort, number), &value)?;
    let since = record.at.0.saturating_sub(keep);
    let mut old = Vec::new();
    for entry in tables.records.prefix_iter(txn, &prefix)?.take(PRUNED) {
        let (key, value) = entry?;
        let each = number_of(key)?;
        let too_many = each.saturating_add(MAX_RECORDS) <= number;
        let too_old = ByteReader::new(value, RECORD).i64()? < since && each < number;
        if !too_many && !too_old {
            break;
        }
        old.push(key.to_vec());
    }
    for key in old {
        tables.records.delete(txn, &key)?;
    }
    Ok(())
}

const RECORD: &str = "a run record";

/// Returns the latest records of a cohort back to an instant, the newest first.
pub(crate) fn records(
    txn: &ReadTxn<'_>,
    tables: &Tables,
    cohort: &CohortId,
    since: Millis,
    limit: usize,
) -> Result<Vec<StoredRun>, StoreError> {
    let prefix = members::prefix(cohort);
    let mut records = Vec::new();
    for entry in tables.records.rev_prefix_iter(txn, &prefix)?.take(limit) {
        let mut reader = ByteReader::new(entry?.1, RECORD);
        let at = Millis(reader.i64()?);
        if at < since {
            break;
        }
        records.push(StoredRun {
            cohort: cohort.clone(),
            at,
            body: reader.rest().to_vec(),
            replaces_last: false,
        });
    }
    Ok(records)
}
