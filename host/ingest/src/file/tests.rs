//! Imports files into a stand-in for the store, which shows every row and fails on request.

mod growth;
mod shapes;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use muster_model::EventBuffer;
use muster_store::StoreError;

use super::import::import;
use super::import_target::{ImportStart, ImportTarget};
use crate::error::with_causes;
use crate::{ImportError, ImportOptions, ImportProgress, ImportReport};

#[derive(Default)]
struct MemoryTarget {
    sources: BTreeMap<String, MemorySource>,
    current: String,
    /// The number of appends that still succeed.
    fail_after: Option<usize>,
}

#[derive(Default)]
struct MemorySource {
    rows: Vec<String>,
    position: Option<Vec<u8>>,
    done: bool,
}

impl MemoryTarget {
    fn source(&mut self) -> &mut MemorySource {
        self.sources.get_mut(&self.current).unwrap()
    }

    fn visible(&self) -> Vec<String> {
        let done = self.sources.values().filter(|source| source.done);
        done.flat_map(|source| source.rows.clone()).collect()
    }

    /// Returns events in order and operations in order; how they mix depends on the chunks.
    fn order(&self) -> Vec<String> {
        let (events, operations): (Vec<_>, Vec<_>) = self
            .visible()
            .into_iter()
            .partition(|row| row.contains("View"));
        [events, operations].concat()
    }

    fn staged(&self) -> usize {
        let open = self.sources.values().filter(|source| !source.done);
        open.map(|source| source.rows.len()).sum()
    }
}

impl ImportTarget for MemoryTarget {
    fn begin(&mut self, source: &str) -> Result<ImportStart, StoreError> {
        self.current = source.to_owned();
        let source = self.sources.entry(source.to_owned()).or_default();
        Ok(match (source.done, source.position.clone()) {
            (true, position) => ImportStart::Done(position.unwrap()),
            (false, position) => ImportStart::Open(position),
        })
    }

    fn position(&mut self, source: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let source = self.sources.get(source).filter(|source| source.done);
        Ok(source.and_then(|source| source.position.clone()))
    }

    fn note(&mut self, source: &str, position: &[u8]) -> Result<(), StoreError> {
        let source = self.sources.entry(source.to_owned()).or_default();
        source.position = Some(position.to_vec());
        source.done = true;
        Ok(())
    }

    fn forget(&mut self, source: &str) -> Result<(), StoreError> {
        self.sources.remove(source);
        Ok(())
    }

    fn append(&mut self, rows: &EventBuffer, position: &[u8]) -> Result<u64, StoreError> {
        if let Some(remaining) = &mut self.fail_after {
            *remaining = remaining.checked_sub(1).ok_or(StoreError::DiskFull)?;
        }
        let source = self.source();
        let events = rows
            .events()
            .map(|event| format!("{} {} {}", event.user, event.name, event.time.0));
        source.rows.extend(events);
        let operations = rows.operations();
        source.rows.extend(
            operations.map(|operation| format!("{} {}", operation.user, operation.property)),
        );
        source.position = Some(position.to_vec());
        Ok(0)
    }

    fn finish(&mut self, position: &[u8], others: &[(String, Vec<u8>)]) -> Result<u64, StoreError> {
        let source = self.source();
        source.position = Some(position.to_vec());
        source.done = true;
        for (other, position) in others {
            self.note(other, position)?;
        }
        Ok(0)
    }

    fn abort(&mut self) -> Result<(), StoreError> {
        let current = self.current.clone();
        self.sources.remove(&current);
        Ok(())
    }
}

struct TestFolder(tempfile::TempDir);

impl TestFolder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

fn line(nth: usize) -> String {
    format!(
        "{{\"user_id\":\"u{}\",\"event_type\":\"View\",\"event_time\":{},\"user_properties\":{{\"n\":{nth}}}}}\n",
        nth % 7,
        1_700_000_000_000_usize + nth
    )
}

fn lines(count: usize) -> String {
    (0..count).map(line).collect()
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn zstd(content: &[u8]) -> Vec<u8> {
    zstd::encode_all(content, 1).unwrap()
}

fn options(threads: usize) -> ImportOptions {
    ImportOptions {
        threads,
        chunk: 1000,
        ..ImportOptions::default()
    }
}

fn run(memory: &mut MemoryTarget, path: &Path) -> Result<ImportReport, ImportError> {
    import(memory, path, &options(2), &mut |_| {})
}

fn message(path: &Path, error: &ImportError) -> String {
    let folder = path.parent().unwrap().display().to_string();
    with_causes(error).replace(&folder, "HERE")
}

#[test]
fn the_content_of_a_file_decides_its_kind() {
    let folder = TestFolder::new();
    let text = lines(100);
    let (first, second) = text.split_at(text.len() / 3);
    let mut wanted = MemoryTarget::default();
    run(&mut wanted, &folder.file("plain.json", &text)).unwrap();
    assert_eq!(wanted.visible().len(), 200);
    let both =
        |pack: fn(&[u8]) -> Vec<u8>| [pack(first.as_bytes()), pack(second.as_bytes())].concat();
    for (name, content) in [
        ("plain.gz", text.clone().into_bytes()),
        ("gzip.json", gzip(text.as_bytes())),
        ("members.gz", both(gzip)),
        ("padded.gz", [both(gzip), vec![0; 512]].concat()),
        (
            "padding.gz",
            [gzip(first.as_bytes()), vec![0; 9], gzip(second.as_bytes())].concat(),
        ),
        ("zstd.txt", zstd(text.as_bytes())),
        ("frames.zst", both(zstd)),
        ("bom", [b"\xef\xbb\xbf", text.as_bytes()].concat()),
        ("bom.gz", gzip(&[b"\xef\xbb\xbf", text.as_bytes()].concat())),
        ("crlf", text.replace('\n', "\r\n").into_bytes()),
        ("open end", text.trim_end().as_bytes().to_vec()),
        (
            "blank",
            format!("\n\n{}\n\n", text.replace('\n', "\n \n")).into_bytes(),
        ),
    ] {
        for threads in [1, 2, 5] {
            let mut memory = MemoryTarget::default();
            let path = folder.file(name, &content);
            let report = import(&mut memory, &path, &options(threads), &mut |_| {}).unwrap();
            assert_eq!(
                (report.counts.lines, report.counts.operations),
                (100, 100),
                "{name}"
            );
            assert_eq!(report.malformed, [], "{name}");
            assert!(memory.order() == wanted.order(), "{name}");
        }
    }
}

#[test]
fn an_empty_file_is_imported() {
    let folder = TestFolder::new();
    for (name, content) in [
        ("empty", vec![]),
        ("gz", gzip(b"")),
        ("zst", zstd(b"")),
        ("bom", b"\xef\xbb\xbf".to_vec()),
    ] {
        let mut memory = MemoryTarget::default();
        let report = run(&mut memory, &folder.file(name, content)).unwrap();
        assert_eq!(
            (report.counts.lines, report.already_imported),
            (0, false),
            "{name}"
        );
        assert!(run(&mut memory, &report.path).unwrap().already_imported);
    }
}

#[test]
fn a_content_is_imported_once() {
    let folder = TestFolder::new();
    let mut memory = MemoryTarget::default();
    let path = folder.file("a.json", lines(50));
    let first = run(&mut memory, &path).unwrap();
    assert!(!first.already_imported);
    let copy = folder.file("copy.json", lines(50));
    let second = run(&mut memory, &copy).unwrap();
    assert!(second.already_imported);
    assert_eq!((second.counts, second.path), (first.counts, copy));
    assert_eq!(memory.visible().len(), 100);
}

#[test]
fn a_file_is_imported_again_with_the_option() {
    let (memory, folder) = (&mut MemoryTarget::default(), TestFolder::new());
    let path = folder.file("a.json", lines(3));
    let again = |memory: &mut MemoryTarget| {
        let options = ImportOptions {
            again: true,
            ..options(2)
        };
        import(memory, &path, &options, &mut |_| {})
    };
    // A new file is imported like any other.
    assert!(!again(memory).unwrap().already_imported);
    assert!(run(memory, &path).unwrap().already_imported);
    for _ in 0..2 {
        let report = again(memory).unwrap();
        assert_eq!((report.already_imported, report.counts.events), (false, 3));
    }
    // An interrupted second import continues where it was, and the file still counts as imported.
    memory.fail_after = Some(0);
    assert!(again(memory).is_err());
    memory.fail_after = None;
    assert!(run(memory, &path).unwrap().already_imported);
    assert!(!again(memory).unwrap().already_imported);
}

#[test]
fn a_few_malformed_lines_are_skipped_and_named() {
    let folder = TestFolder::new();
    let mut memory = MemoryTarget::default();
    let text = format!("{}oops\n{}{{\n", lines(1500), lines(500));
    let path = folder.file("a.json", text);
    let report = run(&mut memory, &path).unwrap();
    assert_eq!(
        (
            report.counts.lines,
            report.counts.malformed,
            report.counts.events
        ),
        (2002, 2, 2000)
    );
    let named: Vec<_> = report
        .malformed
        .iter()
        .map(|line| (line.line, line.reason.to_string()))
        .collect();
    let wanted = [
        (
            1501,
            "not valid JSON at column 1: expected value".to_owned(),
        ),
        (
            2002,
            "not valid JSON at column 1: EOF while parsing an object".to_owned(),
        ),
    ];
    assert_eq!(named, wanted);
}

#[test]
fn too_many_malformed_lines_leave_nothing() {
    let folder = TestFolder::new();
    let mut memory = MemoryTarget::default();
    let path = folder.file("a.json", format!("{}oops\n{{\n", lines(1500)));
    let error = run(&mut memory, &path).unwrap_err();
    assert_eq!(
        message(&path, &error),
        "2 of 1502 lines of `HERE/a.json` are malformed, more than the allowed 0.1 %, so nothing of it was imported; \
         the first is line 1501: not valid JSON at column 1: expected value; correct the file, or allow more with `max_malformed`"
    );
    assert_eq!((memory.visible().len(), memory.sources.len()), (0, 0));
    let mut patient = options(2);
    patient.max_malformed = 0.01;
    let report = import(&mut memory, &path, &patient, &mut |_| {}).unwrap();
    assert_eq!(report.counts.malformed, 2);
    // The limit itself is allowed.
    let path = folder.file("b.json", format!("{}oops\n", lines(999)));
    assert_eq!(run(&mut memory, &path).unwrap().counts.malformed, 1);
}

#[test]
fn another_kind_of_file_is_given_up_early() {
    let folder = TestFolder::new();
    let mut memory = MemoryTarget::default();
    let path = folder.file("a.csv", "user_id,event_type\n".repeat(100_000));
    let error = run(&mut memory, &path).unwrap_err();
    let ImportError::NoEvents { lines, .. } = &error else {
        panic!("{error}")
    };
    assert!((1000..1100).contains(lines));
    assert!(
        message(&path, &error)
            .contains("the first is line 1: not valid JSON at column 1: expected value")
    );
    assert_eq!(memory.sources.len(), 0);
}

#[test]
fn an_unreadable_file_is_an_error_with_its_reason() {
    let folder = TestFolder::new();
    let mut memory = MemoryTarget::default();
    let mut said = |name: &str, content: &[u8]| {
        let path = folder.file(name, content);
        let error = run(&mut memory, &path).unwrap_err();
        assert_eq!(memory.sources.len(), 0, "{name}");
        message(&path, &error)
    };
    assert_eq!(
        said("a.gz", &gzip(b"PK\x03\x04....")),
        "`HERE/a.gz` is a zip archive in another file: unpack it and import the files in it"
    );
    assert_eq!(
        said("a.gz", &gzip(&gzip(b"{}"))),
        "`HERE/a.gz` is gzip data inside packed data: unpack it once"
    );
    let mut tar = vec![0; 1024];
    tar[..6].copy_from_slice(b"a.json");
    tar[257..262].copy_from_slice(b"ustar");
    for (name, content) in [("a.tar", tar.clone()), ("a.tar.gz", gzip(&tar))] {
        let wanted = "is a tar archive: unpack it and import the files in it";
        assert_eq!(said(name, &content), format!("`HERE/{name}` {wanted}"));
    }
    for level in [b"x\x01", b"x\x5e", b"x\x9c", b"x\xda"] {
        assert_eq!(
            said("a.json", level),
            "`HERE/a.json` is compressed by zlib: gzip, zstd and zip are read"
        );
    }
    for content in [&b"\xfe\xff\0{"[..], b"{\0\"\0", b"\0{\0\""] {
        let wanted = "`HERE/a.json` is UTF-16: convert it to UTF-8";
        assert_eq!(said("a.json", content), wanted);
    }
    assert_eq!(
        said("a.parquet", b"PAR1\x15\x00"),
        "`HERE/a.parquet` is a Parquet file: only JSON lines are read so far"
    );
    assert_eq!(
        said("a.txt", b"\xff\xfe{\0"),
        "`HERE/a.txt` is UTF-16: convert it to UTF-8"
    );

    let packed = gzip(lines(200).as_bytes());
    for cut in [2, 9, 15, packed.len() / 2, packed.len() - 1] {
        assert_eq!(
            said("a.gz", &packed[..cut]),
            "`HERE/a.gz` is cut off: its gzip data has no end, so nothing of it was imported; copy the file again",
            "{cut}"
        );
    }
    let packed_zstd = zstd(lines(200).as_bytes());
    for cut in [5, packed_zstd.len() / 2, packed_zstd.len() - 1] {
        let said = said("a.zst", &packed_zstd[..cut]);
        assert!(
            said.starts_with("`HERE/a.zst` is cut off: its zstd data has no end"),
            "{cut}: {said}"
        );
    }
    let mut damaged = packed.clone();
    let checksum = damaged.len() - 8;
    damaged[checksum] ^= 1;
    assert!(said("a.gz", &damaged).starts_with(
        "`HERE/a.gz` is damaged: its gzip data cannot be unpacked, so nothing of it was imported; "
    ));
    let trailing = [&packed[..], b"something else"].concat();
    assert_eq!(
        said("a.gz", &trailing),
        "`HERE/a.gz` has other bytes behind the end of its gzip data, so nothing of it was imported; remove them, or write \
         the file again"
    );
    let mut damaged = packed_zstd;
    damaged[20] ^= 0xff;
    assert!(said("a.zst", &damaged).contains("a.zst` is "));

    let error = run(&mut memory, folder.0.path()).unwrap_err().to_string();
    assert!(
        error.contains("is a folder: name the files in it"),
        "{error}"
    );
    let missing = folder.0.path().join("missing");
    let error = run(&mut memory, &missing).unwrap_err();
    assert!(message(&missing, &error).starts_with("cannot read `HERE/missing`: No such file"));
}

#[test]
fn an_interrupted_import_continues_where_it_was() {
    let folder = TestFolder::new();
    let mut text = lines(300);
    text.insert(0, '\u{feff}');
    let blank = 5000 + text[5000..].find('\n').unwrap();
    text.insert_str(blank, "\n\n");
    for (name, content) in [
        ("json", text.clone().into_bytes()),
        ("gz", gzip(text.as_bytes())),
        ("zst", zstd(text.as_bytes())),
    ] {
        let path = folder.file(name, content);
        let mut wanted = MemoryTarget::default();
        let whole = run(&mut wanted, &path).unwrap();
        assert_eq!(whole.counts.lines, 300);
        for threads in [1, 2] {
            // The store fails after more and more chunks, until it does not fail.
            let mut memory = MemoryTarget::default();
            let mut failures = 0;
            let report = loop {
                memory.fail_after = Some(1 + failures % 3);
                match import(&mut memory, &path, &options(threads), &mut |_| {}) {
                    Ok(report) => break report,
                    Err(ImportError::Store { source, .. }) => {
                        assert!(matches!(source, StoreError::DiskFull));
                        assert_eq!(memory.visible().len(), 0);
                        failures += 1;
                    }
                    Err(error) => panic!("{error}"),
                }
            };
            assert!(failures > 5);
            assert_eq!(report.counts, whole.counts);
            assert!(memory.order() == wanted.order());
        }
    }
}

#[test]
fn a_stopped_import_continues_where_it_was() {
    let folder = TestFolder::new();
    let path = folder.file("a.json", lines(300));
    let mut memory = MemoryTarget::default();
    let stop = Arc::new(AtomicBool::new(false));
    let mut stopping = options(2);
    stopping.stop = Some(Arc::clone(&stop));
    let mut chunks = 0;
    let error = import(&mut memory, &path, &stopping, &mut |_| {
        chunks += 1;
        stop.store(chunks == 3, Ordering::Relaxed);
    })
    .unwrap_err();
    assert_eq!(
        message(&path, &error),
        "the import of `HERE/a.json` was stopped; the next one goes on from there"
    );
    assert_eq!((chunks, memory.visible().len()), (3, 0));
    assert!(memory.staged() > 0);
    let mut first = None;
    let report = import(
        &mut memory,
        &path,
        &options(2),
        &mut |progress: &ImportProgress| {
            first = first.or(Some(progress.lines));
        },
    )
    .unwrap();
    assert!(first.unwrap() > 30);
    assert_eq!((report.counts.lines, memory.visible().len()), (300, 600));
}

#[test]
fn a_file_that_grows_during_its_import_is_refused() {
    let folder = TestFolder::new();
    let path = folder.file("a.json", lines(300));
    let mut memory = MemoryTarget::default();
    let mut grown = false;
    let error = import(&mut memory, &path, &options(1), &mut |_| {
        if !std::mem::replace(&mut grown, true) {
            let mut file = std::fs::OpenOptions::new()
                .append(true)
                .open(&path)
                .unwrap();
            file.write_all(line(300).as_bytes()).unwrap();
        }
    })
    .unwrap_err();
    assert!(matches!(error, ImportError::Changed { .. }), "{error}");
    assert_eq!(memory.sources.len(), 0);
}

#[test]
fn a_position_of_another_version_is_refused() {
    let folder = TestFolder::new();
    let path = folder.file("a.json", lines(300));
    let mut memory = MemoryTarget {
        fail_after: Some(2),
        ..MemoryTarget::default()
    };
    run(&mut memory, &path).unwrap_err();
    memory.fail_after = None;
    memory.source().position = Some(b"what".to_vec());
    let error = run(&mut memory, &path).unwrap_err();
    assert!(
        error.to_string().ends_with(
            "and this version cannot read its position; import the file with that version"
        )
    );
}

#[test]
fn progress_goes_forward_to_the_end() {
    let folder = TestFolder::new();
    let path = folder.file("a.json", lines(300));
    for threads in [1, 3] {
        let (mut bytes, mut events) = (0, 0);
        let mut memory = MemoryTarget::default();
        import(
            &mut memory,
            &path,
            &options(threads),
            &mut |progress: &ImportProgress| {
                assert!(progress.bytes >= bytes && progress.events >= events);
                (bytes, events) = (progress.bytes, progress.events);
                assert_eq!(progress.bytes_total, path.metadata().unwrap().len());
            },
        )
        .unwrap();
        assert_eq!((bytes, events), (path.metadata().unwrap().len(), 300));
    }
}

#[test]
fn a_file_with_a_name_beyond_the_limit_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let options = muster_store::StoreOptions {
        event_names: 2,
        ..muster_store::StoreOptions::default()
    };
    let store = muster_store::Store::open(&directory.path().join("store"), &options).unwrap();
    let path = directory.path().join("events.json");
    let line = |name: &str| {
        format!(
            r#"{{"user_id": "ann", "event_type": "{name}", "event_time": "2026-02-28 09:59:55"}}"#
        )
    };
    let names = ["a", "b", "a", "View 17", "b"];
    std::fs::write(&path, names.map(line).join("\n")).unwrap();
    let error = crate::import_file(&store, &path, &ImportOptions::default(), &mut |_| {});
    let error = message(&path, &error.unwrap_err());
    assert!(
        error.contains("the first is line 4: the event type `View 17` is new, and there are 2"),
        "{error}"
    );
    let lenient = ImportOptions {
        max_malformed: 0.5,
        ..ImportOptions::default()
    };
    let report = crate::import_file(&store, &path, &lenient, &mut |_| {}).unwrap();
    assert_eq!((report.counts.events, report.counts.malformed), (4, 1));
}
