//! A cohort within a run.

use muster_model::{Cadence, Millis};
use muster_store::{Message, Snapshot, UserKey};
use roaring::RoaringBitmap;

use super::TickOptions;
use crate::EngineError;
use crate::cohort::{Cohort, Sync};
use crate::members::{Members, Moves};
use crate::memory::Remembered;
use crate::payload::{self, Envelope};
use crate::report::{Held, Reason};
use crate::state::{self, CohortState, OpenTick, hex};

/// A cohort within a run: its members and memory, which every chunk carries on.
pub(super) struct Running {
    pub(super) state: CohortState,
    pub(super) members: Members,
    /// The run's second, once it is known to send something.
    pub(super) second: i64,
    /// It was held when the run began.
    pub(super) was_held: bool,
    /// The state that the store has.
    before: CohortState,
}

impl Running {
    /// A cohort's memory at the beginning of a run, or where a run that was cut off goes on.
    pub(super) fn new(
        remembered: Remembered,
        cohort: &Cohort,
        open: &OpenTick,
        options: &TickOptions<'_>,
    ) -> Self {
        let reason = reason(remembered.state.as_ref(), cohort, open, options);
        let before = remembered.state.unwrap_or_default();
        let mut state = before.clone();
        let (now, at) = (open.now().as_second(), open.now().to_string());
        let goes_on = open.next_user > 0;
        let second = if goes_on && state.batch > 0 {
            state.second
        } else {
            now.max(state.second + 1)
        };
        if !goes_on {
            // What is held stays so until somebody says otherwise, or the definition is another.
            if options.guard.is_none() || reason == Reason::DefinitionChanged {
                state.held = None;
            }
            if options.resend && state.held.is_none() {
                state.synced.clear();
            }
            let destinations = cohort.sync.iter().map(|sync| sync.destination.clone());
            state.joining = destinations
                .filter(|destination| !state.synced.contains(destination))
                .collect();
            state.batch = 0;
            state.reason = reason;
            state.definition = hex(&cohort.definition);
            state.name.clone_from(&cohort.name);
            state.exit_on_remove = cohort.exit_on_remove;
        }
        Self {
            members: remembered.members,
            second,
            was_held: state
                .held
                .as_ref()
                .is_some_and(|held| !goes_on || held.at != at),
            before,
            state,
        }
    }

    /// The state, encoded, if it is not what the store has.
    pub(super) fn changed(&mut self) -> Result<Option<Vec<u8>>, EngineError> {
        if self.state == self.before {
            return Ok(None);
        }
        self.before.clone_from(&self.state);
        state::encode(&self.state).map(Some)
    }

    /// Makes nothing of this run but the note that it is held.
    pub(super) fn hold(&mut self, held: Held) {
        self.state.held = Some(held);
        self.state.stale = true;
    }

    /// Takes what a chunk's answers say: its members are then those who are in. Who has no answer stays where they are.
    pub(super) fn moves(
        &mut self,
        snapshot: &Snapshot,
        cohort: &Cohort,
        asked: &RoaringBitmap,
        now_in: &RoaringBitmap,
    ) -> Result<Moves, EngineError> {
        let moves = self.members.moves(snapshot, &cohort.id, asked, now_in)?;
        self.members.apply(&moves);
        Ok(moves)
    }

    /// Ends the run: whom it told the whole cohort is told of moves from now on; a destination that was taken away and comes
    /// back is new again.
    pub(super) fn close(&mut self, cohort: &Cohort, now: Millis) {
        let joined = std::mem::take(&mut self.state.joining);
        if self.state.held.is_some() {
            return;
        }
        self.state.stale = false;
        if self.state.ran.is_none() || cohort.cadence != Cadence::RealTime {
            self.state.ran = Some(now.0);
        }
        self.state.synced.extend(joined);
        self.state.synced.retain(|destination| {
            cohort
                .sync
                .iter()
                .any(|sync| sync.destination == *destination)
        });
    }

    /// Adds the messages that tell one destination of users who moved in one direction.
    #[expect(clippy::too_many_arguments, reason = "each is a part of one message")]
    pub(super) fn messages(
        &mut self,
        snapshot: &Snapshot,
        cohort: &Cohort,
        sync: &Sync,
        in_cohort: bool,
        users: &RoaringBitmap,
        now: Millis,
        messages: &mut Vec<Message>,
    ) -> Result<(), EngineError> {
        if users.is_empty() {
            return Ok(());
        }
        let keys: Vec<UserKey> = users.iter().map(UserKey).collect();
        let values = if sync.user_properties.is_empty() {
            Vec::new()
        } else {
            snapshot.values(&keys, &sync.user_properties, now)?
        };
        let mut bodies = Vec::with_capacity(keys.len());
        for (index, key) in keys.iter().enumerate() {
            let Some(id) = snapshot.user_id(*key)? else {
                continue;
            };
            let values = values.get(index).into_iter().flatten();
            let properties: Vec<_> = sync
                .user_properties
                .iter()
                .zip(values)
                .filter_map(|(name, value)| Some((name.clone(), value.clone()?)))
                .collect();
            bodies.push(payload::user(&id, &properties));
        }
        self.state.second = self.second;
        let envelope = Envelope {
            cohort: &cohort.id,
            name: &cohort.name,
            second: self.second,
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

/// Why a cohort is evaluated as it is.
fn reason(
    state: Option<&CohortState>,
    cohort: &Cohort,
    open: &OpenTick,
    options: &TickOptions<'_>,
) -> Reason {
    match state {
        None => Reason::First,
        // It joined a tick of its rule that had been cut off, and follows no definition yet.
        Some(state) if state.definition.is_empty() => Reason::First,
        Some(_) if options.reason == Some(Reason::Approved) => Reason::Approved,
        Some(state) if state.definition != hex(&cohort.definition) => Reason::DefinitionChanged,
        Some(_) if open.everybody => options.reason.unwrap_or(Reason::Full),
        Some(_) => options.reason.unwrap_or_default(),
    }
}
