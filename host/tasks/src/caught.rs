//! A future that turns its panic into a value.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

/// Runs a future. If the future panics, the result is the panic's message.
pub fn caught<F: Future>(future: F) -> Caught<F> {
    Caught(Some(Box::pin(future)))
}

/// The future of [`caught`]. A panic may leave the values that the future borrowed half changed, so
/// the caller begins the work again and does not go on with it.
pub struct Caught<F>(Option<Pin<Box<F>>>);

impl<F: Future> Future for Caught<F> {
    type Output = Result<F::Output, String>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let Some(future) = &mut this.0 else {
            return Poll::Pending;
        };
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(value)) => {
                this.0 = None;
                Poll::Ready(Ok(value))
            }
            Err(panic) => {
                this.0 = None;
                Poll::Ready(Err(message(panic.as_ref())))
            }
        }
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".to_owned())
}
