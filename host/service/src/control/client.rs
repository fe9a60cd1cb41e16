//! The client of the control API, for commands.

use std::path::{Path, PathBuf};

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Method, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio::runtime::Runtime;

use super::socket::{self, SOCKET};
use crate::api::{
    ApiError, DeadLettersRequest, DefinitionFile, ErrorBody, ForgetRequest, ForgottenUser,
    HandledDeadLetters, PruneRequest, PrunedEvents, ReconcileRequest, ReconciledCopy, RejectedRun,
    RequestedRun, StatusDocument, SyncRequest, VERSION,
};

/// A client of the service that runs on a store. It must not be used within an asynchronous task.
pub struct ControlClient {
    store: PathBuf,
    runtime: Runtime,
}

/// The reason why a request got no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The service refused the request or failed at it.
    #[error(transparent)]
    Api(ApiError),
    /// It cannot be determined whether a service runs.
    #[error("cannot determine whether the service runs: no connection to {}", .path.display())]
    Connection {
        /// The path of the socket.
        path: PathBuf,
        /// The error of the system.
        #[source]
        source: std::io::Error,
    },
    /// The service ended before it answered.
    #[error("the running service ended before it answered")]
    Ended(#[source] hyper::Error),
    /// The service's answer is not that of this version.
    #[error("the running service is of another version")]
    OtherVersion(#[source] Option<serde_json::Error>),
    /// The client's own thread cannot be started.
    #[error("cannot start the network's thread")]
    Runtime(#[source] std::io::Error),
}

/// An answer; `None`: no service runs.
type Answered<T> = Result<Option<T>, ClientError>;

impl ControlClient {
    /// Makes a client. It connects at each request.
    ///
    /// # Errors
    /// If the system allows no event queue.
    pub fn new(store: &Path) -> Result<Self, ClientError> {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        Ok(Self {
            store: store.to_owned(),
            runtime: runtime.enable_all().build().map_err(ClientError::Runtime)?,
        })
    }

    /// Returns the state of the service.
    ///
    /// # Errors
    /// As for all requests: see [`ClientError`].
    pub fn status(&self) -> Answered<StatusDocument> {
        self.get("/status")
    }

    /// Returns the files of the active definitions.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn definitions(&self) -> Answered<Vec<DefinitionFile>> {
        self.get("/definitions")
    }

    /// Runs a cohort now.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn sync(&self, cohort: &str, request: &SyncRequest) -> Answered<RequestedRun> {
        self.post(&of_cohort(cohort, "sync"), request)
    }

    /// Approves the run that the guard holds.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn approve(&self, cohort: &str) -> Answered<RequestedRun> {
        self.post(&of_cohort(cohort, "approve"), &())
    }

    /// Drops the run that the guard holds.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn reject(&self, cohort: &str) -> Answered<RejectedRun> {
        self.post(&of_cohort(cohort, "reject"), &())
    }

    /// Makes a destination's copy of a cohort equal to the members.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn reconcile(&self, cohort: &str, request: &ReconcileRequest) -> Answered<ReconciledCopy> {
        self.post(&of_cohort(cohort, "reconcile"), request)
    }

    /// Deletes a user.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn forget(&self, request: &ForgetRequest) -> Answered<ForgottenUser> {
        self.post("/forget", request)
    }

    /// Drops the events that are older than `retention:`.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn prune(&self, request: &PruneRequest) -> Answered<PrunedEvents> {
        self.post("/prune", request)
    }

    /// Puts dead letters back into the outbox.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn retry_dead_letters(&self, request: &DeadLettersRequest) -> Answered<HandledDeadLetters> {
        self.post("/dead-letters/retry", request)
    }

    /// Drops dead letters.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn drop_dead_letters(&self, request: &DeadLettersRequest) -> Answered<HandledDeadLetters> {
        self.post("/dead-letters/drop", request)
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> Answered<T> {
        self.send(Method::GET, path, Bytes::new())
    }

    fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Answered<T> {
        let body =
            serde_json::to_vec(body).map_err(|error| ClientError::OtherVersion(Some(error)))?;
        self.send(Method::POST, path, body.into())
    }

    fn send<T: DeserializeOwned>(&self, method: Method, path: &str, body: Bytes) -> Answered<T> {
        let path = &format!("{VERSION}{path}");
        let answer = self.runtime.block_on(async {
            let connected = socket::connect(&self.store).await;
            let stream = connected.map_err(|source| ClientError::Connection {
                path: self.store.join(SOCKET),
                source,
            })?;
            match stream {
                Some(stream) => exchange(stream, method, path, body).await.map(Some),
                None => Ok(None),
            }
        })?;
        let Some((status, body)) = answer else {
            return Ok(None);
        };
        let other_version = |error| ClientError::OtherVersion(Some(error));
        if status == StatusCode::OK {
            return Ok(Some(serde_json::from_slice(&body).map_err(other_version)?));
        }
        let ErrorBody { error } = serde_json::from_slice(&body).map_err(other_version)?;
        Err(ClientError::Api(error))
    }
}

/// Returns the path of a request about a cohort. Characters that a path cannot hold are encoded.
fn of_cohort(cohort: &str, request: &str) -> String {
    let mut path = String::from("/cohorts/");
    for byte in cohort.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => path.push(char::from(byte)),
            _ => path.push_str(&format!("%{byte:02X}")),
        }
    }
    path + "/" + request
}

/// Sends a request over a connection. Returns the status and the body of the answer.
async fn exchange(
    stream: UnixStream,
    method: Method,
    path: &str,
    body: Bytes,
) -> Result<(StatusCode, Bytes), ClientError> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, "localhost")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(body))
        .map_err(|_| ClientError::OtherVersion(None))?;
    let handshake = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(ClientError::Ended)?;
    let exchange = async {
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        Ok((status, answer.into_body().collect().await?.to_bytes()))
    };
    tokio::pin!(exchange);
    tokio::select! {
        biased;
        answered = &mut exchange => answered.map_err(ClientError::Ended),
        // The connection may end with the last byte of the answer.
        _ = connection => exchange.await.map_err(ClientError::Ended),
    }
}
