//! Files that appear while the service runs.
//!
//! Folders are looked at every so often: events of the system would be quicker, but network file
//! systems have none. A file counts once two looks in a row have seen the same size and
//! modification time. A writer that pauses for longer is better off writing under another name and
//! renaming.

mod pause;
mod stamp;
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

/// Which files, and how they are read.
#[derive(Clone, Debug)]
pub struct FilesSettings {
    /// Patterns, as [`crate::find_files`] has them.
    pub globs: Vec<String>,
    /// The folder at which relative patterns start.
    pub base: PathBuf,
    /// The share of a file's lines that may be malformed, 0 to 1.
    pub max_malformed: f64,
    /// How long it is from the end of a look, with all that it imports, to the next.
    pub every: Duration,
}

impl FilesSettings {
    /// How long it is from one look to the next unless somebody wants otherwise: a file is in after
    /// four seconds, and looking at some thousand files, which takes milliseconds, is nothing
    /// beside it.
    pub const EVERY: Duration = Duration::from_secs(2);
}

/// How long after the first look the second one comes, at most: whoever waits for the files that
/// are there need not wait long.
const FIRST: Duration = Duration::from_millis(200);

/// Why files are no longer watched.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// A pattern that never names a file.
    #[error(transparent)]
    Pattern(#[from] FindError),
    /// The thread that looks is gone.
    #[error(
        "the import of files failed unexpectedly: start muster again; what it had read is kept"
    )]
    Thread,
}

/// Imports files as they appear, in the order of their paths, until it is cancelled. A file that is
/// being imported then is gone on with at the next start.
///
/// `first_look` is told when the files that were there at the beginning have been looked at and are
/// imported, or cannot be.
///
/// What was imported once is known by path, size and modification time, also after a restart, and
/// not read again. A file that was imported and changes is another file. One that cannot be
/// imported is logged and told in `stats`; it is tried again when it changes, or if the fault is
/// the disk's or the store's, after a while that grows.
///
/// # Errors
/// [`FilesError::Pattern`] if a glob is none, and [`FilesError::Thread`] if the looking thread panicked.
pub async fn run_files(
    store: Store,
    settings: FilesSettings,
    first_look: oneshot::Sender<()>,
    stats: Arc<SourceStats>,
    cancel: CancellationToken,
) -> Result<(), FilesError> {
    let every = settings.every;
    let stop = Arc::new(AtomicBool::new(false));
    let options = ImportOptions {
        max_malformed: settings.max_malformed,
        stop: Some(Arc::clone(&stop)),
        ..ImportOptions::default()
    };
    let mut watched = WatchedFiles::new(store, settings, options, stats);
    let (mut looks, mut first_look) = (0_u64, Some(first_look));
    while !cancel.is_cancelled() {
        // The runtime's time, which tests can pause: it decides when a file is at rest.
        let now = tokio::time::Instant::now().into_std();
        let mut look = tokio::task::spawn_blocking(move || {
            let looked = watched.look(now, &mut |_| {});
            (watched, looked)
        });
        let looked = tokio::select! {
            looked = &mut look => looked,
            () = cancel.cancelled() => {
                stop.store(true, Ordering::Relaxed);
                look.await
            }
        };
        let (next, looked) = looked.map_err(|_| FilesError::Thread)?;
        looked?;
        watched = next;
        // The second look imports what the first has found.
        looks += 1;
        if looks == 2 {
            first_look.take().map(|first_look| first_look.send(()));
        }
        let pause = if looks == 1 { every.min(FIRST) } else { every };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = cancel.cancelled() => {}
        }
    }
    Ok(())
}
