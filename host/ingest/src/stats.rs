//! What a running source has done so far, for whoever watches it.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use muster_model::Millis;

use crate::LineCounts;

/// What a source that runs has done since it began. Its owner counts, others look.
#[derive(Debug, Default)]
pub struct SourceStats {
    counts: Mutex<LineCounts>,
    commits: AtomicU64,
    refused: AtomicU64,
    last_commit: AtomicI64,
    lag: AtomicI64,
    error: Mutex<Option<String>>,
}

impl SourceStats {
    /// Counts what a durable commit held.
    pub fn committed(&self, counts: &LineCounts, now: Millis) {
        let mut all = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        all.add(counts);
        drop(all);
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.last_commit.store(now.0, Ordering::Relaxed);
    }

    /// Counts a request that was turned away, by overload or for what it holds.
    pub fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// How far the source is behind its origin, in ms: 0 when it has all there is.
    pub fn behind(&self, ms: i64) {
        self.lag.store(ms, Ordering::Relaxed);
    }

    /// Why the source gets no further at the moment; `None`: it does.
    pub fn set_error(&self, trouble: Option<String>) {
        *(self.error.lock()).unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    /// What the commits held.
    #[must_use]
    pub fn counts(&self) -> LineCounts {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Durable commits.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Requests that were turned away.
    #[must_use]
    pub fn refusals(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// When the latest commit was; `None`: there was none.
    #[must_use]
    pub fn last_commit(&self) -> Option<Millis> {
        let at = self.last_commit.load(Ordering::Relaxed);
        (at != 0).then_some(Millis(at))
    }

    /// How far the source is behind, in ms.
    #[must_use]
    pub fn lag(&self) -> i64 {
        self.lag.load(Ordering::Relaxed)
    }

    /// Why the source gets no further, if it does not.
    #[must_use]
    pub fn error(&self) -> Option<String> {
        (self.error.lock())
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
