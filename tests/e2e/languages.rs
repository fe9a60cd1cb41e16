//! Rules in every language, by the real tools from their registries: each new project is built, and
//! passes the same cases.
//!
//! `cargo xtask test` installs the tools and passes their places: `MUSTER_TEST_RULE_BIN` (Zig and
//! `componentize-py`) and `MUSTER_TEST_RULE_NODE_MODULES` (`jco`).

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Instant;

use serde_json::Value;

use crate::project::muster;

/// Returns the search path with the tools; `None` if a language's tools are not installed.
fn search_path(language: &str) -> Option<std::ffi::OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let tools = match language {
        "rust" => None,
        "javascript" => {
            let modules = PathBuf::from(std::env::var_os("MUSTER_TEST_RULE_NODE_MODULES")?);
            Some(modules.join(".bin"))
        }
        _ => Some(PathBuf::from(std::env::var_os("MUSTER_TEST_RULE_BIN")?)),
    };
    let all = tools.into_iter().chain(std::env::split_paths(&path));
    Some(std::env::join_paths(all).unwrap())
}

/// The members among the users that `rule bench` generates.
const MEMBERS: u32 = 142;

/// A rule project in a folder of its own, far from this repository.
struct RuleProject {
    directory: tempfile::TempDir,
    path: std::ffi::OsString,
}

impl RuleProject {
    fn new(language: &str) -> Option<Self> {
        let Some(path) = search_path(language) else {
            // This bypasses the test harness, which shows only the output of failures.
            let text = format!(
                "\n*** SKIPPED: rules in {language}. `cargo xtask test` installs the tools.\n"
            );
            std::io::stderr().write_all(text.as_bytes()).unwrap();
            return None;
        };
        let project = Self {
            directory: tempfile::tempdir().unwrap(),
            path,
        };
        let arguments = ["rule", "new", "big-spenders", "--lang", language];
        let made = project.in_folder(project.directory.path(), &arguments);
        assert!(made.status.success(), "{made:?}");
        Some(project)
    }

    fn folder(&self) -> PathBuf {
        self.directory.path().join("big-spenders")
    }

    fn output(&self, arguments: &[&str]) -> Output {
        self.in_folder(&self.folder(), arguments)
    }

    fn in_folder(&self, folder: &Path, arguments: &[&str]) -> Output {
        let mut command = muster(arguments);
        command
            .current_dir(folder)
            .env("PATH", &self.path)
            .output()
            .unwrap()
    }

    /// Runs a command that must succeed, and returns what it printed with `--json`.
    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.output(&[arguments, &["--json"]].concat());
        let stderr = String::from_utf8_lossy(&output.stderr);
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "muster {arguments:?} failed\n{stderr}\n{stdout}"
        );
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// Builds a new rule, runs its cases and measures it. Prints a line for docs/benchmarks.md.
fn works(language: &str, fuel: bool) -> Option<RuleProject> {
    let project = RuleProject::new(language)?;
    let began = Instant::now();
    let built = project.json(&["rule", "build"]);
    let build = began.elapsed();
    let tested = project.json(&["test"]);
    assert_eq!(
        (&tested["cases"], &tested["failed"]),
        (&2.into(), &0.into()),
        "{tested}"
    );
    let values = [
        "rule",
        "bench",
        "--values",
        "city=Seattle,Berlin",
        "--users",
        "1000",
    ];
    let fuel: &[&str] = if fuel { &["--fuel"] } else { &[] };
    let measured = project.json(&[&values, fuel].concat());
    // All languages answer for the same generated users.
    assert_eq!(measured["members"], MEMBERS, "{measured}");
    println!(
        "{language}: built in {:.1} s, {} bytes, compiled in {} ms, loaded in {} ms, {} ns a user, {} fuel a user",
        build.as_secs_f64(),
        built["bytes"],
        measured["compiled_ms"],
        measured["loaded_ms"],
        measured["nanoseconds_per_user"],
        measured["fuel_per_user"],
    );
    Some(project)
}

#[test]
fn a_new_rule_in_rust_passes_its_cases() {
    let project = works("rust", true).unwrap();
    // Its own tests run natively.
    let tests = Command::new(env!("CARGO"))
        .args(["test", "--quiet", "--offline"])
        .current_dir(project.folder())
        .output()
        .unwrap();
    assert!(tests.status.success(), "{tests:?}");
    let text = String::from_utf8(project.output(&["rule", "inspect"]).stdout).unwrap();
    for line in [
        "contract     0.1.0, and this Muster takes 0.1.0",
        "imports      muster:cohort/types@0.1.0",
        "cohorts      big-spenders",
        "user         city (text)",
        "events       Purchase of the last 30 days with amount (number)",
        "events       Refund of the last 7 days",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn a_new_rule_in_c_passes_its_cases() {
    works("c", true);
}

#[test]
fn a_new_rule_in_javascript_passes_its_cases() {
    let Some(project) = works("javascript", false) else {
        return;
    };
    // Without the operator's grant it is refused, with the grant that it needs.
    std::fs::write(project.folder().join("muster.yaml"), "time_zone: UTC\n").unwrap();
    let refused = project.output(&["rule", "inspect"]);
    let text = String::from_utf8(refused.stderr).unwrap();
    assert!(text.contains("`rules: {nested_components: …}`"), "{text}");
    // Built without the flags of `rule build` it imports WASI.
    let unsealed = Command::new("jco")
        .args([
            "componentize",
            "rule.js",
            "--wit",
            "wit",
            "--world-name",
            "rule",
            "--backend",
            "quickjs",
        ])
        .args(["-o", "rule.wasm"])
        .env("PATH", &project.path)
        .current_dir(project.folder())
        .output()
        .unwrap();
    assert!(unsealed.status.success(), "{unsealed:?}");
    std::fs::write(
        project.folder().join("muster.yaml"),
        "rules: {nested_components: 32}\n",
    )
    .unwrap();
    let refused = project.output(&["rule", "inspect"]);
    assert_eq!(refused.status.code(), Some(1));
    let text = String::from_utf8(refused.stderr).unwrap();
    assert!(
        text.contains("--backend-qjs-stub-wasi --backend-qjs-disable-async"),
        "{text}"
    );
}

#[test]
fn a_new_rule_in_python_passes_its_cases() {
    works("python", false);
}

#[test]
fn a_missing_tool_is_named_with_its_installation() {
    let directory = tempfile::tempdir().unwrap();
    let output = |folder: &Path, arguments: &[&str]| {
        muster(arguments)
            .current_dir(folder)
            .env("PATH", "/nowhere")
            .output()
            .unwrap()
    };
    for (language, says) in [
        ("rust", "`cargo` is not installed: install Rust"),
        ("javascript", "`jco` is not installed: run `npm install`"),
        (
            "python",
            "`componentize-py` is not installed: run `python3 -m venv",
        ),
        ("c", "`zig` is not installed: install Zig"),
    ] {
        let made = output(
            directory.path(),
            &["rule", "new", language, "--lang", language],
        );
        assert!(made.status.success(), "{made:?}");
        let folder = directory.path().join(language);
        let text = String::from_utf8(output(&folder, &["rule", "build"]).stderr).unwrap();
        assert!(text.contains(says), "{text}");
        let again = output(
            directory.path(),
            &["rule", "new", language, "--lang", language],
        );
        assert!(!again.status.success());
    }
    let none = output(directory.path(), &["rule", "build"]);
    let text = String::from_utf8(none.stderr).unwrap();
    assert!(
        text.contains("holds no rule: it has none of Cargo.toml, rule.js, rule.py, rule.c"),
        "{text}"
    );
}
