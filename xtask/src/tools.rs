//! The programs that the chores run, and the folders that they use.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

/// Returns the folder of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map_or_else(|| ".".into(), Path::to_path_buf)
}

/// Runs a command that must succeed.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command
        .status()
        .with_context(|| format!("cannot start {:?}: is it installed?", command.get_program()))?;
    if !status.success() {
        bail!("{:?} failed: {status}", command);
    }
    Ok(())
}

/// Creates a Python environment with the packages of a requirements file once, beside the build's
/// products. Returns its folder of executables.
pub(crate) fn python_environment(name: &str, requirements: &Path) -> anyhow::Result<PathBuf> {
    let environment = target()?.join(name);
    let bin = environment.join("bin");
    let wanted = std::fs::read_to_string(requirements)
        .with_context(|| format!("cannot read {}", requirements.display()))?;
    let stamp = environment.join("installed.txt");
    // The stamp is written last, so an interrupted environment has none.
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(bin);
    }
    eprintln!("installing {} …", wanted.trim().replace('\n', ", "));
    run(Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&environment))?;
    let mut pip = Command::new(bin.join("python"));
    run(pip
        .args(["-m", "pip", "install", "--quiet", "--requirement"])
        .arg(requirements))?;
    std::fs::write(&stamp, wanted)?;
    Ok(bin)
}

/// Installs a subcommand of cargo from the registry if it is missing, and returns cargo.
pub(crate) fn cargo_tool(subcommand: &str, package: &str) -> anyhow::Result<OsString> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let installed = Command::new(&cargo)
        .args([subcommand, "--version"])
        .output()
        .is_ok_and(|output| output.status.success());
    if !installed {
        eprintln!("installing {package} …");
        run(Command::new(&cargo).args(["install", "--quiet", "--locked", package]))?;
    }
    Ok(cargo)
}

/// Returns the folder of build products.
pub(crate) fn target() -> anyhow::Result<PathBuf> {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    Ok(std::path::absolute(target)?)
}
