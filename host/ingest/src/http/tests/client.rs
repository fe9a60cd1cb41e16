//! A client that writes bytes, so that it can also write invalid requests.

use std::io::Write;
use std::net::SocketAddr;

use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// An answer of the server.
#[derive(Debug)]
pub(super) struct HttpAnswer {
    pub(super) status: u16,
    /// The head, in lower case.
    pub(super) head: String,
    pub(super) text: String,
}

impl HttpAnswer {
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

pub(super) fn request(method: &str, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let mut bytes = format!(
        "{method} {path} HTTP/1.1\r\nhost: muster\r\ncontent-length: {length}\r\n{headers}\r\n"
    )
    .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// Reads one answer; `None` if the server closes the connection before it.
pub(super) async fn answer(stream: &mut TcpStream) -> Option<HttpAnswer> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let mut answer = HttpAnswer {
        status: head.split(' ').nth(1)?.parse().unwrap(),
        head,
        text: String::new(),
    };
    let length = answer.header("content-length").unwrap_or("0").parse();
    let mut body = vec![0; length.unwrap()];
    stream.read_exact(&mut body).await.ok()?;
    answer.text = String::from_utf8(body).unwrap();
    Some(answer)
}

/// Connects from another address.
pub(super) async fn connect_from_elsewhere(address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    socket.connect(address).await.unwrap()
}

pub(super) async fn send(address: SocketAddr, bytes: &[u8]) -> HttpAnswer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    answer(&mut stream).await.unwrap()
}

pub(super) async fn post(address: SocketAddr, path: &str, body: impl AsRef<[u8]>) -> HttpAnswer {
    post_with(address, path, "content-type: application/json\r\n", body).await
}

pub(super) async fn post_with(
    address: SocketAddr,
    path: &str,
    headers: &str,
    body: impl AsRef<[u8]>,
) -> HttpAnswer {
    send(address, &request("POST", path, headers, body.as_ref())).await
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
