//! The check that the database file is whole. LMDB trusts the page numbers and offsets that it
//! finds. After a disk error they could crash the process, or make it write over good pages. So all
//! are checked before LMDB opens the file.
//!
//! The format is that of `mdb.c` of LMDB 0.9 (`MDB_page`, `MDB_node`, `MDB_db`, `MDB_meta`) on
//! little-endian machines of 64 bits. Values are not checked here; they have checksums
//! ([`crate::sealed`]).

mod meta;
mod node;
#[cfg(test)]
mod tests;
mod tree;

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use roaring::RoaringTreemap;

use crate::StoreError;
use meta::Meta;
use tree::TreeKind;

/// The bytes before a page's content.
const HEADER: usize = 16;
/// Page flags.
const BRANCH: u16 = 1;
const LEAF: u16 = 2;
const OVERFLOW: u16 = 4;

/// Checks the file of a database that no process writes. `made` says that a database is known to
/// have existed.
///
/// # Errors
/// [`StoreError::Damaged`], and an error when the file cannot be read.
pub(crate) fn check(path: &Path, made: bool) -> Result<(), StoreError> {
    if cfg!(not(all(
        target_endian = "little",
        target_pointer_width = "64"
    ))) {
        return Ok(());
    }
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound && !made => return Ok(()),
        other => other.map_err(|source| unreadable(path, source))?,
    };
    let metadata = file.metadata().map_err(|source| unreadable(path, source))?;
    let length = metadata.len();
    if length == 0 && !made {
        // The process that should make the database ended too soon.
        return Ok(());
    }
    let mut pages = Pages {
        path: path.to_owned(),
        file,
        length,
        size: 0,
        last: 0,
        seen: RoaringTreemap::new(),
        free: Vec::new(),
    };
    let meta = Meta::read(&mut pages)?;
    pages.size = meta.page_size;
    pages.last = meta.last_page;
    pages.mark(0, 2)?;
    pages.tree(&meta.free, TreeKind::Free)?;
    pages.tree(&meta.main, TreeKind::Main)?;
    for page in std::mem::take(&mut pages.free) {
        // A free page is neither used nor free twice.
        pages.mark(page, 1)?;
    }
    Ok(())
}

/// The file during the check.
struct Pages {
    path: PathBuf,
    file: File,
    /// The bytes of the file.
    length: u64,
    /// The bytes of a page.
    size: usize,
    /// The last page that is used or free.
    last: u64,
    /// The pages whose use is known. A damaged number may be as large as 2^48, so a bit for each
    /// page up to it would not fit into memory.
    seen: RoaringTreemap,
    /// The free pages.
    free: Vec<u64>,
}

impl Pages {
    /// Reads bytes at a place of the file.
    fn read(&mut self, at: u64, length: usize) -> Result<Vec<u8>, StoreError> {
        let end = at.checked_add(length as u64);
        if end.is_none_or(|end| end > self.length) {
            let page = at.checked_div(self.size as u64).unwrap_or(0);
            return Err(self.damaged(page, "the file ends before it"));
        }
        let mut bytes = vec![0; length];
        (self.file.seek(SeekFrom::Start(at)))
            .and_then(|_| self.file.read_exact(&mut bytes))
            .map_err(|source| unreadable(&self.path, source))?;
        Ok(bytes)
    }

    /// Reads some consecutive pages.
    fn page(&mut self, page: u64, count: u64) -> Result<Vec<u8>, StoreError> {
        let size = self.size as u64;
        let (Some(at), Some(length)) = (page.checked_mul(size), count.checked_mul(size)) else {
            return Err(self.damaged(page, "it is past the end"));
        };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        self.read(at, length)
    }

    /// Records the use of pages. No other part of the file may use them.
    fn mark(&mut self, first: u64, count: u64) -> Result<(), StoreError> {
        let end = first.checked_add(count).filter(|end| *end <= self.last + 1);
        let Some(end) = end else {
            return Err(self.damaged(first, "it is past the end"));
        };
        if let Some(page) = (first..end).find(|page| !self.seen.insert(*page)) {
            return Err(self.damaged(page, "it has two uses"));
        }
        Ok(())
    }

    fn damaged(&self, page: u64, what: &'static str) -> StoreError {
        StoreError::Damaged {
            path: self.path.clone(),
            page,
            what,
        }
    }
}

fn unreadable(path: &Path, source: std::io::Error) -> StoreError {
    StoreError::Io {
        action: "read",
        path: path.to_owned(),
        source,
    }
}

/// Reads a little-endian number at a place; 0 if the bytes end before it.
fn u16_at(bytes: &[u8], at: usize) -> u16 {
    let number = bytes.get(at..).and_then(<[u8]>::first_chunk);
    number.map_or(0, |bytes| u16::from_le_bytes(*bytes))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let number = bytes.get(at..).and_then(<[u8]>::first_chunk);
    number.map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let number = bytes.get(at..).and_then(<[u8]>::first_chunk);
    number.map_or(0, |bytes| u64::from_le_bytes(*bytes))
}
