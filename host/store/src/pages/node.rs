//! The nodes of a page: keys, and the pages or values that they point to.

use super::{BRANCH, HEADER, LEAF, u16_at, u32_at, u64_at};

/// Node flags.
const BIG: u16 = 1;
const TABLE: u16 = 2;
/// The bytes before a node's key.
const NODE: usize = 8;
/// LMDB: `MDB_MAXKEYSIZE`.
const MAX_KEY: usize = 511;

/// The thing that a key points to.
pub(super) enum NodeRole<'a> {
    /// A page on the level below.
    Down(u64),
    /// A value in the page.
    Value(&'a [u8]),
    /// A value of `length` bytes in pages of its own.
    Big { page: u64, length: u64 },
    /// A table's tree.
    Table(&'a [u8]),
}

/// Splits a page into nodes. Returns `None` if the page is not valid.
pub(super) fn nodes(bytes: &[u8], page: u64) -> Option<Vec<(&[u8], NodeRole<'_>)>> {
    let branch = match u16_at(bytes, 10) {
        BRANCH => true,
        LEAF => false,
        _ => return None,
    };
    let (lower, upper) = (
        usize::from(u16_at(bytes, 12)),
        usize::from(u16_at(bytes, 14)),
    );
    let held = u64_at(bytes, 0) == page;
    if !held || lower < HEADER || lower % 2 != 0 || lower > upper || upper > bytes.len() {
        return None;
    }
    let mut nodes = Vec::with_capacity((lower - HEADER) / 2);
    for at in (HEADER..lower).step_by(2) {
        let at = usize::from(u16_at(bytes, at));
        if at < upper || at % 2 != 0 {
            return None;
        }
        nodes.push(node(bytes.get(at..)?, branch)?);
    }
    Some(nodes)
}

fn node(bytes: &[u8], branch: bool) -> Option<(&[u8], NodeRole<'_>)> {
    let header = bytes.first_chunk::<NODE>()?;
    let (flags, key) = (u16_at(header, 4), usize::from(u16_at(header, 6)));
    if key > MAX_KEY {
        return None;
    }
    let (key, rest) = bytes.get(NODE..)?.split_at_checked(key)?;
    if branch {
        // In a branch, the flags are the upper bits of the page number.
        let page = u64::from(u32_at(header, 0)) | u64::from(flags) << 32;
        return Some((key, NodeRole::Down(page)));
    }
    let length = u32_at(header, 0) as usize;
    let leads = match flags {
        0 => NodeRole::Value(rest.get(..length)?),
        BIG => NodeRole::Big {
            page: u64::from_le_bytes(*rest.first_chunk()?),
            length: length as u64,
        },
        TABLE => NodeRole::Table(rest.get(..length)?),
        _ => return None,
    };
    Some((key, leads))
}
