//! Instances between two batches.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// Idle instances of all rules, the longest idle first; when it is full, that one goes. One shelf
/// for all rather than one a rule, so that the memory they hold on to has one bound however many
/// rules are loaded.
#[derive(Debug)]
pub(crate) struct Shelf<T> {
    items: Mutex<VecDeque<(u64, T)>>,
    room: usize,
}

impl<T> Shelf<T> {
    pub(crate) fn new(room: usize) -> Self {
        Self {
            items: Mutex::new(VecDeque::with_capacity(room)),
            room,
        }
    }

    /// Takes the instance of a rule that was used last: its memory is the warmest.
    pub(crate) fn take(&self, module: u64) -> Option<T> {
        let mut items = self.lock();
        let at = items.iter().rposition(|(owner, _)| *owner == module)?;
        items.remove(at).map(|(_, item)| item)
    }

    pub(crate) fn put(&self, module: u64, item: T) {
        let mut items = self.lock();
        let oldest = if items.len() >= self.room {
            items.pop_front()
        } else {
            None
        };
        items.push_back((module, item));
        drop(items);
        // Outside the lock: giving memory back is a system call.
        drop(oldest);
    }

    /// Drops what a rule has here.
    pub(crate) fn clear(&self, module: u64) {
        let mut items = self.lock();
        let (gone, kept) = std::mem::take(&mut *items)
            .into_iter()
            .partition::<VecDeque<_>, _>(|(owner, _)| *owner == module);
        *items = kept;
        drop(items);
        drop(gone);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<(u64, T)>> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_back_the_warmest_and_drops_the_oldest() {
        let shelf = Shelf::new(3);
        for (module, item) in [(1, "a"), (2, "b"), (1, "c"), (1, "d")] {
            shelf.put(module, item);
        }
        assert_eq!(shelf.take(1), Some("d"));
        assert_eq!(shelf.take(1), Some("c"));
        assert_eq!(shelf.take(1), None, "`a` had to go for `d`");
        assert_eq!(shelf.take(2), Some("b"));
    }

    #[test]
    fn clears_one_rule() {
        let shelf = Shelf::new(3);
        for (module, item) in [(1, "a"), (2, "b"), (1, "c")] {
            shelf.put(module, item);
        }
        shelf.clear(1);
        assert_eq!((shelf.take(1), shelf.take(2)), (None, Some("b")));
    }
}
