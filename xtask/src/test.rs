//! `cargo xtask test`: installs what the tests need, and runs them all.

use std::process::Command;

use crate::chromium::chromium;
use crate::node::node_environment;
use crate::tools::{python_environment, root, run, target};

/// Installs the target that hand-written rules compile to.
fn wasm_target() -> anyhow::Result<()> {
    const TARGET: &str = "wasm32-unknown-unknown";
    let installed = Command::new("rustup")
        .args(["target", "list", "--installed"])
        .current_dir(root())
        .output();
    match installed {
        Ok(output)
            if String::from_utf8_lossy(&output.stdout)
                .lines()
                .any(|line| line == TARGET) =>
        {
            Ok(())
        }
        Ok(_) => run(Command::new("rustup")
            .args(["target", "add", TARGET])
            .current_dir(root())),
        // Without rustup the distribution's toolchain must bring the target; if it does not, the
        // build reports that.
        Err(_) => Ok(()),
    }
}

/// Installs, then runs every test of the workspace and of the hand-written rules.
pub(crate) fn test() -> anyhow::Result<()> {
    wasm_target()?;
    let bin = python_environment("python-test", &root().join("tests/requirements.txt"))?;
    let modules = node_environment("node-test", &root().join("tests/sdk"))?;
    let toolchains = root().join("tests/toolchains");
    let rule_bin = python_environment("python-rules", &toolchains.join("requirements.txt"))?;
    let rule_modules = node_environment("node-rules", &toolchains)?;
    let browser = chromium();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    run(Command::new(&cargo)
        .args([
            "test",
            "--workspace",
            "--manifest-path",
            "guest-rules/Cargo.toml",
            "--target-dir",
        ])
        .arg(target()?.join("guest-rules"))
        .current_dir(root()))?;
    run(Command::new(&cargo)
        .args(["test", "--workspace"])
        .current_dir(root())
        .envs(browser.map(|browser| ("MUSTER_TEST_CHROMIUM", browser)))
        .env("MUSTER_TEST_NODE_MODULES", modules)
        .env("MUSTER_TEST_RULE_BIN", rule_bin)
        .env("MUSTER_TEST_RULE_NODE_MODULES", rule_modules)
        .env("MUSTER_TEST_PYTHON", bin.join("python"))
        .env("MUSTER_TEST_MOTO", bin.join("moto_server")))
}
