//! `cargo xtask fuzz`: installs cargo-fuzz if it is missing, and runs every fuzz target for a while.

use std::path::Path;
use std::process::Command;

use anyhow::Context;

use crate::test::{root, run, target};

/// The targets of `fuzz/`.
const TARGETS: [&str; 2] = ["definition", "compiler"];

/// The longest input: 64 KiB. A file may have 1 MiB, and the compiler's target makes lists of that size of a few bytes.
const MAX_LENGTH: &str = "-max_len=65536";

/// A definition whose lists the compiler's target makes long.
const LISTS: &str =
    "where: {any: [{user: {city: LIST10000}}, {did: View, with: {item: LIST9000}}]}\n";

/// Runs every target for so many seconds, from a corpus that begins with the definitions of the examples and of the tests.
pub(crate) fn fuzz(seconds: u32) -> anyhow::Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let installed = Command::new(&cargo)
        .args(["fuzz", "--version"])
        .output()
        .is_ok_and(|output| output.status.success());
    if !installed {
        run(Command::new(&cargo).args(["install", "--quiet", "--locked", "cargo-fuzz"]))?;
    }
    let products = target()?.join("fuzz");
    for name in TARGETS {
        let corpus = products.join("corpus").join(name);
        std::fs::create_dir_all(&corpus)?;
        seed(&corpus)?;
        // Without a sanitizer the stable compiler does: the code is safe Rust, and what is looked for are panics.
        run(Command::new(&cargo)
            .args(["fuzz", "run", "--sanitizer", "none", "--target-dir"])
            .arg(&products)
            .arg(name)
            .arg(&corpus)
            .args(["--", "-dict=fuzz/cohort.dict", MAX_LENGTH, "-timeout=20"])
            .arg(format!("-max_total_time={seconds}"))
            .current_dir(root()))?;
    }
    Ok(())
}

/// Copies the definitions that the repository has.
fn seed(corpus: &Path) -> anyhow::Result<()> {
    std::fs::write(corpus.join("lists.yaml"), LISTS)?;
    for folder in ["examples/shop/cohorts", "host/definition/tests/wrong"] {
        let folder = root().join(folder);
        let entries = std::fs::read_dir(&folder)
            .with_context(|| format!("cannot read {}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                std::fs::copy(entry.path(), corpus.join(entry.file_name()))?;
            }
        }
    }
    Ok(())
}
