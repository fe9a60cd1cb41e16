//! Writes and compresses files on threads of their own while the next lines are generated.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use anyhow::Context;

use super::Format;

/// The size of the pieces in which lines go to a writer.
const PIECE: usize = 1 << 20;
/// The most pieces that wait for a writer: 8 × 1 MiB per writer bound the memory, whatever the size
/// of the files.
const WAITING: usize = 8;
/// The most files that are written at the same time: one more than the cores that make and compress
/// lines.
const WRITERS: usize = 3;

/// Level 6 makes files 6 % smaller and takes twice as long.
const GZIP_LEVEL: flate2::Compression = flate2::Compression::new(4);

pub(super) struct EventFiles {
    directory: PathBuf,
    format: Format,
    piece: Vec<u8>,
    open: Option<FileWriter>,
    closing: VecDeque<JoinHandle<anyhow::Result<u64>>>,
    written: WrittenFiles,
}

#[derive(Default)]
pub(super) struct WrittenFiles {
    pub(super) paths: Vec<PathBuf>,
    pub(super) bytes_on_disk: u64,
    pub(super) bytes_of_json: u64,
}

struct FileWriter {
    pieces: SyncSender<Vec<u8>>,
    thread: JoinHandle<anyhow::Result<u64>>,
}

impl EventFiles {
    pub(super) fn new(directory: &Path, format: Format) -> Self {
        Self {
            directory: directory.to_owned(),
            format,
            piece: Vec::with_capacity(PIECE),
            open: None,
            closing: VecDeque::new(),
            written: WrittenFiles::default(),
        }
    }

    pub(super) fn open(&mut self, stem: String) -> anyhow::Result<()> {
        let ending = match self.format {
            Format::Ndjson => "json",
            Format::Gzip => "json.gz",
            Format::Zstd => "json.zst",
        };
        let path = self.directory.join(format!("{stem}.{ending}"));
        let file =
            File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
        let (pieces, receiver) = sync_channel(WAITING);
        let format = self.format;
        let thread = std::thread::spawn(move || write(file, format, &receiver));
        self.open = Some(FileWriter { pieces, thread });
        self.written.paths.push(path);
        Ok(())
    }

    pub(super) fn write(&mut self, lines: &[u8]) -> anyhow::Result<()> {
        self.piece.extend_from_slice(lines);
        if self.piece.len() >= PIECE {
            self.hand_over()?;
        }
        Ok(())
    }

    fn hand_over(&mut self) -> anyhow::Result<()> {
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        self.written.bytes_of_json += piece.len() as u64;
        let gone = match &self.open {
            Some(writer) => writer.pieces.send(piece).is_err(),
            None => false,
        };
        // A writer that has ended has failed; its own error gives the reason.
        if gone && let Some(writer) = self.open.take() {
            self.join(writer.thread)?;
        }
        Ok(())
    }

    pub(super) fn close(&mut self) -> anyhow::Result<()> {
        self.hand_over()?;
        if let Some(writer) = self.open.take() {
            // Dropping the sender ends the thread after the last piece.
            self.closing.push_back(writer.thread);
        }
        while self.closing.len() >= WRITERS {
            if let Some(thread) = self.closing.pop_front() {
                self.join(thread)?;
            }
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> anyhow::Result<WrittenFiles> {
        while let Some(thread) = self.closing.pop_front() {
            self.join(thread)?;
        }
        Ok(self.written)
    }

    fn join(&mut self, thread: JoinHandle<anyhow::Result<u64>>) -> anyhow::Result<()> {
        match thread.join() {
            Ok(bytes) => self.written.bytes_on_disk += bytes?,
            Err(_) => anyhow::bail!("a thread that writes a file has panicked"),
        }
        Ok(())
    }
}

/// Writes one file and returns its size.
fn write(file: File, format: Format, pieces: &Receiver<Vec<u8>>) -> anyhow::Result<u64> {
    let file = BufWriter::with_capacity(1 << 16, file);
    let file = match format {
        Format::Ndjson => copy(pieces, file)?,
        Format::Gzip => {
            let encoder = flate2::write::GzEncoder::new(file, GZIP_LEVEL);
            copy(pieces, encoder)?.finish()?
        }
        Format::Zstd => copy(pieces, zstd::Encoder::new(file, 3)?)?.finish()?,
    };
    let file = file
        .into_inner()
        .map_err(std::io::IntoInnerError::into_error)?;
    Ok(file.metadata()?.len())
}

fn copy<W: Write>(pieces: &Receiver<Vec<u8>>, mut to: W) -> anyhow::Result<W> {
    while let Ok(piece) = pieces.recv() {
        to.write_all(&piece)?;
    }
    Ok(to)
}
