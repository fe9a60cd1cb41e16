//! Another process that uses the store of a test.

use std::path::{Path, PathBuf};
use std::process::Command;

use muster_testkit::process::test_command;

/// The variable that gives the other process the store's directory.
pub(crate) const DIRECTORY: &str = "MUSTER_STORE_TEST_DIRECTORY";

/// Returns the command that runs only one test of this binary, on this store.
pub(crate) fn other_process(test: &str, directory: &Path) -> Command {
    let mut command = test_command(test);
    command.env(DIRECTORY, directory);
    command
}

/// Returns the store's directory if this is the other process.
pub(crate) fn given_directory() -> Option<PathBuf> {
    std::env::var_os(DIRECTORY).map(PathBuf::from)
}
