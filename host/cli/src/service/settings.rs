//! How the service runs, beyond what muster.yaml says.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use muster_model::Millis;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

use super::descriptors;
use super::state::RunSettings;

/// How the service runs, beyond what muster.yaml says.
pub(crate) struct ServiceSettings {
    /// Where its clock starts; `None`: it is the system's.
    pub(crate) now: Option<Millis>,
    /// How many times as fast the clock runs.
    pub(crate) speed: f64,
    /// Before it ends, it waits until everything is sent.
    pub(crate) drain: bool,
    /// How long its end may take.
    pub(crate) stop_timeout: Duration,
    /// How runs divide their work.
    pub(crate) runs: RunSettings,
    /// How often a destination that nobody wakes looks into the outbox.
    pub(crate) fingerprints: Duration,
    /// Definitions are read again when it is notified, also of what came before the service
    /// listened.
    pub(crate) reload: Arc<Notify>,
}

impl Default for ServiceSettings {
    fn default() -> Self {
        Self {
            now: None,
            speed: 1.0,
            drain: false,
            stop_timeout: Duration::from_secs(25),
            runs: RunSettings::default(),
            fingerprints: super::delivery::LOOK,
            reload: Arc::default(),
        }
    }
}

/// What is there before the project is read: the service's threads, and an ear for SIGHUP, which
/// would end the process otherwise.
pub(crate) struct ServiceRuntime {
    pub(super) runtime: Runtime,
    /// See [`Settings::reload`].
    pub(crate) reload: Arc<Notify>,
}

impl ServiceRuntime {
    /// Raises the limit of open files, starts the service's threads and listens for SIGHUP.
    ///
    /// # Errors
    /// When the system refuses either.
    pub(crate) fn new() -> anyhow::Result<Self> {
        descriptors::raise();
        let runtime = Runtime::new().context("cannot start the service's threads")?;
        let reload = Arc::new(Notify::new());
        let mut hangup = {
            let _within = runtime.enter();
            signal(SignalKind::hangup()).context("cannot listen for signals")?
        };
        let output_json = Arc::clone(&reload);
        runtime.spawn(async move {
            while hangup.recv().await.is_some() {
                output_json.notify_one();
            }
        });
        Ok(Self { runtime, reload })
    }
}
