//! Files that hold events in another way than one a line, and archives.

use super::*;
use crate::file::archive::MAX_MEMBERS;

/// Makes a zip archive of members.
pub(super) fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut archive = rawzip::ZipArchiveWriter::new(&mut bytes);
    archive.new_dir("folder/").create().unwrap();
    for (name, content) in members {
        let method = rawzip::CompressionMethod::DEFLATE;
        let file = archive.new_file(name).compression_method(method);
        let (mut entry, config) = file.start().unwrap();
        let fast = flate2::Compression::fast();
        let mut writer = config.wrap(flate2::write::DeflateEncoder::new(&mut entry, fast));
        writer.write_all(content).unwrap();
        let (encoder, descriptor) = writer.finish().unwrap();
        encoder.finish().unwrap();
        entry.finish(descriptor).unwrap();
    }
    archive.finish().unwrap();
    bytes
}

fn value(nth: usize) -> serde_json::Value {
    serde_json::from_str(&line(nth)).unwrap()
}

/// Returns the events that an import of the content reads, and the malformed lines.
fn read(content: impl AsRef<[u8]>) -> (Vec<String>, Vec<String>) {
    let folder = TestFolder::new();
    let path = folder.file("a", content);
    let (memory, options) = (
        &mut MemoryTarget::default(),
        ImportOptions {
            max_malformed: 1.0,
            ..options(2)
        },
    );
    let report = import(memory, &path, &options, &mut |_| {}).unwrap();
    let malformed = report.malformed.iter();
    let malformed = malformed.map(|line| format!("{}: {}", line.line, line.reason));
    (memory.order(), malformed.collect())
}

#[test]
fn arrays_and_indented_values_are_read() {
    let wanted = read(lines(3)).0;
    let values: Vec<_> = (0..3).map(value).collect();
    let array = serde_json::Value::Array(values.clone());
    let pretty = |value| serde_json::to_string_pretty(value).unwrap();
    let each: Vec<_> = values.iter().map(pretty).collect();
    for (what, content) in [
        ("an array", array.to_string()),
        ("an indented array", pretty(&array)),
        ("indented values", each.join("\n")),
        ("indented values without a line end", each.concat()),
        ("values on one line", lines(3).replace('\n', "")),
        (
            "an array a line",
            values.iter().map(|value| format!("[{value}]\n")).collect(),
        ),
        (
            "byte-order marks",
            lines(3).replace("{\"user_id", "\u{feff}{\"user_id"),
        ),
    ] {
        assert_eq!(read(&content), (wanted.clone(), vec![]), "{what}");
        assert_eq!(read(gzip(content.as_bytes())).0, wanted, "{what}");
    }
}

#[test]
fn a_faulty_value_is_named_by_its_line() {
    let pretty = serde_json::to_string_pretty(&value(0)).unwrap();
    let ends = pretty.lines().count() + 1;
    let (rows, malformed) = read(format!("{pretty}\n{{\"user_id\":\n 7.5}}\n{pretty}"));
    assert_eq!(rows.len(), 4);
    assert_eq!(malformed.len(), 1);
    assert!(
        malformed[0].starts_with(&format!("{ends}: ")),
        "{malformed:?}"
    );
    // In an array on one line the number is that of the event.
    let (rows, malformed) = read(format!("[{0},7,{0}]", value(0)));
    assert_eq!((rows.len(), malformed.len()), (4, 1));
    assert!(malformed[0].starts_with("2: "), "{malformed:?}");
}

#[test]
fn an_array_without_an_end_leaves_nothing() {
    let folder = TestFolder::new();
    let (memory, text) = (
        &mut MemoryTarget::default(),
        lines(3000).replace('\n', ",\n"),
    );
    let path = folder.file("a.json", format!("\n[{text}"));
    let error = run(memory, &path).unwrap_err();
    assert_eq!(
        message(&path, &error),
        "`HERE/a.json` is cut off, or a bracket is missing: the JSON value that begins at line 2 has no end, so nothing \
         of it was imported"
    );
    assert_eq!(memory.sources.len(), 0);
}

#[test]
fn an_interrupted_import_of_an_array_continues_where_it_was() {
    let folder = TestFolder::new();
    let values: Vec<_> = (0..300).map(value).collect();
    let text = serde_json::to_string_pretty(&values).unwrap();
    let members: Vec<_> = values
        .chunks(40)
        .enumerate()
        .map(|(nth, values)| {
            (
                format!("{nth}.gz"),
                gzip(serde_json::to_string(values).unwrap().as_bytes()),
            )
        })
        .collect();
    let members: Vec<_> = members
        .iter()
        .map(|(name, content)| (&**name, &**content))
        .collect();
    let mut wanted = MemoryTarget::default();
    run(&mut wanted, &folder.file("lines", lines(300))).unwrap();
    for (name, content) in [
        ("json", text.clone().into_bytes()),
        ("gz", gzip(text.as_bytes())),
        ("zip", zip(&members)),
    ] {
        let path = folder.file(name, content);
        let (mut memory, mut failures) = (MemoryTarget::default(), 0);
        loop {
            memory.fail_after = Some(1 + failures % 3);
            match run(&mut memory, &path) {
                Ok(report) => break assert_eq!(report.counts.lines, 300),
                Err(_) => failures += 1,
            }
        }
        assert!(failures > 5);
        assert!(memory.order() == wanted.order(), "{name}");
    }
}

#[test]
fn the_members_of_a_zip_archive_are_read() {
    let export: Vec<_> = ["1/2026-02-20_9#0.json.gz", "1/2026-02-20_10#0.json.gz"].into();
    let (first, second) = (lines(3), [line(3), line(4)].concat());
    // A member may lack its last line end, and may be plain or of another compression.
    for (one, two) in [
        (gzip(first.as_bytes()), gzip(second.as_bytes())),
        (
            gzip(first.trim_end().as_bytes()),
            zstd(second.trim_end().as_bytes()),
        ),
        (
            first.clone().into_bytes(),
            format!("\u{feff}{second}").into_bytes(),
        ),
        (
            format!("[{}]", first.trim_end().replace('\n', ",")).into_bytes(),
            gzip(second.as_bytes()),
        ),
    ] {
        let archive = zip(&[
            (export[0], &one),
            ("__MACOSX/1/._2026-02-20_9#0.json.gz", b"\0\x05\x16\x07"),
            ("1/.DS_Store", b"\0\0\0\x01Bud1"),
            (export[1], &two),
        ]);
        assert_eq!(read(&archive), (read(lines(5)).0, vec![]));
    }
    assert_eq!(read(zip(&[])), (vec![], vec![]));
    let faulty = format!("{second}oops\n{second}");
    let archive = zip(&[
        (export[0], &gzip(first.as_bytes())),
        (export[1], &gzip(faulty.as_bytes())),
    ]);
    let malformed = read(&archive).1;
    assert_eq!(
        malformed,
        ["3: of `1/2026-02-20_10#0.json.gz`: not valid JSON at column 1: expected value"]
    );
}

#[test]
fn an_unreadable_member_is_named() {
    let folder = TestFolder::new();
    let mut memory = MemoryTarget::default();
    let mut said = |content: Vec<u8>| {
        let path = folder.file("a.zip", content);
        let error = run(&mut memory, &path).unwrap_err();
        assert_eq!(memory.sources.len(), 0);
        message(&path, &error)
    };
    let packed = gzip(lines(200).as_bytes());
    assert_eq!(
        said(zip(&[("x/a.gz", &packed), ("x/b.gz", &packed[..100])])),
        "`HERE/a.zip/x/b.gz` is cut off: its gzip data has no end, so nothing of it was imported; copy the file again"
    );
    assert_eq!(
        said(zip(&[("b.parquet", b"PAR1....")])),
        "`HERE/a.zip/b.parquet` is a Parquet file: only JSON lines are read so far"
    );
    assert_eq!(
        said(zip(&[("b.zip", &zip(&[("a", b"{}")]))])),
        "`HERE/a.zip/b.zip` is a zip archive in another file: unpack it and import the files in it"
    );
    let text = lines(200);
    let whole = zip(&[("a.json", text.as_bytes())]);
    for cut in [10, whole.len() / 2, whole.len() - 1] {
        let said = said(whole[..cut].to_vec());
        assert!(
            said.starts_with("`HERE/a.zip` is cut off: its zip data has no end"),
            "{said}"
        );
    }
    let mut damaged = whole;
    damaged[200] ^= 0xff;
    assert!(
        said(damaged)
            .starts_with("`HERE/a.zip/a.json` is damaged: its zip data cannot be unpacked")
    );
}

#[test]
fn an_archive_has_a_limit_of_members() {
    let mut bytes = Vec::new();
    let mut archive = rawzip::ZipArchiveWriter::new(&mut bytes);
    for nth in 0..=MAX_MEMBERS {
        let (entry, config) = archive.new_file(nth.to_string()).start().unwrap();
        let (entry, descriptor) = config.wrap(entry).finish().unwrap();
        entry.finish(descriptor).unwrap();
    }
    archive.finish().unwrap();
    let (folder, mut memory) = (TestFolder::new(), MemoryTarget::default());
    let path = folder.file("a.zip", bytes);
    let error = run(&mut memory, &path).unwrap_err();
    assert_eq!(
        message(&path, &error),
        "`HERE/a.zip` is a zip archive of more than 262,144 members: unpack it and import the files in it"
    );
}
