//! The end of the service, in order: sources stop, runs stop between two chunks, messages that are
//! on their way arrive.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// The end of the service, as all parts see it. It has these steps:
///
/// 1. A signal begins the end, or a store that takes no more writes does.
/// 2. Sources end, and runs end between two chunks. No part begins new work.
/// 3. With `--drain`, the deliveries continue until the outbox is empty.
/// 4. The deliveries end, after all other tasks, so that the messages of those tasks arrive.
///
/// A second signal ends the service at once, and so does the end of `--stop-timeout`. Nothing is
/// lost then: all work of a part is in the store in whole commits.
pub(crate) struct Shutdown {
    /// A token that is cancelled in step 2.
    begun: CancellationToken,
    /// A token that is cancelled in step 4.
    pub(super) deliveries: CancellationToken,
    /// A token that is cancelled when the store takes no more writes until it is opened again.
    store_broken: CancellationToken,
    /// True with `--drain`.
    pub(super) drain: bool,
    /// The longest time that steps 2 to 4 may take.
    pub(super) timeout: Duration,
}

impl Shutdown {
    /// Makes the end of a service, which has not begun. With `drain` it waits until the outbox is
    /// empty; `timeout` is the longest time that it may take.
    pub(super) fn new(drain: bool, timeout: Duration) -> Self {
        Self {
            begun: CancellationToken::new(),
            deliveries: CancellationToken::new(),
            store_broken: CancellationToken::new(),
            drain,
            timeout,
        }
    }

    /// Begins the end: this ends sources, and ends runs between two chunks.
    pub(super) fn begin(&self) {
        self.begun.cancel();
    }

    /// Returns true if the end has begun.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun.is_cancelled()
    }

    /// Waits until the end begins.
    pub(crate) async fn begun(&self) {
        self.begun.cancelled().await;
    }

    /// Returns a token for a part: it is cancelled when the end begins. A part that may end earlier
    /// takes a child of it.
    pub(super) fn token(&self) -> CancellationToken {
        self.begun.clone()
    }

    /// Returns a token for a delivery: it is cancelled after all other tasks have ended.
    pub(super) fn deliveries_token(&self) -> CancellationToken {
        self.deliveries.clone()
    }

    /// Ends the service because the store takes no more writes.
    pub(super) fn store_broke(&self) {
        self.store_broken.cancel();
    }

    /// Waits until the store takes no more writes.
    pub(super) async fn store_broken(&self) {
        self.store_broken.cancelled().await;
    }
}
