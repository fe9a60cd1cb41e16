//! Work that waits for a disk or keeps a processor busy, away from the threads that serve
//! everybody.

/// Runs `work` on a thread of its own. A panic there goes on to the caller, whose task the
/// supervisor watches.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is ending, and nobody looks at the result any more.
            Err(_) => std::future::pending().await,
        },
    }
}
