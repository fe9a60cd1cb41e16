//! Reconciliation: makes a destination's copy of a cohort equal the members again.

use std::collections::BTreeSet;
use std::time::Instant;

use muster_model::{CohortId, Millis};
use muster_store::{RunCommit, SentEntries, Snapshot, Store};
use roaring::RoaringBitmap;

use crate::beside::Beside;
use crate::bodies::Bodies;
use crate::cohort::{Cohort, CohortSync};
use crate::copy::{DestinationCopy, unsent_change};
use crate::report::{Reason, RunRecord};
use crate::run_options::{CHUNK_USERS, COMMIT_BYTES};
use crate::state::CohortState;
use crate::{EngineError, encoding, payload, state};

/// The users whose messages are built at once. [`COMMIT_BYTES`] is checked after each such part.
const PART_USERS: usize = 4096;

/// The result of a reconciliation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// The number of members of the cohort.
    pub members: u64,
    /// The number of users sent as entries.
    pub entered: u64,
    /// The number of users sent as exits.
    pub exited: u64,
    /// The number of messages put in the outbox.
    pub messages: u64,
}

/// Sends one destination what makes its copy of a cohort equal the members in the store. No user is
/// evaluated.
///
/// With `have`, the ids of the users that the consumer holds, this sends the missing entries and
/// the surplus exits. Without it, this sends all members as entries. As exits it then sends all
/// users who are not members and were ever sent to any destination. No run of the cohort may be
/// under way. After a cut-off at any moment, the caller simply calls it again.
///
/// # Errors
/// When the store fails.
pub fn reconcile(
    store: &Store,
    cohort: &Cohort,
    sync: &CohortSync,
    have: Option<&BTreeSet<String>>,
    now: Millis,
) -> Result<Reconciled, EngineError> {
    let started = Instant::now();
    let snapshot = store.snapshot()?;
    let mut state = state::load_cohort(&snapshot, &cohort.id)?.unwrap_or_default();
    state.adopt(cohort, snapshot.identity());
    state.begin_beside(now);
    let Correction {
        entered,
        exited,
        unknown,
    } = Correction::new(&snapshot, cohort, have)?;
    let mut reconciled = Reconciled {
        members: snapshot.members_len(&cohort.id)?,
        entered: entered.len(),
        exited: exited.len() + unknown.len() as u64,
        messages: 0,
    };
    let mut sending = Sending {
        store,
        snapshot: &snapshot,
        cohort,
        sync,
        now,
        state: &mut state,
        commit: RunCommit::default(),
        bytes: 0,
        messages: 0,
    };
    sending.users(true, &entered)?;
    sending.users(false, &exited)?;
    let unknown: Vec<_> = unknown.iter().map(|id| payload::user(id, &[])).collect();
    sending.bodies(false, &unknown)?;
    sending.close()?;
    reconciled.messages = sending.messages;
    let copies = &mut state.copies;
    copies.insert(
        sync.destination.clone(),
        DestinationCopy::whole(snapshot.identity()),
    );
    let record = RunRecord {
        cadence: cohort.cadence.to_string(),
        members: reconciled.members,
        messages: reconciled.messages,
        run_id: (reconciled.messages > 0)
            .then(|| payload::run_id(&cohort.id, state.second, snapshot.identity())),
        duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        ..RunRecord::begun(Reason::Reconciled, now)
    };
    let all = 0..=u32::MAX;
    let unsent = snapshot.unsent_within(&cohort.id, &sync.destination, &all)?;
    store.commit_run(&RunCommit {
        cohort_states: vec![(cohort.id.clone(), encoding::encode(&state)?)],
        records: vec![record.stored(&cohort.id, now)?],
        unsent: Vec::from_iter(unsent_change(&cohort.id, &sync.destination, unsent)),
        ..RunCommit::default()
    })?;
    Ok(reconciled)
}

/// Returns the copies that a store restored from a backup cannot vouch for, as cohorts and
/// destinations.
///
/// # Errors
/// When the store fails.
pub fn unreconciled(snapshot: &Snapshot) -> Result<Vec<(CohortId, String)>, EngineError> {
    let mut all = Vec::new();
    for cohort in snapshot.cohorts()? {
        let Some(state) = state::load_cohort(snapshot, &cohort)? else {
            continue;
        };
        for (destination, copy) in state.copies {
            if copy.active && !copy.is_known_to(snapshot.identity()) {
                all.push((cohort.clone(), destination));
            }
        }
    }
    Ok(all)
}

/// The users to send to a consumer.
struct Correction {
    entered: RoaringBitmap,
    exited: RoaringBitmap,
    /// The ids that the consumer holds and the store does not know.
    unknown: Vec<String>,
}

impl Correction {
    fn new(
        snapshot: &Snapshot,
        cohort: &Cohort,
        have: Option<&BTreeSet<String>>,
    ) -> Result<Self, EngineError> {
        let members = snapshot.members(&cohort.id)?;
        let Some(have) = have else {
            let exited = snapshot.ever_sent(&cohort.id)? - &members;
            return Ok(Self {
                entered: members,
                exited,
                unknown: Vec::new(),
            });
        };
        let mut held = RoaringBitmap::new();
        let mut unknown = Vec::new();
        for id in have {
            match snapshot.user_key(id)? {
                Some(user) => {
                    held.insert(user.0);
                }
                None => unknown.push(id.clone()),
            }
        }
        Ok(Self {
            entered: &members - &held,
            exited: held - members,
            unknown,
        })
    }
}

/// Messages on their way into the outbox, in commits of bounded size.
struct Sending<'a> {
    store: &'a Store,
    snapshot: &'a Snapshot,
    cohort: &'a Cohort,
    sync: &'a CohortSync,
    now: Millis,
    state: &'a mut CohortState,
    commit: RunCommit,
    bytes: u64,
    messages: u64,
}

impl Sending<'_> {
    fn users(&mut self, in_cohort: bool, users: &RoaringBitmap) -> Result<(), EngineError> {
        let users: Vec<u32> = users.iter().collect();
        for part in users.chunks(PART_USERS) {
            let properties: &[String] = match in_cohort {
                true => &self.sync.user_properties,
                false => &[],
            };
            let users: RoaringBitmap = part.iter().copied().collect();
            let mut bodies = Bodies::new(self.snapshot, self.now);
            self.bodies(in_cohort, &bodies.of(&users, properties)?)?;
            if in_cohort {
                let cohort = self.cohort.id.clone();
                self.commit.sent.push(SentEntries { cohort, users });
            }
        }
        Ok(())
    }

    fn bodies(&mut self, in_cohort: bool, bodies: &[impl AsRef<[u8]>]) -> Result<(), EngineError> {
        for part in bodies.chunks(CHUNK_USERS) {
            let before = self.commit.messages.len();
            let mut beside = Beside::new(self.snapshot, &self.cohort.id, self.state);
            let destination = &self.sync.destination;
            beside.pack(destination, in_cohort, part, &mut self.commit.messages);
            let new = self.commit.messages.iter().skip(before);
            self.bytes += new.map(|message| message.body.len() as u64).sum::<u64>();
            if self.bytes >= COMMIT_BYTES {
                self.close()?;
            }
        }
        Ok(())
    }

    /// Commits the messages so far.
    fn close(&mut self) -> Result<(), EngineError> {
        let mut commit = std::mem::take(&mut self.commit);
        self.messages += commit.messages.len() as u64;
        self.bytes = 0;
        let state = encoding::encode(self.state)?;
        commit.cohort_states.push((self.cohort.id.clone(), state));
        self.store.commit_run(&commit)?;
        Ok(())
    }
}
