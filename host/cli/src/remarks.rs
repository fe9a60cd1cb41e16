//! Texts about the state of a project that several commands print.

use muster_engine::HeldRun;
use muster_model::{count, number};
use muster_service::api::{HeldRemoval, RestoredStore, StrandedMessages};

use crate::output::bytes;

/// The largest number of commands that a text about a restored store names.
const NAMED: usize = 20;

/// Says what a run would change that the guard holds, and what to do.
pub(crate) fn held_run(cohort: &str, held: &HeldRun) -> String {
    format!(
        "{} would enter and {} exit, of {}; `muster approve {cohort}` lets it go, `muster reject {cohort}` drops it",
        number(held.entered),
        number(held.exited),
        count(held.members, "member")
    )
}

/// Says which removal the guard holds and what to do.
pub(crate) fn held_removal(removal: &HeldRemoval) -> String {
    let HeldRemoval { id, held } = removal;
    let members = count(held.members, "member");
    format!(
        "{id}: its definition is gone and said `on_remove: exit`; the guard holds the exit of all {members} since {}: \
         `muster approve {id}` sends it, `muster reject {id}` keeps the members",
        held.at
    )
}

/// Says what waits for a destination that `muster.yaml` does not have, and what to do.
pub(crate) fn stranded(stranded: &StrandedMessages) -> String {
    format!(
        "destination {}: {} ({}) wait, but muster.yaml has no such destination: put the destination back; the messages are \
         sent if its address is the same as before, and dropped if it is another",
        stranded.name,
        count(stranded.waiting_messages, "message"),
        bytes(stranded.waiting_bytes)
    )
}

/// Says what to do with a store that was restored from a backup.
pub(crate) fn restored(restored: &RestoredStore) -> String {
    let RestoredStore {
        backup_at,
        unreconciled,
    } = restored;
    let mut text = format!(
        "the store was restored from a backup of {backup_at}, and does not know which messages were sent after that"
    );
    if unreconciled.is_empty() {
        return text + ": the next `muster run` says what to do";
    }
    text += ": reconcile each destination's copy:";
    for copy in unreconciled.iter().take(NAMED) {
        let (cohort, destination) = (&copy.cohort, &copy.destination);
        text += &format!("\n  muster reconcile {cohort} --to {destination}");
    }
    if let Some(more @ 1..) = unreconciled.len().checked_sub(NAMED) {
        text += &format!("\n  and {more} more, which `muster status --json` lists");
    }
    text
}
