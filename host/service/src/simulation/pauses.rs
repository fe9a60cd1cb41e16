//! Steps in the middle of a run: the run's thread waits while they are done.

use std::sync::{Mutex, mpsc};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::life::ScenarioStep;

/// The step that waits for the middle of a run.
#[derive(Default)]
pub(super) struct Pauses {
    /// A step, and the number of batches that are evaluated before it.
    armed: Mutex<Option<(u32, ScenarioStep)>>,
    driver: Mutex<Option<UnboundedSender<Paused>>>,
}

/// A run that waits, and continues when this value is dropped.
pub(super) struct Paused {
    pub(super) step: ScenarioStep,
    _release: mpsc::Sender<()>,
}

impl Pauses {
    /// Returns the receiver of all later pauses.
    pub(super) fn listen(&self) -> UnboundedReceiver<Paused> {
        let (sender, receiver) = unbounded_channel();
        *self.driver.lock().unwrap() = Some(sender);
        receiver
    }

    pub(super) fn arm(&self, batches: u32, step: ScenarioStep) {
        *self.armed.lock().unwrap() = Some((batches, step));
    }

    pub(super) fn disarm(&self) {
        *self.armed.lock().unwrap() = None;
    }

    /// Notes that a run has evaluated a batch, and pauses it if a step is due. The run's thread
    /// holds nothing that others wait for.
    pub(super) fn batch(&self) {
        let step = {
            let mut armed = self.armed.lock().unwrap();
            match armed.as_mut() {
                Some((0, _)) => armed.take().map(|(_, step)| step),
                Some((batches, _)) => {
                    *batches -= 1;
                    None
                }
                None => None,
            }
        };
        let Some(step) = step else {
            return;
        };
        let (release, released) = mpsc::channel();
        let paused = Paused {
            step,
            _release: release,
        };
        let driver = self.driver.lock().unwrap().clone();
        if driver.is_some_and(|driver| driver.send(paused).is_ok()) {
            // The result is always an error: the sender is dropped without a message.
            let _ = released.recv();
        }
    }
}
