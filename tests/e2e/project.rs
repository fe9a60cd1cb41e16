//! A project in a temporary folder, and commands that run in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// Returns the root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// Returns the Python with the test's packages, which `cargo xtask test` installs. The example's
/// oracle needs no packages, so any Python runs it; the language's oracle needs them.
pub(crate) fn python() -> PathBuf {
    std::env::var_os("MUSTER_TEST_PYTHON").map_or_else(|| "python3".into(), PathBuf::from)
}

/// Prepares a command of the binary with some arguments.
pub(crate) fn muster(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
    command.args(arguments).env_remove("AWS_PROFILE");
    command
}

pub(crate) struct TestProject {
    directory: TempDir,
}

impl TestProject {
    /// Makes an empty project.
    pub(crate) fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    /// Copies an example, without files that earlier runs left in it.
    pub(crate) fn example(name: &str) -> Self {
        let project = Self::new();
        copy(&root().join("examples").join(name), project.path());
        project
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap()
    }

    /// Runs a command in the project's folder.
    pub(crate) fn output(&self, arguments: &[&str]) -> Output {
        muster(arguments).current_dir(self.path()).output().unwrap()
    }

    /// Runs a command that must succeed, and returns what it printed with `--json`.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let output = self.output(&[arguments, &["--json"]].concat());
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "muster {arguments:?} failed\n{stderr}\n{}",
            String::from_utf8_lossy(&output.stdout)
        );
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
    }
}

pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        if name == "out" || name == ".muster" {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to.join(name));
        } else {
            std::fs::copy(entry.path(), to.join(name)).unwrap();
        }
    }
}
