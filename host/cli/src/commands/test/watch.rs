//! `--watch`: runs the cases again whenever a file changes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use muster_model::count;

use crate::output::Output;

/// The time between two checks of the files. A change is noticed after two checks, because an
/// editor may write a file in pieces and the files must not change between the checks.
const EVERY: Duration = Duration::from_millis(200);

/// The depth to which folders are read, so that a circle of symbolic links ends.
const DEPTH: usize = 8;

/// The endings of files that cases depend on: tests and definitions, rules, static lists.
const ENDINGS: [&str; 6] = ["yaml", "yml", "json", "wasm", "csv", "txt"];

/// Each file with its length and its modification time.
type FileTimes = BTreeMap<PathBuf, (u64, Option<SystemTime>)>;

/// Calls `run` now and whenever a file below the paths changes, until the process ends. An error is
/// shown and does not end the watch.
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
        output.note(&format!("watching {watched}; Ctrl-C ends the command"));
        let mut last = before.clone();
        loop {
            std::thread::sleep(EVERY);
            let now = files(paths);
            let unchanged = now == last;
            if unchanged && now != before {
                break;
            }
            last = now;
        }
    }
}

fn files(paths: &[PathBuf]) -> FileTimes {
    let mut files = FileTimes::new();
    for path in paths {
        // A test file is watched with the other files of its folder.
        let folder = match path.parent() {
            Some(parent) if path.is_file() => parent,
            _ => path,
        };
        let here = folder.as_os_str().is_empty();
        add_folder(
            if here { Path::new(".") } else { folder },
            DEPTH,
            &mut files,
        );
    }
    files
}

fn add_folder(folder: &Path, depth: usize, files: &mut FileTimes) {
    // A folder that cannot be read now may be readable at the next check.
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
            add_folder(&path, depth - 1, files);
        } else if path
            .extension()
            .is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known))
        {
            files.insert(path, (metadata.len(), metadata.modified().ok()));
        }
    }
}
