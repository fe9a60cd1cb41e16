//! Reads the members of a zip archive, one after the other: the vendor's export is a zip archive of
//! gzip files.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use flate2::CrcReader;
use flate2::bufread::DeflateDecoder;
use parking_lot::Mutex;
use rawzip::{
    CompressionMethod, FileReader, RECOMMENDED_BUFFER_SIZE, RangeReader, ZipArchive,
    ZipArchiveEntryWayfinder,
};

use super::content_hash::{ContentHash, Hashed};
use super::open::CountingReader;
use super::unpack::unpack;
use crate::content::{Compression, ContentFault, HEAD, MemberFault, as_lines};
use crate::{LineError, Malformed};

/// The most members of an archive: the hours of 29 years. Their places take 72 bytes each.
pub(super) const MAX_MEMBERS: usize = 1 << 18;

/// The content of all members, as lines. Memory is bounded: only the places and names of the
/// members are held.
pub(crate) struct ArchiveReader {
    archive: ZipArchive<Arc<FileReader>>,
    members: VecDeque<Member>,
    current: Option<OpenMember>,
    hash: ContentHash,
    bytes_read: Arc<AtomicU64>,
    begins: Arc<MemberLines>,
    /// The number of the line that is read.
    line: u64,
}

struct Member {
    name: String,
    place: ZipArchiveEntryWayfinder,
    method: CompressionMethod,
    crc: u32,
}

struct OpenMember {
    name: String,
    reader: Box<dyn Read + Send>,
    /// The compression of the data that may be at fault.
    compression: Compression,
    /// The last byte that was read ends a line.
    ends_line: bool,
}

/// The lines of the whole content at which the members begin, and their names.
#[derive(Debug, Default)]
pub(crate) struct MemberLines(Mutex<Vec<(u64, String)>>);

impl MemberLines {
    fn begin(&self, line: u64, name: &str) {
        self.0.lock().push((line, name.to_owned()));
    }

    /// Returns a malformed line with its number in the member that it belongs to, if it is one of
    /// an archive.
    pub(crate) fn place(&self, malformed: Malformed) -> Malformed {
        let members = self.0.lock();
        let after = members.partition_point(|(begin, _)| *begin <= malformed.line);
        let member = after.checked_sub(1).and_then(|at| members.get(at));
        let Some((begin, name)) = member else {
            return malformed;
        };
        Malformed {
            line: malformed.line - begin + 1,
            reason: LineError(format!("of `{name}`: {}", malformed.reason)),
        }
    }
}

impl ArchiveReader {
    /// Opens an archive. `bytes_read` counts the bytes of its members that were read.
    pub(crate) fn open(
        file: File,
        hash: ContentHash,
        bytes_read: Arc<AtomicU64>,
        begins: Arc<MemberLines>,
    ) -> io::Result<Self> {
        let mut buffer = vec![0; RECOMMENDED_BUFFER_SIZE];
        let size = file.metadata()?.len();
        let reader = Arc::new(FileReader::from(file));
        let archive = rawzip::ZipLocator::new()
            .locate_in_reader(reader, &mut buffer, size)
            .map_err(|(_, error)| io_error(error))?;
        let mut members = VecDeque::new();
        let mut entries = archive.entries(&mut buffer);
        while let Some(entry) = entries.next_entry().map_err(io_error)? {
            let name = String::from_utf8_lossy(entry.file_path().as_ref()).into_owned();
            if entry.is_dir() || is_no_content(&name) {
                continue;
            }
            if entry.flags().is_encrypted() {
                return Err(ContentFault::Foreign(ENCRYPTED).into());
            }
            if members.len() == MAX_MEMBERS {
                return Err(ContentFault::Foreign(TOO_MANY).into());
            }
            members.push_back(Member {
                name,
                place: entry.wayfinder(),
                method: entry.compression_method(),
                crc: entry.crc32(),
            });
        }
        Ok(Self {
            archive,
            members,
            current: None,
            hash,
            bytes_read,
            begins,
            line: 1,
        })
    }

    fn next(&mut self) -> io::Result<Option<OpenMember>> {
        let Some(member) = self.members.pop_front() else {
            return Ok(None);
        };
        self.begins.begin(self.line, &member.name);
        let name = member.name.clone();
        match self.open_member(member) {
            Ok(member) => Ok(Some(member)),
            Err(error) => Err(fault(name, Compression::Zip, error)),
        }
    }

    fn open_member(&self, member: Member) -> io::Result<OpenMember> {
        let entry = self.archive.get_entry(member.place).map_err(io_error)?;
        let (start, end) = entry.compressed_data_range();
        let packed = RangeReader::new(Arc::clone(self.archive.get_ref()), start..end);
        let packed = CountingReader::new(packed, &self.bytes_read);
        let packed = BufReader::with_capacity(1 << 17, packed);
        let content: Box<dyn Read + Send> = match member.method {
            CompressionMethod::STORE => Box::new(packed),
            CompressionMethod::DEFLATE => Box::new(DeflateDecoder::new(packed)),
            _ => return Err(ContentFault::Foreign(METHOD).into()),
        };
        let mut content = CheckedReader {
            reader: CrcReader::new(content),
            size: member.place.uncompressed_size_hint(),
            crc: member.crc,
        };
        let mut head = Vec::with_capacity(HEAD);
        content.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
        let compression = match Compression::of(&head) {
            // Then only the archive can be at fault.
            Compression::None => Compression::Zip,
            compression => compression,
        };
        let content = BufReader::with_capacity(1 << 17, io::Cursor::new(head).chain(content));
        let hashed = Box::new(Hashed::new(
            unpack(content, compression)?,
            self.hash.clone(),
        ));
        let (reader, _shape) =
            as_lines(hashed).map_err(|error| fault(member.name.clone(), compression, error))?;
        Ok(OpenMember {
            name: member.name,
            reader,
            compression,
            ends_line: true,
        })
    }
}

const ENCRYPTED: &str = "an encrypted zip archive: unpack it and import the files in it";
const TOO_MANY: &str =
    "a zip archive of more than 262,144 members: unpack it and import the files in it";
const METHOD: &str =
    "packed in a way that is not read (only deflate is): unpack it and import the files in it";

/// Returns true for members that the finder of macOS adds.
fn is_no_content(name: &str) -> bool {
    name.starts_with("__MACOSX/") || name.rsplit('/').next() == Some(".DS_Store")
}

fn io_error(error: rawzip::Error) -> io::Error {
    let kind = match error.kind() {
        rawzip::ErrorKind::Eof | rawzip::ErrorKind::MissingEndOfCentralDirectory => {
            ErrorKind::UnexpectedEof
        }
        _ => ErrorKind::InvalidData,
    };
    match error.into_kind() {
        rawzip::ErrorKind::IO(error) => error,
        other => io::Error::new(kind, other.to_string()),
    }
}

fn fault(name: String, compression: Compression, source: io::Error) -> io::Error {
    // The innermost fault is the one of the data.
    if source
        .get_ref()
        .is_some_and(|inner| inner.is::<MemberFault>())
    {
        return source;
    }
    let fault = MemberFault {
        name,
        compression,
        source,
    };
    io::Error::new(ErrorKind::InvalidData, fault)
}

impl Read for ArchiveReader {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(member) = &mut self.current else {
                match self.next()? {
                    Some(member) => self.current = Some(member),
                    None => return Ok(0),
                }
                continue;
            };
            let count = match member.reader.read(to) {
                Err(error) if error.kind() == ErrorKind::Interrupted => return Err(error),
                Err(error) => return Err(fault(member.name.clone(), member.compression, error)),
                Ok(count) => count,
            };
            let read = to.get(..count).unwrap_or_default();
            if let Some(last) = read.last() {
                member.ends_line = *last == b'\n';
                self.line += memchr::memchr_iter(b'\n', read).count() as u64;
                return Ok(count);
            }
            let ends_line = member.ends_line;
            self.current = None;
            // The next member begins on a line of its own.
            if let (false, Some(first)) = (ends_line, to.first_mut()) {
                *first = b'\n';
                self.line += 1;
                return Ok(1);
            }
        }
    }
}

/// A reader that checks size and checksum of a member at its end.
struct CheckedReader<R> {
    reader: CrcReader<R>,
    size: u64,
    crc: u32,
}

impl<R: Read> Read for CheckedReader<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(to)?;
        if count == 0 && !to.is_empty() {
            let crc = self.reader.crc();
            // The checksum counts the bytes modulo 2^32.
            #[expect(
                clippy::cast_possible_truncation,
                reason = "both are compared modulo 2^32"
            )]
            let whole = crc.amount() == self.size as u32;
            if !whole || crc.sum() != self.crc {
                let message = "its checksum or its size is not that of the archive";
                return Err(io::Error::new(ErrorKind::InvalidData, message));
            }
        }
        Ok(count)
    }
}
