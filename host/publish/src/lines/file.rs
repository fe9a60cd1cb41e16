//! A file that lines are appended to.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use muster_store::Outgoing;

use crate::batch::CallLimits;
use crate::error::Cause;
use crate::outbox::blocking;
use crate::sink::{CallFailure, Sink, Verdict};

/// Bytes read at a time when looking for the last line feed.
const SEARCH_BLOCK: u64 = 64 << 10;

/// An open file, between calls; during a call a blocking thread has it.
pub(crate) struct FileSink {
    file: Option<LineFile>,
}

impl FileSink {
    /// Opens the file, and makes it and its directories if they are not there. What is in the file
    /// stays as it is.
    pub(crate) async fn open(path: &Path) -> Result<Self, Cause> {
        let path = path.to_owned();
        let file = blocking(move || LineFile::open(path)).await??;
        Ok(Self { file: Some(file) })
    }
}

impl Sink for FileSink {
    fn limits(&self) -> CallLimits {
        super::LIMITS
    }

    fn refuses(&self, message: &Outgoing) -> Option<String> {
        super::refuses(message)
    }

    async fn send(&mut self, messages: &[Outgoing]) -> Result<Vec<Verdict>, CallFailure> {
        // It is gone only after a call that was cut off, and then the process is shutting down.
        let Some(mut file) = self.file.take() else {
            return Err(CallFailure::Stop(Cause::ShuttingDown));
        };
        let lines = super::lines(messages);
        let append = move || {
            let result = file.append(&lines);
            (file, result)
        };
        let (file, result) = blocking(append).await.map_err(CallFailure::Stop)?;
        self.file = Some(file);
        result.map_err(CallFailure::Stop)?;
        Ok(vec![Verdict::Sent; messages.len()])
    }
}

/// A file of whole lines. Whoever has it is its only writer.
struct LineFile {
    path: PathBuf,
    file: File,
    /// Where the next line begins, in bytes; with a tail, where the tail begins.
    end: u64,
    /// Bytes after the last line feed, when the file was opened: a line that a crash tore, or
    /// somebody else's text.
    tail: u64,
}

impl LineFile {
    fn open(path: PathBuf) -> Result<Self, Cause> {
        let refused = |action| {
            let path = path.clone();
            move |source| Cause::File {
                action,
                path,
                source,
            }
        };
        if let Some(directory) = directory_of(&path) {
            fs::create_dir_all(directory).map_err(refused("create the directory of"))?;
        }
        // Not in append mode, in which a file cannot be repaired everywhere; the lock stands in for
        // it.
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(refused("open"))?;
        if !file.metadata().map_err(refused("open"))?.is_file() {
            return Err(Cause::Misconfigured {
                reason: format!("`{}` is not a regular file", path.display()),
                hint: "name a file that may be created, or use the `stdout` destination",
            });
        }
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Cause::Misconfigured {
                    reason: format!(
                        "another destination or process writes to `{}`",
                        path.display()
                    ),
                    hint: "give each destination a file of its own",
                });
            }
            Err(TryLockError::Error(error)) => return Err(refused("lock")(error)),
        }
        let length = file.metadata().map_err(refused("read"))?.len();
        let end = last_line_end(&mut file, length).map_err(refused("read the last line of"))?;
        // A new file is there after a power cut only if its directory's entry is on disk too.
        sync_directory(&path).map_err(refused("sync the directory of"))?;
        let tail = length - end;
        Ok(Self {
            path,
            file,
            end,
            tail,
        })
    }

    /// Appends lines; they are on disk when this returns.
    fn append(&mut self, lines: &[u8]) -> Result<(), Cause> {
        let written = self.settle_tail(lines).and_then(|()| {
            self.file.seek(SeekFrom::Start(self.end))?;
            self.file.write_all(lines)?;
            self.file.sync_data()
        });
        match written {
            Ok(()) => {
                self.end += lines.len() as u64;
                Ok(())
            }
            Err(source) => {
                // What got there is not acknowledged and comes again: leave no part of it, if that
                // is possible. If not, the next opening finds the torn line, and whole ones come
                // twice with the same id.
                if self.tail == 0 {
                    let _ = self.file.set_len(self.end);
                }
                Err(Cause::File {
                    action: "append to",
                    path: self.path.clone(),
                    source,
                })
            }
        }
    }

    /// Makes the file end with a line feed before the first lines are appended. A tail that one of
    /// these lines begins with is a line that a crash tore: it was not acknowledged, so it comes
    /// again, and the tail is cut off. Any other tail may be somebody else's text: it stays, and a
    /// line feed ends it.
    fn settle_tail(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.tail == 0 {
            return Ok(());
        }
        if self.is_torn(lines)? {
            self.file.set_len(self.end)?;
        } else {
            self.file.seek(SeekFrom::Start(self.end + self.tail))?;
            self.file.write_all(b"\n")?;
            self.end += self.tail + 1;
        }
        self.tail = 0;
        Ok(())
    }

    /// Returns whether the tail is the beginning of one of the lines: what was not acknowledged
    /// comes in the same order, so a torn line is among those of the first call.
    fn is_torn(&mut self, lines: &[u8]) -> io::Result<bool> {
        if self.tail > lines.len() as u64 {
            return Ok(false);
        }
        let mut tail = Vec::new();
        self.file.seek(SeekFrom::Start(self.end))?;
        Read::by_ref(&mut self.file)
            .take(self.tail)
            .read_to_end(&mut tail)?;
        let mut lines = lines.split(|byte| *byte == b'\n');
        Ok(lines.any(|line| line.starts_with(&tail)))
    }
}

/// Returns where the last line of a file of a length ends, its line feed included.
fn last_line_end(file: &mut File, length: u64) -> io::Result<u64> {
    let mut end = length;
    let mut block = Vec::new();
    while end > 0 {
        let start = end.saturating_sub(SEARCH_BLOCK);
        file.seek(SeekFrom::Start(start))?;
        block.clear();
        Read::by_ref(file)
            .take(end - start)
            .read_to_end(&mut block)?;
        if let Some(last) = block.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + last as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

fn directory_of(path: &Path) -> Option<&Path> {
    path.parent()
        .filter(|directory| !directory.as_os_str().is_empty())
}

fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(directory_of(path).unwrap_or_else(|| Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(path: &Path) -> LineFile {
        LineFile::open(path.to_owned()).unwrap()
    }

    #[test]
    fn directories_are_created_and_lines_appended() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a/b/out.ndjson");
        opened(&path).append(b"one\n").unwrap();
        opened(&path).append(b"two\nthree\n").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one\ntwo\nthree\n");
    }

    /// What is in a file after a line was appended to it.
    fn appended(before: &[u8], line: &[u8]) -> Vec<u8> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out.ndjson");
        fs::write(&path, before).unwrap();
        let mut file = opened(&path);
        assert_eq!(fs::read(&path).unwrap(), before, "opening changes nothing");
        file.append(line).unwrap();
        file.append(b"last\n").unwrap();
        let after = fs::read(&path).unwrap();
        after.strip_suffix(b"last\n").unwrap().to_vec()
    }

    #[test]
    fn a_line_that_a_crash_tore_is_cut_off() {
        let long = vec![b'x'; 3 * SEARCH_BLOCK as usize];
        let longer = [&long[..], b"yz\n"].concat();
        for (before, lines, after) in [
            (&b"one"[..], &b"one more\n"[..], &b"one more\n"[..]),
            (b"whole\none", b"one more\n", b"whole\none more\n"),
            // Only the line feed is missing.
            (b"whole\none more", b"one more\n", b"whole\none more\n"),
            // It is not the first line of the call.
            (b"a\nb\nc", b"a\nb\ncd\n", b"a\nb\na\nb\ncd\n"),
            (&long, &longer, &longer),
        ] {
            assert_eq!(appended(before, lines), after);
        }
    }

    #[test]
    fn what_somebody_else_wrote_stays() {
        let long = vec![b'x'; 3 * SEARCH_BLOCK as usize];
        for before in [
            &b""[..],
            b"whole\n",
            b"notes",
            b"whole\nnotes without a line feed",
            b"next but not quite",
            &long,
        ] {
            let mut expected = before.to_vec();
            if !before.is_empty() && !before.ends_with(b"\n") {
                expected.push(b'\n');
            }
            expected.extend_from_slice(b"next\n");
            assert_eq!(appended(before, b"next\n"), expected);
        }
    }

    #[test]
    fn two_writers_are_told_apart() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out.ndjson");
        let _first = opened(&path);
        let error = LineFile::open(path).err().unwrap();
        assert_eq!(error.kind(), "misconfigured");
        assert!(
            error
                .to_string()
                .starts_with("another destination or process writes to `")
        );
    }

    #[test]
    fn a_directory_or_a_device_is_no_file() {
        let directory = tempfile::tempdir().unwrap();
        let error = LineFile::open(directory.path().to_owned()).err().unwrap();
        assert_eq!(error.kind(), "io");
        let error = LineFile::open(PathBuf::from("/dev/null")).err().unwrap();
        assert_eq!(error.to_string(), "`/dev/null` is not a regular file");
    }

    #[test]
    fn a_full_disk_is_an_error_that_names_the_file() {
        // A file on which nothing can be written stands in for a full disk.
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out.ndjson");
        fs::write(&path, "whole\n").unwrap();
        let mut file = opened(&path);
        file.file = File::open(&path).unwrap();
        let error = file.append(b"next\n").unwrap_err();
        assert!(
            error.to_string().starts_with("cannot append to `"),
            "{error}"
        );
        assert_eq!(fs::read(&path).unwrap(), b"whole\n");
    }
}
