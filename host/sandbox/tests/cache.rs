//! The artefact cache from outside: it is used, it is private, and damage to its files costs a
//! compilation and no more.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::common::{HONEST, ONE_USER, Wat, options, right};
use muster_sandbox::{Artefact, Origin, Sandbox, SandboxError, SandboxOptions};

fn sandbox(cache: &Path) -> Sandbox {
    Sandbox::new(SandboxOptions {
        cache: Some(cache.to_owned()),
        ..options()
    })
    .unwrap()
}

/// Loads the honest rule in a new sandbox, as a new process would, and checks that it works.
fn load(cache: &Path, origin: Origin) -> Artefact {
    let module = sandbox(cache).load(&HONEST.component(), origin).unwrap();
    assert!(right(&module.classify(&ONE_USER).unwrap()));
    module.artefact().clone()
}

fn files(cache: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(cache).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn the_second_load_compiles_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let cache = directory.path().join("cache");
    for origin in [Origin::Compiled, Origin::HandWritten] {
        assert_eq!(load(&cache, origin), Artefact::Compiled);
        assert_eq!(load(&cache, origin), Artefact::Cached);
    }
    // The engines compile differently, so each has its own artefact, and another rule has another.
    assert_eq!(files(&cache).len(), 2);
    let other = Wat {
        until: 5_000,
        ..HONEST
    };
    let module = other.load(&sandbox(&cache)).unwrap();
    assert_eq!(module.artefact(), &Artefact::Compiled);
    assert_eq!(module.classify(&ONE_USER).unwrap().until, [5_000]);
    assert_eq!(files(&cache).len(), 3);
    for file in files(&cache) {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let name = file.file_stem().unwrap().to_str().unwrap();
        assert!(name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
    assert_eq!(
        cache.metadata().unwrap().permissions().mode() & 0o777,
        0o700
    );
}

#[test]
fn a_broken_file_is_compiled_again() {
    let directory = tempfile::tempdir().unwrap();
    let cache = directory.path();
    fs::set_permissions(cache, fs::Permissions::from_mode(0o700)).unwrap();
    load(cache, Origin::HandWritten);
    let file = files(cache).pop().unwrap();
    let sound = fs::read(&file).unwrap();
    let mut flipped = sound.clone();
    flipped[sound.len() / 2] ^= 0x10;
    let breaks: [&[u8]; 5] = [
        b"",
        b"MUSTERA1",
        &sound[..sound.len() - 1],
        &flipped,
        &[&sound[..], b"more"].concat(),
    ];
    for bytes in breaks {
        fs::write(&file, bytes).unwrap();
        assert_eq!(load(cache, Origin::HandWritten), Artefact::Compiled);
        assert_eq!(
            load(cache, Origin::HandWritten),
            Artefact::Cached,
            "it recovered"
        );
    }
}

#[test]
fn a_cache_that_others_can_write_to_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let error = Sandbox::new(SandboxOptions {
        cache: Some(directory.path().to_owned()),
        ..options()
    })
    .unwrap_err();
    assert!(
        matches!(error, SandboxError::CacheNotPrivate { .. }),
        "{error}"
    );
}

#[test]
fn a_rule_works_although_it_could_not_be_stored() {
    let directory = tempfile::tempdir().unwrap();
    let cache = directory.path().join("cache");
    let sandbox = sandbox(&cache);
    fs::remove_dir_all(&cache).unwrap();
    let module = HONEST.load(&sandbox).unwrap();
    assert!(matches!(module.artefact(), Artefact::NotStored(_)));
    assert!(right(&module.classify(&ONE_USER).unwrap()));
}

#[test]
fn many_processes_may_share_a_cache() {
    let directory = tempfile::tempdir().unwrap();
    let cache = directory.path().join("cache");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| load(&cache, Origin::Compiled));
        }
    });
    assert_eq!(files(&cache).len(), 1);
    assert_eq!(load(&cache, Origin::Compiled), Artefact::Cached);
}
