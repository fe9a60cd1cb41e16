//! The clock of the time limits: a thread that advances the epoch of the engine for hand-written
//! rules.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use wasmtime::Engine;

use crate::limits::EPOCH_PERIOD;

/// The thread, which ends when this value is dropped.
#[derive(Debug)]
pub(crate) struct EpochTicker {
    _alive: mpsc::Sender<()>,
}

impl EpochTicker {
    /// Starts the thread.
    pub(crate) fn start(engine: &Engine) -> std::io::Result<Self> {
        let (alive, gone) = mpsc::channel();
        let engine = engine.weak();
        std::thread::Builder::new()
            .name("muster-ticker".to_owned())
            .spawn(move || {
                while gone.recv_timeout(EPOCH_PERIOD) == Err(RecvTimeoutError::Timeout) {
                    match engine.upgrade() {
                        Some(engine) => engine.increment_epoch(),
                        None => break,
                    }
                }
            })?;
        Ok(Self { _alive: alive })
    }
}

/// Returns a time as a number of epochs from now. The number is rounded up, with one more for the
/// epoch that has begun, so that no limit is cut short.
pub(crate) fn epochs(time: Duration) -> u64 {
    let epochs = time.as_nanos().div_ceil(EPOCH_PERIOD.as_nanos()) + 1;
    u64::try_from(epochs)
        .unwrap_or(u64::MAX / 2)
        .min(u64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_limit_is_cut_short() {
        assert_eq!(epochs(Duration::ZERO), 1);
        assert_eq!(epochs(EPOCH_PERIOD), 2);
        assert_eq!(epochs(EPOCH_PERIOD + Duration::from_nanos(1)), 3);
        assert_eq!(epochs(Duration::MAX), u64::MAX / 2);
    }
}
