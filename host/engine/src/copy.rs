//! Copies: what a destination holds of a cohort, and what it must receive so that its copy equals
//! the members.

use std::ops::RangeInclusive;

use muster_model::CohortId;
use muster_store::{Identity, Snapshot, UnsentChange};
use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};

use crate::EngineError;

/// One more than the largest user key.
const ALL: u64 = 1 << 32;

/// The copy of a cohort at a destination, as all messages make it that were ever put in the outbox.
///
/// Of the users below `sent_below` the copy holds the members, except for users with an unsent
/// change ([`muster_store::UnsentChange`]). Of those users it holds the ones who are not members.
/// It holds no user from `sent_below` on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DestinationCopy {
    /// The users below this key have been sent.
    #[serde(rename = "told")]
    sent_below: u64,
    /// True if the destination is in the cohort's sync. A destination that has left it receives
    /// nothing.
    pub(crate) active: bool,
    /// The key from which a full sync under way sends members again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resend: Option<u64>,
    /// The key from which users may have unsent entries or exits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unsent: Option<u64>,
    /// The identity of the store that sent the whole copy. A store that was restored from a backup
    /// has another identity: it does not know what was sent after the backup.
    #[serde(default)]
    store: u64,
}

/// The change that a commit makes to a cohort.
pub(crate) struct ChangeToSend<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) cohort: &'a CohortId,
    /// The users that the commit covers.
    pub(crate) range: &'a RangeInclusive<u32>,
    /// The users of the range who enter.
    pub(crate) entered: &'a RoaringBitmap,
    /// The users of the range who exit.
    pub(crate) exited: &'a RoaringBitmap,
    /// The users of the range who are members afterwards.
    pub(crate) members: &'a RoaringBitmap,
}

/// The users that a destination is to receive.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct ToSend {
    pub(crate) entered: RoaringBitmap,
    pub(crate) exited: RoaringBitmap,
    /// Users whose unsent state changes: their entry or exit is unsent from now on, or no longer
    /// unsent.
    pub(crate) toggled: RoaringBitmap,
}

impl DestinationCopy {
    /// Returns the copy of a destination in a cohort's sync that has received nothing yet.
    pub(crate) fn new(store: Identity) -> Self {
        Self {
            active: true,
            store: store.0,
            ..Self::default()
        }
    }

    /// Returns the copy of a destination that has just received all members, and holds no other
    /// user.
    pub(crate) fn whole(store: Identity) -> Self {
        Self {
            sent_below: ALL,
            ..Self::new(store)
        }
    }

    /// Returns true if a store of this identity knows everything that the destination received.
    pub(crate) fn is_known_to(&self, store: Identity) -> bool {
        self.store == store.0
    }

    /// Returns true if the copy holds exactly the members, so that only entries and exits have to
    /// be sent.
    pub(crate) fn is_complete(&self) -> bool {
        self.sent_below == ALL && self.resend.is_none() && self.unsent.is_none()
    }

    /// Returns true if the copy holds no user, whatever the members are.
    pub(crate) fn is_empty(&self) -> bool {
        self.sent_below == 0
    }

    /// Returns true if the destination receives all members, changed or not: it is new, or a full
    /// sync is under way.
    pub(crate) fn is_sent_whole(&self) -> bool {
        self.sent_below < ALL || self.resend.is_some()
    }

    /// Makes the next runs send all members again.
    pub(crate) fn send_again(&mut self) {
        self.resend = (self.sent_below > 0).then_some(0);
    }

    /// Returns what the destination must receive for a change, and counts it as sent. Changes come
    /// by ascending range. A range that begins above `sent_below` leaves a gap: only entries and
    /// exits below `sent_below` are sent, and a later run fills the gap.
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
            // The copy differs from the members for these users. A user whose membership changes
            // now is where the copy has that user.
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

    /// Notes entries and exits that the destination does not receive. Returns the users whose
    /// change the store is to record as unsent.
    pub(crate) fn miss(&mut self, changes: &RoaringBitmap) -> RoaringBitmap {
        let toggled = below(changes, self.sent_below);
        if !toggled.is_empty() {
            self.unsent = Some(0);
        }
        toggled
    }

    /// Returns those of some users that the destination holds, according to the store. `members`
    /// are the ones among them who are members.
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

/// Moves a mark to the end of a range of users, unless the mark lies outside.
fn advance(mark: &mut u64, first: u64, end: u64) {
    if first <= *mark && *mark < end {
        *mark = end;
    }
}

/// Returns the users below a mark.
fn below(users: &RoaringBitmap, mark: u64) -> RoaringBitmap {
    let mut users = users.clone();
    if let Ok(mark) = u32::try_from(mark) {
        users.remove_range(mark..);
    }
    users
}

/// Returns the change of unsent users as the store takes it; `None` if there is none.
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
