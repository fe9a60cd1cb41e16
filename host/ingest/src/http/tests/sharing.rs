//! No sender takes the bytes and the connections that others need.

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::super::limits::*;
use super::client::*;
use super::*;

/// Begins a body: sends only its first bytes, which contain no key.
async fn begin(stream: &mut TcpStream, length: usize, first: usize) {
    let head = format!("POST /batch HTTP/1.1\r\nhost: muster\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&vec![b' '; first]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_bodies_without_a_key_do_not_block_ingestion() {
    let limits = ServerLimits {
        pace_time: Duration::from_secs(2),
        ..ServerLimits::default()
    };
    let server = EventServer::with(limits, |_| Ok(())).await;
    let small = body(&json!([view("ann")]));
    let mut slow = Vec::new();
    // Four of them leave 64 bytes of the byte budget, which is less than the small request takes.
    for _ in 0..6 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        begin(&mut stream, MAX_BATCH_BODY, BYTES_IN_FLIGHT / 4 - 16).await;
        slow.push(stream);
        let answer = post(server.address, "/2/httpapi", &small).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    // Large bodies from another address are accepted at the same time.
    let large = small.clone() + &" ".repeat(MAX_BODY - small.len());
    let mut other = connect_from_elsewhere(server.address).await;
    let large = request("POST", "/2/httpapi", "", large.as_bytes());
    other.write_all(&large).await.unwrap();
    assert_eq!(answer(&mut other).await.unwrap().status, 200);
    // A sender that sends nothing more is cut off soon, not only at the end of the time of a body.
    let began = tokio::time::Instant::now();
    let mut statuses = Vec::new();
    for mut stream in slow {
        statuses.push(answer(&mut stream).await.unwrap().status);
    }
    assert!(began.elapsed() < BODY_TIME / 2, "{:?}", began.elapsed());
    assert!(statuses.contains(&408), "{statuses:?}");
    let known = statuses.iter().all(|status| [408, 429].contains(status));
    assert!(known, "{statuses:?}");
    assert_eq!(server.stop().await, ["ann View"; 7]);
}

#[tokio::test]
async fn a_body_that_trickles_is_cut_off_and_says_so() {
    let limits = ServerLimits {
        pace_time: Duration::from_millis(300),
        ..ServerLimits::default()
    };
    let server = EventServer::with(limits, |_| Ok(())).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    begin(&mut stream, 10_000, 5_000).await;
    let slow = answer(&mut stream).await.unwrap();
    let error = "The body came too slowly: send it again";
    assert_eq!(
        (slow.status, slow.json()),
        (408, json!({"code": 408, "error": error}))
    );
    assert_eq!(slow.header("connection"), Some("close"));
    server.stop().await;
}

#[tokio::test]
async fn one_address_cannot_hold_all_bytes() {
    let limits = ServerLimits {
        bytes: Shares {
            all: 100_000,
            for_small: 0,
            small: 0,
            of_peer: 60_000,
        },
        ..ServerLimits::default()
    };
    let server = EventServer::with(limits, |_| Ok(())).await;
    let body = body(&json!([view("ann")]));
    let body = body.clone() + &" ".repeat(20_000 - body.len());
    let mut held = Vec::new();
    for _ in 0..4 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        begin(&mut stream, 20_000, 19_000).await;
        held.push(stream);
    }
    // The test does not know when the server has read them; from then on this address is refused.
    while post(server.address, "/batch", &body).await.status != 429 {}
    let request = request("POST", "/batch", "", body.as_bytes());
    let mut other = connect_from_elsewhere(server.address).await;
    let mut sent = 0;
    for _ in 0..10 {
        other.write_all(&request).await.unwrap();
        sent += usize::from(answer(&mut other).await.unwrap().status == 200);
    }
    assert_eq!(sent, 10);
    drop(held);
    server.stop().await;
}

#[tokio::test]
async fn small_requests_are_accepted_beside_large_ones() {
    let limits = ServerLimits {
        bytes: Shares {
            all: 100_000,
            for_small: 20_000,
            small: 2_000,
            of_peer: 100_000,
        },
        ..ServerLimits::default()
    };
    let server = EventServer::with(limits, |_| Ok(())).await;
    let small = body(&json!([view("ann")]));
    let large = small.clone() + &" ".repeat(20_000 - small.len());
    let mut held = Vec::new();
    for _ in 0..4 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        begin(&mut stream, 30_000, 19_900).await;
        held.push(stream);
    }
    while post(server.address, "/batch", &large).await.status != 429 {}
    for _ in 0..10 {
        assert_eq!(post(server.address, "/batch", &small).await.status, 200);
    }
    drop(held);
    server.stop().await;
}
