//! Dead letters: putting them back into the outbox, and dropping them.

use muster_store::Store;

use crate::api::{ApiError, DeadLettersRequest, HandledDeadLetters};

/// Puts dead letters of a destination back into its outbox, with their ids and bytes.
///
/// # Errors
/// If there is none such, or the store fails.
pub fn retry_dead_letters(
    store: &Store,
    request: &DeadLettersRequest,
) -> Result<HandledDeadLetters, ApiError> {
    let handled = store.retry_dead_letters(&request.destination, request.number);
    handled_or_unknown(handled.map_err(ApiError::failed)?, request)
}

/// Drops dead letters of a destination.
///
/// # Errors
/// If there is none such, or the store fails.
pub fn drop_dead_letters(
    store: &Store,
    request: &DeadLettersRequest,
) -> Result<HandledDeadLetters, ApiError> {
    let handled = store.drop_dead_letters(&request.destination, request.number);
    handled_or_unknown(handled.map_err(ApiError::failed)?, request)
}

fn handled_or_unknown(
    handled: u64,
    request: &DeadLettersRequest,
) -> Result<HandledDeadLetters, ApiError> {
    let destination = &request.destination;
    match (handled, request.number) {
        (0, Some(number)) => Err(ApiError::unknown(format!(
            "destination `{destination}` has no dead letter {number}"
        ))),
        (0, None) => Err(ApiError::unknown(format!(
            "destination `{destination}` has no dead letters"
        ))),
        (handled, _) => Ok(HandledDeadLetters { handled }),
    }
}
