//! The requests of other commands to the running service: one line of JSON each way over a socket
//! in the store's folder.

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use muster_document::SourceFile;
use muster_model::{CohortId, Millis};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;
use tokio::sync::Semaphore;

use super::Service;
use super::blocking::blocking;
use super::group::CohortRequest;
use crate::commands::reconcile::read_ids;

const SOCKET: &str = "control.sock";

/// The longest path of a socket (Linux: 108 bytes with the terminating zero).
const MAX_SOCKET_PATH: usize = 100;

/// The longest request, in bytes: a user id has at most a kilobyte.
const MAX_REQUEST_BYTES: u64 = 64 * 1024;

/// The longest time in which a request arrives.
const ARRIVAL_TIMEOUT: Duration = Duration::from_secs(5);

/// The number of requests at a time; each holds a connection until it is answered. Further requests
/// wait in the system's queue.
pub(super) const CONNECTIONS: usize = 64;

/// A request to the service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ControlRequest {
    /// A run of a cohort now.
    Sync { cohort: String, full: bool },
    /// An approval of the run that the guard holds.
    Approve { cohort: String },
    /// A rejection of the run that the guard holds.
    Reject { cohort: String },
    /// A change that makes a destination's copy equal to the members again.
    Reconcile {
        cohort: String,
        destination: String,
        /// A file with the ids that the consumer holds.
        have: Option<PathBuf>,
    },
    /// The deletion of a user's history.
    Forget { user: String },
    /// The removal of events that are older than the retention.
    Prune { anyway: bool },
    /// The active definitions, as they were read.
    Definitions,
    /// The status of the service.
    Status,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ControlAnswer {
    Ok(Value),
    Error(String),
}

/// Returns the path of the socket. If the path is too long for a socket, the folder is reached
/// through its descriptor; the caller must keep the returned file open meanwhile.
fn address(store: &Path) -> std::io::Result<(PathBuf, Option<std::fs::File>)> {
    let path = store.join(SOCKET);
    if path.as_os_str().len() <= MAX_SOCKET_PATH {
        return Ok((path, None));
    }
    let folder = std::fs::File::open(store)?;
    let path = Path::new("/proc/self/fd").join(folder.as_raw_fd().to_string());
    Ok((path.join(SOCKET), Some(folder)))
}

/// Sends a request to the service that runs on a store; `None`: no service runs.
pub(crate) fn ask(store: &Path, request: &ControlRequest) -> anyhow::Result<Option<Value>> {
    let connected = address(store).and_then(|(path, _folder)| UnixStream::connect(path));
    let mut stream = match connected {
        Ok(stream) => stream,
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::ConnectionRefused
            ) =>
        {
            return Ok(None);
        }
        Err(error) => {
            let socket = store.join(SOCKET);
            let what = format!(
                "cannot determine whether the service runs: no connection to {}",
                socket.display()
            );
            return Err(anyhow!(error).context(what));
        }
    };
    let mut line = serde_json::to_string(request)?;
    line.push('\n');
    stream.write_all(line.as_bytes())?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    if answer.is_empty() {
        bail!("the running service ended before it answered");
    }
    match serde_json::from_str(&answer).context("the running service is of another version")? {
        ControlAnswer::Ok(value) => Ok(Some(value)),
        ControlAnswer::Error(error) => bail!("{error}"),
    }
}

/// Returns the clock of the service that runs on a store; `None`: no service runs.
pub(crate) fn clock(store: &Path) -> anyhow::Result<Option<Millis>> {
    let Some(status) = ask(store, &ControlRequest::Status)? else {
        return Ok(None);
    };
    let now = crate::output_json::field(&status, "now").as_str();
    Ok(now.and_then(|now| now.parse().ok()))
}

/// Returns the active definitions of the service that runs on a store; `None`: no service runs.
pub(crate) fn definitions(store: &Path) -> anyhow::Result<Option<Vec<SourceFile>>> {
    let Some(definitions) = ask(store, &ControlRequest::Definitions)? else {
        return Ok(None);
    };
    let text = |file: &Value, key| {
        crate::output_json::field(file, key)
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let source = |file: &Value| SourceFile::new(&text(file, "path"), &text(file, "text"));
    let files = definitions.as_array().into_iter().flatten();
    Ok(Some(files.map(source).collect()))
}

/// Returns the clock of a cohort's latest run, if the service that runs on a store has run it since
/// it began.
pub(crate) fn last_run(store: &Path, cohort: &CohortId) -> anyhow::Result<Option<Millis>> {
    let Some(status) = ask(store, &ControlRequest::Status)? else {
        return Ok(None);
    };
    let cohort = crate::output_json::field(
        crate::output_json::field(&status, "cohorts"),
        cohort.as_str(),
    );
    let last = crate::output_json::field(cohort, "last_run").as_str();
    Ok(last.and_then(|last| last.parse().ok()))
}

/// Takes the socket. A previous owner has ended, because the store has one owner at a time.
pub(super) fn bind(store: &Path) -> anyhow::Result<UnixListener> {
    let listen = || {
        let (path, _folder) = address(store)?;
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        // A user who may not write to the store may not send requests either.
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        Ok(listener)
    };
    let socket = store.join(SOCKET);
    listen().with_context(|| format!("cannot listen on {}", socket.display()))
}

/// Answers requests until the service stops.
pub(super) async fn serve(
    listener: Arc<UnixListener>,
    service: Arc<Service>,
) -> anyhow::Result<()> {
    let shutdown = &service.state.shutdown;
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let permit = tokio::select! {
            () = shutdown.begun() => return Ok(()),
            permit = Arc::clone(&permits).acquire_owned() => permit?,
        };
        let stream = tokio::select! {
            () = shutdown.begun() => return Ok(()),
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!("control: {error}");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    continue;
                }
            },
        };
        let answering = Arc::clone(&service);
        service.work.once("a request", async move {
            // The client may be gone by now.
            let _ = answer(stream, &answering).await;
            drop(permit);
        });
    }
}

async fn answer(mut stream: tokio::net::UnixStream, service: &Service) -> std::io::Result<()> {
    let (read, mut write) = stream.split();
    let mut line = String::new();
    let mut reader = tokio::io::BufReader::new(read.take(MAX_REQUEST_BYTES));
    tokio::select! {
        () = service.state.shutdown.begun() => return Ok(()),
        arrived = tokio::time::timeout(ARRIVAL_TIMEOUT, reader.read_line(&mut line)) => arrived??,
    };
    let answer = match serde_json::from_str(&line) {
        Ok(request) => execute(service, request).await,
        Err(error) => Err(format!("this version does not know the request: {error}")),
    };
    let answer = match answer {
        Ok(value) => ControlAnswer::Ok(value),
        Err(error) => ControlAnswer::Error(error),
    };
    let mut bytes = serde_json::to_vec(&answer)?;
    bytes.push(b'\n');
    write.write_all(&bytes).await
}

/// Executes a request.
///
/// # Errors
/// Returns the reason for the sender when the request cannot be executed.
pub(crate) async fn execute(service: &Service, request: ControlRequest) -> Result<Value, String> {
    let (cohort, request) = match request {
        ControlRequest::Sync { cohort, full } => (cohort, CohortRequest::Sync { full }),
        ControlRequest::Approve { cohort } => (cohort, CohortRequest::Approve),
        ControlRequest::Reject { cohort } => (cohort, CohortRequest::Reject),
        ControlRequest::Reconcile {
            cohort,
            destination,
            have,
        } => {
            let have = blocking(move || have.as_deref().map(read_ids).transpose()).await;
            let have = have.map_err(|error| format!("{error:#}"))?.map(Arc::new);
            (cohort, CohortRequest::Reconcile { destination, have })
        }
        ControlRequest::Forget { user } => return service.forget(user).await,
        ControlRequest::Prune { anyway } => return service.prune(anyway).await,
        ControlRequest::Definitions => return Ok(service.definitions()),
        ControlRequest::Status => return Ok(status(service)),
    };
    tracing::info!(cohort, ask = request.name(), "request received");
    service.ask(&cohort, request).await
}

/// Returns the status of the service, for `muster status`.
fn status(service: &Service) -> Value {
    let state = &service.state;
    let active = state.active();
    let cohorts: serde_json::Map<_, _> = active
        .cohorts
        .iter()
        .map(|(id, cohort)| {
            let of_cohort = json!({
                "next_run": cohort.next.map(|at| at.to_string()),
                "last_run": cohort.last.map(|at| at.to_string()),
                "error": cohort.error,
                "cadence": cohort.cadence,
            });
            (id.to_string(), of_cohort)
        })
        .collect();
    let sources: Vec<_> = state
        .sources
        .iter()
        .map(|(name, stats)| {
            json!({
                "name": name,
                "counts": stats.counts(),
                "refused": stats.refusals(),
                "last_commit": stats.last_commit().map(|at| at.to_string()),
                "lag_ms": stats.lag(),
                "error": stats.error(),
            })
        })
        .collect();
    let destinations: serde_json::Map<_, _> = state
        .destinations
        .iter()
        .map(|(name, destination)| {
            let health = destination.health();
            let of_destination = json!({
                "error": health.error,
                "since": health.since.map(|at| at.to_string()),
                "delivered": health.delivered.map(|at| at.to_string()),
            });
            (name.clone(), of_destination)
        })
        .collect();
    let parts: serde_json::Map<_, _> = (state.parts.all().into_iter())
        .map(|(name, part)| {
            let of_part = json!({
                "failures": part.failures,
                "why": part.why,
                "at": part.at.to_string(),
                "down": part.down,
            });
            (name, of_part)
        })
        .collect();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "now": state.clock.now().to_string(),
        "caught_up": active.caught_up,
        "definitions": active.definitions.as_ref().map(|faults| &faults.text),
        "retention": active.retention,
        "parts": parts,
        "cohorts": cohorts,
        "sources": sources,
        "destinations": destinations,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_without_a_running_service_has_no_answer() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(
            ask(directory.path(), &ControlRequest::Status).unwrap(),
            None
        );
        assert_eq!(
            ask(&directory.path().join("none"), &ControlRequest::Status).unwrap(),
            None
        );
    }

    #[tokio::test]
    async fn a_socket_in_a_deep_folder_has_an_address() {
        let directory = tempfile::tempdir().unwrap();
        let deep = directory.path().join("d".repeat(90)).join("e".repeat(90));
        std::fs::create_dir_all(&deep).unwrap();
        let listener = bind(&deep).unwrap();
        let asking = tokio::task::spawn_blocking(move || ask(&deep, &ControlRequest::Status));
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut line = String::new();
        tokio::io::BufReader::new(&mut stream)
            .read_line(&mut line)
            .await
            .unwrap();
        assert_eq!(line, "\"status\"\n");
        stream.write_all(b"{\"ok\":1}\n").await.unwrap();
        assert_eq!(asking.await.unwrap().unwrap(), Some(json!(1)));
    }
}
