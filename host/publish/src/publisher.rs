//! A destination that is drained again and again.

use std::sync::Arc;

use muster_store::Store;

use crate::destination::Destination;
use crate::drain::drain_with;
use crate::error::{Cause, PublishError};
use crate::kinesis::KinesisSink;
use crate::lines::{FileSink, StdoutSink};
use crate::report::{DrainOptions, DrainReport};

/// A destination that stays open between drains, so that a role is assumed once an hour and not
/// once per drain. A file is opened anew each time, because it may have been moved away.
pub struct Publisher {
    name: String,
    destination: Destination,
    stream: Option<KinesisSink>,
}

impl Publisher {
    /// Creates a publisher that has nothing open yet.
    #[must_use]
    pub fn new(name: &str, destination: &Destination) -> Self {
        Self {
            name: name.to_owned(),
            destination: destination.clone(),
            stream: None,
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
        match &self.destination {
            Destination::File { path } => {
                let mut sink = FileSink::open(path).await.map_err(stopped)?;
                drain_with(store, name, &mut sink, options, &progress).await
            }
            Destination::Stdout => {
                drain_with(store, name, &mut StdoutSink::new(), options, &progress).await
            }
            #[cfg(feature = "memory")]
            Destination::Memory(consumer) => {
                let mut sink = consumer.clone();
                drain_with(store, name, &mut sink, options, &progress).await
            }
            Destination::Kinesis(settings) => {
                let mut sink = match self.stream.take() {
                    Some(sink) => sink,
                    None => KinesisSink::open(name, settings).await.map_err(stopped)?,
                };
                let result = drain_with(store, name, &mut sink, options, &progress).await;
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
