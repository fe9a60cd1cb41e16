//! Unpacks gzip data of several members in a row, as `cat a.gz b.gz` makes them.

use std::io::{self, BufRead, Chain, Cursor, ErrorKind, Read};

use flate2::bufread::GzDecoder;

use super::ContentFault;

/// The first two bytes of a member.
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// A reader of all members. Zero bytes behind a member are padding of a tape or a disk, as gzip(1)
/// has it, and are skipped.
pub(crate) struct GzipMembers<R> {
    state: MembersState<R>,
}

enum MembersState<R> {
    /// No member was read yet.
    Begin(R),
    Member(Box<GzDecoder<Chain<Cursor<[u8; 2]>, R>>>),
    End,
}

impl<R: BufRead> GzipMembers<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self {
            state: MembersState::Begin(reader),
        }
    }

    /// Goes to the member at which the reader stands, if there is one.
    fn enter(mut reader: R, first: bool) -> io::Result<MembersState<R>> {
        if !first && !skip_zeros(&mut reader)? {
            return Ok(MembersState::End);
        }
        let mut magic = Vec::with_capacity(MAGIC.len());
        (&mut reader)
            .take(MAGIC.len() as u64)
            .read_to_end(&mut magic)?;
        if magic == MAGIC {
            let member = GzDecoder::new(Cursor::new(MAGIC).chain(reader));
            return Ok(MembersState::Member(Box::new(member)));
        }
        if magic == MAGIC[..1] {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Err(match first {
            true => io::Error::new(ErrorKind::InvalidData, "it does not begin as gzip data"),
            false => ContentFault::Trailing.into(),
        })
    }
}

/// Skips zero bytes. Returns false at the end of the data.
fn skip_zeros(reader: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let bytes = match reader.fill_buf() {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        let (is_end, is_over) = (bytes.is_empty(), zeros < bytes.len());
        reader.consume(zeros);
        if is_end || is_over {
            return Ok(is_over);
        }
    }
}

impl<R: BufRead> Read for GzipMembers<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        loop {
            if let MembersState::Member(member) = &mut self.state {
                let count = member.read(to)?;
                if count > 0 || to.is_empty() {
                    return Ok(count);
                }
            }
            self.state = match std::mem::replace(&mut self.state, MembersState::End) {
                MembersState::Begin(reader) => Self::enter(reader, true)?,
                MembersState::Member(member) => {
                    let (_, reader) = member.into_inner().into_inner();
                    Self::enter(reader, false)?
                }
                MembersState::End => return Ok(0),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    /// Unpacks data that arrives in pieces of `size` bytes.
    fn unpacked(data: &[u8], size: usize) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        GzipMembers::new(io::BufReader::with_capacity(size, data)).read_to_end(&mut all)?;
        Ok(all)
    }

    #[test]
    fn zeros_around_members_are_nothing() {
        let (one, two, zeros) = (gzip(b"one\n"), gzip(b"two\n"), [0; 1000]);
        for data in [
            [&one[..], &two].concat(),
            [&one[..], &two, &zeros].concat(),
            [&one[..], &zeros[..3], &two, &zeros[..1]].concat(),
        ] {
            for size in [1, 7, 4096] {
                assert_eq!(unpacked(&data, size).unwrap(), b"one\ntwo\n");
            }
        }
        assert_eq!(unpacked(&gzip(b""), 7).unwrap(), b"");
    }

    #[test]
    fn other_bytes_are_not_called_cut_off() {
        let one = gzip(b"one\n");
        for rest in [&b"x"[..], b"something else", b"\0\0x", b"\x1fx"] {
            let error = unpacked(&[&one[..], rest].concat(), 4096).unwrap_err();
            assert_eq!(ContentFault::of(&error), Some(ContentFault::Trailing));
        }
        for cut in [1, 2, 9, one.len() - 1] {
            let data = [&one[..], &one[..cut]].concat();
            let error = unpacked(&data, 4096).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "{cut}");
        }
    }
}
