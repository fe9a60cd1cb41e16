//! A tree of pages, from its root to its values.

use super::meta::Tree;
use super::node::{NodeRole, nodes};
use super::{HEADER, OVERFLOW, Pages, u16_at, u32_at, u64_at};
use crate::StoreError;

/// The largest height of a tree. LMDB: `CURSOR_STACK`.
const DEEPEST: u16 = 32;

/// The kind of a tree's content.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum TreeKind {
    /// Free pages, by the commit that freed them.
    Free,
    /// The tables, by name.
    Main,
    /// A table.
    Table,
}

/// The bounds of a page's keys: from the first on, before the second.
type Bounds<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

impl Pages {
    /// Checks a tree, and the trees of the tables that it names.
    pub(super) fn tree(&mut self, tree: &Tree, kind: TreeKind) -> Result<(), StoreError> {
        let mut found = Tree {
            depth: tree.depth,
            branches: 0,
            leaves: 0,
            overflow: 0,
            entries: 0,
            root: tree.root,
        };
        if tree.root == Tree::NONE {
            found.depth = 0;
        } else {
            if tree.depth == 0 || tree.depth > DEEPEST {
                return Err(self.damaged(tree.root, "its tree is too deep"));
            }
            self.walk(tree.root, tree.depth, (None, None), kind, &mut found)?;
        }
        if found != *tree {
            let root = if tree.root == Tree::NONE {
                0
            } else {
                tree.root
            };
            return Err(self.damaged(root, "its tree has lost or gained entries"));
        }
        Ok(())
    }

    /// Checks a page at `height`, and the pages below it.
    fn walk(
        &mut self,
        page: u64,
        height: u16,
        bounds: Bounds<'_>,
        kind: TreeKind,
        found: &mut Tree,
    ) -> Result<(), StoreError> {
        self.mark(page, 1)?;
        let bytes = self.page(page, 1)?;
        let Some(nodes) = nodes(&bytes, page) else {
            return Err(self.damaged(page, "it is not a page of a tree"));
        };
        let mut lows = nodes.iter().map(|(key, _)| *key);
        // LMDB never reads the first key of a branch.
        let first = if height > 1 { bounds.0 } else { lows.next() };
        let sorted = |keys: &[Option<&[u8]>]| match keys {
            [Some(a), Some(b)] => before(a, b, kind),
            _ => true,
        };
        let mut keys = vec![first];
        keys.extend(nodes.iter().skip(1).map(|(key, _)| Some(*key)));
        keys.push(bounds.1);
        let from = !matches!((bounds.0, first), (Some(low), Some(key)) if before(key, low, kind));
        if !from || !keys.windows(2).all(sorted) {
            return Err(self.damaged(page, "its keys are out of order"));
        }
        if height > 1 {
            found.branches += 1;
            for ((_, leads), bounds) in nodes.iter().zip(keys.windows(2)) {
                let (NodeRole::Down(down), [low, high]) = (leads, bounds) else {
                    return Err(self.damaged(page, "it is not a page of a tree"));
                };
                self.walk(*down, height - 1, (*low, *high), kind, found)?;
            }
            return Ok(());
        }
        found.leaves += 1;
        for (_, leads) in nodes {
            found.entries += 1;
            match (leads, kind) {
                (NodeRole::Table(tree), TreeKind::Main) if tree.len() == Tree::BYTES => {
                    self.tree(&Tree::read(tree, 0), TreeKind::Table)?;
                }
                (NodeRole::Value(value), TreeKind::Free) => self.list_free(page, value)?,
                (NodeRole::Value(_), TreeKind::Table) => {}
                (NodeRole::Big { page, length }, TreeKind::Free | TreeKind::Table) => {
                    found.overflow += self.big(page, length, kind)?;
                }
                _ => return Err(self.damaged(page, "it is not a page of a tree")),
            }
        }
        Ok(())
    }

    /// Checks a value that has pages of its own. Returns the number of pages.
    fn big(&mut self, page: u64, length: u64, kind: TreeKind) -> Result<u64, StoreError> {
        let at = page.checked_mul(self.size as u64);
        let Some(at) = at.filter(|_| page <= self.last) else {
            return Err(self.damaged(page, "it is past the end"));
        };
        let header = self.read(at, HEADER)?;
        let count = u64::from(u32_at(&header, 12));
        let needed = (HEADER as u64 + length).div_ceil(self.size as u64);
        if (u64_at(&header, 0), u16_at(&header, 10)) != (page, OVERFLOW) || count < needed {
            return Err(self.damaged(page, "it is not the beginning of a large value"));
        }
        // Reading past the file's end would crash the process. LMDB writes all pages of a value, so
        // the file also bounds a damaged count.
        self.read(at + count * self.size as u64 - 1, 1)?;
        self.mark(page, count)?;
        if kind == TreeKind::Free {
            let bytes = self.page(page, count)?;
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            let list = bytes.get(HEADER..).and_then(|bytes| bytes.get(..length));
            self.list_free(page, list.unwrap_or_default())?;
        }
        Ok(count)
    }

    /// Records a list of free pages: their number, then the pages, the last first.
    fn list_free(&mut self, page: u64, list: &[u8]) -> Result<(), StoreError> {
        let (numbers, _) = list.as_chunks::<8>();
        let mut numbers = numbers.iter().map(|number| u64::from_le_bytes(*number));
        let count = numbers.next().and_then(|count| usize::try_from(count).ok());
        let before = self.free.len();
        self.free.extend(numbers.take(count.unwrap_or(0)));
        let listed = self.free.get(before..).unwrap_or_default();
        if Some(listed.len()) != count || !listed.is_sorted_by(|a, b| a > b) {
            return Err(self.damaged(page, "it is not a list of free pages"));
        }
        Ok(())
    }
}

/// Returns true if a key sorts before another. Free pages sort by number, all other keys by bytes.
fn before(a: &[u8], b: &[u8], kind: TreeKind) -> bool {
    match kind {
        TreeKind::Free => u64_at(a, 0) < u64_at(b, 0),
        TreeKind::Main | TreeKind::Table => a < b,
    }
}
