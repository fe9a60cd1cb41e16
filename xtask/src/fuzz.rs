//! `cargo xtask fuzz`: installs cargo-fuzz if it is missing, and runs every fuzz target for a
//! while.

use std::path::Path;
use std::process::Command;

use anyhow::Context;

use crate::tools::{cargo_tool, root, run, target};

/// The targets of `fuzz/`.
const TARGETS: [&str; 12] = [
    "definition",
    "compiler",
    "events",
    "members",
    "kinesis",
    "packed",
    "log",
    "segment",
    "block",
    "pages",
    "component",
    "settings",
];

/// The targets that build wasmtime, in a package of their own.
const OF_HOST: [&str; 2] = ["component", "settings"];

/// The longest input: 64 KiB. A file may have 1 MiB, but the compiler's target makes lists of that
/// size from a few bytes.
const MAX_LENGTH: &str = "-max_len=65536";

/// A definition whose lists the compiler's target expands.
const LISTS: &str =
    "where: {any: [{user: {city: LIST10000}}, {did: View, with: {item: LIST9000}}]}\n";

/// Runs every target for so many seconds. The corpus begins with the definitions of the examples
/// and tests, or with inputs that the target itself makes.
pub(crate) fn fuzz(seconds: u32) -> anyhow::Result<()> {
    let cargo = cargo_tool("fuzz", "cargo-fuzz")?;
    let products = target()?.join("fuzz");
    for name in TARGETS {
        let corpus = products.join("corpus").join(name);
        std::fs::create_dir_all(&corpus)?;
        match name {
            "events" => events(&corpus)?,
            "members" => std::fs::write(corpus.join("list.csv"), MEMBERS)?,
            "definition" | "compiler" => seed(&corpus)?,
            // These targets write their first inputs themselves.
            _ => {}
        }
        let package = match OF_HOST.contains(&name) {
            true => "fuzz/host",
            false => "fuzz",
        };
        // The stable compiler is enough without a sanitizer: the code is safe Rust, and fuzzing
        // searches for panics.
        run(Command::new(&cargo)
            .args(["fuzz", "run", "--fuzz-dir", package])
            .args(["--sanitizer", "none", "--target-dir"])
            .arg(&products)
            .arg(name)
            .arg(&corpus)
            .args(["--", "-dict=fuzz/cohort.dict", MAX_LENGTH, "-timeout=20"])
            .arg(format!("-max_total_time={seconds}"))
            .env("MUSTER_FUZZ_CORPUS", &corpus)
            .current_dir(root()))?;
    }
    Ok(())
}

/// A static list with every feature of the format.
const MEMBERS: &str = "user_id\n\"ann, \"\"a\"\"\"\n bob \n\ncid,more\n";

/// Writes the first inputs of the target for events: the first byte chooses between lines, a body
/// and identifications.
fn events(corpus: &Path) -> anyhow::Result<()> {
    let event = r#"{"user_id":"ann","event_type":"Buy","time":1772323100000,"insert_id":"1","event_properties":{"a":1,"b":[1,{"c":"x"}]},"user_properties":{"$set":{"city":"Reno"},"$add":{"n":1}}}"#;
    let line = r#"{"user_id":"ann","event_type":"Buy","event_time":"2026-02-20 10:00:00.5","$insert_id":"1","event_properties":{"a":9007199254740993}}"#;
    for (name, text) in [
        ("lines", format!("l{line}\n{line}\r\n\n{{\n")),
        ("body", format!("b{{\"api_key\":\"key\",\"events\":[{event}]}}")),
        ("identify", "iapi_key=key&identification=%5B%7B%22user_id%22%3A%22ann%22%2C%22user_properties%22%3A%7B%22a%22%3A1%7D%7D%5D".to_owned()),
        ("object", format!("i{{\"api_key\":\"key\",\"identification\":{event}}}")),
    ] {
        std::fs::write(corpus.join(name), text)?;
    }
    Ok(())
}

/// Copies the definitions of the repository into the corpus.
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
