//! `cargo xtask deny`: installs cargo-deny if it is missing, and checks the dependencies of Muster
//! by `deny.toml`.

use std::process::Command;

use crate::tools::{cargo_tool, root, run};

/// Checks the bans, licences and sources of all dependencies, but not the advisories. Their
/// database is fetched over the network, and a new advisory would make an old commit fail.
pub(crate) fn deny() -> anyhow::Result<()> {
    let cargo = cargo_tool("deny", "cargo-deny")?;
    run(Command::new(&cargo)
        .args(["deny", "--locked", "--log-level", "error"])
        .args(["check", "bans", "licenses", "sources"])
        .current_dir(root()))
}
