//! A destination that appends lines to a file.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use muster_store::Outgoing;
use muster_tasks::blocking;
use tokio::sync::Mutex;

use crate::batch::CallLimits;
use crate::error::Cause;
use crate::sink::{CallAnswer, CallFailure, Sink, Verdict};

/// The bytes that are read at a time in the search for the last line feed.
const SEARCH_BLOCK: u64 = 64 << 10;

/// An open file between calls; during a call a blocking thread owns the file.
pub(crate) struct FileSink {
    file: Mutex<Option<LineFile>>,
}

impl FileSink {
    /// Opens the file; creates it and its directories if they are missing. The file's content stays
    /// unchanged.
    pub(crate) async fn open(path: &Path) -> Result<Self, Cause> {
        let path = path.to_owned();
        let file = blocking(move || LineFile::open(path)).await?;
        Ok(Self {
            file: Mutex::new(Some(file)),
        })
    }
}

impl Sink for FileSink {
    fn limits(&self) -> CallLimits {
        super::LIMITS
    }

    fn refuses(&self, message: &Outgoing) -> Option<String> {
        super::refuses(message)
    }

    async fn send(&self, messages: &[Outgoing]) -> Result<CallAnswer, CallFailure> {
        // The file is missing only after a call that was cut off, and then the process is shutting
        // down.
        let mut place = self.file.lock().await;
        let Some(mut file) = place.take() else {
            return Err(CallFailure::Stop(Cause::ShuttingDown));
        };
        let lines = super::lines(messages);
        let append = move || {
            let result = file.append(&lines);
            (file, result)
        };
        let (file, result) = blocking(append).await;
        *place = Some(file);
        result.map_err(CallFailure::Stop)?;
        Ok(CallAnswer::of(vec![Verdict::Sent; messages.len()]))
    }
}

/// A file of whole lines, locked so that the value is its only writer.
struct LineFile {
    path: PathBuf,
    file: File,
    /// The offset at which the next line begins, in bytes; if there is a tail, the offset of the
    /// tail.
    end: u64,
    /// The bytes after the last line feed when the file was opened: a line that a crash tore, or
    /// text of another program.
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
        // Append mode is not used, because not every system can repair a file in it; the lock
        // replaces it.
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
        // After a power cut a new file exists only if its directory's entry is on disk too.
        sync_directory(&path).map_err(refused("sync the directory of"))?;
        let tail = length - end;
        Ok(Self {
            path,
            file,
            end,
            tail,
        })
    }

    /// Appends lines, which are on disk when the function returns.
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
                // The bytes that were written are not acknowledged and are sent again, so they are
                // cut off if possible. If not, the next opening finds the torn line, and whole
                // lines appear twice with the same id.
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
    /// these lines begins with is a line that a crash tore: it was not acknowledged and is sent
    /// again, so the tail is cut off. Any other tail may be text of another program: it stays, and
    /// a line feed ends it.
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

    /// Returns true if the tail is the beginning of one of the lines. Messages that are not
    /// acknowledged are sent in the same order, so a torn line is among those of the first call.
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

/// Returns the offset at which the last line of a file ends, including its line feed.
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

    /// Returns the content of a file after a line was appended to it.
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
    fn text_of_another_program_stays() {
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
    fn a_second_writer_is_refused() {
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
    fn a_directory_or_a_device_is_refused() {
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
