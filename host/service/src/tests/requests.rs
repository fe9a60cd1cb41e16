//! Tests of requests over the socket.

use std::path::Path;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::world::{ServiceWorld, settings};
use crate::api::{ErrorCode, ForgetRequest, SyncRequest};
use crate::control::{ClientError, ControlClient};
use crate::limits::MAX_CONTROL_BODY;

const BUYERS: &str = "cadence: daily\nsync: [out]\nwhere: {did: Purchase, in_last: 30 days}\n";

/// Sends requests to the service that runs on a store, from a thread of its own.
async fn client<T: Send + 'static>(
    store: &Path,
    requests: impl FnOnce(&ControlClient) -> T + Send + 'static,
) -> T {
    let store = store.to_owned();
    let asking =
        tokio::task::spawn_blocking(move || requests(&ControlClient::new(&store).unwrap()));
    asking.await.unwrap()
}

#[tokio::test]
async fn a_request_without_a_running_service_has_no_answer() {
    let directory = tempfile::tempdir().unwrap();
    for store in [directory.path().to_owned(), directory.path().join("none")] {
        let answer = client(&store, |client| client.status().unwrap()).await;
        assert_eq!(answer, None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_arrive_over_the_socket_even_in_a_deep_folder() {
    // The path of the socket is longer than the system allows.
    let deep = format!("{}/{}", "d".repeat(90), "e".repeat(90));
    let world = ServiceWorld::new(&format!("store: {deep}\n"), &[("buyers", BUYERS)]);
    let service = world.start(settings()).await;
    service.caught_up().await;
    service.purchase(&["ann"]);
    let store = world.path().join(deep);
    client(&store, |client| {
        let full = false;
        let run = client
            .sync("buyers", &SyncRequest { full })
            .unwrap()
            .unwrap();
        assert_eq!((run.entered, run.members), (1, 1));
        let status = client.status().unwrap().unwrap();
        assert_eq!(status.running.as_deref(), Some(env!("CARGO_PKG_VERSION")));
        assert_eq!(status.cohorts[0].members, 1);
        assert_eq!(client.definitions().unwrap().unwrap().len(), 1);
        let code = |refused: ClientError| match refused {
            ClientError::Api(error) => error.code,
            other => panic!("{other:?}"),
        };
        let refused = client.approve("buyers").unwrap_err();
        assert_eq!(code(refused), ErrorCode::Refused);
        let unknown = client.reject("a/b?c").unwrap_err();
        assert_eq!(code(unknown), ErrorCode::Unknown);
        let user = "a".repeat(MAX_CONTROL_BODY);
        let refused = client.forget(&ForgetRequest { user }).unwrap_err();
        assert_eq!(code(refused), ErrorCode::Invalid);
        let user = "ann".to_owned();
        let forgotten = client.forget(&ForgetRequest { user }).unwrap().unwrap();
        assert_eq!(forgotten.exited, ["buyers"]);
    })
    .await;
    service.stop().await;
}

/// Sends a request as another program does, and returns the answer.
async fn raw(socket: &Path, request: &str) -> String {
    let mut stream = UnixStream::connect(socket).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_programs_get_errors_as_documents() {
    let world = ServiceWorld::new("", &[("buyers", BUYERS)]);
    let service = world.start(settings()).await;
    service.caught_up().await;
    let socket = world.path().join(".muster/control.sock");
    for (request, status, code) in [
        ("PUT /v1/status", "405", "invalid"),
        ("GET /v2/status", "404", "unknown"),
        ("GET /v1/cohorts/none/runs", "404", "unknown"),
        ("GET /v1/cohorts/buyers/runs?limit=x", "400", "invalid"),
        ("POST /v1/cohorts/buyers/sync", "400", "invalid"),
        ("POST /v1/cohorts/buyers/approve", "409", "refused"),
    ] {
        let request = format!("{request} HTTP/1.1\r\nhost: muster\r\nconnection: close\r\n\r\n");
        let answer = raw(&socket, &request).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{request}{answer}"
        );
        assert!(
            answer.contains(&format!("{{\"error\":{{\"code\":\"{code}\"")),
            "{answer}"
        );
    }
    let request = "GET /v1/cohorts/buyers/members HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let answer = raw(&socket, request).await;
    assert!(
        answer.ends_with("\"members\":[],\"next\":null}"),
        "{answer}"
    );
    service.stop().await;
}
