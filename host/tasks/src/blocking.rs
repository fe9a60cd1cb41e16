//! Work that waits for a disk or keeps a processor busy, on threads of its own.

/// Runs `work` on a thread of its own. A panic of `work` continues in the caller. If the runtime is
/// ending, the future is never ready.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // No task reads the result any more.
            Err(_) => std::future::pending().await,
        },
    }
}
