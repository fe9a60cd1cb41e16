//! Measures the most memory that HTTP ingestion takes, in a process of its own, under many large
//! requests.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::thread;

use flate2::Compression;
use flate2::write::GzEncoder;
use muster_ingest::SourceStats;
use muster_ingest::http::limits::{BYTES_IN_FLIGHT, MAX_BATCH_BODY, MAX_BODY, MAX_CONNECTIONS};
use muster_ingest::http::{ApiKey, HttpSettings, bind, run_http};
use muster_testkit::process::alone;
use muster_testkit::store::TestStore;
use tokio_util::sync::CancellationToken;

/// Returns a field of `/proc/self/status`, in bytes.
fn memory(field: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    let kib = line.split_whitespace().nth(1).unwrap();
    kib.parse::<usize>().unwrap() * 1024
}

/// Sends all bytes but the last.
fn begin(address: SocketAddr, path: &str, headers: &str, body: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: muster\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&body[..length - 1]).unwrap();
    stream
}

/// Sends the last byte and returns the status.
fn end(mut stream: TcpStream, body: &[u8]) -> u16 {
    stream.write_all(&body[body.len() - 1..]).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer[9..12].parse().unwrap()
}

/// Sends the same request from many clients at a time; returns how often each status came.
fn statuses(
    address: SocketAddr,
    clients: usize,
    path: &'static str,
    headers: &'static str,
    body: Vec<u8>,
) -> Vec<(u16, usize)> {
    let body: Arc<[u8]> = body.into();
    let begun: Vec<_> = (0..clients)
        .map(|_| {
            let body = Arc::clone(&body);
            thread::spawn(move || begin(address, path, headers, &body))
        })
        .collect();
    let begun: Vec<_> = begun.into_iter().map(|one| one.join().unwrap()).collect();
    let ended: Vec<_> = begun
        .into_iter()
        .map(|stream| {
            let body = Arc::clone(&body);
            thread::spawn(move || end(stream, &body))
        })
        .collect();
    let mut all: Vec<u16> = ended.into_iter().map(|one| one.join().unwrap()).collect();
    all.sort_unstable();
    let of = |status| (status, all.iter().filter(|one| **one == status).count());
    let mut counts: Vec<_> = all.iter().map(|status| of(*status)).collect();
    counts.dedup();
    counts
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn memory_stays_bounded_whatever_is_sent_at_a_time() {
    // The allocator keeps a varying amount of freed memory for each thread. In a process with one
    // arena for all threads, memory is what is in use.
    let prepare = |command: &mut Command| {
        command.env("MALLOC_ARENA_MAX", "1");
    };
    alone(
        "http_memory::memory_stays_bounded_whatever_is_sent_at_a_time",
        prepare,
        || tokio::runtime::Runtime::new().unwrap().block_on(inside()),
    );
}

async fn inside() {
    let opened = TestStore::new();
    let store = opened.clone();
    let settings = HttpSettings {
        listen: "127.0.0.1:0".parse().unwrap(),
        api_keys: vec![ApiKey::new("k")],
        connections: MAX_CONNECTIONS,
        placeholder_ids: false,
    };
    let listener = bind(&settings).await.unwrap();
    let address = listener.local_addr().unwrap();
    let stats = Arc::<SourceStats>::default();
    let cancel = CancellationToken::new();
    let running = {
        let (stats, cancel) = (Arc::clone(&stats), cancel.clone());
        tokio::spawn(async move { run_http(listener, store, &settings, stats, cancel).await })
    };

    // The elements of the lists take 2 bytes as text and many times that decoded.
    let list = format!("[{}1]", "1,".repeat(900));
    let event = format!(
        r#"{{"user_id":"a","event_type":"V","event_properties":{{"p":{list},"q":{list}}}}}"#
    );
    let events = format!("{}{event}", format!("{event},").repeat(180));
    // The last event is malformed, so the store gets none and its own memory is not measured.
    let dense = format!(r#"{{"api_key":"k","events":[{events},0]}}"#);
    let wide = r#"{"api_key":"k","events":[]}"#.to_owned() + &" ".repeat(MAX_BODY - 40);
    let bomb = gzip(&vec![b' '; MAX_BATCH_BODY]);
    let beyond = gzip(&vec![b' '; 2 * MAX_BATCH_BODY]);
    assert!(dense.len() < MAX_BODY && wide.len() < MAX_BODY && bomb.len() < 1 << 16);
    let sent = tokio::task::spawn_blocking(move || {
        [
            statuses(address, 300, "/2/httpapi", "", wide.into_bytes()),
            statuses(address, 60, "/batch", "content-encoding: gzip\r\n", bomb),
            statuses(address, 10, "/batch", "content-encoding: gzip\r\n", beyond),
            statuses(address, 60, "/2/httpapi", "", dense.into_bytes()),
        ]
    })
    .await
    .unwrap();
    let most = memory("VmHWM");
    // The bodies exceed the byte budget: some are accepted, the others refused for now.
    let [wide, bomb, beyond, dense] = sent;
    let known = |statuses: &[(u16, usize)], known: &[u16]| {
        statuses.iter().all(|(status, _)| known.contains(status))
    };
    // On a busy machine this test may send too slowly.
    assert!(
        wide.len() >= 2 && known(&wide, &[200, 408, 429]),
        "{wide:?}"
    );
    assert!(known(&bomb, &[400, 408, 429]), "{bomb:?}");
    assert!(known(&beyond, &[413, 408, 429]), "{beyond:?}");
    assert!(known(&dense, &[400, 408, 429]), "{dense:?}");
    // Further memory goes to growing buffers, to the allocator and to this test.
    assert!(
        most < 4 * BYTES_IN_FLIGHT,
        "{} MiB for {wide:?} {bomb:?} {beyond:?} {dense:?}",
        most >> 20
    );
    println!(
        "at most {} MiB for {wide:?} {bomb:?} {beyond:?} {dense:?}",
        most >> 20
    );
    cancel.cancel();
    running.await.unwrap().unwrap();
}
