//! `muster lock`: accepts the hand-written rules as their files are now.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use muster_model::count;
use muster_project::RuleLock;
use muster_project::lock;
use serde_json::json;

use crate::load;
use crate::output::Output;

/// Accept the hand-written rules as they are now
///
/// The command writes `muster.lock`, with the SHA-256 of the file of each rule. From then on a rule
/// is refused whose file has changed or is not in `muster.lock`, until this command runs again. Its
/// cohorts keep their members. Keep `muster.lock` in version control; `sha256sum --check
/// muster.lock` reads it too.
#[derive(Debug, Args)]
pub(crate) struct LockCommand {
    /// The project's folder
    #[arg(default_value = ".")]
    project: PathBuf,
}

impl LockCommand {
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<()> {
        let project = load::load(&self.project, output)?;
        // A file that cannot be read is written again.
        let before = project.lock.clone().ok().flatten().unwrap_or_default();
        let now = RuleLock::of(&project)?;
        let path = project.directory.join(lock::FILE);
        // A reader finds the file before or after, and never half of it.
        let new = path.with_extension("lock.new");
        std::fs::write(&new, now.to_string())
            .and_then(|()| std::fs::rename(&new, &path))
            .with_context(|| format!("cannot write {}", path.display()))?;
        let (mut text, mut changes) = (String::new(), Vec::new());
        let mut note = |change: &str, rule: &str, hash: &str| {
            text += &format!("{change:<8} {rule}  {hash}\n");
            changes.push(json!({ "change": change, "rule": rule, "sha256": hash }));
        };
        for (rule, hash) in now.rules() {
            match before.get(rule) {
                Some(pinned) if pinned == hash => {}
                Some(_) => note("changed", rule, hash),
                None => note("added", rule, hash),
            }
        }
        for (rule, hash) in before.rules() {
            if now.get(rule).is_none() {
                note("removed", rule, hash);
            }
        }
        let rules = now.rules().count() as u64;
        text += &format!("{} has {}", lock::FILE, count(rules, "rule"));
        output.result(&json!({ "rules": rules, "changes": changes }), &text)
    }
}
