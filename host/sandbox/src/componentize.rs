//! Conversion of core modules into components.

use wasmparser::Parser;
use wit_component::ComponentEncoder;

use crate::error::LoadError;
use crate::{text, validate};

/// The reason why a core module cannot become a rule.
#[derive(Debug, thiserror::Error)]
pub enum ComponentizeError {
    /// The core module is larger, or more complex, than a rule may be.
    #[error(transparent)]
    Limit(LoadError),
    /// The core module cannot become a component.
    #[error(
        "cannot make a component of the module: {0}; build it for wasm32-unknown-unknown with bindings of `wit/cohort.wit`"
    )]
    Refused(String),
}

/// Makes a component of a core module, as [`componentize`] does. Other bytes stay as they are.
///
/// # Errors
/// As for [`componentize`].
pub fn to_component(bytes: Vec<u8>) -> Result<Vec<u8>, ComponentizeError> {
    match Parser::is_core_wasm(&bytes) {
        true => componentize(&bytes),
        false => Ok(bytes),
    }
}

/// Makes a component of the output of a compiler for `wasm32-unknown-unknown`. It uses the
/// description of the world that `wit-bindgen` leaves in that output. There are no adapters: a
/// module that imports WASI is refused.
///
/// # Errors
/// When the bytes are not a core module, carry no description of their world, import what that
/// world does not have, or break a limit.
pub fn componentize(core_wasm: &[u8]) -> Result<Vec<u8>, ComponentizeError> {
    let refused = |error: &dyn std::fmt::Display| {
        ComponentizeError::Refused(text::short(&format!("{error:#}"), 600))
    };
    // The encoder validates the core module, which has no bound of its own. So the limits are
    // checked first.
    validate::check_core(core_wasm).map_err(ComponentizeError::Limit)?;
    ComponentEncoder::default()
        .validate(true)
        .module(core_wasm)
        .map_err(|error| refused(&error))?
        .encode()
        .map_err(|error| refused(&error))
}
