//! The connections that are open, and which of them gives way to a new one.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The connections that are open.
pub(crate) struct Connections {
    state: Mutex<ConnectionTable>,
    most: usize,
    /// The most that one sender has: three quarters, since it may be a proxy, through which
    /// everything comes.
    most_of_sender: usize,
    /// Told when a connection ended or became idle.
    changed: Notify,
}

#[derive(Default)]
struct ConnectionTable {
    /// Counts connections and their idle times, so that it orders both.
    next: u64,
    open: HashMap<u64, Seat>,
    /// Connections without a request under way, in the order in which they give way.
    idle: BTreeSet<EvictionOrder>,
    /// Connections that were told to end and have not ended yet.
    ending: usize,
    /// How many connections each sender has.
    senders: HashMap<IpAddr, usize>,
}

/// When an idle connection gives way: those that never got the answer 200 first, then those that
/// are idle for the longest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct EvictionOrder {
    useful: bool,
    since: u64,
    number: u64,
}

struct Seat {
    sender: IpAddr,
    /// It got the answer 200 once.
    useful: bool,
    standing: Standing,
    end: Arc<Notify>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Without a request since then.
    Idle(u64),
    /// A request is under way.
    Busy,
    /// Told to end.
    Ending,
}

/// An open connection. Its place is free again when this is dropped.
pub(crate) struct Connection {
    connections: Arc<Connections>,
    number: u64,
    end: Arc<Notify>,
}

/// A request under way on a connection, which does not give way meanwhile.
pub(crate) struct Busy {
    connection: Arc<Connection>,
    useful: bool,
}

impl Connections {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            state: Mutex::default(),
            most,
            most_of_sender: (most - most / 4).max(1),
            changed: Notify::new(),
        }
    }

    /// Waits until a new connection would get a place. One caller at a time.
    pub(crate) async fn vacancy(&self) {
        loop {
            {
                let state = self.state();
                if state.open.len() - state.ending < self.most || !state.idle.is_empty() {
                    return;
                }
            }
            self.changed.notified().await;
        }
    }

    /// Gives a new connection a place, if need be that of an idle one. `None`: its sender has as
    /// many as it may have, and none of them is idle. One caller at a time.
    pub(crate) async fn admit(self: &Arc<Self>, sender: IpAddr) -> Option<Connection> {
        self.clear(sender).await?;
        loop {
            {
                let mut state = self.state();
                if state.open.len() < self.most {
                    return Some(self.open(&mut state, sender));
                }
                if state.open.len() - state.ending >= self.most {
                    let turn = state.idle.first().copied();
                    state.end(turn);
                }
            }
            self.changed.notified().await;
        }
    }

    /// Ends an idle connection of a sender if it has as many as it may have.
    async fn clear(&self, sender: IpAddr) -> Option<()> {
        let mut told = false;
        loop {
            {
                let mut state = self.state();
                let has = state.senders.get(&sender).copied().unwrap_or(0);
                if has < self.most_of_sender {
                    return Some(());
                }
                if !told || state.ending == 0 {
                    let turn = state.idle_of(sender)?;
                    state.end(Some(turn));
                    told = true;
                }
            }
            self.changed.notified().await;
        }
    }

    fn open(self: &Arc<Self>, state: &mut ConnectionTable, sender: IpAddr) -> Connection {
        let number = state.count();
        let told = Arc::new(Notify::new());
        let seat = Seat {
            sender,
            useful: false,
            standing: Standing::Idle(number),
            end: Arc::clone(&told),
        };
        state.idle.extend(seat.turn(number));
        state.open.insert(number, seat);
        *state.senders.entry(sender).or_default() += 1;
        Connection {
            connections: Arc::clone(self),
            number,
            end: told,
        }
    }

    fn state(&self) -> MutexGuard<'_, ConnectionTable> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConnectionTable {
    fn count(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Of a sender's idle connections the one that gives way first.
    fn idle_of(&self, sender: IpAddr) -> Option<EvictionOrder> {
        let is_of = |turn: &&EvictionOrder| {
            let seat = self.open.get(&turn.number);
            seat.is_some_and(|seat| seat.sender == sender)
        };
        self.idle.iter().find(is_of).copied()
    }

    /// Tells an idle connection to end.
    fn end(&mut self, turn: Option<EvictionOrder>) {
        let Some(turn) = turn.filter(|turn| self.idle.remove(turn)) else {
            return;
        };
        if let Some(seat) = self.open.get_mut(&turn.number) {
            seat.standing = Standing::Ending;
            seat.end.notify_one();
            self.ending += 1;
        }
    }

    /// Counts one connection of a sender less.
    fn leave(&mut self, sender: IpAddr) {
        if let Some(has) = self.senders.get_mut(&sender) {
            *has -= 1;
            if *has == 0 {
                self.senders.remove(&sender);
            }
        }
    }

    /// Changes what a connection does. A request that arrives while its connection is told to end
    /// is answered first.
    fn set(&mut self, number: u64, useful: bool, standing: Standing) {
        let Some(seat) = self.open.get_mut(&number) else {
            return;
        };
        if let Some(turn) = seat.turn(number) {
            self.idle.remove(&turn);
        }
        if seat.standing == Standing::Ending {
            self.ending -= 1;
        }
        seat.useful |= useful;
        seat.standing = standing;
        self.idle.extend(seat.turn(number));
    }
}

impl Seat {
    fn turn(&self, number: u64) -> Option<EvictionOrder> {
        match self.standing {
            Standing::Idle(since) => Some(EvictionOrder {
                useful: self.useful,
                since,
                number,
            }),
            Standing::Busy | Standing::Ending => None,
        }
    }
}

impl Connection {
    /// Waits until the connection has to give way. A request that arrived meanwhile goes first.
    pub(crate) async fn must_end(&self) {
        loop {
            self.end.notified().await;
            let state = self.connections.state();
            let seat = state.open.get(&self.number);
            if seat.is_some_and(|seat| seat.standing == Standing::Ending) {
                return;
            }
        }
    }

    /// Begins a request.
    pub(crate) fn begin(self: &Arc<Self>) -> Busy {
        let mut state = self.connections.state();
        state.set(self.number, false, Standing::Busy);
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
            // Leaves the order of idle connections and the count of ending ones as if it were busy.
            state.set(self.number, false, Standing::Busy);
            if let Some(seat) = state.open.remove(&self.number) {
                state.leave(seat.sender);
            }
        }
        self.connections.changed.notify_one();
    }
}

impl Busy {
    /// Ends the request; `useful` says that its answer was 200.
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
            state.set(number, self.useful, Standing::Idle(since));
        }
        connections.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    /// What a thing comes to at once; `None`: it waits.
    async fn at_once<T>(thing: impl Future<Output = T>) -> Option<T> {
        timeout(Duration::from_millis(20), thing).await.ok()
    }

    fn sender(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_is_free_only_when_the_connection_that_gave_way_has_ended() {
        let connections = Arc::new(Connections::new(2));
        let one = Arc::new(connections.admit(sender(1)).await.unwrap());
        let two = Arc::new(connections.admit(sender(2)).await.unwrap());
        assert!(at_once(connections.vacancy()).await.is_some());
        assert!(at_once(connections.admit(sender(3))).await.is_none());
        // One was told, and only one, however often it is asked.
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
        // None of its own can give way, and those of others do not.
        let other = Arc::new(connections.admit(sender(2)).await.unwrap());
        let refused = at_once(connections.admit(sender(1))).await;
        assert!(refused.is_some_and(|admitted| admitted.is_none()));
        assert!(at_once(other.must_end()).await.is_none());
        // An idle one of its own does, though there are places.
        drop(busy.pop());
        assert!(at_once(connections.admit(sender(1))).await.is_none());
        assert!(at_once(all[5].must_end()).await.is_some());
        all.pop();
        let admitted = at_once(connections.admit(sender(1))).await;
        assert!(admitted.is_some_and(|admitted| admitted.is_some()));
    }
}
