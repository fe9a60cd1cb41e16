//! The real-time runner: it runs cohorts when users have changed, or when the first answer expires.

use std::time::Duration;

use muster_engine::EngineError;
use muster_model::Millis;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::evaluator::Evaluator;
use super::{Attempt, GroupCommand};
use crate::backoff::PartBackoff;
use crate::requests::RunMode;

/// The shortest time between the begins of two runs: `computed_time` counts seconds.
const RUN_INTERVAL: Duration = Duration::from_secs(1);

/// The runner of real-time cohorts.
pub(super) struct RealTime {
    evaluator: Evaluator,
    /// The history's sequence.
    changes: watch::Receiver<u64>,
    /// There may be changed users, so a run begins at any time.
    wanted: bool,
    /// The earliest instant of the next run.
    not_before: Instant,
    backoff: PartBackoff,
}

impl RealTime {
    /// Creates a runner whose first run begins at once: users may have changed before it existed.
    pub(super) fn new(evaluator: Evaluator, changes: watch::Receiver<u64>) -> Self {
        Self {
            evaluator,
            changes,
            wanted: true,
            not_before: Instant::now(),
            backoff: PartBackoff::default(),
        }
    }

    /// Runs cohorts until the group is stopped. `attempt` is dropped after the first attempt.
    pub(super) async fn run(
        mut self,
        inbox: &mut mpsc::Receiver<GroupCommand>,
        mut attempt: Option<Attempt>,
    ) {
        let mut changes = self.changes.clone();
        loop {
            let due = self.due().await;
            tokio::select! {
                biased;
                () = self.evaluator.stop.cancelled() => return,
                command = inbox.recv() => match command {
                    Some(command) => {
                        command.execute(&self.evaluator).await;
                        continue;
                    }
                    None => return,
                },
                () = self.wait(due) => {}
                changed = changes.changed(), if !self.wanted => {
                    if changed.is_err() {
                        return;
                    }
                    self.wanted = true;
                    continue;
                }
            }
            let begun = Instant::now();
            // Events that come in from here on are for the next run.
            changes.mark_unchanged();
            match self.evaluator.run_all(RunMode::default()).await {
                Ok(_) => {
                    self.backoff.succeeded();
                    self.wanted = changes.has_changed().unwrap_or(false);
                    self.not_before = begun + RUN_INTERVAL;
                }
                Err(EngineError::Stopped) => return,
                Err(error) => self.failed(&error),
            }
            attempt.take();
        }
    }

    /// Returns the instant at which the first answer expires; `None`: no answer expires, or a run
    /// is wanted anyway.
    async fn due(&mut self) -> Option<Millis> {
        if self.wanted {
            return None;
        }
        let due = {
            let (module, cohorts) = (
                self.evaluator.module.clone(),
                self.evaluator.cohorts.clone(),
            );
            (self.evaluator)
                .read(move |snapshot| muster_engine::next_due(snapshot, &module, &cohorts))
        };
        match due.await {
            Ok(due) => {
                self.evaluator.note_next(due);
                due
            }
            Err(error) => {
                self.failed(&error);
                None
            }
        }
    }

    /// Waits until the next run begins.
    async fn wait(&self, due: Option<Millis>) {
        match due {
            _ if self.wanted => {}
            Some(due) => self.evaluator.state.clock.sleep_until(due).await,
            None => std::future::pending().await,
        }
        tokio::time::sleep_until(self.not_before).await;
    }

    fn failed(&mut self, error: &EngineError) {
        self.evaluator.failed(&error.to_string());
        self.wanted = true;
        self.not_before = Instant::now() + self.backoff.failed();
    }
}
