//! The routes of the control API. Each says what docs/openapi.json has of it.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, FromRequest, FromRequestParts, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use muster_tasks::blocking;
use serde::Serialize;
use tokio::sync::oneshot;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::{
    ApiError, DeadLetterList, DeadLettersRequest, DefinitionFile, ErrorBody, ErrorCode,
    ExplainRequest, Explanation, ForgetRequest, ForgottenUser, HandledDeadLetters, HistoryQuery,
    MembersPage, MembersQuery, PlanRequest, PruneRequest, PrunedEvents, ReconcileRequest,
    ReconciledCopy, RejectedRun, RequestedRun, RunHistory, RunPlan, StatusDocument, SyncRequest,
    VERSION,
};
use crate::requests::{CohortAnswer, CohortRequest, read_ids};
use crate::service::Service;

/// The longest body of a request, in bytes: a user id has at most a kilobyte, and a plan names at
/// most all cohorts of a project.
pub const MAX_BODY: usize = 256 * 1024;

/// Returns the routes.
pub(super) fn router() -> OpenApiRouter<Arc<Service>> {
    let routes = OpenApiRouter::new()
        .routes(routes!(status))
        .routes(routes!(definitions))
        .routes(routes!(history))
        .routes(routes!(members))
        .routes(routes!(sync))
        .routes(routes!(approve))
        .routes(routes!(reject))
        .routes(routes!(reconcile))
        .routes(routes!(explain))
        .routes(routes!(forget))
        .routes(routes!(plan))
        .routes(routes!(prune))
        .routes(routes!(dead_letters))
        .routes(routes!(retry_dead_letters))
        .routes(routes!(drop_dead_letters));
    OpenApiRouter::new()
        .nest(VERSION, routes)
        .fallback(unknown_path)
        .layer(DefaultBodyLimit::max(MAX_BODY))
}

type JsonAnswer<T> = Result<Json<T>, ApiError>;

/// Returns the state of the service, the store, cohorts, sources and destinations.
#[utoipa::path(get, path = "/status", responses((status = 200, description = "The answer", body = StatusDocument), (status = "default", description = "The reason why the request was not executed", body = ErrorBody)))]
async fn status(State(service): State<Arc<Service>>) -> JsonAnswer<StatusDocument> {
    answer(service, "status", |service| async move {
        service.status().await
    })
    .await
}

/// Returns the files of the active definitions, as they were read.
#[utoipa::path(get, path = "/definitions", responses((status = 200, description = "The answer", body = Vec<DefinitionFile>), (status = "default", description = "The reason why the request was not executed", body = ErrorBody)))]
async fn definitions(State(service): State<Arc<Service>>) -> JsonAnswer<Vec<DefinitionFile>> {
    Ok(Json(service.definitions()))
}

/// Returns the runs of a cohort, the latest first.
#[utoipa::path(get, path = "/cohorts/{cohort}/runs", params(("cohort" = String, Path, description = "The cohort's id"), HistoryQuery),
    responses((status = 200, description = "The answer", body = RunHistory), (status = "default", description = "The reason why the request was not executed", body = ErrorBody)))]
async fn history(
    State(service): State<Arc<Service>>,
    Path(cohort): Path<String>,
    ApiQuery(query): ApiQuery<HistoryQuery>,
) -> JsonAnswer<RunHistory> {
    answer(service, "history", move |service| async move {
        service.history(cohort, query).await
    })
    .await
}

/// Returns a page of the members of a cohort.
#[utoipa::path(get, path = "/cohorts/{cohort}/members", params(("cohort" = String, Path, description = "The cohort's id"), MembersQuery),
    responses((status = 200, description = "The answer", body = MembersPage), (status = "default", description = "The reason why the request was not executed", body = ErrorBody)))]
async fn members(
    State(service): State<Arc<Service>>,
    Path(cohort): Path<String>,
    ApiQuery(query): ApiQuery<MembersQuery>,
) -> JsonAnswer<MembersPage> {
    answer(service, "members", move |service| async move {
        service.members(cohort, query).await
    })
    .await
}

/// Runs a cohort now. The answer comes when the run has ended.
#[utoipa::path(post, path = "/cohorts/{cohort}/sync", params(("cohort" = String, Path, description = "The cohort's id")), request_body = SyncRequest,
    responses((status = 200, description = "The answer", body = RequestedRun), (status = "default", description = "The reason why the request was not executed", body = ErrorBody)))]
async fn sync(
    State(service): State<Arc<Service>>,
    Path(cohort): Path<String>,
    ApiJson(request): ApiJson<SyncRequest>,
) -> JsonAnswer<RequestedRun> {
    let full = request.full;
    ask(
        service,
        cohort,
        CohortRequest::Sync { full },
        CohortAnswer::ran,
    )
    .await
}

/// Approves the run that the guard holds: the cohort is computed again, and entries and exits are
/// sent.
#[utoipa::path(post, path = "/cohorts/{cohort}/approve", params(("cohort" = String, Path, description = "The cohort's id")),
    responses((status = 200, description = "The answer", body = RequestedRun), (status = "default", description = "The reason why the request was not executed", body = ErrorBody)))]
async fn approve(
    State(service): State<Arc<Service>>,
    Path(cohort): Path<String>,
) -> JsonAnswer<RequestedRun> {
    ask(service, cohort, CohortRequest::Approve, CohortAnswer::ran).await
}

/// Drops the run that the guard holds.
#[utoipa::path(post, path = "/cohorts/{cohort}/reject", params(("cohort" = String, Path, description = "The cohort's id")),
    responses((status = 200, description = "The answer", body = RejectedRun), (status = "default", description = "The reason why the request was not executed", body = ErrorBody)))]
async fn reject(
    State(service): State<Arc<Service>>,
    Path(cohort): Path<String>,
) -> JsonAnswer<RejectedRun> {
    ask(
        service,
        cohort,
        CohortRequest::Reject,
        CohortAnswer::rejected,
    )
    .await
}

/// Makes a destination's copy of a cohort equal to the members.
#[utoipa::path(post, path = "/cohorts/{cohort}/reconcile", params(("cohort" = String, Path, description = "The cohort's id")),
    request_body = ReconcileRequest, responses((status = 200, description = "The answer", body = ReconciledCopy), (status = "default", description = "The reason why the request was not executed", body = ErrorBody)))]
async fn reconcile(
    State(service): State<Arc<Service>>,
    Path(cohort): Path<String>,
    ApiJson(request): ApiJson<ReconcileRequest>,
) -> JsonAnswer<ReconciledCopy> {
    let ReconcileRequest { destination, have } = request;
    let have = blocking(move || have.as_deref().map(read_ids).transpose()).await;
    let have = have.map_err(|error| ApiError::new(ErrorCode::Invalid, format!("{error:#}")))?;
    let have = have.map(Arc::new);
    let request = CohortRequest::Reconcile { destination, have };
    ask(service, cohort, request, CohortAnswer::reconciled).await
}

/// Returns why a user is in a cohort or is not, by the active definitions.
#[utoipa::path(post, path = "/explain", request_body = ExplainRequest, responses((status = 200, description = "The answer", body = Explanation), (status = "default", description = "The reason why the request was not executed", body = ErrorBody)))]
async fn explain(
    State(service): State<Arc<Service>>,
    ApiJson(request): ApiJson<ExplainRequest>,
) -> JsonAnswer<Explanation> {
    answer(service, "explain", |service| async move {
        service.explain(request).await
    })
    .await
}

/// Deletes a user: history, properties and memberships. This cannot be undone.
#[utoipa::path(post, path = "/forget", request_body = ForgetRequest, responses((status = 200, description = "The answer", body = ForgottenUser), (status = "default", description = "The reason why the request was not executed", body = ErrorBody)))]
async fn forget(
    State(service): State<Arc<Service>>,
    ApiJson(request): ApiJson<ForgetRequest>,
) -> JsonAnswer<ForgottenUser> {
    answer(service, "forget", |service| async move {
        service.forget(request.user).await
    })
    .await
}

/// Returns what the next run would change with the definitions on disk. Nothing is stored or sent.
#[utoipa::path(post, path = "/plan", request_body = PlanRequest, responses((status = 200, description = "The answer", body = RunPlan), (status = "default", description = "The reason why the request was not executed", body = ErrorBody)))]
async fn plan(
    State(service): State<Arc<Service>>,
    ApiJson(request): ApiJson<PlanRequest>,
) -> JsonAnswer<RunPlan> {
    answer(service, "plan", |service| async move {
        service.plan(request).await
    })
    .await
}

/// Drops the events that are older than `retention:`.
#[utoipa::path(post, path = "/prune", request_body = PruneRequest, responses((status = 200, description = "The answer", body = PrunedEvents), (status = "default", description = "The reason why the request was not executed", body = ErrorBody)))]
async fn prune(
    State(service): State<Arc<Service>>,
    ApiJson(request): ApiJson<PruneRequest>,
) -> JsonAnswer<PrunedEvents> {
    answer(service, "prune", move |service| async move {
        service.prune(request.anyway).await
    })
    .await
}

/// Returns the dead letters of all destinations.
#[utoipa::path(get, path = "/dead-letters", responses((status = 200, description = "The answer", body = DeadLetterList), (status = "default", description = "The reason why the request was not executed", body = ErrorBody)))]
async fn dead_letters(State(service): State<Arc<Service>>) -> JsonAnswer<DeadLetterList> {
    answer(service, "dead-letters", |service| async move {
        service.dead_letters().await
    })
    .await
}

/// Puts dead letters of a destination back into its outbox, with their ids and bytes.
#[utoipa::path(post, path = "/dead-letters/retry", request_body = DeadLettersRequest, responses((status = 200, description = "The answer", body = HandledDeadLetters), (status = "default", description = "The reason why the request was not executed", body = ErrorBody)))]
async fn retry_dead_letters(
    State(service): State<Arc<Service>>,
    ApiJson(request): ApiJson<DeadLettersRequest>,
) -> JsonAnswer<HandledDeadLetters> {
    answer(service, "retry dead letters", move |service| async move {
        service.retry_dead_letters(request).await
    })
    .await
}

/// Drops dead letters of a destination.
#[utoipa::path(post, path = "/dead-letters/drop", request_body = DeadLettersRequest, responses((status = 200, description = "The answer", body = HandledDeadLetters), (status = "default", description = "The reason why the request was not executed", body = ErrorBody)))]
async fn drop_dead_letters(
    State(service): State<Arc<Service>>,
    ApiJson(request): ApiJson<DeadLettersRequest>,
) -> JsonAnswer<HandledDeadLetters> {
    answer(service, "drop dead letters", move |service| async move {
        service.drop_dead_letters(request).await
    })
    .await
}

async fn unknown_path() -> ApiError {
    ApiError::unknown("this version of the service does not know the path")
}

/// Refuses a method that a path does not take.
pub(super) async fn other_method() -> Response {
    let error = ApiError::new(ErrorCode::Invalid, "the path takes another method");
    (StatusCode::METHOD_NOT_ALLOWED, Json(ErrorBody { error })).into_response()
}

/// Sends a request about a cohort to the service.
async fn ask<T: Serialize + Send + 'static>(
    service: Arc<Service>,
    cohort: String,
    request: CohortRequest,
    kind: fn(CohortAnswer) -> Result<T, ApiError>,
) -> JsonAnswer<T> {
    let name = request.name();
    tracing::info!(cohort, ask = name, "request received");
    answer(service, name, move |service| async move {
        kind(service.ask(&cohort, request).await?)
    })
    .await
}

/// Executes a request as a task of its own: it ends even if its client goes, and a panic of it is
/// logged and answered.
async fn answer<T, F>(
    service: Arc<Service>,
    name: &str,
    execute: impl FnOnce(Arc<Service>) -> F,
) -> JsonAnswer<T>
where
    T: Send + 'static,
    F: Future<Output = Result<T, ApiError>> + Send + 'static,
{
    let (reply, answered) = oneshot::channel();
    let executing = execute(Arc::clone(&service));
    service
        .work
        .once(&format!("the request {name}"), async move {
            // The client may be gone by now.
            let _ = reply.send(executing.await);
        });
    match answered.await {
        Ok(answer) => answer.map(Json),
        Err(_) => Err(ApiError::failed(
            "the request failed unexpectedly: the service's log says more",
        )),
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = match self.code {
            ErrorCode::Invalid => StatusCode::BAD_REQUEST,
            ErrorCode::Unknown => StatusCode::NOT_FOUND,
            ErrorCode::Refused => StatusCode::CONFLICT,
            ErrorCode::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            ErrorCode::Failed => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (status, Json(ErrorBody { error: self })).into_response()
    }
}

/// A body in JSON. A malformed one is refused as an [`ApiError`].
#[derive(FromRequest)]
#[from_request(via(Json), rejection(ApiError))]
struct ApiJson<T>(T);

/// The query of a path. A malformed one is refused as an [`ApiError`].
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(ApiError))]
struct ApiQuery<T>(T);

impl From<JsonRejection> for ApiError {
    fn from(rejection: JsonRejection) -> Self {
        Self::new(ErrorCode::Invalid, rejection.body_text())
    }
}

impl From<QueryRejection> for ApiError {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(ErrorCode::Invalid, rejection.body_text())
    }
}
