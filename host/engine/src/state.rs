//! The state that the engine keeps between runs, as JSON in the store. It is small, rarely written,
//! and readable when something goes wrong.

use std::collections::BTreeMap;

use muster_model::{CohortId, Millis, from_hex, to_hex};
use muster_sandbox::Module;
use muster_store::{Identity, ModuleKey, Snapshot};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::EngineError;
use crate::cohort::Cohort;
use crate::copy::DestinationCopy;
use crate::encoding::decode;
use crate::report::{HeldRun, Reason, SkippedUsers};

/// The state of a module.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ModuleState {
    /// The history sequence up to which changed users have been evaluated.
    #[serde(rename = "news")]
    pub(crate) sequence: u64,
    /// The clock of its last finished run, in ms.
    pub(crate) now: i64,
    /// A run that has committed some of its chunks, but not all.
    pub(crate) open: Option<UnfinishedRun>,
}

/// A run under way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct UnfinishedRun {
    /// The clock of the run, in ms.
    pub(crate) now: i64,
    /// The history sequence when the run began.
    #[serde(rename = "news")]
    pub(crate) sequence: u64,
    /// True if the run evaluates all users.
    #[serde(rename = "everybody")]
    pub(crate) all_users: bool,
    /// The users below this key are done.
    pub(crate) next_user: u32,
    /// The number of users to evaluate.
    #[serde(default)]
    pub(crate) candidates: u64,
    /// The number of users with an answer so far.
    #[serde(default)]
    pub(crate) evaluated: u64,
    /// The users that could not be evaluated so far.
    #[serde(default)]
    pub(crate) skipped: Vec<SkippedUsers>,
}

/// The entries, exits and messages of a cohort so far, in a run that is under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunCounts {
    pub(crate) entered: u64,
    pub(crate) exited: u64,
    pub(crate) messages: u64,
}

impl UnfinishedRun {
    /// Returns a name of the run, which the state of each cohort in the run contains.
    pub(crate) fn stamp(&self, key: &ModuleKey) -> String {
        format!("{}-{}-{}", to_hex(&key.0), self.now, self.sequence)
    }
}

/// The state of a cohort.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct CohortState {
    /// The digest of the definition that its members follow, in hex. Empty if they follow none yet.
    pub(crate) definition: String,
    /// The digest of the module that its members come from, in hex.
    #[serde(default)]
    pub(crate) module: String,
    /// The key of the module whose runs keep its members up to date, in hex. Empty if there is
    /// none, so that the next run evaluates all users.
    #[serde(default, rename = "rule")]
    pub(crate) module_key: String,
    /// The run that the cohort is in the middle of ([`UnfinishedRun::stamp`]). Empty if it is in
    /// none.
    #[serde(default)]
    pub(crate) run: String,
    /// The counts of that run so far.
    #[serde(default)]
    pub(crate) counts: RunCounts,
    /// A clock that its members have reached at least, in ms: that of its latest run alone, or of
    /// the first run under its module.
    #[serde(default)]
    pub(crate) evaluated: i64,
    /// The reason of its latest run, or of the one under way.
    pub(crate) reason: Reason,
    /// The `computed_time` of its latest messages, in seconds. The next messages have a larger one,
    /// so that consumers can order any two.
    pub(crate) second: i64,
    /// The next batch number of that second.
    pub(crate) batch: u64,
    /// True if its latest messages were sent beside its runs, so that a run that goes on takes
    /// another second.
    #[serde(default)]
    pub(crate) beside: bool,
    /// The copies of all destinations that ever received anything.
    #[serde(default)]
    pub(crate) copies: BTreeMap<String, DestinationCopy>,
    /// The clock of its latest finished run, in ms; in real time, of its first.
    #[serde(default)]
    pub(crate) ran: Option<i64>,
    /// The run that the guard holds.
    #[serde(default)]
    pub(crate) held: Option<HeldRun>,
    /// True if a run was held and its entries and exits were not made. The next run that is not
    /// held evaluates all users.
    #[serde(default)]
    pub(crate) stale: bool,
    /// The payload's `cohort_name`, kept for the time when the definition is gone.
    #[serde(default)]
    pub(crate) name: String,
    /// True if its members are sent as exits when its definition is gone.
    #[serde(default)]
    pub(crate) exit_on_remove: bool,
    /// The progress of its removal, if its definition is gone.
    #[serde(default)]
    pub(crate) end: RemovalState,
}

/// The progress of the removal of a cohort whose definition is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RemovalState {
    /// The removal has not begun.
    #[default]
    Ahead,
    /// The guard holds the removal: [`CohortState::held`] has its exits.
    Held,
    /// Some members have exited, so the others follow without another evaluation.
    UnderWay,
}

impl CohortState {
    /// Takes over the name, the sync and `on_remove` of the active definition. Its clauses are left
    /// out, and no user is evaluated.
    pub(crate) fn adopt(&mut self, cohort: &Cohort, store: Identity) {
        self.name.clone_from(&cohort.name);
        self.exit_on_remove = cohort.exit_on_remove;
        // A definition that has come back cancels the removal.
        if std::mem::take(&mut self.end) == RemovalState::Held {
            self.held = None;
        }
        let synced = |name: &str| cohort.sync.iter().any(|sync| sync.destination == name);
        for (name, copy) in &mut self.copies {
            copy.active = synced(name);
        }
        for sync in &cohort.sync {
            let copy = self.copies.entry(sync.destination.clone());
            copy.or_insert_with(|| DestinationCopy::new(store));
        }
        self.copies
            .retain(|_, copy| copy.active || !copy.is_empty());
    }

    /// Begins messages beside the cohort's runs. Their second is later than that of all messages so
    /// far.
    pub(crate) fn begin_beside(&mut self, now: Millis) {
        self.second = now.as_second().max(self.second + 1);
        self.batch = 0;
        self.beside = true;
    }
}

/// Returns the key of a module in the store. It is made of the module's bytes and of the cohorts
/// that it is run for, since two cohorts with different cadences may share a module.
pub(crate) fn module_key(module: &Module, cohorts: &[Cohort]) -> ModuleKey {
    let mut digest = Sha256::new_with_prefix(module.digest());
    for cohort in cohorts {
        digest.update(cohort.id.as_str().as_bytes());
        digest.update([0]);
    }
    ModuleKey(digest.finalize().into())
}

pub(crate) fn load_module(
    snapshot: &Snapshot,
    key: &ModuleKey,
) -> Result<Option<ModuleState>, EngineError> {
    decode(snapshot.module_state(key)?, || "a module".to_owned())
}

/// Returns the clock of the latest run of the module that a cohort follows; `None` if it follows
/// none.
pub(crate) fn clock_of_its_module(
    snapshot: &Snapshot,
    state: &CohortState,
) -> Result<Option<Millis>, EngineError> {
    let Some(key) = from_hex(&state.module_key) else {
        return Ok(None);
    };
    let module = load_module(snapshot, &ModuleKey(key))?;
    Ok(module.map(|state| Millis(state.now)))
}

pub(crate) fn load_cohort(
    snapshot: &Snapshot,
    cohort: &CohortId,
) -> Result<Option<CohortState>, EngineError> {
    decode(snapshot.cohort_state(cohort)?, || {
        format!("cohort `{cohort}`")
    })
}

impl UnfinishedRun {
    pub(crate) fn now(&self) -> Millis {
        Millis(self.now)
    }
}
