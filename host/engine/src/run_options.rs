//! The options of a run.

use std::num::NonZero;
use std::sync::atomic::{AtomicBool, Ordering};

use muster_model::Millis;

use crate::guard::Guard;
use crate::lists::StaticLists;
use crate::report::Reason;

/// The number of users of a chunk of a large run, whose answers are in memory at once. A chunk is
/// one commit, or several where it makes many messages ([`COMMIT_BYTES`]).
pub const CHUNK_USERS: usize = 256 * 1024;

/// The approximate bytes of messages of a commit. The database holds the pages of a commit in
/// memory until it is done, and the messages are in memory a second time: 64 MiB in all.
pub const COMMIT_BYTES: u64 = 32 * 1024 * 1024;

/// A callback for the progress of a run: evaluated users, of how many.
pub type RunProgress<'a> = &'a (dyn Fn(u64, u64) + std::marker::Sync);

/// The options of a run.
#[derive(Clone, Copy)]
pub struct RunOptions<'a> {
    /// The clock of the run.
    pub now: Millis,
    /// The number of threads that evaluate batches.
    pub workers: NonZero<usize>,
    /// The number of users of a chunk.
    pub chunk_users: usize,
    /// The approximate bytes of messages of a commit.
    pub commit_bytes: u64,
    /// The lists that modules may read.
    pub lists: &'a StaticLists,
    /// Called after each batch.
    pub progress: RunProgress<'a>,
    /// True to evaluate all users, changed or not.
    pub all_users: bool,
    /// True to evaluate all users and send every destination a full sync.
    pub resend: bool,
    /// True if these cohorts are a part of those that the module is otherwise run for. This run
    /// evaluates all users, and the runs of all its cohorts go on from where they were.
    pub alone: bool,
    /// True to finish a run that was cut off, and begin no other after it.
    pub only_finish: bool,
    /// The reason of the run, if it is neither the schedule nor a change of the module or its
    /// cohorts.
    pub reason: Option<Reason>,
    /// The guard; `None` lets all entries and exits pass and releases a held run.
    pub guard: Option<Guard>,
    /// A flag that ends the run between two chunks with [`EngineError::Stopped`].
    pub stop: Option<&'a AtomicBool>,
}

impl RunOptions<'_> {
    /// Returns the options of a run at an instant, on all processors, without lists.
    #[must_use]
    pub fn at(now: Millis) -> Self {
        let workers = std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
        Self {
            now,
            workers,
            chunk_users: CHUNK_USERS,
            commit_bytes: COMMIT_BYTES,
            lists: StaticLists::NONE,
            progress: &|_, _| {},
            all_users: false,
            resend: false,
            alone: false,
            only_finish: false,
            reason: None,
            guard: None,
            stop: None,
        }
    }

    /// Returns true if the run has to end.
    pub(crate) fn stopped(&self) -> bool {
        self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
    }
}
