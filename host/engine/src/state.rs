//! What the engine remembers between ticks, as JSON in the store: small, rare, and readable when
//! something goes wrong.

use std::collections::BTreeMap;

use muster_model::{CohortId, Millis};
use muster_sandbox::Module;
use muster_store::{Identity, ModuleKey, Snapshot};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use crate::EngineError;
use crate::cohort::Cohort;
use crate::copy::DestinationCopy;
use crate::report::{HeldRun, Reason, SkippedUsers};

/// A rule's memory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ModuleState {
    /// The history sequence up to which news has been evaluated.
    #[serde(rename = "news")]
    pub(crate) sequence: u64,
    /// The clock of its last finished tick, in ms.
    pub(crate) now: i64,
    /// A tick that has committed some chunks and not yet all.
    pub(crate) open: Option<UnfinishedRun>,
}

/// A tick on its way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct UnfinishedRun {
    /// Its clock, in ms.
    pub(crate) now: i64,
    /// The history sequence when it began.
    #[serde(rename = "news")]
    pub(crate) sequence: u64,
    /// Whether it asks everybody.
    #[serde(rename = "everybody")]
    pub(crate) all_users: bool,
    /// Users below this key are done.
    pub(crate) next_user: u32,
    /// How many users it asks, and of how many it has the answer.
    #[serde(default)]
    pub(crate) candidates: u64,
    #[serde(default)]
    pub(crate) evaluated: u64,
    /// Whom it could not evaluate so far.
    #[serde(default)]
    pub(crate) skipped: Vec<SkippedUsers>,
}

/// What a run that is under way has done to a cohort so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunCounts {
    pub(crate) entered: u64,
    pub(crate) exited: u64,
    pub(crate) messages: u64,
}

impl UnfinishedRun {
    /// Names the run, so that a cohort can say which run it is in.
    pub(crate) fn stamp(&self, key: &ModuleKey) -> String {
        format!("{}-{}-{}", hex(&key.0), self.now, self.sequence)
    }
}

/// A cohort's memory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct CohortState {
    /// The digest of the definition that its members follow, in hex; empty: none yet.
    pub(crate) definition: String,
    /// The digest of the module that its members come from, in hex.
    #[serde(default)]
    pub(crate) module: String,
    /// The rule whose runs keep its members up to date, in hex; empty: none, so the next run asks
    /// everybody.
    #[serde(default, rename = "rule")]
    pub(crate) module_key: String,
    /// The run that it is in the middle of ([`OpenTick::stamp`]); empty: in none.
    #[serde(default)]
    pub(crate) run: String,
    /// What that run has done so far.
    #[serde(default)]
    pub(crate) counts: RunCounts,
    /// A clock that its members have seen at least, in ms: that of its latest run alone, or of the
    /// first under its rule.
    #[serde(default)]
    pub(crate) evaluated: i64,
    /// Why its latest run, or the one on its way, asked whom it asked.
    pub(crate) reason: Reason,
    /// The `computed_time` of its latest messages, in seconds. The next ones' is larger, so that
    /// consumers can order any two.
    pub(crate) second: i64,
    /// The next batch number under that second.
    pub(crate) batch: u64,
    /// Its latest messages are those of something beside its runs, so a run that goes on takes
    /// another second.
    #[serde(default)]
    pub(crate) beside: bool,
    /// What each destination holds that was ever sent anything.
    #[serde(default)]
    pub(crate) copies: BTreeMap<String, DestinationCopy>,
    /// The clock of its latest finished run, in ms; in real time, of its first.
    #[serde(default)]
    pub(crate) ran: Option<i64>,
    /// A run that the guard holds.
    #[serde(default)]
    pub(crate) held: Option<HeldRun>,
    /// A run was held, and its moves were not made: the next run that is not held asks everybody.
    #[serde(default)]
    pub(crate) stale: bool,
    /// The payload's `cohort_name`, for the time when the definition is gone.
    #[serde(default)]
    pub(crate) name: String,
    /// Whether its members are sent as exits when its definition is gone.
    #[serde(default)]
    pub(crate) exit_on_remove: bool,
    /// How far its end is, if its definition is gone.
    #[serde(default)]
    pub(crate) end: RemovalState,
}

/// How far the end of a cohort is whose definition is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RemovalState {
    /// It has not begun.
    #[default]
    Ahead,
    /// The guard holds it: [`CohortState::held`] says what it would move.
    Held,
    /// Some members have exited, so the others follow without being asked about again.
    UnderWay,
}

impl CohortState {
    /// Takes over what the definition in force says beside whom it holds for. Nobody is evaluated
    /// for that.
    pub(crate) fn adopt(&mut self, cohort: &Cohort, store: Identity) {
        self.name.clone_from(&cohort.name);
        self.exit_on_remove = cohort.exit_on_remove;
        // A definition that has come back ends nothing.
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

    /// Begins messages beside the cohort's runs: their second is later than that of all messages so
    /// far.
    pub(crate) fn begin_beside(&mut self, now: Millis) {
        self.second = now.as_second().max(self.second + 1);
        self.batch = 0;
        self.beside = true;
    }
}

/// The store knows a rule by its bytes and by the cohorts it is asked for: two cohorts at different
/// cadences may share a rule.
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
    decode(snapshot.module_state(key)?, || "a rule".to_owned())
}

/// Returns the clock of the latest run of the rule that a cohort follows; `None`: it follows none.
pub(crate) fn clock_of_its_module(
    snapshot: &Snapshot,
    state: &CohortState,
) -> Result<Option<Millis>, EngineError> {
    let Some(key) = unhex(&state.module_key) else {
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

fn decode<T: DeserializeOwned>(
    bytes: Option<Vec<u8>>,
    of: impl Fn() -> String,
) -> Result<Option<T>, EngineError> {
    let Some(bytes) = bytes else { return Ok(None) };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|error| EngineError::State {
            of: of(),
            why: error.to_string(),
        })
}

pub(crate) fn encode<T: Serialize>(state: &T) -> Result<Vec<u8>, EngineError> {
    serde_json::to_vec(state).map_err(|error| EngineError::State {
        of: "the engine".to_owned(),
        why: error.to_string(),
    })
}

/// A digest as text.
pub(crate) fn hex(digest: &[u8; 32]) -> String {
    let digit = |number: u8| char::from_digit(u32::from(number), 16).unwrap_or_default();
    digest
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

/// The digest that a text of [`hex`] stands for.
pub(crate) fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    if text.len() != 2 * digest.len() {
        return None;
    }
    for (byte, digits) in digest.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(digest)
}

impl UnfinishedRun {
    pub(crate) fn now(&self) -> Millis {
        Millis(self.now)
    }
}
