//! `--watch`: the cases again whenever a file changes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::output::{Output, count};

/// How often the files are looked at. A change is noticed within two looks, since it has to be
/// over: an editor may write a file in pieces.
const EVERY: Duration = Duration::from_millis(200);

/// How deep folders are looked into, so that a link in a circle ends.
const DEPTH: usize = 8;

/// What cases depend on: tests and definitions, rules, lists.
const ENDINGS: [&str; 6] = ["yaml", "yml", "json", "wasm", "csv", "txt"];

/// Each file with its length and when it was changed.
type FileTimes = BTreeMap<PathBuf, (u64, Option<SystemTime>)>;

/// Runs something now and whenever a file below the paths changes, until the process ends. What
/// fails is shown, and watched on.
pub(super) fn watch(
    paths: &[PathBuf],
    output: &Output,
    run: impl Fn() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    loop {
        let before = files(paths);
        if let Err(error) = run() {
            output.error(&error);
        }
        let watched = count(before.len() as u64, "file");
        output.note(&format!("watching {watched}; Ctrl-C ends it"));
        let mut last = before.clone();
        loop {
            std::thread::sleep(EVERY);
            let now = files(paths);
            let still = now == last;
            if still && now != before {
                break;
            }
            last = now;
        }
    }
}

fn files(paths: &[PathBuf]) -> FileTimes {
    let mut files = FileTimes::new();
    for path in paths {
        // A test file is watched with what stands beside it.
        let folder = match path.parent() {
            Some(parent) if path.is_file() => parent,
            _ => path,
        };
        let here = folder.as_os_str().is_empty();
        fingerprints(
            if here { Path::new(".") } else { folder },
            DEPTH,
            &mut files,
        );
    }
    files
}

fn fingerprints(folder: &Path, depth: usize, files: &mut FileTimes) {
    // A folder that cannot be read now may be readable at the next look.
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        // Hidden folders are those of the store and of version control.
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let Ok(metadata) = std::fs::metadata(&path) else {
            continue;
        };
        if metadata.is_dir() && depth > 0 {
            fingerprints(&path, depth - 1, files);
        } else if path
            .extension()
            .is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known))
        {
            files.insert(path, (metadata.len(), metadata.modified().ok()));
        }
    }
}
