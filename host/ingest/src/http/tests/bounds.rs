//! Hits every limit of the server.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::super::limits::*;
use super::client::*;
use super::*;

/// Returns a request of exactly so many bytes.
fn sized(length: usize) -> String {
    let body = body(&json!([view("ann")]));
    body.clone() + &" ".repeat(length - body.len())
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused() {
    let server = EventServer::start().await;
    for (path, limit) in [
        ("/2/httpapi", MAX_BODY),
        ("/identify", MAX_BODY),
        ("/batch", MAX_BATCH_BODY),
    ] {
        let wanted = format!("The body is larger than {limit} bytes: send fewer events at a time");
        let larger = sized(limit + 1);
        // The size is given in the header, found while reading, or hidden by compression.
        let chunked = format!(
            "POST {path} HTTP/1.1\r\nhost: muster\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{larger}\r\n0\r\n\r\n",
            larger.len()
        );
        let packed = request(
            "POST",
            path,
            "content-encoding: gzip\r\n",
            &gzip(larger.as_bytes()),
        );
        assert!(packed.len() < limit / 100);
        for bytes in [
            request("POST", path, "", larger.as_bytes()),
            chunked.into_bytes(),
            packed,
        ] {
            let answer = send(server.address, &bytes).await;
            assert_eq!(
                (answer.status, answer.json()),
                (413, json!({"code": 413, "error": wanted}))
            );
        }
    }
    for (path, limit) in [("/2/httpapi", MAX_BODY), ("/batch", MAX_BATCH_BODY)] {
        assert_eq!(post(server.address, path, sized(limit)).await.status, 200);
        let packed = gzip(sized(limit).as_bytes());
        let headers = "content-encoding: gzip\r\n";
        assert_eq!(
            post_with(server.address, path, headers, packed)
                .await
                .status,
            200
        );
    }
    assert_eq!(server.stop().await, ["ann View"; 4]);
}

#[tokio::test]
async fn a_refused_body_is_read_to_its_end_so_that_the_answer_arrives() {
    let server = EventServer::start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    // The body is far larger than the buffers of both systems, on a connection that is used again.
    for _ in 0..2 {
        let bytes = request("POST", "/2/httpapi", "", &vec![b'x'; MAX_DRAINED]);
        stream.write_all(&bytes).await.unwrap();
        assert_eq!(answer(&mut stream).await.unwrap().status, 413);
    }
    // Beyond the limit the answer may be lost, and the server reads no further.
    let bytes = request("POST", "/2/httpapi", "", &vec![b'x'; 2 * MAX_DRAINED]);
    assert!(stream.write_all(&bytes).await.is_err());
    server.stop().await;
}

#[tokio::test]
async fn a_request_with_too_many_events_is_refused() {
    let server = EventServer::start().await;
    let many = |count: usize| json!(vec![json!({"user_id": "a", "event_type": "V"}); count]);
    for path in ["/2/httpapi", "/batch"] {
        let answer = post(server.address, path, body(&many(MAX_EVENTS + 1))).await;
        let error = "There are more than 2000 events: send fewer at a time";
        assert_eq!(
            (answer.status, answer.json()),
            (413, json!({"code": 413, "error": error}))
        );
        assert_eq!(
            post(server.address, path, body(&many(MAX_EVENTS)))
                .await
                .status,
            200
        );
    }
    let identify = json!({"api_key": KEY, "identification": many(MAX_EVENTS + 1)});
    let answer = post(server.address, "/identify", identify.to_string()).await;
    assert_eq!(answer.status, 413);
    assert_eq!(server.stop().await.len(), 2 * MAX_EVENTS);
}

#[tokio::test]
async fn a_long_error_is_cut() {
    let server = EventServer::start().await;
    let mut event = view("ann");
    event["event_properties"] = json!("ä".repeat(10_000));
    let answer = post(server.address, "/2/httpapi", body(&json!([event]))).await;
    let answer = answer.json();
    let error = answer["error"].as_str().unwrap();
    assert!(error.ends_with("ää…"), "{error}");
    assert!((MAX_ERROR - 1..=MAX_ERROR).contains(&error.len()));
    assert_eq!(
        answer["events_with_invalid_fields"],
        json!({"event_properties": [0]})
    );
    assert_eq!(server.stop().await, [""; 0]);
}

/// A body that fits, with events that do not fit once they are decoded: an element of a list is 2
/// bytes as text and 16 decoded.
#[tokio::test]
async fn decoded_events_beyond_the_budget_are_refused() {
    let server = EventServer::start().await;
    let list = vec![1; 900];
    let properties: serde_json::Map<_, _> = (0..20)
        .map(|nth| (format!("p{nth}"), json!(list)))
        .collect();
    let mut event = view("ann");
    event["event_properties"] = properties.into();
    let body = body(&json!(vec![event; 400]));
    assert!(body.len() < MAX_BATCH_BODY);
    let answer = post(server.address, "/batch", body).await;
    assert_eq!(answer.status, 413, "{}", answer.text);
    assert!(
        answer.text.contains("take too much memory"),
        "{}",
        answer.text
    );
    assert_eq!(server.stop().await, [""; 0]);
}

#[tokio::test]
async fn bytes_under_way_are_bounded_and_further_requests_get_429() {
    let limits = ServerLimits {
        bytes: bytes(4 * 10_000),
        ..ServerLimits::default()
    };
    let server = EventServer::with(limits, |_| Ok(())).await;
    // Four requests without their last byte hold the whole budget.
    let bytes = request("POST", "/2/httpapi", "", sized(10_000).as_bytes());
    let (last, most) = bytes.split_last().unwrap();
    let mut held = Vec::new();
    for _ in 0..4 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(most).await.unwrap();
        held.push(stream);
    }
    // The test does not know when the server has read them; from then on others are refused.
    let mut refused = post(server.address, "/2/httpapi", sized(10_000)).await;
    while refused.status != 429 {
        assert_eq!(refused.status, 200);
        refused = post(server.address, "/2/httpapi", sized(10_000)).await;
    }
    let error = "Too many requests at a time: send this one again later";
    assert_eq!(refused.json(), json!({"code": 429, "error": error}));
    assert_eq!(refused.header("retry-after"), Some("2"));
    let before = server.rows().len();
    assert!(server.stats.refusals() > 0);
    // A client that goes away frees its bytes and leaves no events.
    held.pop();
    let mut answers = Vec::new();
    for mut stream in held {
        stream.write_all(&[*last]).await.unwrap();
        answers.push(answer(&mut stream).await.unwrap().status);
    }
    assert_eq!(answers, [200; 3]);
    let mut again = post(server.address, "/2/httpapi", sized(30_000)).await;
    while again.status == 429 {
        again = post(server.address, "/2/httpapi", sized(30_000)).await;
    }
    assert_eq!(again.status, 200);
    assert_eq!(server.stop().await.len(), before + 4);
}

#[tokio::test]
async fn connections_are_bounded_and_idle_ones_give_way() {
    let limits = ServerLimits {
        connections: 2,
        ..ServerLimits::default()
    };
    let server = EventServer::with(limits, |_| Ok(())).await;
    let request = request("POST", "/batch", "", body(&json!([view("ann")])).as_bytes());
    let (last, most) = request.split_last().unwrap();
    let mut busy = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(&request).await.unwrap();
        assert_eq!(answer(&mut stream).await.unwrap().status, 200);
        stream.write_all(most).await.unwrap();
        busy.push(stream);
    }
    // The server reads the heads before it is offered a third connection.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut third = connect_from_elsewhere(server.address).await;
    third.write_all(&request).await.unwrap();
    let waits = tokio::time::timeout(Duration::from_millis(300), answer(&mut third)).await;
    assert!(waits.is_err(), "{waits:?}");
    // A connection without a request under way is replaced; the other one continues.
    busy[0].write_all(&[*last]).await.unwrap();
    assert_eq!(answer(&mut busy[0]).await.unwrap().status, 200);
    assert_eq!(answer(&mut third).await.unwrap().status, 200);
    assert!(answer(&mut busy[0]).await.is_none());
    busy[1].write_all(&[*last]).await.unwrap();
    assert_eq!(answer(&mut busy[1]).await.unwrap().status, 200);
    drop((busy, third));
    assert_eq!(server.stop().await.len(), 5);
}

#[tokio::test]
async fn a_head_beyond_its_limits_is_refused() {
    let server = EventServer::start().await;
    for headers in [
        format!("x: {}\r\n", "x".repeat(MAX_HEAD)),
        "x: y\r\n".repeat(MAX_HEADERS + 1),
    ] {
        let answer = post_with(server.address, "/batch", &headers, "{}").await;
        assert_eq!(answer.status, 431);
    }
    server.stop().await;
}

#[tokio::test]
async fn slow_heads_slow_bodies_and_idle_connections_end() {
    let limits = ServerLimits {
        head_time: Duration::from_millis(300),
        body_time: Duration::from_millis(300),
        ..ServerLimits::default()
    };
    let server = EventServer::with(limits, |_| Ok(())).await;
    // An empty connection, half a head, and a connection that is idle after a request.
    let full = request("POST", "/batch", "", body(&json!([view("ann")])).as_bytes());
    for (bytes, statuses) in [
        (&b""[..], &[][..]),
        (b"POST /batch HT", &[]),
        (&full, &[200]),
    ] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        for status in statuses {
            assert_eq!(answer(&mut stream).await.unwrap().status, *status);
        }
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        let rest = String::from_utf8(rest).unwrap();
        assert!(
            rest.is_empty() || rest.starts_with("HTTP/1.1 408"),
            "{rest}"
        );
    }
    let (_, most) = full.split_last().unwrap();
    let slow = send(server.address, most).await;
    let error = "The body took too long: send it again";
    assert_eq!(
        (slow.status, slow.json()),
        (408, json!({"code": 408, "error": error}))
    );
    assert_eq!(slow.header("connection"), Some("close"));
    assert_eq!(server.stop().await, ["ann View"]);
}
