//! Installs the npm packages that tests run.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::tools::{run, target};

/// Installs the packages of a folder's `package.json` and `package-lock.json` once, beside the
/// build's products. Returns their `node_modules`.
pub(crate) fn node_environment(name: &str, folder: &Path) -> anyhow::Result<PathBuf> {
    for program in ["node", "npm"] {
        let version = Command::new(program)
            .arg("--version")
            .stdout(Stdio::null())
            .status();
        if version.is_err() {
            bail!(
                "`{program}` is not installed, and the tests run the vendor's SDK for Node.js: install Node.js 18 or later \
                 with npm (Debian: `apt-get install nodejs npm`)"
            );
        }
    }
    let environment = target()?.join(name);
    let modules = environment.join("node_modules");
    let mut wanted = String::new();
    std::fs::create_dir_all(&environment)?;
    for file in ["package.json", "package-lock.json"] {
        let from = folder.join(file);
        let text = std::fs::read_to_string(&from)
            .with_context(|| format!("cannot read {}", from.display()))?;
        std::fs::write(environment.join(file), &text)?;
        wanted += &text;
    }
    let stamp = environment.join("installed.txt");
    // The stamp is written last, so an interrupted installation has none.
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(modules);
    }
    eprintln!("installing the packages of {} …", folder.display());
    let mut npm = Command::new("npm");
    run(npm
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .args(["--loglevel", "error"])
        .current_dir(&environment))?;
    std::fs::write(&stamp, wanted)?;
    Ok(modules)
}
