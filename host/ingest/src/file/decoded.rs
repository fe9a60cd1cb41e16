//! Chunks decoded on worker threads, handed over in their order.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

use muster_model::EventBuffer;
use muster_store::Store;

use super::chunks::{LineChunk, LineChunks};
use crate::decode::decode_lines;
use crate::{LineCounts, LineError, Malformed};

/// What a chunk held.
#[derive(Default)]
pub(crate) struct DecodedChunk {
    pub(crate) chunk: LineChunk,
    pub(crate) buffer: EventBuffer,
    pub(crate) counts: LineCounts,
    pub(crate) malformed: Vec<Malformed>,
}

impl DecodedChunk {
    fn decode(&mut self, store: Option<&Store>, keep_malformed: usize) {
        self.buffer.clear();
        self.counts = LineCounts::default();
        self.malformed.clear();
        let first_line = self.chunk.first_line;
        if self.chunk.too_long {
            self.counts.lines = 1;
            self.counts.malformed = 1;
            self.malformed.push(Malformed {
                line: first_line,
                reason: LineError::too_long(),
            });
            return;
        }
        decode_lines(
            &self.chunk.lines,
            first_line,
            store,
            &mut self.buffer,
            &mut self.counts,
            &mut |malformed| {
                if self.malformed.len() < keep_malformed {
                    self.malformed.push(malformed);
                }
            },
        );
    }
}

/// How chunks are read and decoded.
pub(crate) struct DecodeJob<'a, R> {
    pub(crate) chunks: LineChunks<R>,
    /// How much of the file has been read, by now.
    pub(crate) bytes_read: &'a (dyn Fn() -> u64 + Sync),
    pub(crate) threads: usize,
    pub(crate) keep_malformed: usize,
    /// Where the events go; `None`: nowhere that knows names.
    pub(crate) store: Option<&'a Store>,
}

/// Chunks that a worker may have before it: one at work, one waiting. With one more in the hands of
/// reader and taker each, memory is bounded by (2 × threads + 2) chunks and their buffers (a buffer
/// takes about twice its text).
const WAITING: usize = 1;

/// Hands each decoded chunk to `take`, in order, on the caller's thread; ends with the first error
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
        store,
    } = work;
    std::thread::scope(|scope| {
        // A ring: the reader gives chunk n to worker n mod threads, and the results are taken in
        // the same turn. So they come in order, and nobody has to sort.
        let (mut to_workers, mut from_workers) = (Vec::new(), Vec::new());
        for _ in 0..threads {
            let (to, work): (SyncSender<io::Result<DecodedChunk>>, _) = sync_channel(WAITING);
            let (done, from): (_, Receiver<io::Result<DecodedChunk>>) = sync_channel(WAITING);
            scope.spawn(move || {
                for item in work {
                    let item = item.map(|mut decoded| {
                        decoded.decode(store, keep_malformed);
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
                // A worker ends early only if the taker has.
                if to.send(item).is_err() || failed {
                    break;
                }
            }
        });
        for from in from_workers.iter().cycle() {
            // The first worker without more is the end: the reader has gone, and turns are strict.
            let Ok(item) = from.recv() else { break };
            let decoded = item?;
            take(&decoded)?;
            // The reader may have ended; then nobody needs the memory.
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
        decoded.decode(work.store, work.keep_malformed);
        take(&decoded)?;
    }
    Ok(())
}
