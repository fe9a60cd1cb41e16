//! The quick start of `examples/kinesis`: its script prints what its page shows.

use std::process::Command;

use crate::project::{python, root};
use crate::service::running::free_port;

/// Replaces what differs from run to run: times and rates.
fn steady(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in text.trim().lines() {
        let mut words: Vec<String> = Vec::new();
        for word in line.split_whitespace() {
            let is_unit = ["ms", "s"].contains(&word);
            let number = |word: &str| word.chars().all(|c| c.is_ascii_digit() || ",.".contains(c));
            match words.last_mut() {
                Some(last) if is_unit && number(last) => *last = "N".to_owned(),
                // The id of a test message is random, and so is its shard.
                _ if word.starts_with("`muster-test-") => words.push("ID".to_owned()),
                _ if word.starts_with("shardId-") => words.push("SHARD".to_owned()),
                _ if word.trim_end_matches(',').ends_with("/s") => words.push("RATE".to_owned()),
                _ => words.push(word.to_owned()),
            }
        }
        lines.push(words.join(" "));
    }
    lines.join("\n")
}

#[test]
fn the_script_prints_what_the_page_shows() {
    if std::env::var_os("MUSTER_TEST_MOTO").is_none() {
        return muster_testkit::emulator::skipped("the quick start against moto_server");
    }
    let example = root().join("examples/kinesis");
    let output = Command::new("sh")
        .arg(example.join("run.sh"))
        .env_remove("AWS_PROFILE")
        .env("MUSTER", env!("CARGO_BIN_EXE_muster"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYTHON", python())
        .env("PORT", free_port().to_string())
        .output()
        .unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stdout}\n{stderr}");
    let page = std::fs::read_to_string(example.join("README.md")).unwrap();
    let (_, shown) = page.split_once("```text\n").unwrap();
    let (shown, _) = shown.split_once("```").unwrap();
    assert_eq!(steady(&stdout), steady(shown), "\n{stdout}\n{stderr}");
}
