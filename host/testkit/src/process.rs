//! Tests in a process of their own: the binary of the tests runs one of its tests again.

use std::env;
use std::process::{Command, Stdio};

/// The variable that tells a test that it has a process of its own.
const ALONE: &str = "MUSTER_TEST_ALONE";

/// Returns the arguments with which a binary of tests runs only one test, ignored or not.
pub fn arguments(test: &str) -> [&str; 4] {
    ["--exact", test, "--nocapture", "--include-ignored"]
}

/// Returns the command that runs only one test of this binary.
pub fn test_command(test: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(arguments(test));
    command
}

/// Runs the body of a test in a process of its own, whose environment `prepare` sets: a process
/// cannot change its own environment safely.
///
/// `test` is the name of the test in its binary, with its modules. The caller is that test.
pub fn alone(test: &str, prepare: impl FnOnce(&mut Command), body: impl FnOnce()) {
    if env::var_os(ALONE).is_some() {
        return body();
    }
    let mut command = test_command(test);
    command.env(ALONE, "1").stderr(Stdio::inherit());
    prepare(&mut command);
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    println!("{text}");
    assert!(output.status.success(), "`{test}` failed: {text}");
    assert!(
        text.contains("1 passed"),
        "no test is called `{test}`: {text}"
    );
}
