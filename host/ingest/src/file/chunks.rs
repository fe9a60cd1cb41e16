//! Cuts a stream of bytes into pieces of whole lines.

use std::io::Read;

use crate::limits::MAX_LINE;

/// Whole lines and their place in the content.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct LineChunk {
    /// The lines. The last line of a file may lack its line end.
    pub(crate) lines: Vec<u8>,
    /// The number of the first line.
    pub(crate) first_line: u64,
    /// The number of the line after the chunk.
    pub(crate) next_line: u64,
    /// The offset in the content at which the next line begins.
    pub(crate) end: u64,
    /// Set if the chunk stands for one line longer than [`MAX_LINE`]. Then it has no lines, and the
    /// bytes of the line are dropped.
    pub(crate) too_long: bool,
    /// The bytes of the file that had been read by then.
    pub(crate) bytes_read: u64,
}

/// A reader of chunks of about `size` bytes, however many bytes the inner reader returns at a time.
pub(crate) struct LineChunks<R> {
    reader: R,
    size: usize,
    /// Bytes that were read and not returned yet: the beginning of a line.
    rest: Vec<u8>,
    line: u64,
    offset: u64,
    ended: bool,
}

impl<R: Read> LineChunks<R> {
    /// Creates a reader of chunks. `reader` stands at `offset` of the content, where line number
    /// `line` begins.
    pub(crate) fn new(reader: R, size: usize, line: u64, offset: u64) -> Self {
        Self {
            reader,
            size: size.max(1),
            rest: Vec::new(),
            line,
            offset,
            ended: false,
        }
    }

    /// Returns the next lines, in the memory of `lines`; `None` after the last.
    pub(crate) fn next(&mut self, mut lines: Vec<u8>) -> std::io::Result<Option<LineChunk>> {
        lines.clear();
        lines.append(&mut self.rest);
        loop {
            if let Some(end) = memchr::memrchr(b'\n', &lines) {
                self.rest.extend(lines.drain(end + 1..));
                break;
            }
            if lines.len() > MAX_LINE {
                return self.skip_line(lines).map(Some);
            }
            if self.ended {
                break;
            }
            self.read(&mut lines)?;
        }
        if lines.is_empty() {
            return Ok(None);
        }
        let first_line = self.line;
        let ends = memchr::memchr_iter(b'\n', &lines).count() as u64;
        self.line += ends + u64::from(!lines.ends_with(b"\n"));
        self.offset += lines.len() as u64;
        Ok(Some(self.chunk(lines, first_line, false)))
    }

    /// Appends up to `size` bytes.
    fn read(&mut self, lines: &mut Vec<u8>) -> std::io::Result<()> {
        let read = (&mut self.reader)
            .take(self.size as u64)
            .read_to_end(lines)?;
        self.ended = read < self.size;
        Ok(())
    }

    /// Reads to the end of a line that is too long already, without keeping the line.
    fn skip_line(&mut self, mut lines: Vec<u8>) -> std::io::Result<LineChunk> {
        let number = self.line;
        self.line += 1;
        while !self.ended {
            self.offset += lines.len() as u64;
            lines.clear();
            self.read(&mut lines)?;
            if let Some(end) = memchr::memchr(b'\n', &lines) {
                self.rest.extend(lines.drain(end + 1..));
                break;
            }
        }
        self.offset += lines.len() as u64;
        lines.clear();
        Ok(self.chunk(lines, number, true))
    }

    fn chunk(&self, lines: Vec<u8>, first_line: u64, too_long: bool) -> LineChunk {
        LineChunk {
            lines,
            first_line,
            next_line: self.line,
            end: self.offset,
            too_long,
            bytes_read: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A reader that returns a few bytes at a time, as a decompressor may.
    struct Dribble<'a>(&'a [u8], usize);

    impl Read for Dribble<'_> {
        fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
            let count = self.1.min(to.len()).min(self.0.len());
            to[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn all(text: &[u8], size: usize) -> Vec<LineChunk> {
        let mut chunks = LineChunks::new(Dribble(text, 3), size, 1, 0);
        std::iter::from_fn(|| chunks.next(Vec::new()).unwrap()).collect()
    }

    #[test]
    fn lines_stay_whole() {
        let chunks = all(b"one\ntwo\nthree", 5);
        let lines: Vec<&[u8]> = chunks.iter().map(|chunk| &*chunk.lines).collect();
        assert_eq!(lines, [b"one\n" as &[u8], b"two\n", b"three"]);
        let places: Vec<_> = chunks
            .iter()
            .map(|chunk| (chunk.first_line, chunk.next_line, chunk.end))
            .collect();
        assert_eq!(places, [(1, 2, 4), (2, 3, 8), (3, 4, 13)]);
        assert_eq!(all(b"", 5), []);
    }

    #[test]
    fn a_line_that_is_too_long_is_never_held() {
        let mut text = b"one\n".to_vec();
        text.resize(text.len() + 3 * MAX_LINE, b'x');
        text.extend_from_slice(b"\nthree\n");
        for size in [1000, MAX_LINE / 2, 5 * MAX_LINE] {
            let chunks = all(&text, size);
            assert!(
                chunks
                    .iter()
                    .all(|chunk| chunk.too_long == chunk.lines.is_empty())
            );
            let last = chunks.last().unwrap();
            assert_eq!((last.next_line, last.end), (4, text.len() as u64));
            if size < MAX_LINE {
                assert!(
                    chunks
                        .iter()
                        .any(|chunk| chunk.too_long && chunk.first_line == 2)
                );
                assert!(
                    chunks
                        .iter()
                        .all(|chunk| chunk.lines.capacity() <= 4 * MAX_LINE)
                );
            }
        }
        // The same at the end of the content.
        let chunks = all(&text[..text.len() - 7], 1000);
        let last = chunks.last().unwrap();
        assert_eq!(
            (last.too_long, last.next_line, last.end),
            (true, 3, text.len() as u64 - 7)
        );
    }

    proptest! {
        #[test]
        fn no_byte_is_lost_and_no_line_is_cut(text in "[ab\n\r]{0,80}", size in 1_usize..20) {
            let chunks = all(text.as_bytes(), size);
            let lines = chunks.iter().flat_map(|chunk| chunk.lines.clone());
            prop_assert_eq!(lines.collect::<Vec<_>>(), text.as_bytes());
            let (mut line, mut end) = (1, 0);
            for (nth, chunk) in chunks.iter().enumerate() {
                prop_assert_eq!(chunk.first_line, line);
                line = chunk.next_line;
                end += chunk.lines.len() as u64;
                prop_assert_eq!(chunk.end, end);
                prop_assert!(chunk.lines.ends_with(b"\n") || nth + 1 == chunks.len());
            }
        }
    }
}
