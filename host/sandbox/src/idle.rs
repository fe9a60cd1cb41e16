//! Idle instances, which wait for their next batch.

use std::collections::VecDeque;

use parking_lot::Mutex;

/// Idle instances of all modules, the longest idle first. When the shelf is full, it drops that
/// one. One shelf serves all modules, so that the memory of idle instances has one bound for any
/// number of modules.
#[derive(Debug)]
pub(crate) struct Shelf<T> {
    items: Mutex<VecDeque<(u64, T)>>,
    capacity: usize,
}

impl<T> Shelf<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            items: Mutex::new(VecDeque::with_capacity(capacity)),
            capacity,
        }
    }

    /// Takes the instance of a module that was used last: its memory is most likely in the caches.
    pub(crate) fn take(&self, module: u64) -> Option<T> {
        let mut items = self.lock();
        let at = items.iter().rposition(|(owner, _)| *owner == module)?;
        items.remove(at).map(|(_, item)| item)
    }

    pub(crate) fn put(&self, module: u64, item: T) {
        let mut items = self.lock();
        let oldest = if items.len() >= self.capacity {
            items.pop_front()
        } else {
            None
        };
        items.push_back((module, item));
        drop(items);
        // The drop is outside the lock, since giving memory back is a system call.
        drop(oldest);
    }

    /// Drops the instances of a module.
    pub(crate) fn clear(&self, module: u64) {
        let mut items = self.lock();
        let (gone, kept) = std::mem::take(&mut *items)
            .into_iter()
            .partition::<VecDeque<_>, _>(|(owner, _)| *owner == module);
        *items = kept;
        drop(items);
        drop(gone);
    }

    fn lock(&self) -> parking_lot::MutexGuard<'_, VecDeque<(u64, T)>> {
        self.items.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn take_returns_the_instance_used_last_and_put_drops_the_oldest() {
        let shelf = Shelf::new(3);
        for (module, item) in [(1, "a"), (2, "b"), (1, "c"), (1, "d")] {
            shelf.put(module, item);
        }
        assert_eq!(shelf.take(1), Some("d"));
        assert_eq!(shelf.take(1), Some("c"));
        assert_eq!(shelf.take(1), None, "`a` was dropped for `d`");
        assert_eq!(shelf.take(2), Some("b"));
    }

    #[test]
    fn clear_drops_the_instances_of_one_module() {
        let shelf = Shelf::new(3);
        for (module, item) in [(1, "a"), (2, "b"), (1, "c")] {
            shelf.put(module, item);
        }
        shelf.clear(1);
        assert_eq!((shelf.take(1), shelf.take(2)), (None, Some("b")));
    }
}
