//! A process with credentials of AWS.

use std::process::Command;

use muster_testkit::process::alone;

/// Runs a test in a process of its own with credentials. The source takes credentials from the
/// environment, which a test may not change.
pub(crate) fn with_credentials(test: &str, body: impl Future<Output = ()>) {
    let prepare = |command: &mut Command| {
        command
            .env("AWS_ACCESS_KEY_ID", "muster-test")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env_remove("AWS_PROFILE")
            .env_remove("AWS_SESSION_TOKEN");
    };
    alone(test, prepare, || {
        tokio::runtime::Runtime::new().unwrap().block_on(body);
    });
}
