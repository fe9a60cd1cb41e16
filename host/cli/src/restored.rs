//! Help after a store was restored from a backup.

use muster_store::{Snapshot, Store};
use serde_json::{Value, json};

/// The largest number of commands that the text names.
const NAMED: usize = 20;

/// The state of a store that was restored from a backup and whose copies are not reconciled yet.
pub(crate) struct Restored {
    /// The instant of the backup.
    at: String,
    /// The cohort and the destination of each copy.
    copies: Vec<(String, String)>,
}

impl Restored {
    /// Checks whether a store that is opened for writing was restored. If no destination holds a
    /// copy, there is nothing to reconcile, and the store is marked as repaired.
    pub(crate) fn begin(store: &Store) -> anyhow::Result<Option<Self>> {
        let restored = Self::of(&store.snapshot()?)?;
        if restored
            .as_ref()
            .is_some_and(|restored| restored.copies.is_empty())
        {
            store.acknowledge_restore()?;
            return Ok(None);
        }
        Ok(restored)
    }

    /// Checks whether a store was restored.
    pub(crate) fn of(snapshot: &Snapshot) -> anyhow::Result<Option<Self>> {
        let Some(at) = snapshot.restored()? else {
            return Ok(None);
        };
        let copies = muster_engine::unreconciled(snapshot)?.into_iter();
        Ok(Some(Self {
            at: at.to_string(),
            copies: copies
                .map(|(cohort, destination)| (cohort.to_string(), destination))
                .collect(),
        }))
    }

    /// Says what to do.
    pub(crate) fn text(&self) -> String {
        let Self { at, copies } = self;
        let mut text = format!(
            "the store was restored from a backup of {at}, and does not know which messages were sent after that"
        );
        if copies.is_empty() {
            return text + ": the next `muster run` says what to do";
        }
        text += ": reconcile each destination's copy:";
        for (cohort, destination) in copies.iter().take(NAMED) {
            text += &format!("\n  muster reconcile {cohort} --to {destination}");
        }
        if let Some(more @ 1..) = copies.len().checked_sub(NAMED) {
            text += &format!("\n  and {more} more, which `muster status --json` lists");
        }
        text
    }

    /// Returns the same as JSON.
    pub(crate) fn json(&self) -> Value {
        let copies = self.copies.iter();
        let copies = copies.map(|(cohort, to)| json!({ "cohort": cohort, "destination": to }));
        json!({ "backup_at": self.at, "unreconciled": copies.collect::<Vec<_>>() })
    }
}
