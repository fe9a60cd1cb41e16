//! Settings of the service beyond those of muster.yaml.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use muster_model::Millis;
use muster_sandbox::Compile;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

use super::descriptors;
use super::run_settings::RunSettings;

/// Settings of the service beyond those of muster.yaml.
pub struct ServiceSettings {
    /// The instant at which the clock starts; `None`: the service uses the system's clock.
    pub now: Option<Millis>,
    /// The speed of the clock, as a multiple of real time.
    pub speed: f64,
    /// The service sends all messages before it ends.
    pub drain: bool,
    /// The longest time that the end of the service may take.
    pub stop_timeout: Duration,
    /// The division of a run's work.
    pub runs: RunSettings,
    /// The time between two reads of the outbox by a destination that no commit wakes.
    pub outbox_poll: Duration,
    /// A notification that makes the service read the definitions again. A notification that comes
    /// before the service listens counts too.
    pub reload: Arc<Notify>,
    /// The AWS region that the environment names ([`muster_project::destinations::region`]).
    pub region: Option<String>,
    /// Where hand-written rules are compiled.
    pub compile: Compile,
}

impl Default for ServiceSettings {
    fn default() -> Self {
        Self {
            now: None,
            speed: 1.0,
            drain: false,
            stop_timeout: Duration::from_secs(25),
            runs: RunSettings::default(),
            outbox_poll: super::delivery::POLL,
            reload: Arc::default(),
            region: None,
            compile: Compile::default(),
        }
    }
}

/// The service's threads and a listener for SIGHUP. Both exist before the project is read, because
/// SIGHUP would end the process otherwise.
pub struct ServiceRuntime {
    pub(super) runtime: Runtime,
    /// See [`ServiceSettings::reload`].
    pub reload: Arc<Notify>,
}

impl ServiceRuntime {
    /// Raises the limit of open files, starts the service's threads and listens for SIGHUP.
    ///
    /// # Errors
    /// Returns an error when the system does not allow the threads or the listener.
    pub fn new() -> anyhow::Result<Self> {
        descriptors::raise();
        let runtime = Runtime::new().context("cannot start the service's threads")?;
        let reload = Arc::new(Notify::new());
        let mut hangup = {
            let _within = runtime.enter();
            signal(SignalKind::hangup()).context("cannot listen for signals")?
        };
        let notified = Arc::clone(&reload);
        runtime.spawn(async move {
            while hangup.recv().await.is_some() {
                notified.notify_one();
            }
        });
        Ok(Self { runtime, reload })
    }
}
