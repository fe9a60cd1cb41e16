//! Imports files that appear while the service runs.
//!
//! The source scans folders at an interval. Events of the system would be quicker, but network file
//! systems have none. A file is imported once two scans in a row have seen the same size and
//! modification time. A writer that pauses for longer should write under another name and rename
//! the file when it is complete.

mod pause;
#[cfg(test)]
mod tests;
mod watched;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use muster_store::Store;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use self::watched::WatchedFiles;
use super::FindError;
use crate::{ImportOptions, SourceStats};

/// Settings of a source of files.
#[derive(Clone, Debug)]
pub struct FilesSettings {
    /// Patterns, in the form that [`crate::find_files`] takes.
    pub globs: Vec<String>,
    /// The folder at which relative patterns start.
    pub base: PathBuf,
    /// The share of a file's lines that may be malformed, 0 to 1.
    pub max_malformed: f64,
    /// The time from the end of a scan, including its imports, to the next scan.
    pub every: Duration,
    /// Keeps user ids that stand for no user ([`crate::DecodeContext::placeholder_ids`]).
    pub placeholder_ids: bool,
}

impl FilesSettings {
    /// The default interval of scans. A file is imported within four seconds, and scanning some
    /// thousand files takes only milliseconds.
    pub const EVERY: Duration = Duration::from_secs(2);
}

/// The longest time from the first scan to the second, which imports the files that the first one
/// found. It is short because callers may wait for these files.
const FIRST: Duration = Duration::from_millis(200);

/// A reason why files are no longer watched.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// A pattern that never names a file.
    #[error(transparent)]
    Pattern(#[from] FindError),
    /// The thread that scans has panicked.
    #[error(
        "the import of files failed unexpectedly: start muster again; what it had read is kept"
    )]
    Thread,
}

/// Imports files as they appear, in the order of their paths, until it is cancelled. The next start
/// continues a file whose import was interrupted.
///
/// `first_scan` receives a message once each file that was there at the beginning is imported, or
/// cannot be.
///
/// The store knows an imported file by path, size and modification time, also after a restart, and
/// does not read it again. An imported file that changes counts as another file. A file that cannot
/// be imported is logged and reported in `stats`. It is tried again when it changes. If the disk or
/// the store is at fault, it is also tried again after a growing backoff.
///
/// # Errors
/// [`FilesError::Pattern`] if a glob is invalid, and [`FilesError::Thread`] if the scanning thread
/// panicked.
pub async fn run_files(
    store: Store,
    settings: FilesSettings,
    first_scan: oneshot::Sender<()>,
    stats: Arc<SourceStats>,
    cancel: CancellationToken,
) -> Result<(), FilesError> {
    let every = settings.every;
    let stop = Arc::new(AtomicBool::new(false));
    let options = ImportOptions {
        max_malformed: settings.max_malformed,
        placeholder_ids: settings.placeholder_ids,
        stop: Some(Arc::clone(&stop)),
        ..ImportOptions::default()
    };
    let mut watched = WatchedFiles::new(store, settings, options, stats);
    let (mut scans, mut first_scan) = (0_u64, Some(first_scan));
    while !cancel.is_cancelled() {
        // The runtime's clock, which tests can pause, decides when a file is at rest.
        let now = tokio::time::Instant::now().into_std();
        let mut scan = tokio::task::spawn_blocking(move || {
            let scanned = watched.scan(now, &mut |_| {});
            (watched, scanned)
        });
        let scanned = tokio::select! {
            scanned = &mut scan => scanned,
            () = cancel.cancelled() => {
                stop.store(true, Ordering::Relaxed);
                scan.await
            }
        };
        let (next, scanned) = scanned.map_err(|_| FilesError::Thread)?;
        scanned?;
        watched = next;
        // The second scan imports the files that the first one found.
        scans += 1;
        if scans == 2 {
            first_scan.take().map(|first_scan| first_scan.send(()));
        }
        let pause = if scans == 1 { every.min(FIRST) } else { every };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = cancel.cancelled() => {}
        }
    }
    Ok(())
}
