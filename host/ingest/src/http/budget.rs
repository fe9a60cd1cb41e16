//! The byte budget of all requests under way, and the shares of it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

/// The shares of the byte budget, each in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shares {
    /// The whole budget.
    pub(super) all: usize,
    /// The part of the budget that only small requests get.
    pub(super) for_small: usize,
    /// The most bytes that a small request holds.
    pub(super) small: usize,
    /// The most bytes that the requests of one address hold together. One large request of the
    /// address may exceed it; the small ones then still get three quarters of `for_small`.
    pub(super) of_peer: usize,
}

impl Shares {
    /// Returns how many of the bytes that a request holds count as held by a small request.
    fn small_part(&self, held: usize) -> usize {
        if held <= self.small { held } else { 0 }
    }
}

/// The byte budget of requests. Clones share it.
#[derive(Clone)]
pub(super) struct ByteBudget {
    held: Arc<Mutex<HeldBytes>>,
    shares: Shares,
}

#[derive(Default)]
struct HeldBytes {
    all: usize,
    /// The addresses that hold bytes.
    peers: HashMap<IpAddr, HeldByPeer>,
}

#[derive(Clone, Copy, Default)]
struct HeldByPeer {
    all: usize,
    /// The bytes of `all` that small requests hold.
    by_small: usize,
}

/// The bytes that a request holds of the budget. Dropping the reservation frees them.
pub(super) struct Reservation {
    budget: ByteBudget,
    peer: IpAddr,
    held: usize,
}

/// The reason why a request gets no bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OverBudget {
    /// Other requests hold the bytes.
    Now,
    /// The request alone exceeds what one request may hold.
    Ever,
}

impl ByteBudget {
    pub(super) fn new(shares: Shares) -> Self {
        Self {
            held: Arc::default(),
            shares,
        }
    }

    /// Returns an empty reservation for a request of this address.
    pub(super) fn reservation(&self, peer: IpAddr) -> Reservation {
        Reservation {
            budget: self.clone(),
            peer,
            held: 0,
        }
    }

    fn held(&self) -> MutexGuard<'_, HeldBytes> {
        self.held.lock()
    }
}

impl Reservation {
    /// Holds so many bytes more. If that fails, the reservation stays as it was.
    ///
    /// The call never waits: requests that wait would hold bytes that others wait for (deadlock).
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), OverBudget> {
        let shares = self.budget.shares;
        let own = self.held.saturating_add(bytes);
        let is_small = own <= shares.small;
        let kept = if is_small { 0 } else { shares.for_small };
        if own > shares.all - kept {
            return Err(OverBudget::Ever);
        }
        let mut held = self.budget.held();
        let peer = held.peers.get(&self.peer).copied().unwrap_or_default();
        let by_small = peer.by_small - shares.small_part(self.held) + shares.small_part(own);
        let peer = HeldByPeer {
            all: peer.all + bytes,
            by_small,
        };
        let fits_peer = peer.all <= shares.of_peer.saturating_sub(kept)
            || match is_small {
                true => by_small <= shares.for_small / 4 * 3,
                // The request is the only large one of its address.
                false => peer.all - by_small == own,
            };
        if held.all + bytes > shares.all - kept || !fits_peer {
            return Err(OverBudget::Now);
        }
        held.all += bytes;
        held.peers.insert(self.peer, peer);
        self.held = own;
        Ok(())
    }

    /// Frees so many bytes.
    pub(super) fn shrink(&mut self, bytes: usize) {
        let shares = self.budget.shares;
        let (before, bytes) = (self.held, bytes.min(self.held));
        self.held -= bytes;
        let mut held = self.budget.held();
        held.all -= bytes;
        if let Some(peer) = held.peers.get_mut(&self.peer) {
            peer.all -= bytes;
            peer.by_small -= shares.small_part(before);
            peer.by_small += shares.small_part(self.held);
            if peer.all == 0 {
                held.peers.remove(&self.peer);
            }
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.shrink(self.held);
    }
}

#[cfg(test)]
impl ByteBudget {
    /// Returns shares that reserve nothing for small requests or single addresses.
    pub(super) fn of(all: usize) -> Self {
        Self::new(Shares {
            all,
            for_small: 0,
            small: 0,
            of_peer: all,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn held_bytes_are_bounded_and_freed() {
        let budget = ByteBudget::of(100);
        let (mut one, mut other) = (budget.reservation(peer(1)), budget.reservation(peer(2)));
        assert_eq!(one.grow(60), Ok(()));
        assert_eq!(other.grow(41), Err(OverBudget::Now));
        assert_eq!(other.grow(101), Err(OverBudget::Ever));
        assert_eq!(other.grow(usize::MAX), Err(OverBudget::Ever));
        assert_eq!(other.grow(40), Ok(()));
        assert_eq!(one.grow(1), Err(OverBudget::Now));
        other.shrink(10);
        assert_eq!((one.grow(10), one.held, other.held), (Ok(()), 70, 30));
        drop(one);
        assert_eq!(other.grow(70), Ok(()));
        other.shrink(usize::MAX);
        assert_eq!((other.held, budget.held().all), (0, 0));
        assert!(budget.held().peers.is_empty());
    }

    #[test]
    fn small_requests_have_a_share_of_their_own() {
        let budget = ByteBudget::new(Shares {
            all: 100,
            for_small: 20,
            small: 5,
            of_peer: 100,
        });
        let mut large = budget.reservation(peer(1));
        assert_eq!(large.grow(81), Err(OverBudget::Ever));
        assert_eq!(large.grow(80), Ok(()));
        // A small request that grows beyond the size of small ones is large.
        let mut small = budget.reservation(peer(1));
        assert_eq!(small.grow(5), Ok(()));
        assert_eq!(small.grow(1), Err(OverBudget::Now));
        let mut others: Vec<_> = (0..4).map(|_| budget.reservation(peer(2))).collect();
        let grown: Vec<_> = others.iter_mut().map(|other| other.grow(5)).collect();
        assert_eq!(grown, [Ok(()), Ok(()), Ok(()), Err(OverBudget::Now)]);
    }

    #[test]
    fn one_address_cannot_hold_all_bytes() {
        let budget = ByteBudget::new(Shares {
            all: 100,
            for_small: 10,
            small: 5,
            of_peer: 60,
        });
        // A single large request may take the whole budget; a few small requests of its address
        // still get bytes.
        let mut alone = budget.reservation(peer(1));
        assert_eq!(alone.grow(90), Ok(()));
        let (mut second, mut third) = (budget.reservation(peer(1)), budget.reservation(peer(1)));
        assert_eq!(second.grow(5), Ok(()));
        assert_eq!(third.grow(5), Err(OverBudget::Now));
        assert_eq!(budget.reservation(peer(2)).grow(5), Ok(()));
        drop((alone, second, third));
        // Several requests hold the share of an address together, besides its part for small
        // requests.
        let (mut one, mut other) = (budget.reservation(peer(1)), budget.reservation(peer(1)));
        assert_eq!((one.grow(30), other.grow(20)), (Ok(()), Ok(())));
        assert_eq!(other.grow(1), Err(OverBudget::Now));
        let mut small = budget.reservation(peer(1));
        assert_eq!((small.grow(5), one.grow(1)), (Ok(()), Err(OverBudget::Now)));
        assert_eq!(budget.reservation(peer(2)).grow(35), Ok(()));
        drop((one, other, small));
        assert!(budget.held().peers.is_empty());
    }
}
