//! `muster man`: the manual pages, made from the same table as the help.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, CommandFactory};
use serde_json::json;

use crate::Cli;
use crate::output::Output;

/// Write the manual pages to a folder
///
/// It writes muster.1 and one page per command, such as muster-run.1. `man -l DIR/muster.1` shows
/// one.
#[derive(Debug, Args)]
pub(crate) struct ManCommand {
    /// The folder; it is made if it does not exist
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

impl ManCommand {
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<()> {
        std::fs::create_dir_all(&self.directory)
            .with_context(|| format!("cannot create {}", self.directory.display()))?;
        let command = Cli::command().disable_help_subcommand(true);
        let names = command
            .get_subcommands()
            .filter(|sub| !sub.is_hide_set())
            .map(|sub| format!("muster-{}.1", sub.get_name()));
        let pages: Vec<_> = std::iter::once("muster.1".to_owned())
            .chain(names)
            .map(|name| self.directory.join(name))
            .collect();
        clap_mangen::generate_to(command, &self.directory)
            .with_context(|| format!("cannot write to {}", self.directory.display()))?;
        let text = format!("{} pages in {}", pages.len(), self.directory.display());
        output.result(&json!({ "pages": pages }), &text)
    }
}
