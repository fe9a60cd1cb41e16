//! `cargo xtask bench`: installs DuckDB into a Python environment of its own, and runs the benches.

use std::process::Command;

use crate::tools::{python_environment, root, run};

/// Runs the benches in a release build; `arguments` go to the bench of scale.
pub(crate) fn bench(arguments: &[String]) -> anyhow::Result<()> {
    let bin = python_environment(
        "python-bench",
        &root().join("host/cli/benches/scale/requirements.txt"),
    )?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    run(Command::new(cargo)
        .args(["bench", "--package", "muster-cli", "--bench", "scale", "--"])
        .args(arguments)
        .current_dir(root())
        .env("MUSTER_BENCH_PYTHON", bin.join("python")))
}
