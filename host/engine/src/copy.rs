//! What a destination holds of a cohort, and what it must be sent so that its copy equals the
//! members.

use std::ops::RangeInclusive;

use muster_model::CohortId;
use muster_store::{Identity, Snapshot, UnsentChange};
use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};

use crate::EngineError;

/// One more than the largest key of a user.
const ALL: u64 = 1 << 32;

/// A destination's copy of a cohort, as all messages make it that were ever put in the outbox.
///
/// Of the users below `told` it holds the members, but for those with an unsent move
/// ([`muster_store::UnsentChange`]): of them it holds those who are no members. Of other users it
/// holds nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DestinationCopy {
    /// Users below were sent.
    #[serde(rename = "told")]
    sent_below: u64,
    /// Whether the destination is in the cohort's sync. One that left it is sent nothing.
    pub(crate) active: bool,
    /// A full sync is under way: members from here on are sent again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resend: Option<u64>,
    /// Moves of users from here on may be unsent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unsent: Option<u64>,
    /// The identity of the store that sent it everything. A store that was restored from a backup
    /// has another one: what it sent after the backup is not known.
    #[serde(default)]
    store: u64,
}

/// What a commit changes of a cohort.
pub(crate) struct ChangeToSend<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) cohort: &'a CohortId,
    /// The users that the commit covers.
    pub(crate) range: &'a RangeInclusive<u32>,
    /// Who enters, of these.
    pub(crate) entered: &'a RoaringBitmap,
    /// Who exits, of these.
    pub(crate) exited: &'a RoaringBitmap,
    /// The members afterwards, of these.
    pub(crate) members: &'a RoaringBitmap,
}

/// What a destination is to be sent.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct ToSend {
    pub(crate) entered: RoaringBitmap,
    pub(crate) exited: RoaringBitmap,
    /// Users whose moves are unsent from now on, or no longer.
    pub(crate) toggled: RoaringBitmap,
}

impl DestinationCopy {
    /// Returns the copy of a destination in a cohort's sync that was sent nothing yet.
    pub(crate) fn new(store: Identity) -> Self {
        Self {
            active: true,
            store: store.0,
            ..Self::default()
        }
    }

    /// Returns the copy of a destination that was just sent all members, and nobody else.
    pub(crate) fn whole(store: Identity) -> Self {
        Self {
            sent_below: ALL,
            ..Self::new(store)
        }
    }

    /// Whether a store of this identity knows all that it was sent.
    pub(crate) fn is_known_to(&self, store: Identity) -> bool {
        self.store == store.0
    }

    /// Whether it holds the members and nobody else, and only moves have to be sent.
    pub(crate) fn is_complete(&self) -> bool {
        self.sent_below == ALL && self.resend.is_none() && self.unsent.is_none()
    }

    /// Whether it holds nobody, whatever the members.
    pub(crate) fn is_empty(&self) -> bool {
        self.sent_below == 0
    }

    /// Whether members are sent to it whether they move or not: it is new, or a full sync is under
    /// way.
    pub(crate) fn is_sent_whole(&self) -> bool {
        self.sent_below < ALL || self.resend.is_some()
    }

    /// Makes the next runs send all members again.
    pub(crate) fn send_again(&mut self) {
        self.resend = (self.sent_below > 0).then_some(0);
    }

    /// Returns what the destination must be sent of a change, and takes it for sent. Changes come
    /// by ascending range. A range that begins above what was told leaves a gap, which a later run
    /// fills: it sends the moves below only.
    pub(crate) fn send(
        &mut self,
        destination: &str,
        change: &ChangeToSend<'_>,
    ) -> Result<ToSend, EngineError> {
        let mut entered = below(change.entered, self.sent_below);
        let mut exited = below(change.exited, self.sent_below);
        if !self.active {
            return Ok(ToSend {
                toggled: self.miss(&(entered | exited)),
                ..ToSend::default()
            });
        }
        let (first, end) = (
            u64::from(*change.range.start()),
            u64::from(*change.range.end()) + 1,
        );
        let mut toggled = RoaringBitmap::new();
        if let Some(unsent) = &mut self.unsent {
            toggled = change
                .snapshot
                .unsent_within(change.cohort, destination, change.range)?;
            // The copy has it the other way round: a user who moves now is where the copy has them.
            let back = &toggled - &(&entered | &exited);
            entered = (entered - &toggled) | (&back & change.members);
            exited = (exited - &toggled) | (&back - change.members);
            advance(unsent, first, end);
        }
        for from in [self.resend.as_mut(), Some(&mut self.sent_below)]
            .into_iter()
            .flatten()
        {
            if first <= *from && *from < end {
                entered |= change.members - below(change.members, *from);
            }
            advance(from, first, end);
        }
        self.resend = self.resend.filter(|from| *from < ALL);
        self.unsent = self.unsent.filter(|from| *from < ALL);
        Ok(ToSend {
            entered,
            exited,
            toggled,
        })
    }

    /// Notes that users moved and the destination is not sent it. Returns those whom the store is
    /// to note.
    pub(crate) fn miss(&mut self, changes: &RoaringBitmap) -> RoaringBitmap {
        let toggled = below(changes, self.sent_below);
        if !toggled.is_empty() {
            self.unsent = Some(0);
        }
        toggled
    }

    /// Returns whom of some users the destination holds, as the store has it. `members` are those
    /// of them who are members.
    pub(crate) fn held(
        &self,
        snapshot: &Snapshot,
        cohort: &CohortId,
        destination: &str,
        users: &RangeInclusive<u32>,
        members: &RoaringBitmap,
    ) -> Result<RoaringBitmap, EngineError> {
        let unsent = match self.unsent {
            Some(_) => snapshot.unsent_within(cohort, destination, users)?,
            None => RoaringBitmap::new(),
        };
        Ok(below(&(members ^ unsent), self.sent_below))
    }
}

/// A mark that passes a range of users, unless it lies outside.
fn advance(mark: &mut u64, first: u64, end: u64) {
    if first <= *mark && *mark < end {
        *mark = end;
    }
}

/// Those of some users who are below a mark.
fn below(users: &RoaringBitmap, mark: u64) -> RoaringBitmap {
    let mut users = users.clone();
    if let Ok(mark) = u32::try_from(mark) {
        users.remove_range(mark..);
    }
    users
}

/// The change of unsent moves as the store takes it; `None` if there is none.
pub(crate) fn unsent_change(
    cohort: &CohortId,
    destination: &str,
    toggled: RoaringBitmap,
) -> Option<UnsentChange> {
    (!toggled.is_empty()).then(|| UnsentChange {
        cohort: cohort.clone(),
        destination: destination.to_owned(),
        toggled,
    })
}
