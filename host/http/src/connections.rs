//! The open connections, and the choice of the connection that ends when a new one needs its place.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

/// The open connections.
pub(crate) struct Connections {
    state: Mutex<ConnectionTable>,
    max: usize,
    /// The largest number of connections of one sender: three quarters of all. A sender may be a
    /// proxy that forwards all requests.
    max_per_sender: usize,
    /// Notified when a connection ends or becomes idle.
    changed: Notify,
}

#[derive(Default)]
struct ConnectionTable {
    /// A counter that orders connections and the beginnings of their idle times.
    next: u64,
    open: HashMap<u64, ConnectionSlot>,
    /// Connections without a request under way, in the order in which they are ended for new ones.
    idle: BTreeSet<EvictionOrder>,
    /// The number of connections that were signalled to end and have not ended yet.
    ending: usize,
    /// The number of connections of each sender.
    senders: HashMap<IpAddr, usize>,
}

/// The order in which idle connections are ended: first those that never got the answer 200, then
/// those that have been idle the longest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct EvictionOrder {
    useful: bool,
    since: u64,
    number: u64,
}

struct ConnectionSlot {
    sender: Option<IpAddr>,
    /// True if the connection got the answer 200 at least once.
    useful: bool,
    activity: Activity,
    end: Arc<Notify>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Activity {
    /// No request is under way since this count of [`ConnectionTable::next`].
    Idle(u64),
    /// A request is under way.
    Busy,
    /// The connection was signalled to end.
    Ending,
}

/// An open connection. Its place becomes free when this value is dropped.
pub(crate) struct Connection {
    connections: Arc<Connections>,
    number: u64,
    end: Arc<Notify>,
}

/// A request under way on a connection. The connection is not ended for another meanwhile.
pub(crate) struct Busy {
    connection: Arc<Connection>,
    useful: bool,
}

impl Connections {
    pub(crate) fn new(max: usize) -> Self {
        Self {
            state: Mutex::default(),
            max,
            max_per_sender: (max - max / 4).max(1),
            changed: Notify::new(),
        }
    }

    /// Waits until a new connection would get a place. Only one caller at a time may wait.
    pub(crate) async fn vacancy(&self) {
        loop {
            {
                let state = self.state();
                if state.open.len() - state.ending < self.max || !state.idle.is_empty() {
                    return;
                }
            }
            self.changed.notified().await;
        }
    }

    /// Gives a new connection a place, if necessary that of an idle connection. Returns `None` if
    /// the sender has as many connections as it may have and none of them is idle. Only one caller
    /// at a time may wait.
    pub(crate) async fn admit(self: &Arc<Self>, sender: Option<IpAddr>) -> Option<Connection> {
        if let Some(sender) = sender {
            self.clear(sender).await?;
        }
        loop {
            {
                let mut state = self.state();
                if state.open.len() < self.max {
                    return Some(self.open(&mut state, sender));
                }
                if state.open.len() - state.ending >= self.max {
                    let order = state.idle.first().copied();
                    state.end(order);
                }
            }
            self.changed.notified().await;
        }
    }

    /// Ends an idle connection of a sender if it has as many as it may have.
    async fn clear(&self, sender: IpAddr) -> Option<()> {
        let mut signalled = false;
        loop {
            {
                let mut state = self.state();
                let has = state.senders.get(&sender).copied().unwrap_or(0);
                if has < self.max_per_sender {
                    return Some(());
                }
                if !signalled || state.ending == 0 {
                    let order = state.idle_of(sender)?;
                    state.end(Some(order));
                    signalled = true;
                }
            }
            self.changed.notified().await;
        }
    }

    fn open(self: &Arc<Self>, state: &mut ConnectionTable, sender: Option<IpAddr>) -> Connection {
        let number = state.count();
        let end = Arc::new(Notify::new());
        let slot = ConnectionSlot {
            sender,
            useful: false,
            activity: Activity::Idle(number),
            end: Arc::clone(&end),
        };
        state.idle.extend(slot.order(number));
        state.open.insert(number, slot);
        if let Some(sender) = sender {
            *state.senders.entry(sender).or_default() += 1;
        }
        Connection {
            connections: Arc::clone(self),
            number,
            end,
        }
    }

    fn state(&self) -> MutexGuard<'_, ConnectionTable> {
        self.state.lock()
    }
}

impl ConnectionTable {
    fn count(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Returns the idle connection of a sender that is first in the order of ending.
    fn idle_of(&self, sender: IpAddr) -> Option<EvictionOrder> {
        let is_of = |order: &&EvictionOrder| {
            let slot = self.open.get(&order.number);
            slot.is_some_and(|slot| slot.sender == Some(sender))
        };
        self.idle.iter().find(is_of).copied()
    }

    /// Signals an idle connection to end.
    fn end(&mut self, order: Option<EvictionOrder>) {
        let Some(order) = order.filter(|order| self.idle.remove(order)) else {
            return;
        };
        if let Some(slot) = self.open.get_mut(&order.number) {
            slot.activity = Activity::Ending;
            slot.end.notify_one();
            self.ending += 1;
        }
    }

    /// Subtracts one connection of a sender.
    fn leave(&mut self, sender: Option<IpAddr>) {
        let Some(sender) = sender else {
            return;
        };
        if let Some(has) = self.senders.get_mut(&sender) {
            *has -= 1;
            if *has == 0 {
                self.senders.remove(&sender);
            }
        }
    }

    /// Changes the activity of a connection. A request that arrives while its connection is about
    /// to end is answered first.
    fn set(&mut self, number: u64, useful: bool, activity: Activity) {
        let Some(slot) = self.open.get_mut(&number) else {
            return;
        };
        if let Some(order) = slot.order(number) {
            self.idle.remove(&order);
        }
        if slot.activity == Activity::Ending {
            self.ending -= 1;
        }
        slot.useful |= useful;
        slot.activity = activity;
        self.idle.extend(slot.order(number));
    }
}

impl ConnectionSlot {
    fn order(&self, number: u64) -> Option<EvictionOrder> {
        match self.activity {
            Activity::Idle(since) => Some(EvictionOrder {
                useful: self.useful,
                since,
                number,
            }),
            Activity::Busy | Activity::Ending => None,
        }
    }
}

impl Connection {
    /// Waits until the connection has to end for another one. A request that arrived meanwhile is
    /// answered first.
    pub(crate) async fn must_end(&self) {
        loop {
            self.end.notified().await;
            let state = self.connections.state();
            let slot = state.open.get(&self.number);
            if slot.is_some_and(|slot| slot.activity == Activity::Ending) {
                return;
            }
        }
    }

    /// Marks that a request is under way.
    pub(crate) fn begin(self: &Arc<Self>) -> Busy {
        let mut state = self.connections.state();
        state.set(self.number, false, Activity::Busy);
        Busy {
            connection: Arc::clone(self),
            useful: false,
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        {
            let mut state = self.connections.state();
            // Setting it to busy takes the connection out of the order of idle connections and out
            // of the count of ending ones.
            state.set(self.number, false, Activity::Busy);
            if let Some(slot) = state.open.remove(&self.number) {
                state.leave(slot.sender);
            }
        }
        self.connections.changed.notify_one();
    }
}

impl Busy {
    /// Marks the end of the request. `useful` is true if its answer was 200.
    pub(crate) fn end(mut self, useful: bool) {
        self.useful = useful;
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let connections = &self.connection.connections;
        {
            let mut state = connections.state();
            let since = state.count();
            let number = self.connection.number;
            state.set(number, self.useful, Activity::Idle(since));
        }
        connections.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    /// Returns the result of a future that is ready at once. Returns `None` if the future has to
    /// wait.
    async fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
        timeout(Duration::from_millis(20), future).await.ok()
    }

    fn sender(last: u8) -> Option<IpAddr> {
        Some(IpAddr::from([192, 0, 2, last]))
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_is_free_only_after_the_idle_connection_has_ended() {
        let connections = Arc::new(Connections::new(2));
        let one = Arc::new(connections.admit(sender(1)).await.unwrap());
        let two = Arc::new(connections.admit(sender(2)).await.unwrap());
        assert!(at_once(connections.vacancy()).await.is_some());
        assert!(at_once(connections.admit(sender(3))).await.is_none());
        // Exactly one connection was signalled to end, however often a place is requested.
        assert!(at_once(connections.admit(sender(3))).await.is_none());
        assert!(at_once(one.must_end()).await.is_some());
        assert!(at_once(two.must_end()).await.is_none());
        drop(one);
        let three = at_once(connections.admit(sender(3))).await;
        assert!(three.is_some());
        assert_eq!(connections.state().open.len(), 2);
        drop((two, three));
        let state = connections.state();
        assert_eq!(
            (state.open.len(), state.idle.len(), state.ending),
            (0, 0, 0)
        );
        assert!(state.senders.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_arrives_at_the_last_moment_is_answered() {
        let connections = Arc::new(Connections::new(1));
        let one = Arc::new(connections.admit(sender(1)).await.unwrap());
        assert!(at_once(connections.admit(sender(2))).await.is_none());
        let busy = one.begin();
        assert!(at_once(one.must_end()).await.is_none());
        assert!(at_once(connections.vacancy()).await.is_none());
        busy.end(true);
        assert!(at_once(connections.vacancy()).await.is_some());
        assert!(at_once(connections.admit(sender(2))).await.is_none());
        assert!(at_once(one.must_end()).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn one_sender_has_three_quarters_at_most() {
        let connections = Arc::new(Connections::new(8));
        let mut all = Vec::new();
        for _ in 0..6 {
            all.push(Arc::new(connections.admit(sender(1)).await.unwrap()));
        }
        let mut busy: Vec<_> = all.iter().map(Connection::begin).collect();
        // None of the sender's own connections is idle, and those of other senders are not ended
        // for it.
        let other = Arc::new(connections.admit(sender(2)).await.unwrap());
        let refused = at_once(connections.admit(sender(1))).await;
        assert!(refused.is_some_and(|admitted| admitted.is_none()));
        assert!(at_once(other.must_end()).await.is_none());
        // Processes of this machine are no one sender.
        let local = at_once(connections.admit(None)).await;
        assert!(local.is_some_and(|admitted| admitted.is_some()));
        // An idle connection of the sender itself is ended, although there are places.
        drop(busy.pop());
        assert!(at_once(connections.admit(sender(1))).await.is_none());
        assert!(at_once(all[5].must_end()).await.is_some());
        all.pop();
        let admitted = at_once(connections.admit(sender(1))).await;
        assert!(admitted.is_some_and(|admitted| admitted.is_some()));
    }
}
