//! Reads new messages from the outbox so that those of different cohorts take turns. A first sync
//! of millions of users does not hold up the entries of another cohort.
//!
//! This crate knows no cohort: messages whose ids begin alike belong together. An index in memory
//! has the places of each cohort's messages in the outbox, as ranges, because a run puts the
//! messages of a cohort there one after the other.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use muster_store::{Outgoing, StoreError};
use muster_tasks::blocking;

use crate::batch::CallBudget;
use crate::error::Cause;
use crate::outbox::Outbox;

/// The most ids that one turn reads ahead: a few milliseconds.
const IDS_AT_ONCE: usize = 10_000;

/// The most ranges of the index: with 24 bytes each and their overhead, a few megabytes. Beyond it
/// the index goes on when others are used up.
const MAX_RANGES: usize = 100_000;

/// The messages of all cohorts that wait and were not taken yet.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    /// False if all messages are in one queue.
    by_cohort: bool,
    queues: BTreeMap<String, CohortQueue>,
    /// The names of queues with messages, in the order of their turns.
    order: VecDeque<String>,
    /// The number up to which the index reaches, and the queue of that message.
    indexed: u64,
    last_cohort: String,
    ranges: usize,
}

/// The waiting messages of a cohort, in the order of the outbox.
#[derive(Debug, Default)]
struct CohortQueue {
    ranges: VecDeque<Range>,
    /// Messages that were read already.
    read: VecDeque<Outgoing>,
}

/// Messages one after the other.
#[derive(Clone, Copy, Debug)]
struct Range {
    first: u64,
    last: u64,
    count: usize,
}

impl Turns {
    pub(crate) fn new(by_cohort: bool) -> Self {
        Self {
            by_cohort,
            ..Self::default()
        }
    }

    /// Takes messages for a call until its budget is used up. Reads on a thread of its own.
    pub(crate) async fn take<O: Outbox>(
        &mut self,
        outbox: &Arc<O>,
        destination: &str,
        mut budget: CallBudget,
    ) -> Result<Vec<Outgoing>, Cause> {
        let (outbox, destination) = (Arc::clone(outbox), destination.to_owned());
        let mut turns = std::mem::take(self);
        let (turns, taken) = blocking(move || {
            let taken = turns.fill(&*outbox, &destination, &mut budget);
            (turns, taken)
        })
        .await;
        *self = turns;
        Ok(taken?)
    }

    fn fill<O: Outbox>(
        &mut self,
        outbox: &O,
        destination: &str,
        budget: &mut CallBudget,
    ) -> Result<Vec<Outgoing>, StoreError> {
        self.index(outbox, destination)?;
        let mut taken = Vec::new();
        while !budget.is_full() {
            let Some(name) = self.order.pop_front() else {
                break;
            };
            let (messages, bytes) = budget.left();
            let queues = self.order.len() + 1;
            let share = (messages.div_ceil(queues), bytes.div_ceil(queues));
            let Some(queue) = self.queues.get_mut(&name) else {
                continue;
            };
            self.ranges -= queue.fill(outbox, destination, share)?;
            let Some(next) = queue.read.pop_front() else {
                self.queues.remove(&name);
                continue;
            };
            if budget.add(next.body.len()) {
                taken.push(next);
                self.order.push_back(name);
            } else {
                queue.read.push_front(next);
                self.order.push_front(name);
                break;
            }
        }
        Ok(taken)
    }

    /// Adds the messages that came since the last time.
    fn index<O: Outbox>(&mut self, outbox: &O, destination: &str) -> Result<(), StoreError> {
        if self.ranges >= MAX_RANGES {
            return Ok(());
        }
        for (sequence, id) in outbox.ids(destination, self.indexed, IDS_AT_ONCE)? {
            let name = if self.by_cohort { cohort(&id) } else { "" };
            let queue = match self.queues.get_mut(name) {
                Some(queue) => queue,
                None => {
                    self.order.push_back(name.to_owned());
                    self.queues.entry(name.to_owned()).or_default()
                }
            };
            let continues = self.last_cohort == name && self.indexed > 0;
            if !continues {
                name.clone_into(&mut self.last_cohort);
            }
            self.indexed = sequence;
            match queue.ranges.back_mut() {
                Some(range) if continues => {
                    range.last = sequence;
                    range.count += 1;
                }
                _ => {
                    self.ranges += 1;
                    queue.ranges.push_back(Range {
                        first: sequence,
                        last: sequence,
                        count: 1,
                    });
                }
            }
        }
        Ok(())
    }
}

impl CohortQueue {
    /// Reads on if all messages that were read are taken. Returns the number of ranges that ended.
    fn fill<O: Outbox>(
        &mut self,
        outbox: &O,
        destination: &str,
        (messages, bytes): (usize, usize),
    ) -> Result<usize, StoreError> {
        let mut ended = 0;
        while self.read.is_empty()
            && let Some(range) = self.ranges.front_mut()
        {
            let limit = messages.clamp(1, range.count);
            let mut read = outbox.read(destination, range.first - 1, limit, bytes.max(1))?;
            // Messages of other cohorts may follow where some of this range were dropped.
            read.retain(|message| message.sequence <= range.last);
            range.count -= read.len().min(range.count);
            match read.last() {
                Some(last) if range.count > 0 && last.sequence < range.last => {
                    range.first = last.sequence + 1;
                }
                _ => {
                    self.ranges.pop_front();
                    ended += 1;
                }
            }
            self.read.extend(read);
        }
        Ok(ended)
    }
}

/// Returns the part of a message id that all messages of a cohort share: the id without the second,
/// the store's identity and the number of the batch.
fn cohort(id: &str) -> &str {
    let run = id.rsplit_once(':').map_or(id, |(run, _)| run);
    run.rsplitn(3, '-').nth(2).unwrap_or(run)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use muster_store::RejectedMessage;

    use super::*;
    use crate::batch::CallLimits;

    struct Ids(Mutex<Vec<Outgoing>>);

    impl Outbox for Ids {
        fn read(
            &self,
            _: &str,
            after: u64,
            limit: usize,
            bytes: usize,
        ) -> Result<Vec<Outgoing>, StoreError> {
            let mut size = 0;
            let messages = self.0.lock().unwrap();
            let later = messages.iter().filter(|message| message.sequence > after);
            let fits = |message: &&Outgoing| {
                let more = size < bytes;
                size += message.body.len();
                more
            };
            Ok(later.take(limit).take_while(fits).cloned().collect())
        }

        fn ids(&self, _: &str, after: u64, limit: usize) -> Result<Vec<(u64, String)>, StoreError> {
            let messages = self.0.lock().unwrap();
            let later = messages.iter().filter(|message| message.sequence > after);
            Ok(later
                .take(limit)
                .map(|message| (message.sequence, message.id.clone()))
                .collect())
        }

        fn settle(&self, _: &str, _: &[u64], _: &[RejectedMessage]) -> Result<(), StoreError> {
            Ok(())
        }
    }

    fn outbox(ids: &[&str]) -> Ids {
        let message = |(index, id): (usize, &&str)| Outgoing {
            sequence: index as u64 + 1,
            id: (*id).to_owned(),
            body: vec![b'x'; 10],
        };
        Ids(Mutex::new(ids.iter().enumerate().map(message).collect()))
    }

    fn call(turns: &mut Turns, outbox: &Ids, messages: usize) -> Vec<String> {
        let limits = CallLimits {
            messages,
            bytes: 1_000,
            overhead: 0,
            calls: 1,
        };
        let taken = turns
            .fill(outbox, "growth", &mut CallBudget::new(limits))
            .unwrap();
        taken.into_iter().map(|message| message.id).collect()
    }

    #[test]
    fn the_cohort_of_an_id_is_what_its_runs_share() {
        assert_eq!(cohort("gs72ns-1685748245-7a3f19c2:54"), "gs72ns");
        assert_eq!(cohort("late-buyers-1685748245-7a3f19c2:1"), "late-buyers");
        assert_eq!(cohort("run:1"), "run");
        assert_eq!(cohort("anything"), "anything");
    }

    #[test]
    fn cohorts_take_turns_and_each_keeps_its_order() {
        let mut ids = vec!["big-1-a:1"; 1_000];
        ids.push("small-1-a:1");
        ids.push("small-2-a:1");
        let outbox = outbox(&ids);
        let mut turns = Turns::new(true);
        let first = call(&mut turns, &outbox, 6);
        let wanted = [
            "big-1-a:1",
            "small-1-a:1",
            "big-1-a:1",
            "small-2-a:1",
            "big-1-a:1",
            "big-1-a:1",
        ];
        assert_eq!(first, wanted);
        // A cohort that comes later has its turn in the next call.
        outbox.0.lock().unwrap().push(Outgoing {
            sequence: 5_000,
            id: "third-1-a:1".to_owned(),
            body: vec![b'x'],
        });
        assert!(call(&mut turns, &outbox, 4).contains(&"third-1-a:1".to_owned()));
        let mut rest = 0;
        loop {
            match call(&mut turns, &outbox, 500).len() {
                0 => break,
                taken => rest += taken,
            }
        }
        assert_eq!(rest, 1_003 - 10);
        assert_eq!((turns.queues.len(), turns.ranges), (0, 0));
    }

    #[test]
    fn a_destination_without_turns_gets_the_order_of_the_outbox() {
        let ids = ["a-1-x:1", "b-1-x:1", "a-1-x:2", "c-1-x:1", "b-1-x:2"];
        let outbox = outbox(&ids);
        assert_eq!(call(&mut Turns::new(false), &outbox, 9), ids);
    }

    #[test]
    fn the_index_stops_at_its_limit() {
        let ids: Vec<_> = (0..MAX_RANGES + 2 * IDS_AT_ONCE)
            .map(|number| ["a-1-x:1", "b-1-x:1"][number % 2])
            .collect();
        let outbox = outbox(&ids);
        let mut turns = Turns::new(true);
        for _ in 0..20 {
            turns.index(&outbox, "growth").unwrap();
        }
        assert_eq!(turns.ranges, MAX_RANGES);
        // It goes on when ranges are used up.
        assert_eq!(call(&mut turns, &outbox, 4).len(), 4);
        turns.index(&outbox, "growth").unwrap();
        assert_eq!(turns.ranges, MAX_RANGES - 4 + IDS_AT_ONCE);
    }

    #[test]
    fn messages_that_were_dropped_meanwhile_are_skipped() {
        let outbox = outbox(&["a-1-x:1", "a-1-x:2", "b-1-x:1", "a-1-x:3"]);
        let mut turns = Turns::new(true);
        turns.index(&outbox, "growth").unwrap();
        outbox
            .0
            .lock()
            .unwrap()
            .retain(|message| ![2, 3].contains(&message.sequence));
        assert_eq!(call(&mut turns, &outbox, 9), ["a-1-x:1", "a-1-x:3"]);
        assert_eq!(turns.ranges, 0);
    }
}
