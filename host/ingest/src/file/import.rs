//! Imports one file, once, whole or not at all.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use muster_model::to_hex;
use muster_store::{Snapshot, SourceKey, Store, StoreError};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::archive::MemberLines;
use super::chunks::LineChunks;
use super::decoded::{DecodeJob, DecodedChunk, each};
use super::import_target::{ImportStart, ImportTarget, StoreTarget};
use super::note::{PathNote, SizeAndTime, note_of};
use super::open::{begins_with, open};
use crate::content::Compression;
use crate::report::FileChange;
use crate::{DecodeContext, ImportError, ImportReport, LineCounts, Malformed};

/// Options of an import.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// Threads that decode; 1 decodes on the caller's thread.
    pub threads: usize,
    /// The share of a file's lines that may be malformed, 0 to 1.
    pub max_malformed: f64,
    /// The most malformed lines that a report names.
    pub keep_malformed: usize,
    /// The approximate number of bytes of text that are decoded at a time.
    pub chunk: usize,
    /// Imports a file again that was already imported to its end. Events without an insert id that
    /// the store still has are then stored twice.
    pub again: bool,
    /// Keeps user ids that stand for no user ([`crate::DecodeContext::placeholder_ids`]).
    pub placeholder_ids: bool,
    /// A flag that stops the import between two chunks once it is true, for instance because of a
    /// signal. The next import of the file continues there.
    pub stop: Option<Arc<AtomicBool>>,
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self {
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            max_malformed: 0.001,
            keep_malformed: 10,
            chunk: 1 << 20,
            again: false,
            placeholder_ids: false,
            stop: None,
        }
    }
}

/// The progress of an import.
#[derive(Clone, Copy, Debug, Default)]
pub struct ImportProgress {
    /// Bytes of the file that were read, of [`Self::bytes_total`].
    pub bytes: u64,
    /// The file's size.
    pub bytes_total: u64,
    /// Lines so far, including those of an earlier, stopped import.
    pub lines: u64,
    /// Events so far, including those of an earlier, stopped import.
    pub events: u64,
}

/// The number of first lines of which at least one must be readable. If none is, the file is of
/// another kind and is not read to its end.
const MAX_UNREADABLE_LINES: u64 = 1_000;

/// The position in a file that the store keeps between two imports: the offset and number of the
/// next line in the unpacked content, and the counts of the lines before it. It is JSON, so that a
/// newer version can add to it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct FilePosition {
    offset: u64,
    line: u64,
    counts: LineCounts,
    /// The whole content, if rows may be appended to it. Only the last position has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    whole: Option<WholeContent>,
}

/// An imported content that may grow.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct WholeContent {
    /// The bytes of the unpacked content, and their hash in hex.
    bytes: u64,
    sha256: String,
    /// The offset and the number of the line at which reading goes on.
    offset: u64,
    line: u64,
}

impl FilePosition {
    const START: Self = Self {
        offset: 0,
        line: 1,
        counts: LineCounts {
            lines: 0,
            events: 0,
            operations: 0,
            anonymous: 0,
            groups: 0,
            mappings: 0,
            malformed: 0,
            texts_cut: 0,
            left_out: 0,
        },
        whole: None,
    };

    fn to_bytes(&self) -> io::Result<Vec<u8>> {
        Ok(serde_json::to_vec(self)?)
    }
}

/// Imports a file into the store, once and in one commit. A file with the same content is not
/// imported again, also under another name or another compression. A file to which lines were
/// appended since it was imported is read from its old end.
///
/// `progress` is called after each chunk, on the caller's thread. If the import fails or the
/// process dies, the store either drops the rows or keeps them invisible. In the second case the
/// next import of the same content continues from there ([`ImportError`] says which).
///
/// # Errors
/// See [`ImportError`]. Single malformed lines are no error: they are skipped and reported, up to
/// [`ImportOptions::max_malformed`].
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let file = directory.path().join("events.json");
/// # let line = r#"{"user_id": "ann", "event_type": "View", "event_time": 1772272795977}"#;
/// # std::fs::write(&file, line)?;
/// use muster_ingest::{ImportOptions, import_file};
/// use muster_store::{Store, StoreOptions};
/// let store = Store::open(&directory.path().join("store"), &StoreOptions::default())?;
/// let report = import_file(&store, &file, &ImportOptions::default(), &mut |_progress| {})?;
/// assert_eq!((report.counts.events, report.already_imported), (1, false));
/// let again = import_file(&store, &file, &ImportOptions::default(), &mut |_progress| {})?;
/// assert!(again.already_imported);
/// # Ok(())
/// # }
/// ```
pub fn import_file(
    store: &Store,
    path: &Path,
    options: &ImportOptions,
    progress: &mut dyn FnMut(&ImportProgress),
) -> Result<ImportReport, ImportError> {
    import(&mut StoreTarget::new(store), path, options, progress)
}

/// Returns true if the store has already imported a file with this content, whatever its name was.
///
/// # Errors
/// When the file or the store cannot be read.
pub fn is_imported(snapshot: &Snapshot, path: &Path) -> Result<bool, ImportError> {
    let failed = |error| ImportError::read(path, Compression::None, error);
    let mut file = File::open(path).map_err(failed)?;
    let source = source(&mut file, None).map_err(failed)?.unwrap_or_default();
    let position = SourceKey::new(&source).and_then(|source| snapshot.position(&source));
    Ok(position
        .map_err(|error| store_error(path, error))?
        .is_some())
}

/// Returns the store's name for a file, which is derived from its content: the same content under
/// another name or path is the same file. Returns `None` if `stop` was set.
fn source(file: &mut File, stop: Option<&AtomicBool>) -> io::Result<Option<String>> {
    Ok(sha256(file, stop)?.map(|hash| named(&hash)))
}

/// The beginning of the store's names for contents.
const FILE: &str = "file:";

/// Returns the store's name for a content with a hash: of a file, or of what a file holds packed.
fn named(hash: &str) -> String {
    format!("{FILE}{hash}")
}

pub(crate) fn import(
    target: &mut dyn ImportTarget,
    path: &Path,
    options: &ImportOptions,
    progress: &mut dyn FnMut(&ImportProgress),
) -> Result<ImportReport, ImportError> {
    let began = Instant::now();
    let failed = |error| ImportError::read(path, Compression::None, error);
    let mut file = File::open(path).map_err(failed)?;
    let before = file.metadata().map_err(failed)?;
    if before.is_dir() {
        return Err(ImportError::Unsupported {
            path: path.to_owned(),
            reason: "a folder: name the files in it, such as `FOLDER/*.json.gz`",
        });
    }
    let stop = options.stop.as_deref();
    let Some(source) = source(&mut file, stop).map_err(failed)? else {
        let path = path.to_owned();
        return Err(ImportError::Stopped { path });
    };
    let note = PathNote {
        stamp: SizeAndTime::in_metadata(&before).map_err(failed)?,
        source: Some(source.clone()),
    };
    let mut report = ImportReport {
        path: path.to_owned(),
        counts: LineCounts::default(),
        malformed: Vec::new(),
        duplicates: 0,
        bytes: before.len(),
        seconds: 0.0,
        already_imported: false,
        change: None,
    };
    let begun = begin(target, &source, options.again).map_err(|e| store_error(path, e))?;
    let start = match begun {
        ImportStart::Done(last) => {
            note_path(target, path, &note)?;
            report.counts = position(path, &last)?.counts;
            report.already_imported = true;
            report.seconds = began.elapsed().as_secs_f64();
            return Ok(report);
        }
        ImportStart::Open(Some(bytes)) => position(path, &bytes)?,
        ImportStart::Open(None) if options.again => FilePosition::START,
        ImportStart::Open(None) => {
            let begun = beginning(target, path)?;
            report.change = begun.1;
            begun.0
        }
    };
    let mut import = FileImport {
        target,
        path,
        options,
        grows_at: (start.offset, start.line),
        position: start,
        change: report.change,
        has_no_ids: false,
        malformed: Vec::new(),
        bytes_total: before.len(),
        progress,
    };
    let finished = import
        .read(file, &source)
        .and_then(|hash| import.check_unchanged(&before).map(|()| hash))
        .and_then(|hash| import.finish(&note, &hash));
    report.counts = import.position.counts;
    report.malformed = std::mem::take(&mut import.malformed);
    // Events with insert ids are not stored twice, so the change needs no warning.
    if report.change == Some(FileChange::Rewritten) && !import.has_no_ids {
        report.change = None;
    }
    match finished {
        Ok(Finished::Imported(duplicates)) => report.duplicates = duplicates,
        Ok(Finished::Known(last)) => {
            target.abort().map_err(|e| store_error(path, e))?;
            target
                .note(&source, &last)
                .map_err(|e| store_error(path, e))?;
            note_path(target, path, &note)?;
            report.counts = position(path, &last)?.counts;
            report.malformed.clear();
            report.already_imported = true;
            report.change = None;
        }
        Err(error) => {
            if !error.can_go_on() {
                target.abort().map_err(|e| store_error(path, e))?;
            }
            return Err(error);
        }
    }
    report.seconds = began.elapsed().as_secs_f64();
    Ok(report)
}

/// Reads a position that the store keeps.
fn position(path: &Path, bytes: &[u8]) -> Result<FilePosition, ImportError> {
    serde_json::from_slice(bytes).map_err(|_| ImportError::Position {
        path: path.to_owned(),
    })
}

/// Returns where the import of a new content begins. If an imported content at the same path has
/// grown, that is its old end.
fn beginning(
    target: &mut dyn ImportTarget,
    path: &Path,
) -> Result<(FilePosition, Option<FileChange>), ImportError> {
    let failed = |error| store_error(path, error);
    let Some(note) = target.position(&note_of(path)).map_err(failed)? else {
        return Ok((FilePosition::START, None));
    };
    let old = match PathNote::read(&note).and_then(|note| note.source) {
        Some(source) => target.position(&source).map_err(failed)?,
        None => None,
    };
    let old = old.and_then(|old| serde_json::from_slice::<FilePosition>(&old).ok());
    if let Some(whole) = old.and_then(|old| old.whole) {
        let file =
            File::open(path).map_err(|error| ImportError::read(path, Compression::None, error))?;
        if begins_with(file, path, whole.bytes, &whole.sha256)? {
            let start = FilePosition {
                offset: whole.offset,
                line: whole.line,
                ..FilePosition::START
            };
            let change = FileChange::Grown { line: whole.line };
            return Ok((start, Some(change)));
        }
    }
    Ok((FilePosition::START, Some(FileChange::Rewritten)))
}

/// Notes in the store which content a path has, if the store does not know that.
fn note_path(
    target: &mut dyn ImportTarget,
    path: &Path,
    note: &PathNote,
) -> Result<(), ImportError> {
    let key = note_of(path);
    let failed = |error| store_error(path, error);
    let known = target.position(&key).map_err(failed)?;
    if known.and_then(|known| PathNote::read(&known)).as_ref() == Some(note) {
        return Ok(());
    }
    let note = note
        .to_bytes()
        .map_err(|error| ImportError::read(path, Compression::None, error))?;
    target.note(&key, &note).map_err(failed)
}

/// Begins or continues the import of a file.
fn begin(
    target: &mut dyn ImportTarget,
    source: &str,
    again: bool,
) -> Result<ImportStart, StoreError> {
    let begun = target.begin(source)?;
    if !again || matches!(begun, ImportStart::Open(_)) {
        return Ok(begun);
    }
    // The repeated import has a name of its own. If it is interrupted or given up, the file still
    // counts as imported, so no source imports the file by itself.
    let source = format!("again:{source}");
    match target.begin(&source)? {
        ImportStart::Done(_) => {
            target.forget(&source)?;
            target.begin(&source)
        }
        open => Ok(open),
    }
}

struct FileImport<'a> {
    target: &'a mut dyn ImportTarget,
    path: &'a Path,
    options: &'a ImportOptions,
    position: FilePosition,
    /// The offset and the number of the line at which reading goes on if the content grows.
    grows_at: (u64, u64),
    change: Option<FileChange>,
    /// Some event has no insert id. Only known of a rewritten file.
    has_no_ids: bool,
    malformed: Vec<Malformed>,
    bytes_total: u64,
    progress: &'a mut dyn FnMut(&ImportProgress),
}

/// An error during an import, before the file's path is added to it.
enum ImportFailure {
    Io(io::Error),
    Import(ImportError),
}

impl From<io::Error> for ImportFailure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The unpacked content of a file that was read to its end.
struct ReadContent {
    /// The store's name for the content.
    source: String,
    can_grow: bool,
}

/// The end of an import.
enum Finished {
    /// The rows are visible; the number of duplicates.
    Imported(u64),
    /// The content was imported under another compression: its last position.
    Known(Vec<u8>),
}

impl FileImport<'_> {
    fn read(&mut self, file: File, source: &str) -> Result<ReadContent, ImportError> {
        let path = self.path;
        let content = open(file, path, self.position.offset)?;
        let compression = content.compression;
        let FilePosition { offset, line, .. } = self.position;
        let store = self.target.store();
        let work = DecodeJob {
            chunks: LineChunks::new(content.reader, self.options.chunk, line, offset),
            bytes_read: &|| content.bytes_read.load(Ordering::Relaxed),
            threads: self.options.threads,
            keep_malformed: self.options.keep_malformed,
            context: DecodeContext {
                store: store.as_ref(),
                placeholder_ids: self.options.placeholder_ids,
            },
        };
        let members = content.members;
        each(work, |decoded| self.take(decoded, &members)).map_err(|failure| match failure {
            ImportFailure::Io(error) => ImportError::read(path, compression, error),
            ImportFailure::Import(error) => error,
        })?;
        Ok(ReadContent {
            source: match compression {
                Compression::None => source.to_owned(),
                _ => named(&content.hash.hex()),
            },
            can_grow: content.can_grow,
        })
    }

    fn take(&mut self, decoded: &DecodedChunk, members: &MemberLines) -> Result<(), ImportFailure> {
        let free = self.options.keep_malformed - self.malformed.len();
        let malformed = decoded.malformed.iter().take(free);
        self.malformed
            .extend(malformed.map(|malformed| members.place(malformed.clone())));
        if self.change == Some(FileChange::Rewritten) && !self.has_no_ids {
            let mut events = decoded.buffer.events();
            self.has_no_ids = events.any(|event| event.insert_id == 0);
        }
        self.grows_at = decoded.grows_at();
        let counts = &mut self.position.counts;
        counts.add(&decoded.counts);
        if counts.malformed >= MAX_UNREADABLE_LINES && counts.malformed == counts.lines {
            return Err(ImportFailure::Import(ImportError::NoEvents {
                path: self.path.to_owned(),
                lines: counts.lines,
                examples: self.malformed.clone(),
            }));
        }
        self.position.offset = decoded.chunk.end;
        self.position.line = decoded.chunk.next_line;
        let left_out = self
            .target
            .append(&decoded.buffer, &self.position.to_bytes()?)
            .map_err(|error| ImportFailure::Import(store_error(self.path, error)))?;
        self.position.counts.left_out += left_out;
        let progress = ImportProgress {
            bytes: decoded.chunk.bytes_read,
            bytes_total: self.bytes_total,
            lines: self.position.counts.lines,
            events: self.position.counts.events,
        };
        (self.progress)(&progress);
        let stop = self.options.stop.as_ref();
        if stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) {
            let path = self.path.to_owned();
            return Err(ImportFailure::Import(ImportError::Stopped { path }));
        }
        Ok(())
    }

    /// Checks that the file did not change while it was read. The store's key is the hash of the
    /// content before the reading, so the content must still be the same.
    fn check_unchanged(&self, before: &Metadata) -> Result<(), ImportError> {
        let after = std::fs::metadata(self.path)
            .map_err(|error| ImportError::read(self.path, Compression::None, error))?;
        let times = before.modified().ok() == after.modified().ok();
        if times && before.len() == after.len() {
            Ok(())
        } else {
            Err(ImportError::Changed {
                path: self.path.to_owned(),
            })
        }
    }

    fn finish(&mut self, note: &PathNote, content: &ReadContent) -> Result<Finished, ImportError> {
        let failed = |error| store_error(self.path, error);
        let is_other = note.source.as_ref() != Some(&content.source);
        if is_other && !self.options.again {
            let known = self.target.position(&content.source).map_err(failed)?;
            if let Some(last) = known {
                return Ok(Finished::Known(last));
            }
        }
        let counts = &self.position.counts;
        let allowed = self.options.max_malformed;
        if counts.malformed as f64 > allowed * counts.lines as f64 {
            return Err(ImportError::TooManyMalformed {
                path: self.path.to_owned(),
                malformed: counts.malformed,
                lines: counts.lines,
                allowed,
                examples: self.malformed.clone(),
            });
        }
        if content.can_grow {
            let (offset, line) = self.grows_at;
            self.position.whole = Some(WholeContent {
                bytes: self.position.offset,
                sha256: content.source.replace(FILE, ""),
                offset,
                line,
            });
        }
        let io_failed = |error| ImportError::read(self.path, Compression::None, error);
        let position = self.position.to_bytes().map_err(io_failed)?;
        let note = (note_of(self.path), note.to_bytes().map_err(io_failed)?);
        let mut others = vec![note];
        if is_other {
            others.push((content.source.clone(), position.clone()));
        }
        let duplicates = self.target.finish(&position, &others).map_err(failed)?;
        Ok(Finished::Imported(duplicates))
    }
}

fn store_error(path: &Path, source: StoreError) -> ImportError {
    let path = path.to_owned();
    ImportError::Store { path, source }
}

/// Returns the hash of all bytes of a file, in hex. Returns `None` if `stop` was set meanwhile,
/// because a large file takes long.
fn sha256(file: &mut File, stop: Option<&AtomicBool>) -> io::Result<Option<String>> {
    let mut hash = Sha256::new();
    let mut piece = vec![0; 1 << 17];
    loop {
        if stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) {
            return Ok(None);
        }
        let count = file.read(&mut piece)?;
        if count == 0 {
            break;
        }
        hash.update(piece.get(..count).unwrap_or_default());
    }
    Ok(Some(to_hex(&hash.finalize())))
}
