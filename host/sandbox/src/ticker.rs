//! The clock of the time limits: one thread that advances the epoch of the engine for hand-written
//! rules.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use wasmtime::Engine;

use crate::limits::EPOCH_TICK;

/// The thread; it ends when this is dropped.
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
                while gone.recv_timeout(EPOCH_TICK) == Err(RecvTimeoutError::Timeout) {
                    match engine.upgrade() {
                        Some(engine) => engine.increment_epoch(),
                        None => break,
                    }
                }
            })?;
        Ok(Self { _alive: alive })
    }
}

/// A time in ticks from now: rounded up, and one more for the tick that has begun, so that no limit
/// is cut short.
pub(crate) fn ticks(time: Duration) -> u64 {
    let ticks = time.as_nanos().div_ceil(EPOCH_TICK.as_nanos()) + 1;
    u64::try_from(ticks)
        .unwrap_or(u64::MAX / 2)
        .min(u64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_limit_is_cut_short() {
        assert_eq!(ticks(Duration::ZERO), 1);
        assert_eq!(ticks(EPOCH_TICK), 2);
        assert_eq!(ticks(EPOCH_TICK + Duration::from_nanos(1)), 3);
        assert_eq!(ticks(Duration::MAX), u64::MAX / 2);
    }
}
