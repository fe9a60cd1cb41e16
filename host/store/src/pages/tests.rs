use std::path::Path;

use super::*;
use crate::{Store, StoreOptions};
use muster_model::{EventBuffer, Millis, ScalarRef};

/// The bytes of a page in the database of the test.
const PAGE: usize = 4096;

/// Makes a store with values that have pages of their own. Returns the bytes of its file.
fn database(directory: &Path) -> Vec<u8> {
    let store = Store::open(directory, &StoreOptions::default()).unwrap();
    let mut events = EventBuffer::default();
    for event in 0..2_000 {
        events.event("ann", "Buy", Millis(event), None);
        events.property("text", ScalarRef::Text(&format!("text {event}")));
    }
    store.append(&events, None).unwrap();
    drop(store);
    std::fs::read(directory.join("data.mdb")).unwrap()
}

/// Checks changed bytes. Returns the error.
fn checked(directory: &Path, bytes: &[u8]) -> String {
    let path = directory.join("changed.mdb");
    std::fs::write(&path, bytes).unwrap();
    check(&path, true).unwrap_err().to_string()
}

#[test]
fn a_page_number_far_past_the_file_takes_no_memory() {
    let directory = tempfile::tempdir().unwrap();
    let mut bytes = database(directory.path());
    for meta in [0, PAGE] {
        // The root of the tables, and the last page: LMDB's `MDB_meta`.
        for at in [meta + 128, meta + 136] {
            bytes[at..at + 8].copy_from_slice(&(1_u64 << 47).to_le_bytes());
        }
    }
    let error = checked(directory.path(), &bytes);
    assert!(error.contains("the file ends before it"), "{error}");
}

#[test]
fn a_large_value_has_no_more_pages_than_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let mut bytes = database(directory.path());
    let large = (2 * PAGE..bytes.len()).step_by(PAGE);
    let large: Vec<_> = large
        .filter(|at| u16_at(&bytes, at + 10) == OVERFLOW)
        .collect();
    assert!(!large.is_empty());
    for at in large {
        bytes[at + 12..at + 16].copy_from_slice(&u32::MAX.to_le_bytes());
    }
    for meta in [0, PAGE] {
        bytes[meta + 136..meta + 144].copy_from_slice(&(1_u64 << 47).to_le_bytes());
    }
    let error = checked(directory.path(), &bytes);
    assert!(error.contains("the file ends before it"), "{error}");
}
