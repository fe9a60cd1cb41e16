//! The parts that failed.

use std::collections::BTreeMap;

use muster_model::Millis;
use parking_lot::{Mutex, MutexGuard};

use crate::api::PartSummary;

/// The parts that failed, by name.
#[derive(Debug, Default)]
pub(crate) struct ServiceParts {
    parts: Mutex<BTreeMap<String, PartSummary>>,
}

impl ServiceParts {
    fn parts(&self) -> MutexGuard<'_, BTreeMap<String, PartSummary>> {
        self.parts.lock()
    }

    /// Returns all parts that failed at least once.
    pub(crate) fn all(&self) -> BTreeMap<String, PartSummary> {
        self.parts().clone()
    }

    pub(super) fn down(&self, name: &str, why: &str) {
        let mut parts = self.parts();
        let failures = parts.get(name).map_or(0, |part| part.failures);
        let part = PartSummary {
            failures: failures + 1,
            why: why.to_owned(),
            at: Millis::now(),
            down: true,
        };
        parts.insert(name.to_owned(), part);
    }

    pub(super) fn up(&self, name: &str) {
        if let Some(part) = self.parts().get_mut(name) {
            part.down = false;
        }
    }

    /// Removes a part that has ended: another part may get its name.
    pub(super) fn ended(&self, name: &str) {
        self.parts().remove(name);
    }
}
