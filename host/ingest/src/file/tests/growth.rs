//! Files that change after their import, and the same rows under another compression.

use super::*;
use crate::FileChange;

/// Returns the change that an import reports, and the number of events that it read.
fn change(memory: &mut MemoryTarget, path: &Path) -> (Option<FileChange>, u64) {
    let report = run(memory, path).unwrap();
    assert!(!report.already_imported);
    (report.change, report.counts.events)
}

#[test]
fn a_grown_file_goes_on_at_its_old_end() {
    let folder = TestFolder::new();
    let whole = lines(60);
    let (first, second) = whole.split_at(lines(40).len());
    let appended =
        |pack: fn(&[u8]) -> Vec<u8>| [pack(first.as_bytes()), pack(second.as_bytes())].concat();
    for (name, before, after) in [
        (
            "a.json",
            first.as_bytes().to_vec(),
            whole.clone().into_bytes(),
        ),
        ("a.gz", gzip(first.as_bytes()), appended(gzip)),
        ("a.zst", zstd(first.as_bytes()), appended(zstd)),
        // The writer has packed everything again.
        ("b.gz", gzip(first.as_bytes()), gzip(whole.as_bytes())),
    ] {
        let memory = &mut MemoryTarget::default();
        let path = folder.file(name, before);
        assert_eq!(change(memory, &path), (None, 40), "{name}");
        folder.file(name, after);
        let grown = Some(FileChange::Grown { line: 41 });
        assert_eq!(change(memory, &path), (grown, 20), "{name}");
        assert!(run(memory, &path).unwrap().already_imported);
        folder.file(name, format!("{whole}{}", line(60)));
        let grown = Some(FileChange::Grown { line: 61 });
        assert_eq!(change(memory, &path), (grown, 1), "{name}");
        assert_eq!(memory.visible().len(), 2 * 61, "{name}");
    }
}

#[test]
fn a_last_line_that_was_incomplete_is_read_when_it_is_complete() {
    let folder = TestFolder::new();
    let memory = &mut MemoryTarget::default();
    let (whole, options) = (
        lines(12),
        ImportOptions {
            max_malformed: 0.5,
            ..options(1)
        },
    );
    let path = folder.file("a.json", &whole[..whole.len() - 20]);
    let report = import(memory, &path, &options, &mut |_| {}).unwrap();
    assert_eq!((report.counts.events, report.counts.malformed), (11, 1));
    folder.file("a.json", &whole);
    let report = import(memory, &path, &options, &mut |_| {}).unwrap();
    assert_eq!((report.counts.events, report.counts.malformed), (1, 0));
    assert_eq!(report.change, Some(FileChange::Grown { line: 12 }));
    // A last line without a line end is read once, if it is whole.
    let path = folder.file("b.json", whole.trim_end());
    assert_eq!(change(memory, &path), (None, 12));
    folder.file("b.json", format!("{whole}{}", line(12)));
    assert_eq!(change(memory, &path).1, 1);
}

#[test]
fn rows_that_may_count_twice_are_warned_of() {
    let folder = TestFolder::new();
    let memory = &mut MemoryTarget::default();
    let path = folder.file("a.json", lines(5));
    assert_eq!(change(memory, &path), (None, 5));
    folder.file("a.json", format!("{}{}", line(7), lines(5)));
    assert_eq!(change(memory, &path), (Some(FileChange::Rewritten), 6));
    // Rows with insert ids are not stored twice.
    folder.file("a.json", line(9).replace("}\n", ",\"uuid\":\"i1\"}\n"));
    assert_eq!(change(memory, &path), (None, 1));
    // An array does not grow at its end, and another path is another file.
    let array = format!("[{}]", line(20).trim_end());
    let path = folder.file("b.json", &array);
    assert_eq!(change(memory, &path), (None, 1));
    folder.file("b.json", format!("{array}\n{}", line(21)));
    assert_eq!(change(memory, &path), (Some(FileChange::Rewritten), 2));
}

#[test]
fn an_interrupted_import_of_a_grown_file_continues_where_it_was() {
    let folder = TestFolder::new();
    let memory = &mut MemoryTarget::default();
    let path = folder.file("a.json", lines(100));
    assert_eq!(change(memory, &path), (None, 100));
    folder.file("a.json", lines(200));
    memory.fail_after = Some(3);
    assert!(run(memory, &path).is_err());
    memory.fail_after = None;
    assert_eq!(run(memory, &path).unwrap().counts.events, 100);
    assert_eq!(memory.visible().len(), 400);
}

#[test]
fn the_same_rows_under_another_compression_are_known() {
    let folder = TestFolder::new();
    let text = lines(60);
    let bytes = text.as_bytes();
    let best = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let files = [
        ("a.json", bytes.to_vec()),
        ("a.gz", gzip(bytes)),
        ("best.gz", best),
        ("a.zst", zstd(bytes)),
        ("a.zip", super::shapes::zip(&[("a.json.gz", &gzip(bytes))])),
    ];
    for first in 0..files.len() {
        let memory = &mut MemoryTarget::default();
        let (name, content) = &files[first];
        let report = run(memory, &folder.file(name, content)).unwrap();
        assert!(!report.already_imported);
        for (name, content) in &files {
            let path = folder.file(name, content);
            let again = run(memory, &path).unwrap();
            assert!(again.already_imported, "{name}");
            assert_eq!(again.counts, report.counts);
            assert_eq!((memory.visible().len(), memory.staged()), (120, 0));
            // The second time its own hash is known.
            assert!(run(memory, &path).unwrap().already_imported);
        }
    }
}
