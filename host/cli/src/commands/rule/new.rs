//! `muster rule new`: makes a rule project that builds and passes its own cases.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use muster_model::CohortId;
use serde_json::json;

use super::language::Language;
use super::template;
use crate::output::Output;

/// Make a rule project that builds and passes its cases
///
/// The project needs nothing but the tools of its language. It has the rule, cases for `muster
/// test`, the helper of the language and the contract.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  muster rule new frequent-flyers\n  cd frequent-flyers\n  muster rule build\n  muster test"
)]
pub(super) struct NewCommand {
    /// The new folder; its name is the cohort's id
    name: PathBuf,
    /// The language of the rule
    #[arg(long, value_name = "LANGUAGE", default_value = "rust")]
    lang: Language,
}

impl NewCommand {
    pub(super) fn run(self, output: &Output) -> anyhow::Result<()> {
        let folder = &self.name;
        let id = folder.file_name().unwrap_or_default().to_string_lossy();
        let id = CohortId::new(&id).with_context(|| {
            format!("`{id}` is not a cohort id: use 1 to 64 letters, digits, `_` or `-`")
        })?;
        if self.lang == Language::Rust
            && !id
                .as_str()
                .starts_with(|first: char| first.is_ascii_alphabetic())
        {
            bail!("`{id}` is not the name of a Rust package: begin it with a letter");
        }
        if folder.symlink_metadata().is_ok() {
            bail!("{} exists already: choose another name", folder.display());
        }
        let files = template::files(self.lang, id.as_str());
        for (path, content) in &files {
            write(&folder.join(path), content.bytes())?;
        }
        let (shown, main) = (folder.display(), self.lang.main_file());
        let rule = if self.lang == Language::Rust {
            "src/lib.rs"
        } else {
            main
        };
        let text = format!(
            "made {shown}: the rule is in {rule}, its cases are in cohorts/rule.test.yaml\n\nnow try:\n  cd {shown}\n  \
             muster rule build\n  muster test"
        );
        let names: Vec<_> = files.iter().map(|(path, _)| *path).collect();
        output.result(&json!({ "directory": folder, "files": names }), &text)
    }
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
    }
    std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}
