//! `muster backup`: copies the store, also while the service runs.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use muster_model::Millis;
use muster_store::{BackupProgress, Store};
use serde_json::json;

use crate::load;
use crate::output::{Output, ProgressUnit, bytes};

/// Copy the store to a folder, also while the service runs
#[derive(Debug, Args)]
#[command(
    after_help = "The copy holds the store as of its last commit: events, members, and the outbox. It does not hold definitions, \
                  static lists or muster.yaml. Until the copy is complete, the folder is not a store; after a failure, run the command \
                  again.\n\n\
                  To restore a copy, put its folder in the place of the project's store. The copy does not know which messages were \
                  sent after the backup; `muster status` then says what to do.\n\n\
                  Example: muster backup /srv/backups/shop-2026-03-01"
)]
pub(crate) struct BackupCommand {
    /// The folder for the copy, which is empty or does not exist
    #[arg(value_name = "DIR")]
    to: PathBuf,
    /// The project's folder
    #[arg(long, value_name = "DIR", default_value = ".")]
    project: PathBuf,
}

impl BackupCommand {
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<()> {
        let project = load::load(&self.project, output)?;
        let (from, at) = (project.store_directory(), Millis::now());
        let bar = output.progress("copying", ProgressUnit::Bytes);
        let mut advance = |progress: BackupProgress| {
            bar.set_length(progress.most);
            bar.set_position(progress.bytes);
        };
        let copied = Store::backup(&from, &self.to, &project.store_options(), at, &mut advance);
        bar.finish_and_clear();
        let to = self.to.display();
        let size = copied.with_context(|| format!("cannot copy the store to {to}"))?;
        let json = json!({ "path": self.to, "bytes": size, "at": at.to_string() });
        output.result(&json, &format!("copied the store to {to}, {}", bytes(size)))
    }
}
