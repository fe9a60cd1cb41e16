//! Tests over real connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::*;

/// More bytes than the buffers of both systems hold.
const LARGE: usize = 64 << 20;

const LIMITS: ConnectionLimits = ConnectionLimits {
    connections: 2,
    head_time: Duration::from_secs(60),
    write_time: Duration::from_secs(60),
    stop_time: Duration::from_secs(60),
    max_head: 16 << 10,
    max_headers: 10,
};

/// A server that answers `/` at once, `/no` with 400, `/large` with [`LARGE`] bytes, and `/wait`
/// once it is released.
struct TestServer {
    address: SocketAddr,
    release: Arc<Semaphore>,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl TestServer {
    async fn start(limits: ConnectionLimits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (release, stop) = (Arc::new(Semaphore::new(0)), CancellationToken::new());
        let answer = {
            let release = Arc::clone(&release);
            move |request: Request<Incoming>, _peer| {
                let release = Arc::clone(&release);
                async move {
                    let mut body = Bytes::from_static(b"yes");
                    let mut status = StatusCode::OK;
                    match request.uri().path() {
                        "/no" => status = StatusCode::BAD_REQUEST,
                        "/large" => body = vec![b'x'; LARGE].into(),
                        "/wait" => release.acquire().await.unwrap().forget(),
                        _ => {}
                    }
                    let mut response = Response::new(Full::<Bytes>::new(body));
                    *response.status_mut() = status;
                    response
                }
            }
        };
        let stopped = stop.clone().cancelled_owned();
        let running = tokio::spawn(serve(listener, limits, answer, stopped));
        Self {
            address,
            release,
            stop,
            running,
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Opens a connection from the address of another sender.
    async fn connect_from_elsewhere(&self) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
        socket.connect(self.address).await.unwrap()
    }

    /// Opens a connection and sends a request, whose answer must have this status.
    async fn connect_and_ask(&self, path: &str, status: u16) -> TcpStream {
        let mut stream = self.connect().await;
        assert_eq!(ask(&mut stream, path).await, Some(status));
        stream
    }

    async fn end(self) {
        self.stop.cancel();
        self.running.await.unwrap();
    }
}

async fn send(stream: &mut TcpStream, path: &str) {
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
}

/// Reads the status of the next answer. Returns `None` if the connection was closed.
async fn status(stream: &mut TcpStream) -> Option<u16> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let mut body = [0; 3];
    stream.read_exact(&mut body).await.ok()?;
    let head = String::from_utf8(head).unwrap();
    head.split(' ').nth(1)?.parse().ok()
}

async fn ask(stream: &mut TcpStream, path: &str) -> Option<u16> {
    send(stream, path).await;
    status(stream).await
}

/// Returns true if the server closes a connection soon.
async fn is_closed(stream: &mut TcpStream) -> bool {
    let mut byte = [0];
    let read = timeout(Duration::from_millis(300), stream.read(&mut byte)).await;
    matches!(read, Ok(Ok(0) | Err(_)))
}

#[tokio::test]
async fn the_connection_that_is_idle_the_longest_ends_for_a_new_one() {
    let server = TestServer::start(LIMITS).await;
    let mut one = server.connect_and_ask("/", 200).await;
    let mut two = server.connect_and_ask("/", 200).await;
    // From here on `two` has been idle longer than `one`.
    assert_eq!(ask(&mut one, "/").await, Some(200));
    let mut three = server.connect_and_ask("/", 200).await;
    assert!(is_closed(&mut two).await);
    assert_eq!(ask(&mut one, "/").await, Some(200));
    assert_eq!(ask(&mut three, "/").await, Some(200));
    server.end().await;
}

#[tokio::test]
async fn connections_that_never_got_a_200_end_first() {
    let server = TestServer::start(ConnectionLimits {
        connections: 3,
        ..LIMITS
    })
    .await;
    let mut useful = server.connect_and_ask("/", 200).await;
    let mut refused = server.connect_and_ask("/no", 400).await;
    let mut silent = server.connect().await;
    silent.write_all(b"GET / HT").await.unwrap();
    for _ in 0..20 {
        drop(server.connect_and_ask("/no", 400).await);
    }
    let _more = (server.connect().await, server.connect().await);
    assert!(is_closed(&mut refused).await && is_closed(&mut silent).await);
    assert_eq!(ask(&mut useful, "/").await, Some(200));
    server.end().await;
}

#[tokio::test]
async fn requests_under_way_go_on_and_further_connections_wait() {
    let server = TestServer::start(LIMITS).await;
    let (mut one, mut two) = (server.connect().await, server.connect().await);
    send(&mut one, "/wait").await;
    send(&mut two, "/wait").await;
    let mut three = server.connect_from_elsewhere().await;
    send(&mut three, "/").await;
    let waits = timeout(Duration::from_millis(300), status(&mut three)).await;
    assert!(waits.is_err(), "{waits:?}");
    // The answer of one request arrives, and then its connection is ended for the new one.
    server.release.add_permits(1);
    assert_eq!(status(&mut three).await, Some(200));
    let (first, second) = tokio::join!(
        timeout(Duration::from_millis(300), status(&mut one)),
        timeout(Duration::from_millis(300), status(&mut two)),
    );
    let answered = [&first, &second].map(|answer| matches!(answer, Ok(Some(200))));
    assert!(answered[0] != answered[1], "{first:?} {second:?}");
    server.release.add_permits(1);
    server.end().await;
}

#[tokio::test]
async fn one_address_leaves_connections_to_others() {
    let server = TestServer::start(ConnectionLimits {
        connections: 4,
        ..LIMITS
    })
    .await;
    let mut under_way = Vec::new();
    for _ in 0..3 {
        let mut stream = server.connect().await;
        send(&mut stream, "/wait").await;
        assert!(!is_closed(&mut stream).await);
        under_way.push(stream);
    }
    let mut refused = server.connect().await;
    assert!(is_closed(&mut refused).await);
    let mut other = server.connect_from_elsewhere().await;
    assert_eq!(ask(&mut other, "/").await, Some(200));
    server.release.add_permits(3);
    for stream in &mut under_way {
        assert_eq!(status(stream).await, Some(200));
    }
    server.end().await;
}

#[tokio::test]
async fn idle_connections_do_not_block_new_ones() {
    let server = TestServer::start(LIMITS).await;
    let mut idle = Vec::new();
    for _ in 0..200 {
        idle.push(server.connect().await);
        idle.push(server.connect().await);
        drop(server.connect_and_ask("/", 200).await);
    }
    server.end().await;
}

#[tokio::test]
async fn half_requests_and_idle_connections_end() {
    let server = TestServer::start(ConnectionLimits {
        connections: 8,
        head_time: Duration::from_millis(200),
        ..LIMITS
    })
    .await;
    let began = Instant::now();
    let mut half = server.connect().await;
    half.write_all(b"GET / HT").await.unwrap();
    let mut silent = server.connect().await;
    let mut idle = server.connect_and_ask("/", 200).await;
    for stream in [&mut half, &mut silent, &mut idle] {
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
    }
    assert!(began.elapsed() < Duration::from_secs(30));
    server.end().await;
}

#[tokio::test]
async fn a_client_that_takes_no_answer_is_cut_off() {
    let server = TestServer::start(ConnectionLimits {
        write_time: Duration::from_millis(200),
        ..LIMITS
    })
    .await;
    let mut stream = server.connect().await;
    send(&mut stream, "/large").await;
    tokio::time::sleep(Duration::from_millis(1_000)).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(answer.len() < LARGE, "{}", answer.len());
    // A client that reads slowly gets the whole answer.
    let mut stream = server.connect().await;
    send(&mut stream, "/large").await;
    let (mut received, mut piece) = (0, vec![0; 8 << 20]);
    while received < LARGE {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let read = stream.read(&mut piece).await.unwrap();
        assert!(read > 0, "closed after {received} bytes");
        received += read;
    }
    drop(stream);
    server.end().await;
}

#[tokio::test]
async fn a_stop_waits_for_requests_under_way_and_cuts_off_slow_ones() {
    let server = TestServer::start(LIMITS).await;
    let mut stream = server.connect().await;
    send(&mut stream, "/wait").await;
    let _idle = server.connect_and_ask("/", 200).await;
    let TestServer {
        release,
        stop,
        running,
        ..
    } = server;
    stop.cancel();
    release.add_permits(1);
    assert_eq!(status(&mut stream).await, Some(200));
    running.await.unwrap();

    let server = TestServer::start(ConnectionLimits {
        stop_time: Duration::from_millis(100),
        ..LIMITS
    })
    .await;
    let mut stream = server.connect().await;
    send(&mut stream, "/wait").await;
    assert!(!is_closed(&mut stream).await);
    server.end().await;
    assert_eq!(status(&mut stream).await, None);
}
