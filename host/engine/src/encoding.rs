//! The form in which the store keeps the engine's states and records: JSON.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::EngineError;

/// Decodes a state. `of` names it in an error.
pub(crate) fn decode<T: DeserializeOwned>(
    bytes: Option<Vec<u8>>,
    of: impl Fn() -> String,
) -> Result<Option<T>, EngineError> {
    let Some(bytes) = bytes else { return Ok(None) };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|error| EngineError::State {
            of: of(),
            why: error.to_string(),
        })
}

/// Encodes a state.
pub(crate) fn encode<T: Serialize>(state: &T) -> Result<Vec<u8>, EngineError> {
    serde_json::to_vec(state).map_err(|error| EngineError::State {
        of: "the engine".to_owned(),
        why: error.to_string(),
    })
}
