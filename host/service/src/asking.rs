//! Requests of other commands and programs, as the running service executes them.

use std::sync::Arc;
use std::time::Duration;

use muster_definition::Definition;
use muster_engine::RunOptions;
use muster_model::CohortId;
use muster_project::modules;
use muster_store::Snapshot;
use muster_tasks::blocking;

use super::group::GroupReply;
use super::maintenance;
use super::phase::Phase;
use super::service::Service;
use crate::api::{
    ApiError, DeadLetterList, DeadLettersRequest, DefinitionFile, DestinationHealth, ErrorCode,
    ExplainRequest, Explanation, ForgottenUser, HandledDeadLetters, HistoryQuery, MembersPage,
    MembersQuery, PlanRequest, PrunedEvents, RunHistory, RunPlan, SourceSummary, StatusDocument,
};
use crate::queries::{self, Explained, RunningState};
use crate::requests::{self, CohortAnswer, CohortRequest, decide};

/// The longest time that a request waits for the first import of files.
const IMPORT_TIMEOUT: Duration = Duration::from_secs(5);

const STOPPING: &str = "the service is stopping: try again after the next start";

const STARTING: &str = "the service is starting: it evaluates no cohort before the files of `sources:` are imported; try again later";

const FAILED: &str = "the run failed unexpectedly: `muster status` and the service's log say more";

fn unavailable(why: &str) -> ApiError {
    ApiError::new(ErrorCode::Unavailable, why)
}

impl Service {
    /// Deletes a user's history and memberships.
    pub(crate) async fn forget(&self, user: String) -> Result<ForgottenUser, ApiError> {
        let _states = self.state.locks.all_states().await;
        let _outside_runs = self.state.locks.outside_runs.lock().await;
        let state = Arc::clone(&self.state);
        let forget = move || muster_engine::forget(&state.store, &user, state.clock.now());
        Ok(blocking(forget).await?.into())
    }

    /// Drops events that are older than the retention.
    pub(crate) async fn prune(&self, anyway: bool) -> Result<PrunedEvents, ApiError> {
        let project = self.project();
        maintenance::prune(Arc::clone(&self.state), &project.config, anyway).await
    }

    /// Returns the dead letters of all destinations.
    pub(crate) async fn dead_letters(&self) -> Result<DeadLetterList, ApiError> {
        let store = self.state.store.clone();
        let list = blocking(move || queries::dead_letters(&store.snapshot()?)).await;
        list.map_err(ApiError::failed)
    }

    /// Puts dead letters back into the outbox, which wakes their destination.
    pub(crate) async fn retry_dead_letters(
        &self,
        request: DeadLettersRequest,
    ) -> Result<HandledDeadLetters, ApiError> {
        let store = self.state.store.clone();
        blocking(move || requests::retry_dead_letters(&store, &request)).await
    }

    /// Drops dead letters.
    pub(crate) async fn drop_dead_letters(
        &self,
        request: DeadLettersRequest,
    ) -> Result<HandledDeadLetters, ApiError> {
        let store = self.state.store.clone();
        blocking(move || requests::drop_dead_letters(&store, &request)).await
    }

    /// Sends a request about a cohort to the group that has it. If a reload ends that group first,
    /// the request goes to the next group.
    pub(crate) async fn ask(
        &self,
        cohort: &str,
        request: CohortRequest,
    ) -> Result<CohortAnswer, ApiError> {
        let id = CohortId::new(cohort).map_err(|_| self.unknown(cohort))?;
        let mut phase = self.phase.subscribe();
        loop {
            let ready = phase.wait_for(|phase| matches!(phase, Phase::Active(_)));
            let settled = tokio::select! {
                () = self.state.shutdown.begun() => return Err(unavailable(STOPPING)),
                settled = ready => settled.map_or(Phase::Starting, |phase| *phase),
                () = self.import_takes_long() => return Err(unavailable(STARTING)),
            };
            let asking = {
                let groups = self.groups.lock().await;
                let group = groups.iter().find(|group| group.has(&id));
                group.map(|group| group.ask(id.clone(), request.clone()))
            };
            let reply = match asking {
                Some(asking) => Some(asking.await),
                None => None,
            };
            let changed = *self.phase.borrow() != settled;
            match reply {
                Some(GroupReply::Answer(answer)) => return answer,
                Some(GroupReply::Ended) if self.state.shutdown.has_begun() => {
                    return Err(unavailable(STOPPING));
                }
                _ if changed => {}
                Some(GroupReply::Ended) => return Err(ApiError::failed(FAILED)),
                None => {
                    return match self.decide_without_definition(&id, &request).await {
                        Some(answer) => answer,
                        None => Err(self.unknown(cohort)),
                    };
                }
            }
        }
    }

    /// Executes a request about a cohort without a definition. `None`: there is nothing to decide.
    async fn decide_without_definition(
        &self,
        id: &CohortId,
        request: &CohortRequest,
    ) -> Option<Result<CohortAnswer, ApiError>> {
        let _changing = self.changing.lock().await;
        let outside_runs = Arc::clone(&self.state.locks.outside_runs)
            .lock_owned()
            .await;
        let (state, id, request) = (Arc::clone(&self.state), id.clone(), request.clone());
        let decided = blocking(move || {
            let _outside_runs = outside_runs;
            decide(&state.store, &id, &request, state.clock.now())
        });
        decided.await.transpose()
    }

    /// Waits until the import of files has taken so long that an error is better for the sender of
    /// a request than a longer wait.
    async fn import_takes_long(&self) {
        tokio::time::sleep(IMPORT_TIMEOUT).await;
        if *self.phase.borrow() != Phase::Starting {
            std::future::pending::<()>().await;
        }
    }

    /// Returns the state of the service and the store.
    pub(crate) async fn status(self: Arc<Self>) -> Result<StatusDocument, ApiError> {
        let running = self.running();
        let project = self.project();
        self.read(move |snapshot| Ok(queries::status(&project, Some(snapshot), Some(&running))?))
            .await
    }

    /// Returns the runs of a cohort.
    pub(crate) async fn history(
        self: Arc<Self>,
        cohort: String,
        query: HistoryQuery,
    ) -> Result<RunHistory, ApiError> {
        let project = self.project();
        self.read(move |snapshot| {
            let id = queries::known_cohort(&project, Some(snapshot), &cohort)?;
            Ok(queries::history(snapshot, &id, query)?)
        })
        .await
    }

    /// Returns a page of the members of a cohort.
    pub(crate) async fn members(
        self: Arc<Self>,
        cohort: String,
        query: MembersQuery,
    ) -> Result<MembersPage, ApiError> {
        let (project, service) = (self.project(), Arc::clone(&self));
        self.read(move |snapshot| {
            let id = queries::known_cohort(&project, Some(snapshot), &cohort)?;
            let last = {
                let active = service.state.active();
                active.cohorts.get(&id).and_then(|cohort| cohort.last)
            };
            Ok(queries::members(snapshot, &id, query, last)?)
        })
        .await
    }

    /// Returns why a user is in a cohort or is not.
    pub(crate) async fn explain(
        self: Arc<Self>,
        request: ExplainRequest,
    ) -> Result<Explanation, ApiError> {
        let project = self.project();
        let at = request.at.unwrap_or_else(|| self.state.clock.now());
        self.read(move |snapshot| {
            let ExplainRequest { cohort, user, .. } = &request;
            let definition = project.cohort(cohort)?;
            let clause = muster_project::clause(definition);
            let clause = clause.as_deref();
            let explained = Explained::of(&project, snapshot, definition, clause, user, at)?;
            Ok(explained.document())
        })
        .await
    }

    /// Returns what the next run would change with the definitions on disk.
    pub(crate) async fn plan(self: Arc<Self>, request: PlanRequest) -> Result<RunPlan, ApiError> {
        let (project, compile) = (self.project(), self.compile.clone());
        let now = request.now.unwrap_or_else(|| self.state.clock.now());
        self.read(move |snapshot| {
            let project = project.reload();
            let loaded = modules::load(&project, compile).map_err(ApiError::failed)?;
            let lists = project.lists.for_engine();
            let options = RunOptions {
                lists: &lists,
                ..RunOptions::at(now)
            };
            queries::plan(&project, &loaded, snapshot, &request, &options, true)
        })
        .await
    }

    /// Reads the store.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Snapshot) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let store = self.state.store.clone();
        blocking(move || read(&store.snapshot()?)).await
    }

    /// Returns what only the running service knows.
    fn running(&self) -> RunningState {
        let state = &self.state;
        let sources = state.sources.iter().map(|(name, stats)| SourceSummary {
            name: name.clone(),
            counts: stats.counts(),
            refused: stats.refusals(),
            last_skipped: stats.last_skipped(),
            last_commit: stats.last_commit(),
            lag_ms: stats.lag(),
            error: stats.error(),
        });
        let destinations = state.destinations.iter().map(|(name, destination)| {
            let health = destination.health();
            let health = DestinationHealth {
                error: health.error,
                since: health.since,
                delivered: health.delivered,
                ..DestinationHealth::default()
            };
            (name.clone(), health)
        });
        let active = state.active();
        let faults = active.definitions.as_ref();
        RunningState {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            now: Some(state.clock.now()),
            caught_up: active.caught_up,
            definitions: faults.map(|faults| faults.text.clone()),
            retention: active.retention.clone(),
            cohorts: active.cohorts.clone(),
            sources: sources.collect(),
            destinations: destinations.collect(),
            parts: state.parts.all(),
        }
    }

    /// Returns the files of the active definitions, as they were read. Paths are absolute, because
    /// the client may run in another folder.
    pub(crate) fn definitions(&self) -> Vec<DefinitionFile> {
        let project = self.project();
        let file = |definition: &Definition| {
            let path = std::path::absolute(definition.source.path()).unwrap_or_default();
            DefinitionFile {
                path: path.to_string_lossy().into_owned(),
                text: definition.source.text().to_owned(),
            }
        };
        project.definitions.iter().map(file).collect()
    }

    fn unknown(&self, cohort: &str) -> ApiError {
        ApiError::unknown(match self.project().cohort(cohort) {
            Err(error) => format!("in the active definitions, {error}"),
            Ok(_) => format!("the running service has no cohort `{cohort}`"),
        })
    }
}
