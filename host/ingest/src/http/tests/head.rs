//! The answers to a request's head, before the body is read.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::super::limits::{MAX_BATCH_BODY, MAX_BODY};
use super::client::*;
use super::*;

const ASKS_FIRST: &str = "expect: 100-continue\r\n";

fn head(path: &str, length: usize, headers: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nhost: muster\r\ncontent-length: {length}\r\n{headers}\r\n")
}

#[tokio::test]
async fn a_client_that_expects_100_continue_is_refused_before_it_sends() {
    let server = EventServer::start().await;
    let wrong = "x-api-key: secrets\r\n";
    for (path, length, headers, status) in [
        ("/2/httpapi", MAX_BODY + 1, "", 413),
        ("/batch", MAX_BATCH_BODY + 1, "", 413),
        ("/identify", MAX_BODY + 1, "", 413),
        ("/nothing", 10, "", 404),
        ("/batch", 10, "content-encoding: br\r\n", 415),
        ("/batch", 10, wrong, 400),
        ("/batch?api_key=secrets", 10, "", 400),
    ] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let head = head(path, length, &format!("{ASKS_FIRST}{headers}"));
        stream.write_all(head.as_bytes()).await.unwrap();
        let refused = timeout(Duration::from_secs(20), answer(&mut stream)).await;
        let refused = refused.expect("an answer at once").unwrap();
        assert_eq!(refused.status, status, "{path} {}", refused.text);
        // The server does not wait for a body that the client must not send.
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        assert!(rest.is_empty(), "{rest:?}");
    }
    // A client that may continue gets `100 Continue`.
    let body = body(&json!([view("ann")]));
    for headers in [ASKS_FIRST, "Expect: 100-Continue\r\n"] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let head = head("/2/httpapi", body.len(), headers);
        stream.write_all(head.as_bytes()).await.unwrap();
        assert_eq!(answer(&mut stream).await.unwrap().status, 100);
        stream.write_all(body.as_bytes()).await.unwrap();
        assert_eq!(answer(&mut stream).await.unwrap().status, 200);
    }
    assert_eq!(server.stop().await, ["ann View"; 2]);
}

#[tokio::test]
async fn a_key_in_the_head_is_enough() {
    let server = EventServer::start().await;
    let events = json!([view("ann")]);
    let (without, with) = (json!({ "events": events }).to_string(), body(&events));
    let of_header = format!("X-Api-Key: {KEY}\r\n");
    let of_query = format!("/2/httpapi?a=b&api_key={KEY}");
    for (path, headers, body) in [
        ("/2/httpapi", of_header.as_str(), &without),
        (&of_query, "", &without),
        (&of_query, &of_header, &with),
        ("/2/httpapi?api_key=the%2Dapi-key", "", &without),
    ] {
        let answer = post_with(server.address, path, headers, body).await;
        assert_eq!(answer.status, 200, "{path} {headers} {}", answer.text);
    }
    let form = "identification=%7B%22user_id%22%3A%22bob%22%2C%22user_properties%22%3A%7B%22a%22%3A1%7D%7D";
    let answer = post_with(server.address, "/identify", &of_header, form).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let rows = server.stop().await;
    assert_eq!(rows[..4], ["ann View"; 4]);
    assert_eq!(rows[4], "bob $set a=1");
}

#[tokio::test]
async fn a_wrong_key_in_the_head_is_refused_before_the_body_takes_bytes() {
    // Even the smallest body does not fit into the budget.
    let limits = ServerLimits {
        bytes: bytes(1),
        ..ServerLimits::default()
    };
    let server = EventServer::with(limits, |_| Ok(())).await;
    let good = body(&json!([view("ann")]));
    let refused = |error: &str| json!({"code": 400, "error": error});
    for (path, headers, wanted) in [
        (
            "/batch",
            "x-api-key: secrets\r\n",
            refused("Invalid API key: secr…"),
        ),
        (
            "/batch?api_key=secrets",
            "",
            refused("Invalid API key: secr…"),
        ),
        (
            "/batch?api_key=%FF",
            "",
            refused("Invalid API key: `api_key` of the query is not UTF-8 at byte 1"),
        ),
    ] {
        let answer = post_with(server.address, path, headers, &good).await;
        assert_eq!((answer.status, answer.json()), (400, wanted));
    }
    let mut bytes = request("POST", "/batch", "x-api-key: ~\r\n", good.as_bytes());
    let place = bytes.iter().position(|byte| *byte == b'~').unwrap();
    bytes[place] = 0xff;
    let answer = send(server.address, &bytes).await.json();
    let error = "Invalid API key: the header `X-Api-Key` is not ASCII";
    assert_eq!(answer, refused(error));
    assert_eq!(server.stop().await, [""; 0]);
}

/// An allowed key in the head does not make a wrong key in the body right.
#[tokio::test]
async fn each_key_of_a_request_is_checked() {
    let server = EventServer::start().await;
    let wrong = json!({"api_key": "secrets", "events": [view("ann")]}).to_string();
    let headers = format!("x-api-key: {KEY}\r\n");
    let answer = post_with(server.address, "/batch", &headers, wrong).await;
    assert_eq!(answer.status, 400, "{}", answer.text);
    let path = format!("/batch?api_key={KEY}");
    let good = body(&json!([view("ann")]));
    let answer = post_with(server.address, &path, "x-api-key: secrets\r\n", good).await;
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert_eq!(server.stop().await, [""; 0]);
}
