//! A store that fails, clients that go away, and the end of the server.

use std::sync::mpsc;

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::client::*;
use super::*;

#[tokio::test]
async fn a_failing_store_is_reported_and_retried() {
    let mut failures = 2;
    let server = EventServer::with(ServerLimits::default(), move |_| {
        if failures == 0 {
            return Ok(());
        }
        failures -= 1;
        Err(StoreError::DiskFull)
    })
    .await;
    let body = body(&json!([view("ann")]));
    for _ in 0..2 {
        let answer = post(server.address, "/2/httpapi", &body).await;
        let full = StoreError::DiskFull.to_string();
        let error = format!("Events cannot be stored at the moment: {full}");
        assert_eq!(
            (answer.status, answer.json()),
            (503, json!({"code": 503, "error": error}))
        );
        assert_eq!(answer.header("retry-after"), Some("2"));
        let trouble = format!("events cannot be stored: {full}");
        assert_eq!(server.stats.error(), Some(trouble));
    }
    // A request that writes nothing does not show that the store works.
    let anonymous = super::body(&json!([{"device_id": "d", "event_type": "View"}]));
    assert_eq!(
        post(server.address, "/2/httpapi", anonymous).await.status,
        200
    );
    assert!(server.stats.error().is_some());
    assert_eq!((server.rows().len(), server.stats.counts().events), (0, 0));

    assert_eq!(post(server.address, "/2/httpapi", &body).await.status, 200);
    assert_eq!(server.stats.error(), None);
    assert_eq!(
        (server.stats.refusals(), server.stats.counts().events),
        (2, 1)
    );
    assert_eq!(server.stop().await, ["ann View"]);
}

#[tokio::test]
async fn a_writer_that_panics_ends_the_server_with_an_error() {
    let server =
        EventServer::with(ServerLimits::default(), |_| panic!("a fault of the test's")).await;
    let answer = post(server.address, "/2/httpapi", body(&json!([view("ann")]))).await;
    assert_eq!(answer.status, 503);
    let error = server.running.await.unwrap().unwrap_err();
    assert!(matches!(error, HttpError::Writer), "{error}");
}

#[tokio::test]
async fn the_server_does_not_run_without_a_key() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let append: Append = Box::new(|_| Ok(0));
    let (stats, cancel) = (Arc::default(), CancellationToken::new());
    let ran = server::run(
        listener,
        (append, None),
        Vec::new(),
        false,
        ServerLimits::default(),
        stats,
        cancel,
    )
    .await;
    assert!(matches!(ran, Err(HttpError::NoKey)));
}

#[tokio::test]
async fn a_client_that_goes_away_inside_a_body_leaves_nothing() {
    let server = EventServer::start().await;
    let bytes = request(
        "POST",
        "/2/httpapi",
        "",
        body(&json!([view("ann")])).as_bytes(),
    );
    for length in [10, bytes.len() - 20, bytes.len() - 1] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(&bytes[..length]).await.unwrap();
    }
    assert_eq!(
        post(server.address, "/2/httpapi", body(&json!([view("bob")])))
            .await
            .status,
        200
    );
    assert_eq!(server.stop().await, ["bob View"]);
}

#[tokio::test]
async fn a_stop_ends_requests_under_way_and_cuts_off_the_slow() {
    let limits = ServerLimits {
        stop_time: Duration::from_secs(2),
        ..ServerLimits::default()
    };
    let (entered, started) = mpsc::channel();
    let (go, gate) = mpsc::channel::<()>();
    let server = EventServer::with(limits, move |_| {
        entered.send(()).unwrap();
        gate.recv().unwrap();
        Ok(())
    })
    .await;
    let bytes = request(
        "POST",
        "/2/httpapi",
        "",
        body(&json!([view("ann")])).as_bytes(),
    );
    let mut under_way = TcpStream::connect(server.address).await.unwrap();
    under_way.write_all(&bytes).await.unwrap();
    tokio::task::spawn_blocking(move || started.recv().unwrap())
        .await
        .unwrap();
    let mut slow = TcpStream::connect(server.address).await.unwrap();
    slow.write_all(&bytes[..bytes.len() - 1]).await.unwrap();

    server.cancel.cancel();
    until(|| std::net::TcpStream::connect(server.address).is_err()).await;
    go.send(()).unwrap();
    assert_eq!(answer(&mut under_way).await.unwrap().status, 200);
    assert!(answer(&mut slow).await.is_none());
    assert_eq!(server.stop().await, ["ann View"]);
}

#[tokio::test]
async fn a_request_that_was_cut_off_while_it_waited_is_still_committed() {
    let limits = ServerLimits {
        stop_time: Duration::ZERO,
        ..ServerLimits::default()
    };
    let (entered, started) = mpsc::channel();
    let (go, gate) = mpsc::channel::<()>();
    let server = EventServer::with(limits, move |_| {
        entered.send(()).unwrap();
        gate.recv().unwrap();
        Ok(())
    })
    .await;
    let bytes = request(
        "POST",
        "/2/httpapi",
        "",
        body(&json!([view("ann")])).as_bytes(),
    );
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(&bytes).await.unwrap();
    tokio::task::spawn_blocking(move || started.recv().unwrap())
        .await
        .unwrap();
    server.cancel.cancel();
    assert!(answer(&mut stream).await.is_none());
    go.send(()).unwrap();
    assert_eq!(server.stop().await, ["ann View"]);
}
