//! A group: the cohorts that share a module and a cadence. One task evaluates them, so no cohort is
//! evaluated twice at once.
//!
//! | file | |
//! |---|---|
//! | `evaluator.rs` | one run: permit, locks, stop, results |
//! | `real_time.rs`, `scheduled.rs` | when runs begin |
//! | `request.rs` | requests about one cohort |

mod evaluator;
mod real_time;
mod request;
mod scheduled;

use std::sync::Arc;

use muster_engine::StaticLists;
use muster_model::CohortId;
use muster_project::LoadedModule;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::state::ServiceState;
use super::supervisor::{Supervisor, Task};
use crate::api::ApiError;
use crate::requests::CohortRequest;
use evaluator::Evaluator;
use real_time::RealTime;
use request::GroupCommand;
use scheduled::Scheduled;

pub(crate) use request::GroupReply;

/// The number of requests that a group queues. The senders of further requests wait.
const MAX_QUEUED_REQUESTS: usize = 16;

/// A sender that is dropped when every cohort of the group has had its first attempt.
pub(crate) type Attempt = mpsc::Sender<()>;

/// A running group.
pub(crate) struct CohortGroup {
    pub(crate) loaded: LoadedModule,
    commands: mpsc::Sender<GroupCommand>,
    stop: CancellationToken,
    /// The task of the group. `None`: the group's module cannot be loaded.
    task: Option<JoinHandle<()>>,
}

impl CohortGroup {
    /// Starts the group's task. `changes` is the history's sequence.
    pub(crate) fn start(
        state: &Arc<ServiceState>,
        supervisor: &Supervisor,
        loaded: LoadedModule,
        lists: Arc<StaticLists>,
        changes: watch::Receiver<u64>,
        attempt: Attempt,
    ) -> Self {
        let (commands, inbox) = mpsc::channel(MAX_QUEUED_REQUESTS);
        let stop = state.shutdown.token().child_token();
        let task = match &loaded.module {
            Ok(module) => {
                let evaluator = Evaluator {
                    state: Arc::clone(state),
                    module: module.clone(),
                    cohorts: loaded.cohorts.clone().into(),
                    lists,
                    permitted: !loaded.cadence.is_real_time(),
                    stop: stop.clone(),
                };
                Some(start_task(
                    supervisor, evaluator, &loaded, inbox, changes, attempt,
                ))
            }
            Err(error) => {
                for cohort in &loaded.cohorts {
                    tracing::error!(cohort = %cohort.id, "not evaluated, membership kept: {error}");
                    let mut active = state.active();
                    active.cohorts.entry(cohort.id.clone()).or_default().error =
                        Some(error.clone());
                }
                None
            }
        };
        Self {
            loaded,
            commands,
            stop,
            task,
        }
    }

    pub(crate) fn has(&self, cohort: &CohortId) -> bool {
        self.loaded.cohorts.iter().any(|known| known.id == *cohort)
    }

    /// Sends a request about a cohort of the group. The reply comes when the request is done.
    pub(crate) fn ask(
        &self,
        cohort: CohortId,
        request: CohortRequest,
    ) -> impl Future<Output = GroupReply> + Send + use<> {
        let commands = self.commands.clone();
        let fault = self.loaded.module.as_ref().err().cloned();
        async move {
            if let Some(fault) = fault {
                let why = format!("`{cohort}` cannot be evaluated: {fault}");
                return GroupReply::Answer(Err(ApiError::failed(why)));
            }
            let (reply, answer) = oneshot::channel();
            let command = GroupCommand {
                cohort,
                request,
                reply,
            };
            if commands.send(command).await.is_err() {
                return GroupReply::Ended;
            }
            answer.await.map_or(GroupReply::Ended, GroupReply::Answer)
        }
    }

    /// Ends the group's task, between two chunks of a run that is under way.
    pub(crate) async fn end(self) {
        self.stop.cancel();
        if let Some(task) = self.task
            && let Err(error) = task.await
        {
            tracing::error!("a group ended unexpectedly: {error}");
        }
    }
}

/// Starts the task of a group whose module is loaded.
fn start_task(
    supervisor: &Supervisor,
    evaluator: Evaluator,
    loaded: &LoadedModule,
    inbox: mpsc::Receiver<GroupCommand>,
    changes: watch::Receiver<u64>,
    attempt: Attempt,
) -> JoinHandle<()> {
    let schedule = loaded.cadence.schedule();
    let inbox = Arc::new(tokio::sync::Mutex::new(inbox));
    // A panic in the first attempt ends the attempt, too.
    let attempt = parking_lot::Mutex::new(Some(attempt));
    let stop = evaluator.stop.clone();
    let failing = evaluator.clone();
    let work = move || {
        let attempt = attempt.lock().take();
        let (evaluator, changes, schedule) = (evaluator.clone(), changes.clone(), schedule.clone());
        let inbox = Arc::clone(&inbox);
        async move {
            let mut inbox = inbox.lock().await;
            match schedule {
                None => {
                    RealTime::new(evaluator, changes)
                        .run(&mut inbox, attempt)
                        .await
                }
                Some(schedule) => {
                    (Scheduled::new(evaluator, schedule).run(&mut inbox, attempt)).await;
                }
            }
            Ok(())
        }
    };
    let task = Task {
        name: name(loaded),
        stop,
        work,
    };
    supervisor.start(task, move |why| failing.failed(why))
}

/// The number of cohorts that the name of a group lists.
const MAX_NAMED_COHORTS: usize = 3;

fn name(loaded: &LoadedModule) -> String {
    let ids: Vec<_> = loaded
        .cohorts
        .iter()
        .map(|cohort| cohort.id.as_str())
        .collect();
    match ids.get(..MAX_NAMED_COHORTS) {
        Some(first) if ids.len() > MAX_NAMED_COHORTS => {
            format!(
                "cohorts {} and {} more",
                first.join(", "),
                ids.len() - MAX_NAMED_COHORTS
            )
        }
        _ => format!("cohorts {}", ids.join(", ")),
    }
}
