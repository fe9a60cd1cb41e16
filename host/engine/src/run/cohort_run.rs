//! The state of a cohort within a run.

use muster_model::{Cadence, Millis, to_hex};
use muster_sandbox::Module;
use muster_store::{Identity, Message, ModuleKey, Snapshot};
use roaring::RoaringBitmap;

use crate::bodies::Bodies;
use crate::cohort::{Cohort, CohortSync};
use crate::members::Members;
use crate::payload::{self, RunEnvelope};
use crate::prior_state::PriorCohort;
use crate::report::{HeldRun, Reason};
use crate::run_options::RunOptions;
use crate::state::{CohortState, RunCounts, UnfinishedRun};
use crate::{EngineError, encoding};

/// A cohort within a run: its members and state, which every chunk carries on.
pub(super) struct CohortRun {
    pub(super) state: CohortState,
    pub(super) members: Members,
    /// The second of the run's messages, if it sends any.
    pub(super) second: i64,
    /// The store's identity.
    identity: Identity,
    /// True if it was held when the run began.
    pub(super) was_held: bool,
    /// The state that the store has.
    before: CohortState,
}

/// The identity of a run, as the states of its cohorts keep it.
pub(super) struct RunIdentity {
    /// The module's key, in hex.
    pub(super) module_key: String,
    /// The module's digest, in hex.
    pub(super) module: String,
    /// The run's stamp ([`UnfinishedRun::stamp`]).
    pub(super) run: String,
    /// The option [`RunOptions::alone`].
    pub(super) alone: bool,
    /// The store's identity.
    pub(super) store: Identity,
}

impl RunIdentity {
    pub(super) fn of(
        snapshot: &Snapshot,
        module: &Module,
        key: &ModuleKey,
        open: &UnfinishedRun,
        options: &RunOptions<'_>,
    ) -> Self {
        Self {
            store: snapshot.identity(),
            module_key: to_hex(&key.0),
            module: to_hex(&module.digest()),
            run: open.stamp(key),
            alone: options.alone,
        }
    }
}

impl CohortRun {
    /// Returns a cohort at the beginning of a run, or where a run that was cut off goes on.
    pub(super) fn new(
        prior: PriorCohort,
        cohort: &Cohort,
        identity: &RunIdentity,
        open: &UnfinishedRun,
        options: &RunOptions<'_>,
    ) -> Self {
        let reason = reason(prior.state.as_ref(), cohort, open, options);
        let before = prior.state.unwrap_or_default();
        let mut state = before.clone();
        let (now, at) = (open.now().as_second(), open.now().to_string());
        let goes_on = open.next_user > 0;
        state.adopt(cohort, identity.store);
        if !goes_on {
            // A held run stays held until a user approves or rejects it, or the definition changes.
            if options.guard.is_none() || reason == Reason::DefinitionChanged {
                state.held = None;
            }
            if options.resend && state.held.is_none() {
                for copy in state.copies.values_mut().filter(|copy| copy.active) {
                    copy.send_again();
                }
            }
            state.reason = reason;
            state.counts = RunCounts::default();
            state.follow(&to_hex(&cohort.definition), identity, open.now);
        }
        let second = if goes_on && state.batch > 0 && !state.beside {
            state.second
        } else {
            state.batch = 0;
            now.max(state.second + 1)
        };
        state.beside = false;
        Self {
            members: prior.members,
            identity: identity.store,
            second,
            was_held: state
                .held
                .as_ref()
                .is_some_and(|held| !goes_on || held.at != at),
            before,
            state,
        }
    }

    /// Returns the encoded state if it differs from that of the store.
    pub(super) fn changed(&mut self) -> Result<Option<Vec<u8>>, EngineError> {
        if self.state == self.before {
            return Ok(None);
        }
        self.before.clone_from(&self.state);
        encoding::encode(&self.state).map(Some)
    }

    /// Holds the run: none of its entries and exits is made, only the note that it is held.
    pub(super) fn hold(&mut self, held: HeldRun) {
        self.state.held = Some(held);
        self.state.stale = true;
    }

    /// Ends the run.
    pub(super) fn close(&mut self, cohort: &Cohort, now: Millis) {
        self.state.run.clear();
        self.state.counts = RunCounts::default();
        if self.state.held.is_some() {
            return;
        }
        self.state.stale = false;
        if self.state.ran.is_none() || cohort.cadence != Cadence::RealTime {
            self.state.ran = Some(now.0);
        }
    }

    /// Adds the messages that send users who enter, or users who exit, to one destination.
    pub(super) fn messages(
        &mut self,
        cohort: &Cohort,
        sync: &CohortSync,
        in_cohort: bool,
        users: &RoaringBitmap,
        bodies: &mut Bodies<'_>,
        messages: &mut Vec<Message>,
    ) -> Result<(), EngineError> {
        if users.is_empty() {
            return Ok(());
        }
        let bodies = bodies.of(users, &sync.user_properties)?;
        self.state.second = self.second;
        let envelope = RunEnvelope {
            cohort: &cohort.id,
            name: &cohort.name,
            second: self.second,
            identity: self.identity,
        };
        for message in payload::pack(&envelope, in_cohort, &bodies, &mut self.state.batch) {
            messages.push(Message {
                destination: sync.destination.clone(),
                id: message.id,
                body: message.body,
            });
        }
        Ok(())
    }
}

impl CohortState {
    /// Notes at the beginning of a run which definition and module the members follow from now on.
    fn follow(&mut self, definition: &str, identity: &RunIdentity, now: i64) {
        let same = self.definition == definition && self.module == identity.module;
        if identity.alone {
            self.evaluated = now;
            if !same {
                self.module_key.clear();
            }
        } else if self.module_key != identity.module_key {
            self.evaluated = now;
            self.module_key.clone_from(&identity.module_key);
        }
        definition.clone_into(&mut self.definition);
        self.module.clone_from(&identity.module);
        self.run.clone_from(&identity.run);
    }
}

/// Returns the reason of a cohort's run.
fn reason(
    state: Option<&CohortState>,
    cohort: &Cohort,
    open: &UnfinishedRun,
    options: &RunOptions<'_>,
) -> Reason {
    match state {
        None => Reason::First,
        // The cohort joined a run of its module that had been cut off, and follows no definition
        // yet.
        Some(state) if state.definition.is_empty() => Reason::First,
        Some(_) if options.reason == Some(Reason::Approved) => Reason::Approved,
        Some(state) if state.definition != to_hex(&cohort.definition) => Reason::DefinitionChanged,
        Some(_) if open.all_users => options.reason.unwrap_or(Reason::Full),
        Some(_) => options.reason.unwrap_or_default(),
    }
}
