//! The import of event files by a command.

use std::path::{Path, PathBuf};

use muster_ingest::{
    FindError, ImportError, ImportOptions, ImportReport, LineCounts, find_files, import_file,
};
use muster_model::{count, number};
use muster_store::Store;
use serde::Serialize;

use crate::output::{Output, ProgressUnit};

/// The result of the import of a file, for `--json`.
#[derive(Debug, Serialize)]
pub(crate) struct ImportedFile {
    path: PathBuf,
    already_imported: bool,
    counts: LineCounts,
    duplicates: u64,
    bytes: u64,
    seconds: f64,
}

/// The results of all imports of a command.
#[derive(Default)]
pub(crate) struct ImportSummary {
    pub(crate) files: Vec<ImportedFile>,
    /// The files that were not imported, and the patterns that name no file, each with the reason.
    pub(crate) problems: Vec<String>,
    counts: LineCounts,
    new: u64,
    known: u64,
    duplicates: u64,
    seconds: f64,
}

impl ImportSummary {
    /// Imports the files of a glob. Files that were imported before are skipped. A file that cannot
    /// be imported is a problem and keeps no other file from being imported.
    ///
    /// # Errors
    /// If the pattern is none, or the store fails: then no other file can be imported either.
    pub(crate) fn import(
        &mut self,
        store: &Store,
        pattern: &str,
        base: &Path,
        options: &ImportOptions,
        output: &Output,
    ) -> anyhow::Result<()> {
        let paths = match find_files(pattern, base) {
            Ok(paths) => paths,
            Err(error @ FindError::Pattern { .. }) => return Err(error.into()),
            Err(error) => {
                self.problems.push(error.to_string());
                return Ok(());
            }
        };
        for path in paths {
            match import(store, &path, options, output) {
                Ok(report) => {
                    if let Some(change) = report.change {
                        output.note(&format!("{}: {change}", path.display()));
                    }
                    for malformed in &report.malformed {
                        let (path, line) = (path.display(), malformed.line);
                        output.note(&format!("{path}:{line}: skipped: {}", malformed.reason));
                    }
                    self.add(&report);
                }
                Err(error @ ImportError::Store { .. }) => return Err(error.into()),
                Err(error) => {
                    self.problems
                        .push(format!("{:#}", anyhow::Error::new(error)));
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, report: &ImportReport) {
        if report.already_imported {
            self.known += 1;
        } else {
            self.new += 1;
            self.counts.add(&report.counts);
            self.duplicates += report.duplicates;
            self.seconds += report.seconds;
        }
        self.files.push(ImportedFile {
            path: report.path.clone(),
            already_imported: report.already_imported,
            counts: report.counts,
            duplicates: report.duplicates,
            bytes: report.bytes,
            seconds: report.seconds,
        });
    }

    pub(crate) fn text(&self) -> String {
        let mut text = format!("imported {}", count(self.new, "file"));
        if self.known > 0 {
            text += &format!(" ({} imported before)", number(self.known));
        }
        if self.new > 0 {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a rate that is only displayed"
            )]
            let rate = (self.counts.events as f64 / self.seconds.max(0.001)) as u64;
            text += &format!(
                ": {}, {}/s",
                count(self.counts.events, "event"),
                number(rate)
            );
            for (left_out, what) in [
                (self.counts.anonymous, "without a user id skipped"),
                (self.counts.malformed, "malformed and skipped"),
                (self.duplicates, "duplicates dropped"),
            ] {
                if left_out > 0 {
                    text += &format!(", {} {what}", number(left_out));
                }
            }
        }
        text
    }
}

/// Imports one file and shows its progress.
fn import(
    store: &Store,
    path: &Path,
    options: &ImportOptions,
    output: &Output,
) -> Result<ImportReport, ImportError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let bar = output.progress(&name, ProgressUnit::Bytes);
    let report = import_file(store, path, options, &mut |progress| {
        bar.set_length(progress.bytes_total);
        bar.set_position(progress.bytes);
        let seconds = bar.elapsed().as_secs_f64().max(0.001);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate that is only displayed"
        )]
        let rate = (progress.events as f64 / seconds) as u64;
        bar.set_message(format!("{} events/s", number(rate)));
    });
    bar.finish_and_clear();
    report
}
