//! Checks that the page check survives any damage to the file of a database, and finds nothing in a
//! file that is whole.
//!
//! An input is a list of changes to a small database: a place, the number of bytes, and the bytes.
#![no_main]

mod seeds;

use std::cell::RefCell;
use std::fs::File;
use std::io::{Seek, Write};
use std::path::PathBuf;

use libfuzzer_sys::fuzz_target;
use muster_model::{EventBuffer, Millis, ScalarRef};
use muster_store::fuzzing::check_pages;
use muster_store::{Store, StoreOptions};
use tempfile::TempDir;

fuzz_target!(init: seeds::write(inputs()), |bytes: &[u8]| {
    DATABASE.with_borrow_mut(|database| database.check(bytes));
});

thread_local! {
    static DATABASE: RefCell<Database> = RefCell::new(Database::new());
}

/// A small database, and the file that gets the changes.
struct Database {
    whole: Vec<u8>,
    file: File,
    path: PathBuf,
    _folder: TempDir,
}

impl Database {
    /// Makes a database with trees of two levels, values with pages of their own, and free pages.
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let options = StoreOptions {
            memtable_rows: 64,
            ..StoreOptions::default()
        };
        let store = Store::open(&folder.path().join("store"), &options).expect("a store");
        for commit in 0..12 {
            let mut events = EventBuffer::default();
            for event in 0..40 {
                let user = format!("user {}", commit * 31 + event);
                events.event(&user, "Buy", Millis(1_000 * event), None);
                events.property("text", ScalarRef::Text(&"long ".repeat(20)));
            }
            store.append(&events, None).expect("a commit");
        }
        drop(store);
        let file = folder.path().join("store/data.mdb");
        let whole = std::fs::read(file).expect("the file of the database");
        let path = folder.path().join("changed.mdb");
        let mut database = Self {
            whole,
            file: File::create(&path).expect("a file"),
            path,
            _folder: folder,
        };
        database.write(0, &database.whole.clone());
        check_pages(&database.path).expect("the database is whole");
        database
    }

    fn write(&mut self, at: u64, bytes: &[u8]) {
        let seek = self.file.seek(std::io::SeekFrom::Start(at));
        seek.and_then(|_| self.file.write_all(bytes))
            .expect("the file can be written");
    }

    /// Checks the file with changes, and takes the changes back.
    fn check(&mut self, mut changes: &[u8]) {
        let mut changed = Vec::new();
        while let Some((&[a, b, c, length], rest)) = changes.split_first_chunk() {
            let at = u32::from_le_bytes([a, b, c, 0]) as usize % self.whole.len();
            let most = rest.len().min(self.whole.len() - at);
            let (bytes, rest) = rest.split_at(usize::from(length).min(most));
            self.write(at as u64, bytes);
            changed.push(at..at + bytes.len());
            changes = rest;
        }
        if let Err(error) = check_pages(&self.path) {
            assert!(!error.to_string().is_empty());
        }
        for range in changed {
            let bytes = self.whole[range.clone()].to_vec();
            self.write(range.start as u64, &bytes);
        }
    }
}

/// Returns changes to the fields that lead to pages: the last page, the roots of the two trees, and
/// the first bytes of each of the first pages.
fn inputs() -> Vec<(String, Vec<u8>)> {
    let change = |at: u32, bytes: &[u8]| {
        let [a, b, c, _] = at.to_le_bytes();
        let length = u8::try_from(bytes.len()).expect("few bytes");
        [&[a, b, c, length], bytes].concat()
    };
    let page = 4096;
    let mut inputs = vec![("none".to_owned(), Vec::new())];
    for (name, at) in [("free", 80), ("main", 128), ("last", 136)] {
        let both = [change(at, &[7; 6]), change(page + at, &[7; 6])].concat();
        inputs.push((name.to_owned(), both));
    }
    for number in 2..32 {
        let header = change(number * page + 10, &[1, 0, 16, 0]);
        inputs.push((format!("page-{number}"), header));
    }
    inputs
}
