//! Counters of a running source, for the service that shows them.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use muster_model::Millis;
use parking_lot::Mutex;

use crate::LineCounts;

/// Counters of a running source since it began. The source counts, the service reads.
#[derive(Debug, Default)]
pub struct SourceStats {
    counts: Mutex<LineCounts>,
    commits: AtomicU64,
    refused: AtomicU64,
    last_commit: AtomicI64,
    lag: AtomicI64,
    skipped: Mutex<Option<String>>,
    error: Mutex<Option<String>>,
}

impl SourceStats {
    /// Counts the contents of a durable commit.
    pub fn committed(&self, counts: &LineCounts, now: Millis) {
        let mut all = self.counts.lock();
        all.add(counts);
        drop(all);
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.last_commit.store(now.0, Ordering::Relaxed);
    }

    /// Counts a request that was refused because of overload or of its contents.
    pub fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Sets the reason why the latest line or record was skipped, with its place.
    pub fn skipped(&self, reason: String) {
        *self.skipped.lock() = Some(reason);
    }

    /// Sets how far the source is behind its origin, in ms; 0 if it has everything.
    pub fn behind(&self, ms: i64) {
        self.lag.store(ms, Ordering::Relaxed);
    }

    /// Sets the reason why the source makes no progress at the moment; `None` if it does.
    pub fn set_error(&self, trouble: Option<String>) {
        *self.error.lock() = trouble;
    }

    /// Returns the counts of all commits.
    #[must_use]
    pub fn counts(&self) -> LineCounts {
        *self.counts.lock()
    }

    /// Returns the number of durable commits.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Returns the number of requests that were refused.
    #[must_use]
    pub fn refusals(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Returns the instant of the latest commit; `None` if there was none.
    #[must_use]
    pub fn last_commit(&self) -> Option<Millis> {
        let at = self.last_commit.load(Ordering::Relaxed);
        (at != 0).then_some(Millis(at))
    }

    /// Returns how far the source is behind, in ms.
    #[must_use]
    pub fn lag(&self) -> i64 {
        self.lag.load(Ordering::Relaxed)
    }

    /// Returns the reason why the latest line or record was skipped; `None` if none was.
    #[must_use]
    pub fn last_skipped(&self) -> Option<String> {
        self.skipped.lock().clone()
    }

    /// Returns the reason why the source makes no progress, if it makes none.
    #[must_use]
    pub fn error(&self) -> Option<String> {
        self.error.lock().clone()
    }
}
