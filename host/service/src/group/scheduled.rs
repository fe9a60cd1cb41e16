//! The scheduled runner: it runs cohorts at the instants of their schedule, and never because
//! events come in.

use muster_engine::{EngineError, Reason};
use muster_model::{Millis, Schedule};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::evaluator::Evaluator;
use super::{Attempt, GroupCommand};
use crate::backoff::PartBackoff;
use crate::requests::RunMode;

/// The runner of daily and hourly cohorts.
pub(super) struct Scheduled {
    evaluator: Evaluator,
    schedule: Schedule,
    /// New cohorts have had their first run, and one run has replaced the missed ones.
    opened: bool,
    /// The instant of a run outside the schedule: the first run, and the retry of a failed one.
    again: Option<Instant>,
    backoff: PartBackoff,
}

impl Scheduled {
    pub(super) fn new(evaluator: Evaluator, schedule: Schedule) -> Self {
        Self {
            evaluator,
            schedule,
            opened: false,
            again: Some(Instant::now()),
            backoff: PartBackoff::default(),
        }
    }

    /// Runs cohorts until the group is stopped. `attempt` is dropped after the first attempt.
    pub(super) async fn run(
        mut self,
        inbox: &mut mpsc::Receiver<GroupCommand>,
        mut attempt: Option<Attempt>,
    ) {
        loop {
            let next = self.schedule.next(self.evaluator.state.clock.now());
            self.evaluator.note_next(next);
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
                () = self.wait(next) => {}
            }
            let ran = match self.opened {
                true => self.evaluator.run_all(RunMode::default()).await.map(drop),
                false => self.open().await,
            };
            match ran {
                Ok(()) => {
                    (self.opened, self.again) = (true, None);
                    self.backoff.succeeded();
                }
                Err(EngineError::Stopped) => return,
                Err(error) => {
                    self.evaluator.failed(&error.to_string());
                    self.again = Some(Instant::now() + self.backoff.failed());
                }
            }
            attempt.take();
        }
    }

    /// Waits until the next instant of the schedule, or until the retry of a failed run.
    async fn wait(&self, next: Option<Millis>) {
        let scheduled = async {
            match next {
                Some(next) => self.evaluator.state.clock.sleep_until(next).await,
                None => std::future::pending().await,
            }
        };
        let again = async {
            match self.again {
                Some(again) => tokio::time::sleep_until(again).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = scheduled => {}
            () = again => {}
        }
    }

    /// Runs new cohorts at once. One further run replaces the runs that were missed while the
    /// service was down.
    async fn open(&self) -> Result<(), EngineError> {
        let latest = self.schedule.latest(self.evaluator.state.clock.now());
        let cohorts = self.evaluator.cohorts.clone();
        let read = self.evaluator.read(move |snapshot| {
            let ran = |cohort: &muster_engine::Cohort| {
                Ok(muster_engine::status(snapshot, &cohort.id)?.ran)
            };
            cohorts
                .iter()
                .map(ran)
                .collect::<Result<Vec<_>, EngineError>>()
        });
        let ran = read.await?;
        let each = || self.evaluator.cohorts.iter().zip(&ran);
        let new: Vec<_> = each()
            .filter(|(_, ran)| ran.is_none())
            .map(|(cohort, _)| cohort.clone())
            .collect();
        let missed = ran
            .iter()
            .flatten()
            .any(|ran| latest.is_some_and(|latest| *ran < latest));
        let all_new = new.len() == self.evaluator.cohorts.len();
        if !new.is_empty() {
            self.evaluator.run(new, RunMode::default()).await?;
        }
        if missed && !all_new {
            let mode = RunMode {
                reason: Some(Reason::Missed),
                ..RunMode::default()
            };
            self.evaluator.run_all(mode).await?;
        }
        Ok(())
    }
}
