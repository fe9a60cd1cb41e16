//! The service as a child process, and a client of its addresses.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, ExitStatus};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::project::{TestProject, muster};

/// The longest wait; it is longer than any step takes on a loaded machine.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// A running service, which is killed if the test ends first.
pub(crate) struct RunningMuster {
    child: Child,
    log: std::path::PathBuf,
}

impl RunningMuster {
    /// Starts the service, and waits until it answers.
    pub(crate) fn start(project: &TestProject, arguments: &[&str]) -> Self {
        let service = Self::begin(project, arguments);
        service.answers(project);
        service
    }

    /// Waits until the service answers.
    pub(crate) fn answers(&self, project: &TestProject) {
        until("the service answers", || {
            let status = muster(&["status", "--json"])
                .current_dir(project.path())
                .output()
                .unwrap();
            String::from_utf8_lossy(&status.stdout).contains("\"running\":\"")
        });
    }

    /// Starts the service.
    pub(crate) fn begin(project: &TestProject, arguments: &[&str]) -> Self {
        Self::spawn(project, muster(&[&["run"], arguments].concat()))
    }

    /// Starts a command that is, or becomes, a service.
    pub(crate) fn spawn(project: &TestProject, mut command: Command) -> Self {
        command.envs([
            ("AWS_ACCESS_KEY_ID", "AKIABASE"),
            ("AWS_SECRET_ACCESS_KEY", "base"),
        ]);
        Self::spawn_as_is(project, command)
    }

    /// Starts a command with its own AWS settings.
    pub(crate) fn spawn_as_is(project: &TestProject, mut command: Command) -> Self {
        let log = project.path().join("service.log");
        let child = command
            .current_dir(project.path())
            .stdout(std::process::Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        Self { child, log }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: &str) {
        let status = Command::new("kill")
            .args([format!("-{signal}"), self.id().to_string()])
            .status();
        assert!(status.unwrap().success());
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(
                began.elapsed() < LONGEST_WAIT,
                "it does not end:\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Ends the service with SIGTERM, which must succeed. Returns its log.
    pub(crate) fn stop(&mut self) -> String {
        self.signal("TERM");
        let status = self.wait();
        assert!(status.success(), "{}", self.log());
        self.log()
    }
}

impl Drop for RunningMuster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.log());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until a condition holds.
pub(crate) fn until(what: &str, mut so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(
            began.elapsed() < LONGEST_WAIT,
            "waited in vain until {what}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Returns a port on which no process listens, and that no other process gets. The system takes
/// ports from 32,768 on for itself. Other tests cannot get it, since each port is a locked file for
/// as long as this process lives.
pub(crate) fn free_port() -> u16 {
    static TAKEN: Mutex<Vec<File>> = Mutex::new(Vec::new());
    let folder = std::env::temp_dir().join("muster-test-ports");
    std::fs::create_dir_all(&folder).unwrap();
    for port in 20_000..32_768 {
        let file = File::create(folder.join(port.to_string())).unwrap();
        if file.try_lock().is_ok() {
            // Closing the file would unlock it.
            TAKEN.lock().unwrap().push(file);
            if TcpListener::bind(("127.0.0.1", port)).is_ok() {
                return port;
            }
        }
    }
    panic!("no port is free")
}

/// Sends one request. Returns the status and the body of the answer.
pub(crate) fn post(port: u16, path: &str, body: &str) -> (u16, String) {
    request(
        port,
        &format!("POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len()),
    )
    .unwrap()
}

pub(crate) fn get(port: u16, path: &str) -> (u16, String) {
    request(
        port,
        &format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"),
    )
    .unwrap()
}

pub(crate) fn request(port: u16, text: &str) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(LONGEST_WAIT))?;
    stream.write_all(text.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let invalid = || std::io::Error::other("no answer");
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(invalid)?;
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    Ok((status.ok_or_else(invalid)?, body.to_owned()))
}
