//! A destination in memory: its mood decides each call, and it keeps all messages that arrive.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use muster_publish::Destination;
use muster_publish::memory::{ConsumerAnswer, MemoryConsumer};
use muster_store::Outgoing;

use super::life::Mood;

/// The messages that arrived at a destination. The messages outlive every process of the service.
#[derive(Default)]
pub(super) struct Inbox {
    arrived: Mutex<Vec<Outgoing>>,
    moods: Mutex<VecDeque<Mood>>,
}

impl Inbox {
    /// Makes the next calls go wrong.
    pub(super) fn fail(&self, calls: usize, mood: Mood) {
        let mut moods = self.moods.lock().unwrap();
        moods.extend(std::iter::repeat_n(mood, calls));
    }

    /// Makes all later calls go well.
    pub(super) fn repair(&self) {
        self.moods.lock().unwrap().clear();
    }

    /// Returns all messages that arrived so far.
    pub(super) fn arrived(&self) -> Vec<Outgoing> {
        self.arrived.lock().unwrap().clone()
    }

    /// Returns the destination. A process that has no commits left is dead, and sends nothing.
    pub(super) fn destination(self: &Arc<Self>, commits_left: &Arc<AtomicU64>) -> Destination {
        let (inbox, commits_left) = (Arc::clone(self), Arc::clone(commits_left));
        let take = move |messages: &[Outgoing]| {
            let (inbox, commits_left) = (Arc::clone(&inbox), Arc::clone(&commits_left));
            let messages = messages.to_vec();
            let answering = async move {
                let mood = inbox.moods.lock().unwrap().pop_front();
                if let Some(Mood::Slow(pause)) = mood {
                    tokio::time::sleep(pause.duration()).await;
                }
                if commits_left.load(Ordering::Relaxed) == 0 {
                    return ConsumerAnswer::None;
                }
                inbox.take(messages, mood)
            };
            Box::pin(answering) as muster_publish::memory::Answering
        };
        Destination::Memory(MemoryConsumer::new(take))
    }

    fn take(&self, messages: Vec<Outgoing>, mood: Option<Mood>) -> ConsumerAnswer {
        let mut arrived = self.arrived.lock().unwrap();
        let count = messages.len();
        match mood {
            None | Some(Mood::Slow(_)) => {
                arrived.extend(messages);
                ConsumerAnswer::Each(vec![true; count])
            }
            Some(Mood::Half) => {
                arrived.extend(messages.into_iter().step_by(2));
                ConsumerAnswer::Each((0..count).map(|at| at % 2 == 0).collect())
            }
            Some(Mood::Deaf) => {
                arrived.extend(messages);
                ConsumerAnswer::None
            }
            Some(Mood::Away) => ConsumerAnswer::None,
            Some(Mood::Denies) => ConsumerAnswer::Denied,
        }
    }
}
