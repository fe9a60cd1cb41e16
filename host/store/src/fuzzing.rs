//! Entry points for the targets of `fuzz/`: readers of stored bytes, each with its writer.

use std::path::Path;

use crate::block::whole::{BlockUsers, build, read};
use crate::rows::RowBuffer;
use crate::segment::Segment;
use crate::{StoreError, log, pages};

/// Reads rows of the log and writes them again. Returns the bytes, and the memory that the rows
/// took.
///
/// # Errors
/// When the bytes are damaged.
pub fn rewrite_log(bytes: &[u8]) -> Result<(Vec<u8>, usize), StoreError> {
    let mut rows = RowBuffer::default();
    log::decode(bytes, &mut rows)?;
    Ok((log::encode(&rows), rows.size()))
}

/// Reads the record of a segment, computes what is derived from it, and writes it again.
///
/// # Errors
/// When the bytes are damaged.
pub fn rewrite_segment(bytes: &[u8]) -> Result<Vec<u8>, StoreError> {
    let segment = Segment::decode(0, bytes)?;
    segment.rows();
    if let Some(newest) = segment.newest_event() {
        segment.spread.surely_before(newest);
        segment.spread.perhaps_before(newest);
    }
    segment.spread.middle();
    Ok(segment.encode())
}

/// Reads all rows of a block with at most so many rows.
///
/// # Errors
/// When the bytes are damaged, or the block has more rows.
pub fn read_block(bytes: &[u8], rows: u32) -> Result<BlockUsers, StoreError> {
    read(bytes, rows)
}

/// Writes the rows of users as a block.
///
/// # Errors
/// When there are too many rows.
pub fn write_block(users: &BlockUsers) -> Result<Vec<u8>, StoreError> {
    build(users)
}

/// Checks the file of a database.
///
/// # Errors
/// When it is damaged.
pub fn check_pages(path: &Path) -> Result<(), StoreError> {
    pages::check(path, true)
}
