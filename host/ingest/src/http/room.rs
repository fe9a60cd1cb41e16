//! The bytes of all requests under way, and their limit.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Room for the bytes of requests. Clones share it.
#[derive(Clone)]
pub(super) struct Room {
    free: Arc<Semaphore>,
    size: usize,
}

/// What a request holds of it; free again when dropped.
pub(super) struct Reservation {
    room: Room,
    held: Option<OwnedSemaphorePermit>,
}

/// Why there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoRoom {
    /// Others hold it.
    Now,
    /// The request alone is larger than all of it.
    Ever,
}

impl Room {
    pub(super) fn new(size: usize) -> Self {
        Self {
            free: Arc::new(Semaphore::new(size)),
            size,
        }
    }

    pub(super) fn reservation(&self) -> Reservation {
        Reservation {
            room: self.clone(),
            held: None,
        }
    }
}

impl Reservation {
    /// Holds so many bytes more, or no more than before.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), NoRoom> {
        let all = self.held().saturating_add(bytes);
        let more = u32::try_from(bytes).ok().filter(|_| all <= self.room.size);
        let more = more.ok_or(NoRoom::Ever)?;
        // Nobody waits for room: who waits holds what others wait for.
        let free = Arc::clone(&self.room.free);
        let more = free.try_acquire_many_owned(more).map_err(|_| NoRoom::Now)?;
        match &mut self.held {
            Some(held) => held.merge(more),
            held => *held = Some(more),
        }
        Ok(())
    }

    /// Gives so many bytes back.
    pub(super) fn shrink(&mut self, bytes: usize) {
        if let Some(held) = &mut self.held {
            drop(held.split(bytes.min(held.num_permits())));
        }
    }

    pub(super) fn held(&self) -> usize {
        (self.held.as_ref()).map_or(0, OwnedSemaphorePermit::num_permits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_bounded_and_comes_back() {
        let room = Room::new(100);
        let (mut one, mut other) = (room.reservation(), room.reservation());
        assert_eq!(one.grow(60), Ok(()));
        assert_eq!(other.grow(41), Err(NoRoom::Now));
        assert_eq!(other.grow(101), Err(NoRoom::Ever));
        assert_eq!(other.grow(usize::MAX), Err(NoRoom::Ever));
        assert_eq!(other.grow(40), Ok(()));
        assert_eq!(one.grow(1), Err(NoRoom::Now));
        other.shrink(10);
        assert_eq!((one.grow(10), one.held(), other.held()), (Ok(()), 70, 30));
        drop(one);
        assert_eq!(other.grow(70), Ok(()));
        other.shrink(usize::MAX);
        assert_eq!((other.held(), room.free.available_permits()), (0, 100));
    }
}
