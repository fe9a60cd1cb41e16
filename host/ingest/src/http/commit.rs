//! Runs the only thread that writes to the store. Requests that arrive during a commit wait and
//! share the next one.

use std::sync::Arc;

use muster_model::{EventBuffer, Millis};
use muster_store::StoreError;
use tokio::sync::{mpsc, oneshot};

use super::budget::Reservation;
use super::limits::COMMIT_BYTES;
use super::read::DecodedRequest;
use crate::SourceStats;
use crate::error::with_causes;

/// A request that waits for its commit.
pub(super) struct CommitJob {
    pub(super) decoded: DecodedRequest,
    /// The bytes of the request, held until the commit is done even if the client has gone.
    pub(super) reservation: Reservation,
    pub(super) done: oneshot::Sender<Committed>,
}

/// The result of a commit, with the reason of a failure worded for the client.
pub(super) type Committed = Result<(), Arc<str>>;

/// A function that commits the rows of a buffer durably: the store's. It returns how many property
/// values were left out.
pub(super) type Append = Box<dyn FnMut(&EventBuffer) -> Result<u64, StoreError> + Send>;

/// Commits until all senders are gone and no request waits. Blocks.
pub(super) fn run(mut append: Append, mut queue: mpsc::Receiver<CommitJob>, stats: &SourceStats) {
    while let Some(first) = queue.blocking_recv() {
        let CommitJob {
            mut decoded,
            reservation,
            done,
        } = first;
        let mut waiting = vec![(done, reservation)];
        while decoded.buffer.size() < COMMIT_BYTES
            && let Ok(next) = queue.try_recv()
        {
            decoded.buffer.append(&next.decoded.buffer);
            decoded.counts.add(&next.decoded.counts);
            waiting.push((next.done, next.reservation));
        }
        let committed = commit(&mut append, &mut decoded, stats);
        for (done, reservation) in waiting {
            drop(reservation);
            // The receiver has gone if the client has closed the connection.
            let _ = done.send(committed.clone());
        }
    }
}

fn commit(append: &mut Append, decoded: &mut DecodedRequest, stats: &SourceStats) -> Committed {
    // The request holds only events without a user, so there is nothing to write.
    if !decoded.buffer.is_empty() {
        match append(&decoded.buffer) {
            Ok(left_out) => decoded.counts.left_out += left_out,
            Err(error) => {
                let trouble = format!("events cannot be stored: {}", with_causes(&error));
                // Clients retry again and again, so the same error is logged once.
                if stats.error().as_ref() != Some(&trouble) {
                    tracing::error!("{trouble}; until they can, requests are answered with 503");
                }
                stats.set_error(Some(trouble));
                return Err(error.to_string().into());
            }
        }
        if stats.error().is_some() {
            tracing::info!("events over http are stored again");
            stats.set_error(None);
        }
    }
    stats.committed(&decoded.counts, Millis::now());
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use muster_model::ScalarRef;

    use super::super::budget::ByteBudget;
    use super::*;

    /// Returns the sizes of the commits that the store gets of requests that wait, and whether all
    /// requests were reported as done.
    fn commits(requests: usize, text: usize) -> (Vec<EventBuffer>, SourceStats, bool) {
        let budget = ByteBudget::of(1);
        let (sender, queue) = mpsc::channel(requests);
        let mut waiting = Vec::new();
        for nth in 0..requests {
            let mut decoded = DecodedRequest::default();
            let buffer = &mut decoded.buffer;
            buffer.event(&format!("user{nth}"), "View", Millis(1), None);
            buffer.property("text", ScalarRef::Text(&"x".repeat(text)));
            decoded.counts.events = 1;
            let (done, committed) = oneshot::channel();
            let work = CommitJob {
                decoded,
                reservation: budget.reservation([127, 0, 0, 1].into()),
                done,
            };
            assert!(sender.try_send(work).is_ok());
            waiting.push(committed);
        }
        drop(sender);
        let buffers = Arc::new(Mutex::new(Vec::new()));
        let stats = SourceStats::default();
        let append: Append = {
            let buffers = Arc::clone(&buffers);
            Box::new(move |buffer| {
                buffers.lock().unwrap().push(buffer.clone());
                Ok(0)
            })
        };
        run(append, queue, &stats);
        let report =
            (waiting.into_iter()).all(|mut committed| committed.try_recv().unwrap().is_ok());
        let buffers = Arc::into_inner(buffers).unwrap().into_inner().unwrap();
        (buffers, stats, report)
    }

    #[test]
    fn requests_that_wait_share_a_commit_in_their_order() {
        let (buffers, stats, report) = commits(64, 10);
        assert_eq!((buffers.len(), report), (1, true));
        let users: Vec<_> = buffers[0]
            .events()
            .map(|event| event.user.to_owned())
            .collect();
        let wanted: Vec<_> = (0..64).map(|nth| format!("user{nth}")).collect();
        assert_eq!(users, wanted);
        assert_eq!((stats.commits(), stats.counts().events), (1, 64));
    }

    #[test]
    fn a_commit_is_bounded_in_size() {
        let request = COMMIT_BYTES / 4;
        let (buffers, stats, report) = commits(10, request);
        let rows: Vec<_> = buffers.iter().map(EventBuffer::len).collect();
        assert_eq!((rows, report), (vec![4, 4, 2], true));
        assert_eq!((stats.commits(), stats.counts().events), (3, 10));
    }
}
