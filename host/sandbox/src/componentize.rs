//! Makes a component of a core module.

use wit_component::ComponentEncoder;

use crate::error::LoadError;
use crate::{text, validate};

/// A core module is not a rule's.
#[derive(Debug, thiserror::Error)]
pub enum ComponentizeError {
    /// It is larger, or more complex, than a rule may be.
    #[error(transparent)]
    Limit(LoadError),
    /// There is no component to make of it.
    #[error(
        "cannot make a component of the module: {0}; build it for wasm32-unknown-unknown with bindings of `wit/cohort.wit`"
    )]
    Refused(String),
}

/// Makes a component of what a compiler for `wasm32-unknown-unknown` puts out, by the description
/// of its world that `wit-bindgen` leaves in it. There are no adapters: a module that imports WASI
/// is refused.
///
/// # Errors
/// When it is no core module, carries no description of its world, imports what that world does not
/// have, or breaks a limit.
pub fn componentize(core_wasm: &[u8]) -> Result<Vec<u8>, ComponentizeError> {
    let refused = |error: &dyn std::fmt::Display| {
        ComponentizeError::Refused(text::short(&format!("{error:#}"), 600))
    };
    // What follows validates it, which has no bound otherwise.
    validate::check_core(core_wasm).map_err(ComponentizeError::Limit)?;
    ComponentEncoder::default()
        .validate(true)
        .module(core_wasm)
        .map_err(|error| refused(&error))?
        .encode()
        .map_err(|error| refused(&error))
}
