//! `muster import`: reads event files into the store.

use std::path::{Path, PathBuf};

use clap::Args;
use muster_ingest::ImportOptions;
use muster_store::StoreError;
use serde_json::json;

use crate::imported::ImportSummary;
use crate::load;
use crate::output::{Output, Reported};

/// Read event files into the store
///
/// The files hold JSON in the export format, plain, gzip, zstd or zip. A file with the same content
/// is imported once. A file is imported whole or not at all. An import that was interrupted
/// continues where it stopped, and that of a file that has grown goes on at its old end. A file
/// that cannot be imported is reported and skipped; the exit code is then 1.
#[derive(Debug, Args)]
pub(crate) struct ImportCommand {
    /// Files or globs
    #[arg(required = true)]
    files: Vec<String>,
    /// The project's folder
    #[arg(long, default_value = ".", value_name = "DIR")]
    project: PathBuf,
    /// The share of malformed lines, in percent, that an import reports and skips
    #[arg(long, default_value_t = muster_project::config::MAX_MALFORMED, value_name = "PERCENT", value_parser = percent)]
    max_malformed: f64,
    /// Import files again that were imported before
    ///
    /// This is for files whose events `retention:` has dropped. An event with an `$insert_id` that
    /// the store still has is skipped as a duplicate. An event without one would be stored twice.
    #[arg(long)]
    again: bool,
}

/// Reads a share in percent. `NaN` is refused.
fn percent(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(percent),
        _ => Err("write a number from 0 to 100".to_owned()),
    }
}

impl ImportCommand {
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<()> {
        let project = load::load(&self.project, output)?;
        let store = load::open_store(&project).map_err(|error| {
            match error.downcast_ref() {
                Some(StoreError::Locked { .. }) => error.context(
                    "the running service owns the store: put the files where a `files:` source of muster.yaml finds them, \
                     or stop the service first",
                ),
                _ => error,
            }
        })?;
        let options = ImportOptions {
            max_malformed: self.max_malformed / 100.0,
            again: self.again,
            placeholder_ids: project.config.placeholder_ids,
            ..ImportOptions::default()
        };
        let mut imported = ImportSummary::default();
        for pattern in &self.files {
            imported.import(&store, pattern, Path::new(""), &options, output)?;
        }
        let ImportSummary {
            files, problems, ..
        } = &imported;
        let json = json!({ "files": files, "problems": problems });
        output.result(&json, &imported.text())?;
        if problems.is_empty() {
            return Ok(());
        }
        Err(Reported(problems.join("\nerror: ")).into())
    }
}
