//! `muster init`: makes a project that runs as it is.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use muster_model::Millis;
use muster_project::config;
use serde_json::json;

use super::schema;
use crate::output::Output;

/// Make a new project that runs as it is
///
/// The project has a configuration, one cohort with a test, schemas for editors, and a few events.
#[derive(Debug, Args)]
pub(crate) struct InitCommand {
    /// The new project's folder
    directory: PathBuf,
}

impl InitCommand {
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<()> {
        let directory = &self.directory;
        let files = [
            (
                config::FILE,
                include_str!("../../templates/muster.yaml").to_owned(),
            ),
            (
                "cohorts/loyal.yaml",
                include_str!("../../templates/loyal.yaml").to_owned(),
            ),
            (
                "cohorts/loyal.test.yaml",
                include_str!("../../templates/loyal.test.yaml").to_owned(),
            ),
            (schema::FILE, muster_definition::schema()),
            (config::SCHEMA_FILE, config::schema()),
            ("events/sample.json", sample(Millis::now())),
        ];
        let mut names: Vec<_> = files.iter().map(|(name, _)| *name).collect();
        // The check comes before the first file is written, so that no half of a project is left.
        let exists = |name: &&str| directory.join(name).symlink_metadata().is_ok();
        let existing: Vec<_> = names.iter().copied().filter(exists).collect();
        if !existing.is_empty() {
            bail!(
                "{} has {} already: choose another folder",
                directory.display(),
                existing.join(" and ")
            );
        }
        for (name, text) in &files {
            write(&directory.join(name), text)?;
        }
        if ignore(&directory.join(IGNORE))? {
            names.push(IGNORE);
        }
        let shown = directory.display();
        let text = format!(
            "made {shown} with {}\n\nnow try:\n  muster test {shown}\n  muster run {shown} --once\n  muster run {shown}           the service, until Ctrl-C",
            names.join(", ")
        );
        output.result(&json!({ "directory": directory, "files": names }), &text)
    }
}

/// The file that names what git ignores.
const IGNORE: &str = ".gitignore";

/// Adds the files that a run writes to the `.gitignore` file, which is made if there is none.
/// Returns true if the file was changed.
fn ignore(path: &Path) -> anyhow::Result<bool> {
    let before = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let is_there = |line: &&str| before.lines().any(|known| known.trim() == *line);
    let missing: Vec<_> = [".muster/", "out/"]
        .into_iter()
        .filter(|line| !is_there(line))
        .collect();
    if missing.is_empty() {
        return Ok(false);
    }
    let mut text = before.clone();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    for line in missing {
        text.push_str(line);
        text.push('\n');
    }
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(true)
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let file = std::fs::File::create_new(path);
    file.and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Returns events of a few users in the last days, so that they lie in the project's windows today.
fn sample(now: Millis) -> String {
    const DAY: i64 = 86_400_000;
    let mut text = String::new();
    let mut line = |user: &str,
                    days: i64,
                    event: &str,
                    properties: serde_json::Value,
                    about: serde_json::Value| {
        let number = text.lines().count();
        let event = json!({
            "event_type": event,
            "user_id": user,
            "event_time": Millis(now.0 - days * DAY).to_string(),
            "$insert_id": format!("sample-{number}"),
            "event_properties": properties,
            "user_properties": about,
        });
        let _ = writeln!(text, "{event}");
    };
    for (user, city, verified) in [
        ("ann", "Seattle", true),
        ("bob", "Berlin", true),
        ("eve", "Lyon", false),
    ] {
        line(
            user,
            20,
            "Signup",
            json!({}),
            json!({ "city": city, "email_verified": verified }),
        );
        line(user, 12, "Purchase", json!({ "amount": 35 }), json!({}));
        line(user, 3, "Purchase", json!({ "amount": 60 }), json!({}));
    }
    line("bob", 1, "Refund", json!({ "amount": 60 }), json!({}));
    text
}
