//! `cargo xtask schema`: writes the files that are generated from the readers' tables of keys, to
//! the places where the tests expect them.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

use crate::tools::root;

pub(crate) fn schema() -> anyhow::Result<()> {
    let docs = root().join("docs");
    write(
        &docs.join("cohort.schema.json"),
        &muster_definition::schema(),
    )?;
    // The tables of muster.yaml belong to the binary.
    for (name, arguments) in [
        ("muster.schema.json", ["--config"].as_slice()),
        ("configuration.md", &["--config", "--markdown"]),
        ("limits.md", &["--limits"]),
        ("openapi.json", &["--api"]),
    ] {
        write(&docs.join(name), &muster_schema(arguments)?)?;
    }
    Ok(())
}

fn muster_schema(arguments: &[&str]) -> anyhow::Result<String> {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(root());
    command.args(["run", "--quiet", "--package", "muster-cli", "--", "schema"]);
    let made = command
        .args(arguments)
        .output()
        .context("cannot run cargo")?;
    if !made.status.success() {
        bail!("{}", String::from_utf8_lossy(&made.stderr));
    }
    Ok(String::from_utf8(made.stdout)?)
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let written = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    written
        .and_then(|()| std::fs::write(path, text))
        .with_context(|| format!("cannot write {}", path.display()))
}
