//! Emulators of Kinesis that do not know Muster.
//!
//! `MUSTER_TEST_MOTO` names the executable of `moto_server`, and `MUSTER_TEST_NODE_MODULES` the
//! folder of `kinesalite`; `cargo xtask test` installs both and sets these variables.

use std::env;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The longest time that an emulator may take to start.
const START_TIME: Duration = Duration::from_secs(60);

/// A running emulator, stopped when the value is dropped.
pub struct Emulator {
    /// The name of the emulator.
    pub name: &'static str,
    /// The port on 127.0.0.1 at which the emulator listens.
    pub port: u16,
    process: Child,
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Emulator {
    /// Starts `moto_server`, or returns `None` if it is not installed.
    pub fn moto() -> Option<Self> {
        let executable = env::var_os("MUSTER_TEST_MOTO")?;
        Some(Self::start("moto", |port| {
            let mut command = Command::new(executable);
            command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
            command
        }))
    }

    /// Starts `kinesalite`, or returns `None` if it is not installed.
    pub fn kinesalite() -> Option<Self> {
        let modules = env::var_os("MUSTER_TEST_NODE_MODULES")?;
        let script = Path::new(&modules).join("kinesalite/cli.js");
        Some(Self::start("kinesalite", |port| {
            let mut command = Command::new("node");
            // The emulator does not delay its answers, because the tests do not need that.
            command.arg(script).args(["--port", &port.to_string()]);
            for delay in ["--createStreamMs", "--deleteStreamMs", "--updateStreamMs"] {
                command.args([delay, "20"]);
            }
            command
        }))
    }

    fn start(name: &'static str, command: impl FnOnce(u16) -> Command) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let mut command = command(port);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let process = command
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let emulator = Self {
            name,
            port,
            process,
        };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < START_TIME, "{name} does not start");
            thread::sleep(Duration::from_millis(50));
        }
        emulator
    }

    /// Returns the address of the emulator.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// Says that a test is skipped because an emulator is not installed.
pub fn skipped(test: &str) {
    // `eprintln!` would not do, because the test harness captures its output.
    let text = format!(
        "\n*** SKIPPED: {test}. `cargo xtask test` installs what it needs and runs it. ***\n\n"
    );
    std::io::stderr().write_all(text.as_bytes()).unwrap();
}
