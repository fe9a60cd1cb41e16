//! The vendor's browser SDK, in a real browser, on a page of another origin: a cohort finds its
//! events.
//!
//! `cargo xtask test` installs both and passes their places: `MUSTER_TEST_NODE_MODULES` and
//! `MUSTER_TEST_CHROMIUM`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use serde_json::{Value, json};

use crate::project::{TestProject, root};
use crate::service::running::{RunningMuster, free_port, until};

const KEY: &str = "key-of-the-page";

/// The longest wait for the browser; it is longer than a browser takes to start on a loaded
/// machine.
const LONGEST_WAIT: Duration = Duration::from_secs(120);

/// A running browser, which ends with the test.
struct Browser {
    child: Child,
    folder: tempfile::TempDir,
}

impl Browser {
    fn open(chromium: PathBuf, url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let child = Command::new(chromium)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--disable-dev-shm-usage",
                "--enable-logging=stderr",
            ])
            .arg(format!(
                "--user-data-dir={}",
                folder.path().join("data").display()
            ))
            .arg(url)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { child, folder }
    }

    fn log(&self) -> String {
        let log = std::fs::read(self.folder.path().join("log")).unwrap();
        String::from_utf8_lossy(&log).into_owned()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
        // The browser's other processes end with the first.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves the page and the SDK on a port of their own, for as long as the process lives. Receives
/// the page's reports.
fn serve(sdk: Vec<u8>) -> (u16, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let page = std::fs::read(root().join("tests/sdk/page.html")).unwrap();
    let (reports, received) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (page, sdk, reports) = (page.clone(), sdk.clone(), reports.clone());
            // A browser opens connections ahead of need, and sends nothing on some.
            std::thread::spawn(move || answer(stream, &page, &sdk, &reports));
        }
    });
    (port, received)
}

/// Answers one request, if there is one.
fn answer(mut stream: TcpStream, page: &[u8], sdk: &[u8], reports: &Sender<Value>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut line, mut length) = (String::new(), 0);
    if reader.read_line(&mut line).is_err() {
        return;
    }
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header).is_err() || header.trim().is_empty() {
            break;
        }
        if let Some(value) = header.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut sent = vec![0; length];
    if reader.read_exact(&mut sent).is_err() {
        return;
    }
    let path = line.split(' ').nth(1).unwrap_or_default();
    let (kind, body) = match path.split('?').next().unwrap_or_default() {
        "/page.html" => ("text/html", page),
        "/sdk.js" => ("text/javascript", sdk),
        "/left.html" => (
            "text/html",
            &b"<script>fetch('/report', {method: 'POST', body: '{\"left\": true}'})</script>"[..],
        ),
        "/report" => {
            let _ = reports.send(serde_json::from_slice(&sent).unwrap());
            ("text/plain", &b""[..])
        }
        _ => ("text/plain", &b""[..]),
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(&[head.as_bytes(), body].concat());
}

#[test]
fn events_of_a_page_in_a_real_browser_are_found_in_a_cohort() {
    let chromium = std::env::var_os("MUSTER_TEST_CHROMIUM");
    let modules = std::env::var_os("MUSTER_TEST_NODE_MODULES");
    let (Some(chromium), Some(modules)) = (chromium, modules) else {
        // This bypasses the test harness, which shows only the output of failures.
        let text = "\n*** SKIPPED: the vendor's browser SDK in a real browser. `cargo xtask test` installs and runs it; \
                    Chromium it installs as root of a Debian only.\n";
        std::io::stderr().write_all(text.as_bytes()).unwrap();
        return;
    };
    let sdk = "@amplitude/analytics-browser/lib/scripts/amplitude-min.js";
    let sdk = std::fs::read(PathBuf::from(modules).join(sdk)).unwrap();
    let port = free_port();
    let project = TestProject::new();
    project.write(
        "muster.yaml",
        &format!(
            "sources: [{{http: {{listen: \"127.0.0.1:{port}\", api_keys: [{KEY}]}}}}]\n\
             destinations: {{out: {{file: {{path: out.ndjson}}}}}}\n"
        ),
    );
    project.write(
        "cohorts/visitors.yaml",
        "cadence: real_time\nsync: [{to: out, user_properties: [city, visits]}]\n\
         where: {all: [{did: View, times: {exactly: 20}, in_last: 1 day}, {did: Purchase, with: {amount: {at_least: 60}}, in_last: 1 day}, \
         {did: Packed, in_last: 1 day}, {did: Left, in_last: 1 day}, \
         {did: Cookies, in_last: 1 day}, {did: Blob, in_last: 1 day}, {user: {city: Zürich}}]}\n",
    );
    let mut service = RunningMuster::start(&project, &[]);
    let (page, reports) = serve(sdk);
    let url = format!(
        "http://127.0.0.1:{page}/page.html?key={KEY}&events=20&url=http://127.0.0.1:{port}/2/httpapi"
    );
    let browser = Browser::open(chromium.into(), &url);
    let next = || {
        let report = reports.recv_timeout(LONGEST_WAIT);
        report.unwrap_or_else(|error| panic!("{error}: {}", browser.log()))
    };
    // All events except the malformed one.
    assert_eq!(next(), json!({"ends": {"200": 23, "400": 1, "cookies": 1}}));
    // The page is left; the events that it sends at the end arrive too.
    assert_eq!(next(), json!({"left": true}));
    until("the user of the page is a member", || {
        project.json(&["members", "visitors"])["members"] == json!(["browser"])
    });
    // The browser's log has no errors: the browser logs each answer that a page may not read.
    let log = browser.log();
    assert!(!log.contains("blocked by CORS"), "{log}");
    drop(browser);
    service.stop();
    let message: Value =
        serde_json::from_str(project.read("out.ndjson").lines().next().unwrap()).unwrap();
    let properties = &message["users"][0]["user_properties"];
    assert_eq!(
        (&properties["city"], &properties["visits"]),
        (&json!("Zürich"), &json!(2))
    );
}
