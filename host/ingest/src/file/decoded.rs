//! Decodes chunks on worker threads and returns them in their order.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

use muster_model::EventBuffer;

use super::chunks::{LineChunk, LineChunks};
use crate::decode::decode_lines;
use crate::{DecodeContext, LineCounts, LineError, Malformed};

/// A chunk with its decoded contents.
#[derive(Default)]
pub(crate) struct DecodedChunk {
    pub(crate) chunk: LineChunk,
    pub(crate) buffer: EventBuffer,
    pub(crate) counts: LineCounts,
    pub(crate) malformed: Vec<Malformed>,
    /// The number of the last malformed line; 0: none.
    pub(crate) last_malformed: u64,
}

impl DecodedChunk {
    /// Returns the offset and the number of the line at which reading goes on if the content grows
    /// behind this chunk. A last line that is not complete yet is read again then.
    pub(crate) fn grows_at(&self) -> (u64, u64) {
        let LineChunk {
            lines,
            next_line,
            end,
            ..
        } = &self.chunk;
        let last = memchr::memrchr(b'\n', lines).map_or(0, |end| end + 1);
        let incomplete = lines.len() - last;
        match incomplete > 0 && self.last_malformed == next_line - 1 {
            true => (end - incomplete as u64, next_line - 1),
            false => (*end, *next_line),
        }
    }

    fn decode(&mut self, context: &DecodeContext<'_>, keep_malformed: usize) {
        self.buffer.clear();
        self.counts = LineCounts::default();
        self.malformed.clear();
        self.last_malformed = 0;
        let first_line = self.chunk.first_line;
        if self.chunk.too_long {
            self.counts.lines = 1;
            self.counts.malformed = 1;
            self.last_malformed = first_line;
            self.malformed.push(Malformed {
                line: first_line,
                reason: LineError::too_long(),
            });
            return;
        }
        decode_lines(
            &self.chunk.lines,
            first_line,
            context,
            &mut self.buffer,
            &mut self.counts,
            &mut |malformed| {
                self.last_malformed = malformed.line;
                if self.malformed.len() < keep_malformed {
                    self.malformed.push(malformed);
                }
            },
        );
    }
}

/// A description of how chunks are read and decoded.
pub(crate) struct DecodeJob<'a, R> {
    pub(crate) chunks: LineChunks<R>,
    /// Returns the bytes of the file that have been read so far.
    pub(crate) bytes_read: &'a (dyn Fn() -> u64 + Sync),
    pub(crate) threads: usize,
    pub(crate) keep_malformed: usize,
    pub(crate) context: DecodeContext<'a>,
}

/// Chunks that wait for a worker, besides the one at work. The reader and the caller hold one more
/// each, so memory is bounded by (2 × threads + 2) chunks and their buffers. A buffer takes about
/// twice the bytes of its text.
const WAITING: usize = 1;

/// Passes each decoded chunk to `take`, in order, on the caller's thread. Ends with the first error
/// of the reader or of `take`.
pub(crate) fn each<R: Read + Send, E: From<io::Error>>(
    work: DecodeJob<'_, R>,
    mut take: impl FnMut(&DecodedChunk) -> Result<(), E>,
) -> Result<(), E> {
    if work.threads < 2 {
        return inline(work, take);
    }
    let DecodeJob {
        mut chunks,
        bytes_read,
        threads,
        keep_malformed,
        context,
    } = work;
    std::thread::scope(|scope| {
        // A ring: the reader gives chunk n to worker n mod threads, and the caller takes results in
        // the same turn. So the results come in order without sorting.
        let (mut to_workers, mut from_workers) = (Vec::new(), Vec::new());
        for _ in 0..threads {
            let (to, work): (SyncSender<io::Result<DecodedChunk>>, _) = sync_channel(WAITING);
            let (done, from): (_, Receiver<io::Result<DecodedChunk>>) = sync_channel(WAITING);
            scope.spawn(move || {
                for item in work {
                    let item = item.map(|mut decoded| {
                        decoded.decode(&context, keep_malformed);
                        decoded
                    });
                    if done.send(item).is_err() {
                        break;
                    }
                }
            });
            to_workers.push(to);
            from_workers.push(from);
        }
        let (spare, spares): (Sender<DecodedChunk>, Receiver<DecodedChunk>) = channel();
        scope.spawn(move || {
            for to in to_workers.iter().cycle() {
                let mut decoded = spares.try_recv().unwrap_or_default();
                let item = match chunks.next(std::mem::take(&mut decoded.chunk.lines)) {
                    Ok(None) => break,
                    Ok(Some(chunk)) => {
                        decoded.chunk = chunk;
                        decoded.chunk.bytes_read = bytes_read();
                        Ok(decoded)
                    }
                    Err(error) => Err(error),
                };
                let failed = item.is_err();
                // A worker ends early only if the caller has ended.
                if to.send(item).is_err() || failed {
                    break;
                }
            }
        });
        for from in from_workers.iter().cycle() {
            // The first worker without a further chunk marks the end: the reader has ended, and
            // turns are strict.
            let Ok(item) = from.recv() else { break };
            let decoded = item?;
            take(&decoded)?;
            // The reader may have ended; then the memory is not needed again.
            let _ = spare.send(decoded);
        }
        Ok(())
    })
}

fn inline<R: Read, E: From<io::Error>>(
    mut work: DecodeJob<'_, R>,
    mut take: impl FnMut(&DecodedChunk) -> Result<(), E>,
) -> Result<(), E> {
    let mut decoded = DecodedChunk::default();
    while let Some(chunk) = work.chunks.next(std::mem::take(&mut decoded.chunk.lines))? {
        decoded.chunk = chunk;
        decoded.chunk.bytes_read = (work.bytes_read)();
        decoded.decode(&work.context, work.keep_malformed);
        take(&decoded)?;
    }
    Ok(())
}
