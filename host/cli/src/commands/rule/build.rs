//! `muster rule build`: builds the rule of a folder and checks that it loads.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use serde_json::json;

use super::language::{BUILT, Language};
use super::load::ceilings;
use crate::output::{Output, bytes};

/// Build a rule to `rule.wasm`
///
/// The language is that of the folder: `Cargo.toml` (Rust), `rule.js`, `rule.py` or `rule.c`. The
/// command names the tool that is missing, and how it is installed.
#[derive(Debug, Args)]
pub(super) struct BuildRuleCommand {
    /// The rule's folder
    #[arg(default_value = ".")]
    folder: PathBuf,
}

impl BuildRuleCommand {
    pub(super) fn run(self, output: &Output) -> anyhow::Result<()> {
        let language = Language::of(&self.folder)?;
        let rule = muster_sandbox::to_component(language.build(&self.folder)?)?;
        let path = self.folder.join(BUILT);
        // The file is written before the check, so that `muster rule inspect` can show what is
        // wrong.
        std::fs::write(&path, &rule).with_context(|| format!("cannot write {}", path.display()))?;
        let ceilings = ceilings(&path, output)?;
        let muster_sandbox::Inspection { digest, .. } = muster_sandbox::inspect(&rule)?;
        muster_sandbox::check(&rule, &ceilings)?;
        let hash = muster_model::to_hex(&digest);
        let size = bytes(rule.len() as u64);
        let text = format!("built {}: {size}, SHA-256 {hash}", path.display());
        output.result(
            &json!({ "path": path, "bytes": rule.len(), "sha256": hash }),
            &text,
        )
    }
}
