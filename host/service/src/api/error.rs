//! Refusals and failures of requests.

use muster_engine::EngineError;
use muster_project::UnknownCohort;
use muster_store::StoreError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The kind of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The request is malformed (status 400), or its path takes another method (405).
    Invalid,
    /// No such cohort, user or path exists (status 404).
    Unknown,
    /// The state of the cohort or the settings do not allow the request (status 409).
    Refused,
    /// The service is starting or stopping (status 503).
    Unavailable,
    /// The request failed (status 500).
    Failed,
}

/// The reason why a request was not executed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// The kind.
    pub code: ErrorCode,
    /// The reason and the remedy, in words.
    pub message: String,
}

/// The body of an answer that is an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    /// The error.
    pub error: ApiError,
}

impl ApiError {
    /// Returns an error of a kind.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { code, message }
    }

    /// Returns the refusal of a request that the state of things does not allow.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Refused, message)
    }

    /// Returns the error that a request names what does not exist.
    pub fn unknown(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Unknown, message)
    }

    /// Returns the error of a request that failed.
    pub fn failed(error: impl std::fmt::Display) -> Self {
        Self::new(ErrorCode::Failed, error.to_string())
    }
}

impl From<UnknownCohort> for ApiError {
    fn from(error: UnknownCohort) -> Self {
        Self::unknown(error.to_string())
    }
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        Self::failed(error)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::failed(error)
    }
}
