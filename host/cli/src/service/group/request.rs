//! Requests about one cohort while the service runs.

use std::collections::BTreeSet;
use std::sync::Arc;

use muster_engine::{EngineError, Reason};
use muster_model::CohortId;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::evaluator::{Evaluator, How};
use crate::commands::reconcile::reconcile;

/// A request about one cohort.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Run the cohort now.
    Sync {
        /// Every destination receives the whole cohort.
        full: bool,
    },
    /// Release the run that the guard holds.
    Approve,
    /// Drop the run that the guard holds.
    Reject,
    /// Make a destination's copy equal to the members again.
    Reconcile {
        destination: String,
        /// The ids that the consumer holds.
        have: Option<Arc<BTreeSet<String>>>,
    },
}

impl Ask {
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
    pub(super) ask: Ask,
    pub(super) reply: oneshot::Sender<Result<Value, String>>,
}

impl GroupCommand {
    /// Executes the request, and answers. A run that is stopped is not answered: the request goes
    /// to the next group that has the cohort.
    pub(super) async fn obey(self, evaluator: &Evaluator) {
        let answer = match obey(evaluator, &self.cohort, self.ask).await {
            Err(RequestError::Engine(EngineError::Stopped)) => return,
            Err(RequestError::Engine(error)) => Err(error.to_string()),
            Err(RequestError::Said(why)) => Err(why),
            Ok(answer) => Ok(answer),
        };
        // The sender of the request may be gone by now.
        let _ = self.reply.send(answer);
    }
}

enum RequestError {
    Engine(EngineError),
    Said(String),
}

impl From<EngineError> for RequestError {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

async fn obey(evaluator: &Evaluator, id: &CohortId, ask: Ask) -> Result<Value, RequestError> {
    let known = evaluator.cohorts.iter().find(|cohort| cohort.id == *id);
    let Some(cohort) = known.cloned() else {
        return Err(RequestError::Said(format!("no cohort has the id `{id}`")));
    };
    let held = {
        let id = id.clone();
        evaluator.read(move |snapshot| Ok(muster_engine::status(snapshot, &id)?.held))
    };
    let is_held = held.await?.is_some();
    let how = match ask {
        Ask::Sync { .. } if is_held => {
            return Err(RequestError::Said(format!(
                "a run of `{id}` is held: first let it go with `muster approve {id}` or drop it with `muster reject {id}`"
            )));
        }
        Ask::Sync { full } => How {
            resend: full,
            reason: Some(Reason::Requested),
            ..How::default()
        },
        Ask::Approve | Ask::Reject if !is_held => {
            return Err(RequestError::Said(format!("no run of `{id}` is held")));
        }
        Ask::Approve => How {
            all_users: true,
            unguarded: true,
            reason: Some(Reason::Approved),
            ..How::default()
        },
        Ask::Reject => {
            let id = id.clone();
            let change = evaluator.change(move |store, now| muster_engine::reject(store, &id, now));
            return Ok(json!({ "rejected": change.await? }));
        }
        Ask::Reconcile { destination, have } => {
            let change = evaluator.change(move |store, now| {
                let have = have.as_deref();
                Ok(reconcile(store, &cohort, &destination, have, now))
            });
            let done = change.await?;
            return done.map_err(|error| RequestError::Said(format!("{error:#}")));
        }
    };
    let report = evaluator.run(vec![cohort], how).await?;
    Ok(crate::output_json::run(&report))
}
