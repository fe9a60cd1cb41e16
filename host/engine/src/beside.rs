//! Messages beside a cohort's runs: for users who are forgotten, for cohorts that are removed, and
//! for copies that are reconciled.

use muster_model::{CohortId, Millis};
use muster_store::{Message, Snapshot};
use roaring::RoaringBitmap;

use crate::EngineError;
use crate::bodies::Bodies;
use crate::payload::{self, RunEnvelope};
use crate::state::CohortState;

/// A cohort whose state has begun messages beside its runs ([`CohortState::begin_beside`]).
pub(crate) struct Beside<'a> {
    snapshot: &'a Snapshot,
    cohort: &'a CohortId,
    state: &'a mut CohortState,
}

impl<'a> Beside<'a> {
    pub(crate) fn new(
        snapshot: &'a Snapshot,
        cohort: &'a CohortId,
        state: &'a mut CohortState,
    ) -> Self {
        Self {
            snapshot,
            cohort,
            state,
        }
    }

    /// Adds the messages that send users who enter, or users who exit, to a destination, without
    /// user properties.
    pub(crate) fn message(
        &mut self,
        destination: &str,
        in_cohort: bool,
        users: &RoaringBitmap,
        messages: &mut Vec<Message>,
    ) -> Result<(), EngineError> {
        // Without user properties, the clock does not matter.
        let mut bodies = Bodies::new(self.snapshot, Millis(0));
        self.pack(destination, in_cohort, &bodies.of(users, &[])?, messages);
        Ok(())
    }

    /// Adds the messages of users whose JSON is known.
    pub(crate) fn pack(
        &mut self,
        destination: &str,
        in_cohort: bool,
        users: &[impl AsRef<[u8]>],
        messages: &mut Vec<Message>,
    ) {
        let envelope = RunEnvelope {
            cohort: self.cohort,
            name: &self.state.name,
            second: self.state.second,
            identity: self.snapshot.identity(),
        };
        for message in payload::pack(&envelope, in_cohort, users, &mut self.state.batch) {
            messages.push(Message {
                destination: destination.to_owned(),
                id: message.id,
                body: message.body,
            });
        }
    }
}
