//! Keeps what is known of each file between two scans, and scans.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use muster_model::Millis;
use muster_store::{SourceKey, Store, StoreError};

use super::FilesSettings;
use super::pause::RetryPause;
use crate::error::with_causes;
use crate::file::note::{PathNote, SizeAndTime, note_of};
use crate::file::{FindError, ImportProgress, find_files, import_file};
use crate::{FileChange, ImportError, ImportOptions, ImportReport, Malformed, SourceStats};

/// All files of a source, and the state of each.
pub(super) struct WatchedFiles {
    store: Store,
    settings: FilesSettings,
    options: ImportOptions,
    stats: Arc<SourceStats>,
    files: BTreeMap<PathBuf, KnownFile>,
    /// The reason why some folder cannot be read.
    unreadable: Option<String>,
    /// The reason why the store fails, and the wait during which no file is imported.
    store_fails: Option<(RetryPause, String)>,
}

struct KnownFile {
    stamp: SizeAndTime,
    state: FileState,
}

enum FileState {
    /// A file that was seen with this stamp once; perhaps it is still being written.
    New,
    /// A file that is imported.
    Done,
    /// A file that can never be imported as it is, and the reason.
    Refused(String),
    /// A file that could not be read, the reason, and the wait until the next attempt.
    Unread(RetryPause, String),
}

impl WatchedFiles {
    pub(super) fn new(
        store: Store,
        settings: FilesSettings,
        options: ImportOptions,
        stats: Arc<SourceStats>,
    ) -> Self {
        Self {
            store,
            settings,
            options,
            stats,
            files: BTreeMap::new(),
            unreadable: None,
            store_fails: None,
        }
    }

    /// Scans all files and imports those that are ready.
    pub(super) fn scan(
        &mut self,
        now: Instant,
        progress: &mut dyn FnMut(&ImportProgress),
    ) -> Result<(), FindError> {
        let mut ready = Vec::new();
        for (path, stamp) in self.find()? {
            if self.observe(&path, stamp, now) {
                ready.push((path, stamp));
            }
        }
        self.report();
        let pause = self.store_fails.as_ref().map(|(pause, _)| *pause);
        if pause.is_none_or(|pause| pause.is_over(now)) {
            for (path, stamp) in ready {
                let continues = !self.is_stopped() && self.import(path, stamp, now, progress);
                self.report();
                if !continues {
                    break;
                }
            }
        }
        Ok(())
    }

    fn is_stopped(&self) -> bool {
        let stop = self.options.stop.as_ref();
        stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
    }

    /// Returns the files that exist, with their stamps.
    fn find(&mut self) -> Result<BTreeMap<PathBuf, SizeAndTime>, FindError> {
        let mut found = BTreeMap::new();
        let mut unreadable = None;
        for glob in &self.settings.globs {
            match find_files(glob, &self.settings.base) {
                Ok(paths) => {
                    // A file that has disappeared meanwhile is left out.
                    let stamped =
                        |path: PathBuf| SizeAndTime::of(&path).ok().map(|stamp| (path, stamp));
                    found.extend(paths.into_iter().filter_map(stamped));
                }
                Err(FindError::NoFile { .. } | FindError::NoMatch { .. }) => {}
                Err(error @ FindError::Read { .. }) => {
                    unreadable.get_or_insert(error.to_string());
                }
                Err(error @ FindError::Pattern { .. }) => return Err(error),
            }
        }
        match &unreadable {
            Some(why) if self.unreadable.is_none() => tracing::error!("{why}; trying again"),
            Some(_) => {}
            // A folder that cannot be read does not prove that its files are gone.
            None => self.files.retain(|path, _| found.contains_key(path)),
        }
        self.unreadable = unreadable;
        Ok(found)
    }

    /// Notes the stamp of a file. Returns true if the file is ready to be imported.
    fn observe(&mut self, path: &Path, stamp: SizeAndTime, now: Instant) -> bool {
        let Some(known) = self.files.get_mut(path) else {
            // If the store fails, the import reports it.
            let state = match is_noted(&self.store, path, stamp) {
                Ok(true) => FileState::Done,
                Ok(false) | Err(_) => FileState::New,
            };
            self.files
                .insert(path.to_owned(), KnownFile { stamp, state });
            return false;
        };
        if known.stamp == stamp {
            return match &known.state {
                FileState::New => true,
                FileState::Unread(pause, _) => pause.is_over(now),
                FileState::Done | FileState::Refused(_) => false,
            };
        }
        known.stamp = stamp;
        known.state = FileState::New;
        false
    }

    /// Imports a file. Returns true if the next file may be tried.
    pub(super) fn import(
        &mut self,
        path: PathBuf,
        stamp: SizeAndTime,
        now: Instant,
        progress: &mut dyn FnMut(&ImportProgress),
    ) -> bool {
        let imported = import_file(&self.store, &path, &self.options, progress);
        let state = match imported {
            Ok(report) => {
                self.imported(&report);
                self.store_fails = None;
                FileState::Done
            }
            Err(ImportError::Stopped { .. }) => return false,
            // The file is being written: the next scan sees another stamp, and the file is new
            // again.
            Err(ImportError::Changed { .. }) => FileState::New,
            Err(error @ ImportError::Store { .. }) => {
                let last = self.store_fails.as_ref().map(|(pause, _)| *pause);
                let reason = with_causes(&error);
                tracing::error!("{reason}; trying again later");
                self.store_fails = Some((RetryPause::after(last, now), reason));
                return false;
            }
            Err(error @ ImportError::Read { .. }) => {
                let last = match self.files.get(&path).map(|known| &known.state) {
                    Some(FileState::Unread(pause, _)) => Some(*pause),
                    _ => None,
                };
                let reason = with_causes(&error);
                tracing::error!("{reason}; trying again later");
                FileState::Unread(RetryPause::after(last, now), reason)
            }
            Err(error) => {
                let reason = with_causes(&error);
                tracing::error!("{reason}; it is tried again when it changes");
                FileState::Refused(reason)
            }
        };
        self.files.insert(path, KnownFile { stamp, state });
        true
    }

    fn imported(&self, report: &ImportReport) {
        if report.already_imported {
            return;
        }
        let (counts, path) = (&report.counts, report.path.display());
        self.stats.committed(counts, Millis::now());
        tracing::info!(
            path = %path,
            events = counts.events,
            operations = counts.operations,
            malformed = counts.malformed,
            anonymous = counts.anonymous,
            bytes = report.bytes,
            seconds = report.seconds,
            "imported"
        );
        match report.change {
            Some(change @ FileChange::Grown { .. }) => tracing::info!(path = %path, "{change}"),
            Some(change @ FileChange::Rewritten) => tracing::warn!(path = %path, "{change}"),
            None => {}
        }
        for Malformed { line, reason } in &report.malformed {
            tracing::warn!(path = %path, line, "skipped: {reason}");
        }
        if let Some(Malformed { line, reason }) = report.malformed.last() {
            self.stats.skipped(format!("{path}:{line}: {reason}"));
        }
    }

    /// Reports how far the source is behind, and its errors.
    pub(super) fn report(&self) {
        let files = self.files.values();
        let waiting =
            files.filter(|known| matches!(known.state, FileState::New | FileState::Unread(..)));
        let oldest = waiting.map(|known| known.stamp.modified_ms()).min();
        let behind = oldest.map_or(0, |oldest| Millis::now().0.saturating_sub(oldest).max(0));
        self.stats.behind(behind);

        let of_files = self.files.values().filter_map(|known| match &known.state {
            FileState::Refused(why) | FileState::Unread(_, why) => Some(why),
            FileState::New | FileState::Done => None,
        });
        let of_store = self.store_fails.iter().map(|(_, why)| why);
        let mut all = of_store.chain(&self.unreadable).chain(of_files);
        let first = all.next().cloned();
        let trouble = first.map(|first| match all.count() {
            0 => first,
            others => format!("{first} (and {others} more)"),
        });
        self.stats.set_error(trouble);
    }
}

/// Returns true if the store has a note that this path was imported with this stamp.
fn is_noted(store: &Store, path: &Path, stamp: SizeAndTime) -> Result<bool, StoreError> {
    let note = store.position(&SourceKey::new(&note_of(path))?)?;
    let note = note.and_then(|note| PathNote::read(&note));
    Ok(note.is_some_and(|note| note.stamp == stamp))
}
