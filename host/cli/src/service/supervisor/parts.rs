//! What is known of the parts that failed.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use muster_model::Millis;

/// A part that failed at least once since the service began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServicePart {
    /// How often it failed.
    pub(crate) failures: u64,
    /// Why it failed last.
    pub(crate) why: String,
    /// When it failed last, by the system's clock.
    pub(crate) at: Millis,
    /// It waits to be started again.
    pub(crate) down: bool,
}

/// The parts that failed, by name.
#[derive(Debug, Default)]
pub(crate) struct ServiceParts {
    parts: Mutex<BTreeMap<String, ServicePart>>,
}

impl ServiceParts {
    fn parts(&self) -> MutexGuard<'_, BTreeMap<String, ServicePart>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All that failed at least once.
    pub(crate) fn all(&self) -> BTreeMap<String, ServicePart> {
        self.parts().clone()
    }

    pub(super) fn down(&self, name: &str, why: &str) {
        let mut parts = self.parts();
        let failures = parts.get(name).map_or(0, |part| part.failures);
        let part = ServicePart {
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

    /// The part has ended: its name may come back for another one.
    pub(super) fn ended(&self, name: &str) {
        self.parts().remove(name);
    }
}
