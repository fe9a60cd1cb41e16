//! Scans real files with a real store. The tests set the time.

use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::time::Instant;
use std::time::SystemTime;

use muster_store::StoreOptions;

use super::*;
use crate::ImportProgress;
use crate::file::note::SizeAndTime;

struct WatchedFolder {
    folder: tempfile::TempDir,
    store: Store,
    stats: Arc<SourceStats>,
    stop: Arc<AtomicBool>,
}

impl WatchedFolder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Every chunk of a file becomes durable by itself.
        let options = StoreOptions {
            import_rows: 1,
            ..StoreOptions::default()
        };
        let store = Store::open(&folder.path().join("store"), &options).unwrap();
        std::fs::create_dir(folder.path().join("in")).unwrap();
        Self {
            folder,
            store,
            stats: Arc::default(),
            stop: Arc::default(),
        }
    }

    fn settings(&self) -> FilesSettings {
        FilesSettings {
            globs: vec!["in/*.json*".to_owned()],
            base: self.folder.path().to_owned(),
            max_malformed: 0.001,
            every: Duration::from_millis(1),
            placeholder_ids: false,
        }
    }

    fn watched(&self) -> WatchedFiles {
        let options = ImportOptions {
            threads: 1,
            chunk: 500,
            stop: Some(Arc::clone(&self.stop)),
            ..ImportOptions::default()
        };
        let stats = Arc::clone(&self.stats);
        WatchedFiles::new(self.store.clone(), self.settings(), options, stats)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("in").join(name)
    }

    /// Writes a file with a modification time that no file had before.
    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
        touch(&self.path(name));
    }

    /// Returns the number of commits and of events, and the error.
    fn status(&self) -> (u64, u64, Option<String>) {
        let here = self.folder.path().display().to_string();
        let error = self.stats.error();
        (
            self.stats.commits(),
            self.stats.counts().events,
            error.map(|error| error.replace(&here, "HERE")),
        )
    }
}

/// Gives a file a modification time that no file had before.
fn touch(path: &Path) {
    static NTH: AtomicU64 = AtomicU64::new(0);
    let nth = NTH.fetch_add(1, Ordering::Relaxed);
    set_modified(
        path,
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + nth),
    );
}

fn set_modified(path: &Path, modified: SystemTime) {
    let file = std::fs::File::options().append(true).open(path).unwrap();
    file.set_modified(modified).unwrap();
}

fn scan(watched: &mut WatchedFiles, at: Instant) {
    watched.scan(at, &mut |_| {}).unwrap();
}

/// Returns lines of one user, each an event of its own.
fn lines(numbers: std::ops::Range<u64>) -> String {
    let line = |number| {
        let time = 1_700_000_000_000 + number;
        format!("{{\"user_id\":\"ann\",\"event_type\":\"View\",\"event_time\":{time}}}\n")
    };
    numbers.map(line).collect()
}

#[test]
fn a_file_is_imported_after_two_equal_scans() {
    let folder = WatchedFolder::new();
    let (mut watched, now) = (folder.watched(), Instant::now());
    scan(&mut watched, now);
    assert_eq!(folder.status(), (0, 0, None));
    folder.write("a.json", &lines(0..10));
    scan(&mut watched, now);
    assert_eq!(folder.status(), (0, 0, None));
    assert!(folder.stats.lag() > 0);
    // The file grows, and then stops growing.
    folder.write("a.json", &lines(0..20));
    scan(&mut watched, now);
    assert_eq!(folder.status(), (0, 0, None));
    scan(&mut watched, now);
    assert_eq!(folder.status(), (1, 20, None));
    assert_eq!(folder.stats.lag(), 0);
    scan(&mut watched, now);
    assert_eq!(folder.status(), (1, 20, None));
}

#[test]
fn a_file_with_only_another_modification_time_is_new() {
    let folder = WatchedFolder::new();
    let (mut watched, now) = (folder.watched(), Instant::now());
    folder.write("a.json", &lines(0..5));
    scan(&mut watched, now);
    touch(&folder.path("a.json"));
    scan(&mut watched, now);
    assert_eq!(folder.status(), (0, 0, None));
    scan(&mut watched, now);
    assert_eq!(folder.status(), (1, 5, None));
    // The store knows the content, whatever the modification time.
    touch(&folder.path("a.json"));
    scan(&mut watched, now);
    scan(&mut watched, now);
    assert_eq!(folder.status(), (1, 5, None));
}

#[test]
fn a_replaced_file_is_imported_as_another_file() {
    let folder = WatchedFolder::new();
    let (mut watched, now) = (folder.watched(), Instant::now());
    folder.write("a.json", &lines(0..5));
    scan(&mut watched, now);
    scan(&mut watched, now);
    folder.write("next", &lines(10..13));
    std::fs::rename(folder.path("next"), folder.path("a.json")).unwrap();
    scan(&mut watched, now);
    assert_eq!(folder.status(), (1, 5, None));
    scan(&mut watched, now);
    assert_eq!(folder.status(), (2, 8, None));
    // A file that disappears and comes back with the same content is known.
    std::fs::remove_file(folder.path("a.json")).unwrap();
    scan(&mut watched, now);
    folder.write("a.json", &lines(0..5));
    scan(&mut watched, now);
    scan(&mut watched, now);
    assert_eq!(folder.status(), (2, 8, None));
}

#[test]
fn a_file_that_grows_is_read_from_its_old_end_also_after_a_restart() {
    let folder = WatchedFolder::new();
    let (mut watched, now) = (folder.watched(), Instant::now());
    folder.write("a.json", &lines(0..5));
    scan(&mut watched, now);
    scan(&mut watched, now);
    folder.write("a.json", &lines(0..7));
    scan(&mut watched, now);
    scan(&mut watched, now);
    assert_eq!(folder.status(), (2, 7, None));
    assert_eq!(
        folder
            .store
            .snapshot()
            .unwrap()
            .statistics()
            .unwrap()
            .events,
        7
    );
    let mut watched = folder.watched();
    folder.write("a.json", &lines(0..8));
    scan(&mut watched, now);
    scan(&mut watched, now);
    assert_eq!(folder.status(), (3, 8, None));
}

#[test]
fn the_reason_of_the_latest_skipped_line_is_kept() {
    let folder = WatchedFolder::new();
    let (mut watched, now) = (folder.watched(), Instant::now());
    assert_eq!(folder.stats.last_skipped(), None);
    folder.write("a.json", &format!("{}oops\n", lines(0..2000)));
    scan(&mut watched, now);
    scan(&mut watched, now);
    let skipped = folder.stats.last_skipped().unwrap();
    let wanted = "in/a.json:2001: not valid JSON at column 1: expected value";
    assert!(skipped.ends_with(wanted), "{skipped}");
}

#[test]
fn files_are_imported_in_the_order_of_their_paths() {
    let folder = WatchedFolder::new();
    let (mut watched, now) = (folder.watched(), Instant::now());
    for (name, count) in [("c.json", 3), ("a.json", 1), ("b.json", 2)] {
        folder.write(name, &lines(0..count));
    }
    scan(&mut watched, now);
    let mut counts = Vec::new();
    let mut progress = |progress: &ImportProgress| counts.push(progress.events);
    watched.scan(now, &mut progress).unwrap();
    assert_eq!(counts, [1, 2, 3]);
}

#[test]
fn a_broken_file_does_not_delay_others_and_is_tried_again_when_it_changes() {
    let folder = WatchedFolder::new();
    let (mut watched, now) = (folder.watched(), Instant::now());
    folder.write("a.json", &lines(0..5));
    folder.write("b.json", &format!("{}oops\n", lines(5..6)));
    folder.write("c.json.zip", "PK\u{3}\u{4}");
    folder.write("d.json", &lines(10..13));
    scan(&mut watched, now);
    scan(&mut watched, now);
    let error = "1 of 2 lines of `HERE/in/b.json` are malformed, more than the allowed 0.1 %, so nothing of it was imported; \
                   the first is line 2: not valid JSON at column 1: expected value; correct the file, or allow more with \
                   `max_malformed` (and 1 more)";
    assert_eq!(folder.status(), (2, 8, Some(error.to_owned())));
    // They are known to be broken, even hours later.
    let later = now + Duration::from_secs(36_000);
    scan(&mut watched, later);
    assert_eq!(folder.status(), (2, 8, Some(error.to_owned())));
    folder.write("b.json", &lines(5..7));
    scan(&mut watched, later);
    scan(&mut watched, later);
    let error = "`HERE/in/c.json.zip` is cut off: its zip data has no end, so nothing of it was imported; copy the file again";
    assert_eq!(folder.status(), (3, 10, Some(error.to_owned())));
    std::fs::remove_file(folder.path("c.json.zip")).unwrap();
    scan(&mut watched, later);
    assert_eq!(folder.status(), (3, 10, None));
}

#[test]
fn the_next_start_continues_a_stopped_import() {
    let folder = WatchedFolder::new();
    let (mut watched, now) = (folder.watched(), Instant::now());
    folder.write("a.json", &lines(0..100));
    folder.write("b.json", &lines(100..110));
    scan(&mut watched, now);
    let mut chunks = 0;
    let mut progress = |_: &ImportProgress| {
        chunks += 1;
        folder.stop.store(chunks == 3, Ordering::Relaxed);
    };
    watched.scan(now, &mut progress).unwrap();
    assert_eq!(chunks, 3);
    assert_eq!(folder.status(), (0, 0, None));
    // The next start finds a new file, but does not read its first lines again.
    drop(watched);
    folder.stop.store(false, Ordering::Relaxed);
    let mut watched = folder.watched();
    scan(&mut watched, now);
    let mut first = None;
    let mut progress = |progress: &ImportProgress| {
        first.get_or_insert(progress.lines);
    };
    watched.scan(now, &mut progress).unwrap();
    assert!(first.unwrap() > 20, "{first:?}");
    assert_eq!(folder.status(), (2, 110, None));
}

#[test]
fn imported_files_are_not_read_again_after_a_restart() {
    let folder = WatchedFolder::new();
    let now = Instant::now();
    folder.write("a.json", &lines(0..5));
    let mut watched = folder.watched();
    scan(&mut watched, now);
    scan(&mut watched, now);
    // The new content has the same size and time, so only a read would see other events.
    let path = folder.path("a.json");
    let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
    std::fs::write(&path, lines(5..10)).unwrap();
    set_modified(&path, modified);
    let mut watched = folder.watched();
    for _ in 0..3 {
        scan(&mut watched, now);
    }
    assert_eq!(folder.status(), (1, 5, None));
}

#[test]
fn a_file_that_cannot_be_read_is_tried_again_after_a_while() {
    let folder = WatchedFolder::new();
    let (mut watched, now) = (folder.watched(), Instant::now());
    folder.write("a.json", &lines(0..5));
    scan(&mut watched, now);
    // The file is away for a moment; permissions would not do, because root reads all files.
    let (path, away) = (folder.path("a.json"), folder.path("away"));
    let stamp = SizeAndTime::of(&path).unwrap();
    std::fs::rename(&path, &away).unwrap();
    watched.import(path.clone(), stamp, now, &mut |_| {});
    watched.report();
    std::fs::rename(&away, &path).unwrap();
    let error = folder.status().2.unwrap();
    let status = "cannot read `HERE/in/a.json`: No such file";
    assert!(error.starts_with(status), "{error}");
    scan(&mut watched, now + Duration::from_secs(1));
    assert_eq!(folder.status(), (0, 0, Some(error)));
    scan(&mut watched, now + Duration::from_secs(2));
    assert_eq!(folder.status(), (1, 5, None));
}

#[test]
fn files_wait_while_the_store_fails() {
    let folder = WatchedFolder::new();
    let (mut watched, now) = (folder.watched(), Instant::now());
    folder.write("a.json", &lines(0..5));
    folder.write("b.json", &lines(5..10));
    scan(&mut watched, now);
    // Another import of the same content makes the store refuse this one.
    let content = std::fs::read(folder.path("a.json")).unwrap();
    let key = muster_store::SourceKey::new(&source_of(&content)).unwrap();
    let muster_store::ImportState::Open(busy, _) = folder.store.import(&key).unwrap() else {
        panic!("it is not imported yet")
    };
    scan(&mut watched, now);
    let (commits, _, error) = folder.status();
    let error = error.unwrap();
    assert_eq!(commits, 0);
    assert!(error.contains("is being imported already"), "{error}");
    busy.abort().unwrap();
    scan(&mut watched, now + Duration::from_secs(1));
    assert_eq!(folder.status(), (0, 0, Some(error)));
    scan(&mut watched, now + Duration::from_secs(2));
    assert_eq!(folder.status(), (2, 10, None));
}

/// Returns the store's name for a file with this content.
fn source_of(content: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    let hash = Sha256::digest(content);
    format!("file:{}", muster_model::to_hex(&hash))
}

#[tokio::test]
async fn the_source_runs_until_it_is_cancelled() {
    let folder = WatchedFolder::new();
    let cancel = CancellationToken::new();
    // The files that exist at the beginning are imported before the source reports its first scan.
    folder.write("old.json", &lines(0..10));
    let (status, first_scan) = tokio::sync::oneshot::channel();
    let running = tokio::spawn(run_files(
        folder.store.clone(),
        folder.settings(),
        status,
        Arc::clone(&folder.stats),
        cancel.clone(),
    ));
    first_scan.await.unwrap();
    assert_eq!(folder.status(), (1, 10, None));
    for (name, commits) in [("a.json", 2), ("b.json", 3)] {
        // The file appears in one step, because the test does not know when the scans are.
        folder.write("next", &lines(commits * 10..commits * 10 + 10));
        std::fs::rename(folder.path("next"), folder.path(name)).unwrap();
        while folder.stats.commits() < commits {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    cancel.cancel();
    running.await.unwrap().unwrap();
    assert_eq!(folder.status(), (3, 30, None));
}

#[tokio::test]
async fn an_invalid_pattern_ends_the_source() {
    let folder = WatchedFolder::new();
    let mut settings = folder.settings();
    settings.globs.push("in/***".to_owned());
    let (stats, cancel) = (Arc::default(), CancellationToken::new());
    let (first_scan, _scanned) = tokio::sync::oneshot::channel();
    let ended = run_files(folder.store.clone(), settings, first_scan, stats, cancel).await;
    let error = ended.unwrap_err().to_string();
    let begins = "`in/***` is not a pattern for files";
    assert!(error.starts_with(begins), "{error}");
}
