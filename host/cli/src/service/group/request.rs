//! Requests about one cohort while the service runs.

use std::collections::BTreeSet;
use std::sync::Arc;

use muster_engine::{EngineError, Reason};
use muster_model::CohortId;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::evaluator::{Evaluator, RunMode};
use crate::commands::reconcile::reconcile;

/// A request about one cohort.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CohortRequest {
    /// A run of the cohort now.
    Sync {
        /// Every destination receives the whole cohort.
        full: bool,
    },
    /// An approval of the run that the guard holds.
    Approve,
    /// A rejection of the run that the guard holds.
    Reject,
    /// A change that makes a destination's copy equal to the members again.
    Reconcile {
        destination: String,
        /// The ids that the consumer holds.
        have: Option<Arc<BTreeSet<String>>>,
    },
}

impl CohortRequest {
    /// Returns the name of the request in logs.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Sync { full: false } => "sync",
            Self::Sync { full: true } => "full sync",
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Reconcile { .. } => "reconcile",
        }
    }
}

/// The reply of a group to a request.
pub(crate) enum GroupReply {
    /// The request is done, or cannot be done.
    Answer(Result<Value, String>),
    /// The group ended before the request was done: another group may have the cohort.
    Ended,
}

/// A request on its way to the group's task.
pub(super) struct GroupCommand {
    pub(super) cohort: CohortId,
    pub(super) request: CohortRequest,
    pub(super) reply: oneshot::Sender<Result<Value, String>>,
}

impl GroupCommand {
    /// Executes the request, and answers. A run that is stopped is not answered: the request goes
    /// to the next group that has the cohort.
    pub(super) async fn execute(self, evaluator: &Evaluator) {
        let answer = match execute(evaluator, &self.cohort, self.request).await {
            Err(RequestError::Engine(EngineError::Stopped)) => return,
            Err(RequestError::Engine(error)) => Err(error.to_string()),
            Err(RequestError::Refused(why)) => Err(why),
            Ok(answer) => Ok(answer),
        };
        // The sender of the request may be gone by now.
        let _ = self.reply.send(answer);
    }
}

enum RequestError {
    Engine(EngineError),
    Refused(String),
}

impl From<EngineError> for RequestError {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

async fn execute(
    evaluator: &Evaluator,
    id: &CohortId,
    request: CohortRequest,
) -> Result<Value, RequestError> {
    let known = evaluator.cohorts.iter().find(|cohort| cohort.id == *id);
    let Some(cohort) = known.cloned() else {
        return Err(RequestError::Refused(format!(
            "no cohort has the id `{id}`"
        )));
    };
    let held = {
        let id = id.clone();
        evaluator.read(move |snapshot| Ok(muster_engine::status(snapshot, &id)?.held))
    };
    let is_held = held.await?.is_some();
    let mode = match request {
        CohortRequest::Sync { .. } if is_held => {
            return Err(RequestError::Refused(format!(
                "the guard holds a run of `{id}`: approve it with `muster approve {id}` or drop it with `muster reject {id}` first"
            )));
        }
        CohortRequest::Sync { full } => RunMode {
            resend: full,
            reason: Some(Reason::Requested),
            ..RunMode::default()
        },
        CohortRequest::Approve | CohortRequest::Reject if !is_held => {
            return Err(RequestError::Refused(format!("no run of `{id}` is held")));
        }
        CohortRequest::Approve => RunMode {
            all_users: true,
            unguarded: true,
            reason: Some(Reason::Approved),
            ..RunMode::default()
        },
        CohortRequest::Reject => {
            let id = id.clone();
            let change = evaluator.change(move |store, now| muster_engine::reject(store, &id, now));
            return Ok(json!({ "rejected": change.await? }));
        }
        CohortRequest::Reconcile { destination, have } => {
            let change = evaluator.change(move |store, now| {
                let have = have.as_deref();
                Ok(reconcile(store, &cohort, &destination, have, now))
            });
            let done = change.await?;
            return done.map_err(|error| RequestError::Refused(format!("{error:#}")));
        }
    };
    let report = evaluator.run(vec![cohort], mode).await?;
    Ok(crate::output_json::run(&report))
}
