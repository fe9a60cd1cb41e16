//! Warns of requests that no retry makes right: of unknown paths and of refused keys. Each of both
//! is logged once a minute, because a wrong client sends again and again.

use std::time::Duration;

use hyper::StatusCode;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::answer::Refusal;
use super::key;

/// The time between two warnings of one kind.
const EVERY: Duration = Duration::from_secs(60);

/// The warnings of a server.
#[derive(Default)]
pub(super) struct RefusalWarnings {
    paths: Mutex<WarningPause>,
    keys: Mutex<WarningPause>,
}

/// The latest warning, and the refusals since.
#[derive(Default)]
struct WarningPause {
    last: Option<Instant>,
    refusals: u64,
}

impl WarningPause {
    /// Counts a refusal. Returns how many there were since the last warning, if the next is due.
    fn count(&mut self, now: Instant) -> Option<u64> {
        self.refusals += 1;
        if self.last.is_some_and(|last| now < last + EVERY) {
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.refusals))
    }
}

impl RefusalWarnings {
    /// Counts a refusal and warns of it, if it is of such a kind and a warning is due.
    pub(super) fn refused(&self, refusal: &Refusal, path: &str) {
        let pause = match refusal.status() {
            StatusCode::NOT_FOUND => &self.paths,
            _ if refusal.error().starts_with(key::REFUSED) => &self.keys,
            _ => return,
        };
        if let Some(requests) = pause.lock().count(Instant::now()) {
            let error = refusal.error();
            tracing::warn!(requests, path, error, "refused over http");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_comes_at_most_once_a_minute_with_the_number() {
        let (mut pause, now) = (WarningPause::default(), Instant::now());
        let after = |seconds| now + Duration::from_secs(seconds);
        let counts = [0, 1, 59, 60, 61, 300].map(|seconds| pause.count(after(seconds)));
        assert_eq!(counts, [Some(1), None, None, Some(3), None, Some(2)]);
    }
}
