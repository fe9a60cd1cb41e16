//! The vendor's own SDKs, unchanged except for the address, and their reactions to each kind of
//! refusal.
//!
//! `cargo xtask test` installs them and sets `MUSTER_TEST_NODE_MODULES` and `MUSTER_TEST_PYTHON`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;

use super::super::limits::MAX_EVENTS;
use super::client::*;
use super::*;

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/sdk")
        .join(name)
}

/// Returns the SDKs that are installed, and the users that their scripts send as.
fn sdks() -> Vec<(&'static str, Command)> {
    let mut sdks = Vec::new();
    if let Some(modules) = std::env::var_os("MUSTER_TEST_NODE_MODULES") {
        let mut command = Command::new("node");
        command.arg(script("send.js")).env("NODE_PATH", modules);
        sdks.push(("node", command));
    }
    if let Some(python) = std::env::var_os("MUSTER_TEST_PYTHON") {
        let mut command = Command::new(python);
        command.arg(script("send.py"));
        sdks.push(("python", command));
    }
    if sdks.is_empty() {
        // The text bypasses the test harness, which shows the output of failures only.
        let text = "\n*** SKIPPED: the tests with the vendor's SDKs. `cargo xtask test` installs and runs them.\n";
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
    sdks
}

/// Runs an SDK and returns the number of events by result.
async fn run(
    mut sdk: Command,
    url: String,
    key: &'static str,
    events: usize,
    queue: usize,
) -> serde_json::Value {
    let running = spawn_blocking(move || {
        let (events, queue) = (events.to_string(), queue.to_string());
        sdk.args([&url, key, &events, &queue]);
        let output = (sdk.output()).unwrap_or_else(|error| panic!("{sdk:?}: {error}"));
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{sdk:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    });
    let lines = running.await.unwrap();
    serde_json::from_str(lines.lines().last().unwrap()).unwrap()
}

/// Returns the rows that the scripts send, unordered, because requests may overtake each other.
fn wanted(user: &str, events: usize) -> Vec<String> {
    let view = |nth| format!("{user} View nth={nth} page.path=/p/{nth}");
    let mut rows: Vec<_> = (0..events).map(view).collect();
    rows.extend([
        format!("{user} Purchase amount=60.5 items=[Text(\"a\"), Text(\"b\")]"),
        format!("{user} $set plan=pro"),
        format!("{user} $set city=Zürich"),
        format!("{user} $add visits=2"),
        format!("{user} $append tags=new"),
        format!("{user} $setOnce first={user}"),
        format!("{user} $unset gone="),
    ]);
    rows.sort();
    rows
}

async fn stored(server: EventServer) -> Vec<String> {
    let mut rows = server.stop().await;
    // The name and version of the SDK, which is a field of each event.
    let all = rows.len();
    rows.retain(|row| !row.contains(" $set library=amplitude-"));
    assert!(all == 0 || rows.len() < all);
    rows.sort();
    rows
}

/// The server names the malformed event, which is given up; all others arrive, by either path.
#[tokio::test]
async fn events_arrive_and_only_the_malformed_is_given_up() {
    for path in ["/2/httpapi", "/batch"] {
        for (user, sdk) in sdks() {
            let server = EventServer::start().await;
            let url = format!("http://{}{path}", server.address);
            let ends = run(sdk, url, KEY, 30, 10).await;
            assert_eq!(ends, json!({"200": 33, "400": 1}), "{user} {path}");
            assert!(server.stats.refusals() > 0);
            assert_eq!(server.stats.counts().anonymous, 1);
            assert_eq!(stored(server).await, wanted(user, 30));
        }
    }
}

#[tokio::test]
async fn overload_and_a_full_disk_delay_events_and_lose_none() {
    for (user, sdk) in sdks() {
        // The first commits fail. Besides, another request holds the whole byte budget until a
        // request was refused because of that too.
        let mut failures = 2;
        let limits = ServerLimits {
            bytes: bytes(100_000),
            ..ServerLimits::default()
        };
        let server = EventServer::with(limits, move |_| {
            if failures == 0 {
                return Ok(());
            }
            failures -= 1;
            Err(StoreError::DiskFull)
        })
        .await;
        let mut other = TcpStream::connect(server.address).await.unwrap();
        let held = request("POST", "/batch", "", &vec![b' '; 99_900]);
        let (last, most) = held.split_last().unwrap();
        other.write_all(most).await.unwrap();
        until_refused(&server).await;
        let url = format!("http://{}/2/httpapi", server.address);
        let before = server.stats.refusals();
        let sending = run(sdk, url, KEY, 30, 200);
        let release = async {
            until(|| server.stats.refusals() >= before + 2).await;
            other.write_all(&[*last]).await.unwrap();
            assert_eq!(answer(&mut other).await.unwrap().status, 400);
        };
        let (ends, ()) = tokio::join!(sending, release);
        assert_eq!(ends, json!({"200": 33, "400": 1}), "{user}");
        assert_eq!(server.stats.error(), None);
        assert_eq!(stored(server).await, wanted(user, 30));
    }
}

/// Sends requests until one is refused: the test does not know when the server has read the earlier
/// ones.
async fn until_refused(server: &EventServer) {
    while post(server.address, "/batch", [b' '; 1_000]).await.status != 429 {}
}

#[tokio::test]
async fn too_many_events_at_a_time_are_sent_in_parts() {
    for (user, sdk) in sdks() {
        let server = EventServer::start().await;
        let url = format!("http://{}/2/httpapi", server.address);
        let ends = run(sdk, url, KEY, MAX_EVENTS, 3_000).await;
        assert_eq!(ends, json!({"200": MAX_EVENTS + 3, "400": 1}), "{user}");
        assert_eq!(stored(server).await, wanted(user, MAX_EVENTS));
    }
}

#[tokio::test]
async fn a_wrong_key_is_given_up() {
    for (user, sdk) in sdks() {
        // The SDK for Python reports nothing more about such events, not even that they are given
        // up.
        if user == "python" {
            continue;
        }
        let server = EventServer::start().await;
        let url = format!("http://{}/2/httpapi", server.address);
        let ends = run(sdk, url, "a-wrong-key", 3, 10).await;
        assert_eq!(ends, json!({"400": 7}), "{user}");
        assert_eq!(stored(server).await, [""; 0]);
    }
}
