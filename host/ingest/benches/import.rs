//! Measures how fast lines become rows: `cargo bench -p muster-ingest`.
//!
//! The input is a million lines of the shop (`-- LINES` for another number). They are decoded only,
//! then imported into an empty store, on one thread and on all. Each figure is the best of three
//! interleaved runs.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a bench that fails may say so bluntly"
)]

use std::path::Path;
use std::time::Instant;

use muster_ingest::{DecodeContext, ImportOptions, LineCounts, decode_lines, import_file};
use muster_model::EventBuffer;
use muster_store::{Store, StoreOptions};
use xtask::data::{DataSettings, Format, generate};

const TURNS: usize = 3;

fn main() {
    let lines = std::env::args().find_map(|argument| argument.parse().ok());
    let folder = tempfile::tempdir().expect("a folder for the files");
    let mut cases = Vec::new();
    for (format, name) in [
        (Format::Ndjson, "plain"),
        (Format::Gzip, "gzip"),
        (Format::Zstd, "zstd"),
    ] {
        let settings = DataSettings {
            users: 50_000,
            events: lines.unwrap_or(1_000_000),
            days: 1,
            format,
            ..DataSettings::default()
        };
        let made = generate(&settings, &folder.path().join(name), &mut |_| {}).unwrap();
        cases.push((name, made.files[0].clone(), made.lines, made.bytes_of_json));
    }
    let text = std::fs::read(&cases[0].1).unwrap();
    let (lines, bytes) = (cases[0].2, cases[0].3);

    let mut best = vec![f64::INFINITY; 1 + cases.len() * 2];
    for _ in 0..TURNS {
        best[0] = best[0].min(seconds(|| decode(&text)));
        for (case, (_, path, _, _)) in cases.iter().enumerate() {
            for (nth, threads) in [1, threads()].into_iter().enumerate() {
                let place = 1 + case * 2 + nth;
                best[place] = best[place].min(import(path, threads, folder.path()));
            }
        }
    }
    println!("{lines} lines, {:.0} MB of JSON", bytes as f64 / 1e6);
    let row = |what: &str, seconds: f64| {
        println!(
            "{what:<32} {seconds:6.2} s {:12.0} lines/s {:8.0} MB/s",
            lines as f64 / seconds,
            bytes as f64 / 1e6 / seconds
        );
    };
    row("decode only, 1 thread", best[0]);
    for (case, (name, ..)) in cases.iter().enumerate() {
        row(&format!("import {name}, 1 thread"), best[1 + case * 2]);
        row(
            &format!("import {name}, {} decoding", threads()),
            best[2 + case * 2],
        );
    }
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}

fn seconds(work: impl FnOnce()) -> f64 {
    let began = Instant::now();
    work();
    began.elapsed().as_secs_f64()
}

fn decode(text: &[u8]) {
    let (mut buffer, mut counts) = (EventBuffer::default(), LineCounts::default());
    let mut rest = text;
    while !rest.is_empty() {
        let piece = &rest[..rest.len().min(1 << 20)];
        let end = memchr::memrchr(b'\n', piece).map_or(rest.len(), |end| end + 1);
        buffer.clear();
        decode_lines(
            &rest[..end],
            1,
            &DecodeContext::default(),
            &mut buffer,
            &mut counts,
            &mut |_| {},
        );
        rest = &rest[end..];
    }
    assert_eq!(counts.malformed, 0);
}

fn import(path: &Path, threads: usize, folder: &Path) -> f64 {
    let directory = folder.join("store");
    let store = Store::open(&directory, &StoreOptions::default()).unwrap();
    let options = ImportOptions {
        threads,
        ..ImportOptions::default()
    };
    let seconds = seconds(|| {
        let report = import_file(&store, path, &options, &mut |_| {}).unwrap();
        assert!(!report.already_imported);
    });
    drop(store);
    std::fs::remove_dir_all(&directory).unwrap();
    seconds
}
