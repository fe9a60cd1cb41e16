//! The permissions of the store's folder.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use muster_store::{Store, StoreOptions};

fn options() -> StoreOptions {
    StoreOptions {
        map_size: 1 << 28,
        ..StoreOptions::default()
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

const FILES: [&str; 3] = ["data.mdb", "lock.mdb", "owner.lock"];

#[test]
fn a_new_store_is_its_owners_alone() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("above").join("store");
    drop(Store::open(&place, &options()).unwrap());
    assert_eq!(mode(&place), 0o700);
    for file in FILES {
        assert_eq!(mode(&place.join(file)), 0o600, "{file}");
    }
}

#[test]
fn a_store_that_was_open_to_others_is_closed_to_them_and_the_group_keeps_its_rights() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("store");
    drop(Store::open(&place, &options()).unwrap());
    let give = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    give(&place, 0o755);
    for file in FILES {
        give(&place.join(file), 0o664);
    }
    drop(Store::open(&place, &options()).unwrap());
    assert_eq!(mode(&place), 0o750);
    for file in FILES {
        assert_eq!(mode(&place.join(file)), 0o660, "{file}");
    }
}
