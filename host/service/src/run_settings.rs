//! The division of a run's work.

use std::num::NonZero;
use std::sync::Arc;

use muster_engine::RunOptions;
use muster_model::Millis;

/// The division of a run's work. Tests make chunks small and observe their progress.
#[derive(Clone)]
pub struct RunSettings {
    /// The number of users that one commit covers.
    pub chunk_users: usize,
    /// The number of threads that evaluate.
    pub workers: NonZero<usize>,
    /// A function that is called after each batch, with the users evaluated so far and the number
    /// of all candidates.
    pub progress: Arc<dyn Fn(u64, u64) + Send + Sync>,
}

impl Default for RunSettings {
    fn default() -> Self {
        let RunOptions {
            chunk_users,
            workers,
            ..
        } = RunOptions::at(Millis(0));
        Self {
            chunk_users,
            workers,
            progress: Arc::new(|_, _| {}),
        }
    }
}

impl RunSettings {
    /// Returns the options of a run at an instant.
    pub(crate) fn at(&self, now: Millis) -> RunOptions<'_> {
        RunOptions {
            chunk_users: self.chunk_users,
            workers: self.workers,
            progress: &*self.progress,
            ..RunOptions::at(now)
        }
    }
}
