//! Messages that were in a call and have to be sent again.

use std::collections::{BTreeMap, VecDeque};

use muster_model::Millis;
use muster_store::Outgoing;
use tokio::time::Instant;

use crate::batch::CallBudget;

/// A message that was read, with its attempts so far.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub(crate) message: Outgoing,
    /// The instant of the first attempt; that of its reading before there was one.
    pub(crate) first_attempt: Millis,
    pub(crate) attempts: u32,
    /// The instant from which the message may be sent again.
    pub(crate) ready: Instant,
    /// True if the message may have arrived at the last attempt.
    pub(crate) may_have_arrived: bool,
}

impl Pending {
    pub(crate) fn new(message: Outgoing) -> Self {
        Self {
            message,
            first_attempt: Millis::now(),
            attempts: 0,
            ready: Instant::now(),
            may_have_arrived: false,
        }
    }
}

/// The messages to send again.
#[derive(Debug, Default)]
pub(crate) struct Retries {
    /// By their sequence, so that the oldest go first.
    single: BTreeMap<u64, Pending>,
    /// Groups of messages of which the destination refuses one or more. Each group is a call.
    suspects: VecDeque<Vec<Pending>>,
    messages: usize,
    bytes: usize,
}

impl Retries {
    pub(crate) fn is_empty(&self) -> bool {
        self.messages == 0
    }

    /// Returns the messages and their bytes.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.messages, self.bytes)
    }

    pub(crate) fn add(&mut self, pending: Pending) {
        self.messages += 1;
        self.bytes += pending.message.body.len();
        self.single.insert(pending.message.sequence, pending);
    }

    /// Adds a group that is to be a call of its own.
    pub(crate) fn add_suspects(&mut self, group: Vec<Pending>) {
        self.messages += group.len();
        self.bytes += bytes(&group);
        self.suspects.push_back(group);
    }

    /// Returns the earliest instant at which a message may be sent again.
    pub(crate) fn next_ready(&self) -> Option<Instant> {
        let groups = self.suspects.iter().filter_map(|group| ready(group));
        let single = self.single.values().map(|pending| pending.ready);
        single.chain(groups).min()
    }

    /// Takes a group of suspects that may be sent again; with `all`, whether it may or not.
    pub(crate) fn take_suspects(&mut self, all: bool) -> Option<Vec<Pending>> {
        let now = Instant::now();
        let due = |group: &Vec<Pending>| all || ready(group).is_some_and(|ready| ready <= now);
        let place = self.suspects.iter().position(due)?;
        let group = self.suspects.remove(place)?;
        self.messages -= group.len();
        self.bytes -= bytes(&group);
        Some(group)
    }

    /// Takes single messages that may be sent again, the oldest first, as far as a call has space
    /// for them; with `all`, whether they may or not.
    pub(crate) fn take_due(&mut self, all: bool, budget: &mut CallBudget) -> Vec<Pending> {
        let now = Instant::now();
        let due = self
            .single
            .values()
            .filter(|pending| all || pending.ready <= now);
        let taken: Vec<u64> = due
            .take_while(|pending| budget.add(pending.message.body.len()))
            .map(|pending| pending.message.sequence)
            .collect();
        let taken: Vec<_> = taken
            .into_iter()
            .filter_map(|sequence| self.single.remove(&sequence))
            .collect();
        self.messages -= taken.len();
        self.bytes -= bytes(&taken);
        taken
    }
}

fn bytes(group: &[Pending]) -> usize {
    group.iter().map(|pending| pending.message.body.len()).sum()
}

/// Returns the instant from which all messages of a group may be sent again.
fn ready(group: &[Pending]) -> Option<Instant> {
    group.iter().map(|pending| pending.ready).max()
}
