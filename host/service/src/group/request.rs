//! Requests about one cohort on their way to the group that has it.

use muster_engine::EngineError;
use muster_model::CohortId;
use tokio::sync::oneshot;

use super::evaluator::Evaluator;
use crate::api::{ApiError, RejectedRun, RequestedRun};
use crate::requests::{CohortAction, CohortAnswer, CohortRequest, reconcile};

/// The reply of a group to a request.
pub(crate) enum GroupReply {
    /// The request is done, or cannot be done.
    Answer(Result<CohortAnswer, ApiError>),
    /// The group ended before the request was done: another group may have the cohort.
    Ended,
}

/// A request on its way to the group's task.
pub(super) struct GroupCommand {
    pub(super) cohort: CohortId,
    pub(super) request: CohortRequest,
    pub(super) reply: oneshot::Sender<Result<CohortAnswer, ApiError>>,
}

impl GroupCommand {
    /// Executes the request, and answers. A run that is stopped is not answered: the request goes
    /// to the next group that has the cohort.
    pub(super) async fn execute(self, evaluator: &Evaluator) {
        let answer = match execute(evaluator, &self.cohort, self.request).await {
            Err(RequestError::Engine(EngineError::Stopped)) => return,
            Err(RequestError::Engine(error)) => Err(error.into()),
            Err(RequestError::Refused(why)) => Err(why),
            Ok(answer) => Ok(answer),
        };
        // The sender of the request may be gone by now.
        let _ = self.reply.send(answer);
    }
}

enum RequestError {
    Engine(EngineError),
    Refused(ApiError),
}

impl From<EngineError> for RequestError {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

impl From<ApiError> for RequestError {
    fn from(error: ApiError) -> Self {
        Self::Refused(error)
    }
}

async fn execute(
    evaluator: &Evaluator,
    id: &CohortId,
    request: CohortRequest,
) -> Result<CohortAnswer, RequestError> {
    let known = evaluator.cohorts.iter().find(|cohort| cohort.id == *id);
    let unknown = || ApiError::unknown(format!("no cohort has the id `{id}`"));
    let cohort = known.cloned().ok_or_else(unknown)?;
    let held = {
        let id = id.clone();
        evaluator.read(move |snapshot| Ok(muster_engine::status(snapshot, &id)?.held))
    };
    match request.action(id, held.await?.is_some())? {
        CohortAction::Run(mode) => {
            let report = evaluator.run(vec![cohort], mode).await?;
            let run = RequestedRun::of(&report).ok_or_else(unknown)?;
            Ok(CohortAnswer::Ran(run))
        }
        CohortAction::Reject => {
            let id = cohort.id;
            let change = evaluator.change(move |store, now| muster_engine::reject(store, &id, now));
            match change.await? {
                Some(rejected) => Ok(CohortAnswer::Rejected(RejectedRun { rejected })),
                None => Err(unknown().into()),
            }
        }
        CohortAction::Reconcile { destination, have } => {
            let change = evaluator.change(move |store, now| {
                let have = have.as_deref();
                Ok(reconcile(store, &cohort, &destination, have, now))
            });
            Ok(CohortAnswer::Reconciled(change.await??))
        }
    }
}
