//! DuckDB in a Python process of its own: `duckdb_child.py`.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::Cost;
use crate::data::{Data, NOW};

pub(crate) struct Duck {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    directory: PathBuf,
}

#[derive(Deserialize)]
pub(crate) struct DuckTable {
    pub(crate) parquet_bytes: u64,
    pub(crate) version: String,
}

#[derive(Deserialize)]
pub(crate) struct DuckAnswer {
    cpu: f64,
    wall: f64,
    #[serde(default)]
    pub(crate) members: u64,
}

impl DuckAnswer {
    pub(crate) fn cost(&self) -> Cost {
        Cost {
            cpu: Duration::from_secs_f64(self.cpu),
            wall: Duration::from_secs_f64(self.wall),
        }
    }
}

impl Drop for Duck {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Duck {
    pub(crate) fn start(directory: &Path) -> anyhow::Result<Self> {
        let python =
            std::env::var("MUSTER_BENCH_PYTHON").context("run it as `cargo xtask bench`")?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/scale/duckdb_child.py");
        let mut child = Command::new(python)
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (input, output) = (
            input.context("no pipe")?,
            BufReader::new(output.context("no pipe")?),
        );
        Ok(Self {
            child,
            input,
            output,
            directory: directory.to_path_buf(),
        })
    }

    fn command<T: DeserializeOwned>(&mut self, command: &str) -> anyhow::Result<T> {
        writeln!(self.input, "{command}")?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        serde_json::from_str(&line)
            .with_context(|| format!("DuckDB answered {command:?} with {line:?}"))
    }

    pub(crate) fn load(&mut self, data: &Data) -> anyhow::Result<DuckTable> {
        let (events, users) = (
            self.directory.join("events.csv"),
            self.directory.join("users.csv"),
        );
        data.write(&events, &users)?;
        let directory = self.directory.display().to_string();
        let loaded = self.command(&format!(
            "load {} {} {directory}",
            events.display(),
            users.display()
        ))?;
        std::fs::remove_file(events)?;
        Ok(loaded)
    }

    pub(crate) fn ask(&mut self, command: &str) -> anyhow::Result<DuckAnswer> {
        self.command(&format!("{command} {NOW}"))
    }

    pub(crate) fn json(&mut self, file: &Path) -> anyhow::Result<DuckAnswer> {
        let directory = self.directory.display().to_string();
        self.command(&format!("json {} {directory}", file.display()))
    }
}
