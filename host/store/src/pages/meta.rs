//! The two pages at the beginning of the file, of which the newer counts.

use super::{HEADER, Pages, u16_at, u32_at, u64_at};
use crate::StoreError;

const MAGIC: u32 = 0xBEEF_C0DE;
const VERSION: u32 = 1;
/// The places of the trees of free pages and of tables.
const FREE: usize = HEADER + 24;
const MAIN: usize = FREE + Tree::BYTES;
const LENGTH: usize = MAIN + Tree::BYTES + 16;

/// The content of the newer page.
pub(super) struct Meta {
    pub(super) page_size: usize,
    pub(super) last_page: u64,
    pub(super) free: Tree,
    pub(super) main: Tree,
    commit: u64,
}

/// A tree, as its parent describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tree {
    pub(super) depth: u16,
    pub(super) branches: u64,
    pub(super) leaves: u64,
    pub(super) overflow: u64,
    pub(super) entries: u64,
    pub(super) root: u64,
}

impl Tree {
    pub(super) const BYTES: usize = 48;
    /// The root of an empty tree.
    pub(super) const NONE: u64 = u64::MAX;

    pub(super) fn read(bytes: &[u8], at: usize) -> Self {
        Self {
            depth: u16_at(bytes, at + 6),
            branches: u64_at(bytes, at + 8),
            leaves: u64_at(bytes, at + 16),
            overflow: u64_at(bytes, at + 24),
            entries: u64_at(bytes, at + 32),
            root: u64_at(bytes, at + 40),
        }
    }
}

impl Meta {
    pub(super) fn read(pages: &mut Pages) -> Result<Self, StoreError> {
        let first = Self::parse(pages, 0, 0)?;
        pages.size = first.page_size;
        let second = Self::parse(pages, 1, first.page_size as u64)?;
        // Each commit writes the older of the two pages.
        let apart = first.commit.abs_diff(second.commit);
        if apart > 1 || second.page_size != first.page_size {
            return Err(pages.damaged(0, "the first two pages contradict each other"));
        }
        Ok(if first.commit > second.commit {
            first
        } else {
            second
        })
    }

    fn parse(pages: &mut Pages, page: u64, at: u64) -> Result<Self, StoreError> {
        let bytes = pages.read(at, LENGTH)?;
        let meta = Self {
            page_size: u32_at(&bytes, FREE) as usize,
            last_page: u64_at(&bytes, LENGTH - 16),
            free: Tree::read(&bytes, FREE),
            main: Tree::read(&bytes, MAIN),
            commit: u64_at(&bytes, LENGTH - 8),
        };
        let known = (u32_at(&bytes, HEADER), u32_at(&bytes, HEADER + 4)) == (MAGIC, VERSION);
        // LMDB: `MAX_PAGESIZE`.
        let sized = meta.page_size.is_power_of_two() && (256..=0x8000).contains(&meta.page_size);
        if !known || !sized || meta.last_page > u64::MAX >> 16 {
            return Err(pages.damaged(page, "it is not the beginning of a database"));
        }
        Ok(meta)
    }
}
