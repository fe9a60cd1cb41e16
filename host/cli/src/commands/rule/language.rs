//! The languages of rules, and the tools that build them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

/// A language that rules are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Language {
    Rust,
    Javascript,
    Python,
    C,
}

/// The built rule, in the rule's folder.
pub(super) const BUILT: &str = "rule.wasm";

/// The folder of intermediate products, in the rule's folder.
pub(super) const TARGET: &str = "target";

impl Language {
    pub(super) const ALL: [Self; 4] = [Self::Rust, Self::Javascript, Self::Python, Self::C];

    /// Returns the file that a rule in this language has.
    pub(super) fn main_file(self) -> &'static str {
        match self {
            Self::Rust => "Cargo.toml",
            Self::Javascript => "rule.js",
            Self::Python => "rule.py",
            Self::C => "rule.c",
        }
    }

    /// Returns the language of the rule in a folder.
    pub(super) fn of(folder: &Path) -> anyhow::Result<Self> {
        let found = Self::ALL
            .into_iter()
            .find(|language| folder.join(language.main_file()).is_file());
        let files = Self::ALL.map(Self::main_file).join(", ");
        found.with_context(|| {
            format!(
                "{} holds no rule: it has none of {files}; make one with `muster rule new NAME`",
                folder.display()
            )
        })
    }

    /// Builds the rule in a folder. Returns the bytes of the component, or of the core module that
    /// becomes one.
    pub(super) fn build(self, folder: &Path) -> anyhow::Result<Vec<u8>> {
        let built = match self {
            Self::Rust => rust(folder)?,
            Self::Javascript => javascript(folder)?,
            Self::Python => python(folder)?,
            Self::C => c(folder)?,
        };
        std::fs::read(&built).with_context(|| format!("cannot read {}", built.display()))
    }
}

fn rust(folder: &Path) -> anyhow::Result<PathBuf> {
    const WASM: &str = "wasm32-unknown-unknown";
    let missing =
        "install Rust from https://rustup.rs, then run `rustup target add wasm32-unknown-unknown`";
    let target = folder.join(TARGET);
    let built = target.join(WASM).join("release");
    // Of several rules that were built here, only the one of this build is taken.
    if let Ok(files) = std::fs::read_dir(&built) {
        for file in files.flatten().map(|file| file.path()) {
            if is_wasm(&file) {
                let _ = std::fs::remove_file(file);
            }
        }
    }
    let mut cargo = Command::new("cargo");
    cargo
        .args([
            "build",
            "--release",
            "--target",
            WASM,
            "--target-dir",
            TARGET,
        ])
        .current_dir(folder);
    run(
        cargo,
        "cargo",
        missing,
        &[("target may not be installed", missing)],
    )?;
    let files = std::fs::read_dir(&built)
        .with_context(|| format!("cannot read {}", built.display()))?
        .flatten();
    let mut files = files.map(|file| file.path()).filter(|file| is_wasm(file));
    files.next().with_context(|| {
        format!(
            "cargo built no module: write `[lib]` with `crate-type = [\"cdylib\", \"rlib\"]` into {}",
            folder.join("Cargo.toml").display()
        )
    })
}

fn is_wasm(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "wasm")
}

fn javascript(folder: &Path) -> anyhow::Result<PathBuf> {
    let missing = "run `npm install` in the rule's folder, which installs `@bytecodealliance/jco` (Node.js 18 or later)";
    let built = product(folder, "rule.component.wasm")?;
    let mut jco = tool(folder, "jco", "node_modules/.bin");
    jco.args([
        "componentize",
        "rule.js",
        "--wit",
        "wit",
        "--world-name",
        "rule",
    ])
    // Without these flags the component imports WASI, and a rule imports nothing.
    .args([
        "--backend",
        "quickjs",
        "--backend-qjs-stub-wasi",
        "--backend-qjs-disable-async",
    ])
    .arg("-o")
    .arg(&built);
    run(jco, "jco", missing, &[])?;
    Ok(built)
}

fn python(folder: &Path) -> anyhow::Result<PathBuf> {
    let missing = "run `python3 -m venv .venv && .venv/bin/pip install -r requirements.txt` in the rule's folder, \
                   which installs `componentize-py`";
    let built = product(folder, "rule.component.wasm")?;
    let mut componentize = tool(folder, "componentize-py", ".venv/bin");
    componentize
        .args([
            "-d",
            "wit",
            "-w",
            "rule",
            "componentize",
            "--stub-wasi",
            "rule",
            "-o",
        ])
        .arg(&built)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    run(componentize, "componentize-py", missing, &[])?;
    Ok(built)
}

fn c(folder: &Path) -> anyhow::Result<PathBuf> {
    let missing = "install Zig, or run `python3 -m venv .venv && .venv/bin/pip install -r requirements.txt` in the \
                   rule's folder, which installs `ziglang`";
    let built = product(folder, "rule.core.wasm")?;
    let own = folder.join(".venv/bin/python");
    let mut zig = match (
        own.is_file(),
        is_installed("zig"),
        is_installed("python-zig"),
    ) {
        (true, ..) => with(std::path::absolute(own)?, &["-m", "ziglang"]),
        (_, true, _) => Command::new("zig"),
        (_, _, true) => Command::new("python-zig"),
        _ => with("python3".into(), &["-m", "ziglang"]),
    };
    zig.current_dir(folder)
        .args([
            "cc",
            "-target",
            "wasm32-wasi",
            "-mexec-model=reactor",
            "-O2",
            "-s",
            "-Wall",
            "-I",
            "muster-rule",
        ])
        .args([
            "rule.c",
            "muster-rule/muster_rule.c",
            "muster-rule/rule.c",
            "muster-rule/rule_component_type.o",
        ])
        .arg("-o")
        .arg(&built);
    run(zig, "zig", missing, &[("No module named", missing)])?;
    Ok(built)
}

/// Returns the path of an intermediate product, whose folder exists.
fn product(folder: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let target = folder.join(TARGET);
    std::fs::create_dir_all(&target)
        .with_context(|| format!("cannot make {}", target.display()))?;
    Ok(std::path::absolute(target.join(name))?)
}

/// Returns a tool that is installed in the rule's folder, or else in the search path.
fn tool(folder: &Path, name: &str, installed: &str) -> Command {
    let own = folder.join(installed).join(name);
    let program = match std::path::absolute(&own) {
        Ok(own) if own.is_file() => own,
        _ => name.into(),
    };
    let mut command = Command::new(program);
    command.current_dir(folder);
    command
}

fn with(program: PathBuf, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Runs a tool. `remedies` are texts of its errors, with what to do.
fn run(
    mut command: Command,
    name: &str,
    missing: &str,
    remedies: &[(&str, &str)],
) -> anyhow::Result<()> {
    let output = match command.output() {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            bail!("`{name}` is not installed: {missing}");
        }
        Err(error) => return Err(error).with_context(|| format!("cannot start `{name}`")),
    };
    if output.status.success() {
        return Ok(());
    }
    let text = [output.stderr, output.stdout].concat();
    let text = String::from_utf8_lossy(&text);
    let text = text.trim();
    match remedies.iter().find(|(mark, _)| text.contains(mark)) {
        Some((_, remedy)) => bail!("`{name}` failed: {remedy}\n{text}"),
        None => bail!("`{name}` failed\n{text}"),
    }
}
