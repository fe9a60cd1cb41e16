//! What the engine keeps: one commit for all that a run changes.

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

/// Run records kept of a cohort; older ones make room. A record a minute for 90 days is 129,600,
/// and 200 bytes each are 30 MB.
pub const MAX_RECORDS: u64 = 150_000;
/// Old records that one new record drops at most, so that a shorter time to keep them does not stop
/// a run. They become fewer, because it adds but one.
const PRUNED: usize = 16;

/// Everything a run changes. It happens as a whole or not at all.
#[derive(Clone, Debug, Default)]
pub struct RunCommit {
    /// What becomes of the rule; `None`: the run asked no rule.
    pub module: Option<ModuleCommit>,
    /// Who enters and leaves.
    pub members: Vec<MemberChange>,
    /// The engine's own bytes, per cohort.
    pub cohort_states: Vec<(CohortId, Vec<u8>)>,
    /// For the outbox.
    pub messages: Vec<Message>,
    /// Which users' latest moves destinations were not sent, or now are.
    pub unsent: Vec<UnsentChange>,
    /// Whom destinations are now sent as entries.
    pub sent: Vec<SentEntries>,
    /// Destinations by name, each with the place that it is: what the outbox holds for it goes
    /// there.
    pub places: Vec<(String, String)>,
    /// What happened, for people.
    pub records: Vec<StoredRun>,
}

/// What a run changes of its rule.
#[derive(Clone, Debug)]
pub struct ModuleCommit {
    /// The rule.
    pub key: ModuleKey,
    /// The engine's own bytes.
    pub state: Vec<u8>,
    /// The sequence up to which the rule has now seen the news; 0 leaves it as it is.
    pub sequence: u64,
    /// Until when the answers of these users stand, in ms; `i64::MAX`: for ever.
    pub expiries: Vec<(UserKey, i64)>,
    /// Users for whom the rule has no answer, and those who have one again; `None` changes nothing.
    pub failures: Option<FailureChanges>,
}

impl ModuleCommit {
    /// Changes nothing but makes the rule known.
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

/// What a run did to a cohort.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRun {
    /// The cohort.
    pub cohort: CohortId,
    /// The run's clock.
    pub at: Millis,
    /// The engine's own bytes.
    pub body: Vec<u8>,
    /// It takes the place of the cohort's latest record.
    pub replaces_last: bool,
}

impl Store {
    /// Commits a run, durably.
    ///
    /// # Errors
    /// When the database cannot be written; then nothing changed.
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

    /// Drops the state, the deadlines and the failures of a rule that is no longer used, and the
    /// news that it alone had not seen.
    ///
    /// # Errors
    /// When the database cannot be written; then nothing changed.
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
    /// Writes what became of cohorts.
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

pub(crate) fn module_keys(
    txn: &ReadTxn<'_>,
    tables: &Tables,
) -> Result<Vec<ModuleKey>, StoreError> {
    let mut keys = Vec::new();
    for entry in tables.modules.iter(txn)? {
        let key = entry?.0.try_into().map_err(|_| StoreError::Corrupt {
            what: "the key of a module",
        })?;
        keys.push(ModuleKey(key));
    }
    Ok(keys)
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

/// The latest records of a cohort back to an instant, the newest first.
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
