//! A destination that is drained again and again.

use std::sync::Arc;

use muster_store::Store;
use tokio::task::JoinSet;

use crate::destination::Destination;
use crate::drain::{Experience, drain_with};
use crate::error::{Cause, PublishError};
use crate::kinesis::KinesisSink;
use crate::lines::{FileSink, StdoutSink};
use crate::pace::SendPace;
use crate::report::{DrainOptions, DrainReport};

/// Sends the messages in the outbox of one destination until none is left; messages that arrive
/// meanwhile are sent too. Those of a cohort go oldest first. Calls `progress` with the report so
/// far after answers.
///
/// The drain acknowledges the messages that answers delivered in one commit. It may end by
/// cancellation, by an error or with the process; messages that are not acknowledged are still in
/// the outbox. A message that was delivered but not acknowledged is sent again with the
/// same id and bytes. Only one drain at a time may run for a destination, because each sends
/// everything.
///
/// # Errors
/// When the destination accepts no more for now: see [`Cause`]. The error carries the report so
/// far.
pub async fn drain(
    store: &Arc<Store>,
    name: &str,
    destination: &Destination,
    options: &DrainOptions,
    progress: impl Fn(&DrainReport) + Send + Sync,
) -> Result<DrainReport, PublishError> {
    Publisher::new(name, destination)
        .drain(store, options, progress)
        .await
}

/// Drains several destinations at once, each in a task of its own, so that a slow or broken one
/// does not delay the others. The results come in the order of `destinations`. See [`drain`].
pub async fn drain_all(
    store: &Arc<Store>,
    destinations: &[(String, Destination)],
    options: &DrainOptions,
    progress: impl Fn(&str, &DrainReport) + Send + Sync + 'static,
) -> Vec<(String, Result<DrainReport, PublishError>)> {
    let progress = Arc::new(progress);
    let mut tasks = JoinSet::new();
    for (index, (name, destination)) in destinations.iter().enumerate() {
        let (store, name, destination) = (Arc::clone(store), name.clone(), destination.clone());
        let (options, progress) = (options.clone(), Arc::clone(&progress));
        tasks.spawn(async move {
            let report = |report: &DrainReport| progress(&name, report);
            let result = drain(&store, &name, &destination, &options, report).await;
            (index, name, result)
        });
    }
    let mut results = Vec::with_capacity(destinations.len());
    while let Some(joined) = tasks.join_next().await {
        match joined {
            Ok(result) => results.push(result),
            // A task is cancelled only with the whole set, so this is a panic, which is passed on
            // to the caller.
            Err(error) => {
                if let Ok(panic) = error.try_into_panic() {
                    std::panic::resume_unwind(panic);
                }
            }
        }
    }
    results.sort_by_key(|(index, _, _)| *index);
    results
        .into_iter()
        .map(|(_, name, result)| (name, result))
        .collect()
}

/// A destination that stays open between drains, so that a role is assumed once an hour and not
/// once per drain. A file is opened anew each time, because it may have been moved away.
pub struct Publisher {
    name: String,
    destination: Destination,
    stream: Option<Arc<KinesisSink>>,
    experience: Experience,
}

impl Publisher {
    /// Creates a publisher that has nothing open yet.
    #[must_use]
    pub fn new(name: &str, destination: &Destination) -> Self {
        Self {
            name: name.to_owned(),
            destination: destination.clone(),
            stream: None,
            experience: Experience::new(match destination {
                Destination::Kinesis(_) => SendPace::of_a_shard(),
                _ => SendPace::unlimited(),
            }),
        }
    }

    /// Drains the destination as [`crate::drain`] does. After an error that does not pass by
    /// itself, the next call connects anew.
    ///
    /// # Errors
    /// As [`crate::drain`].
    pub async fn drain(
        &mut self,
        store: &Arc<Store>,
        options: &DrainOptions,
        progress: impl Fn(&DrainReport) + Send + Sync,
    ) -> Result<DrainReport, PublishError> {
        let name = &self.name;
        let stopped = |cause| PublishError {
            destination: name.clone(),
            report: DrainReport::default(),
            cause: Box::new(cause),
        };
        let experience = &mut self.experience;
        match &self.destination {
            Destination::File { path } => {
                let sink = Arc::new(FileSink::open(path).await.map_err(stopped)?);
                drain_with(store, name, &sink, experience, options, &progress).await
            }
            Destination::Stdout => {
                let sink = Arc::new(StdoutSink::new());
                drain_with(store, name, &sink, experience, options, &progress).await
            }
            #[cfg(feature = "memory")]
            Destination::Memory(consumer) => {
                let sink = Arc::new(consumer.clone());
                drain_with(store, name, &sink, experience, options, &progress).await
            }
            Destination::Kinesis(settings) => {
                let sink = match self.stream.take() {
                    Some(sink) => sink,
                    None => Arc::new(KinesisSink::open(name, settings).await.map_err(stopped)?),
                };
                let result = drain_with(store, name, &sink, experience, options, &progress).await;
                let broken = result.as_ref().is_err_and(|error| {
                    matches!(
                        *error.cause,
                        Cause::Denied { .. } | Cause::Misconfigured { .. }
                    )
                });
                self.stream = (!broken).then_some(sink);
                result
            }
        }
    }
}
