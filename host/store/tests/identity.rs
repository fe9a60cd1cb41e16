//! The identity of a store.

use std::path::Path;

use muster_store::*;
use muster_testkit::store::TestStore;

fn options() -> StoreOptions {
    StoreOptions {
        map_size: 1 << 24,
        readers: 1,
        ..StoreOptions::default()
    }
}

fn open(directory: &Path) -> Store {
    Store::open(directory, &options()).unwrap()
}

#[test]
fn a_store_keeps_its_identity() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let identity = store.identity();
    assert_eq!(store.snapshot().unwrap().identity(), identity);
    drop(store);
    let reader = Store::open_read_only(directory.path(), &options()).unwrap();
    assert_eq!(reader.identity(), identity);
    drop(reader);
    assert_eq!(open(directory.path()).identity(), identity);
}

#[test]
fn every_store_has_an_identity_of_its_own() {
    let identities: std::collections::HashSet<_> = (0..32)
        .map(|_| TestStore::with(&options()).identity())
        .collect();
    assert_eq!(identities.len(), 32);
    // Each bit is random: the chance that one of 64 is the same in all 32 is 1 in 2^25.
    let all = identities.iter().fold(u64::MAX, |all, each| all & each.0);
    let any = identities.iter().fold(0, |any, each| any | each.0);
    assert_eq!((all, any), (0, u64::MAX));
}

#[test]
fn an_identity_reads_as_16_digits() {
    assert_eq!(Identity(0xab).to_string(), "00000000000000ab");
}
