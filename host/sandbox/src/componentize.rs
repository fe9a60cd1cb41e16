//! Makes a component of a core module.

use wit_component::ComponentEncoder;

use crate::text;

/// A core module is not a rule's.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot make a component of the module: {0}; build it for wasm32-unknown-unknown with bindings of `wit/cohort.wit`"
)]
pub struct ComponentizeError(String);

/// Makes a component of what a compiler for `wasm32-unknown-unknown` puts out, by the description of its world that `wit-bindgen` leaves in it.
/// There are no adapters: a module that imports WASI is refused.
///
/// # Errors
/// When it is no core module, carries no description of its world, or imports what that world does not have.
pub fn componentize(core_wasm: &[u8]) -> Result<Vec<u8>, ComponentizeError> {
    let refused =
        |error: &dyn std::fmt::Display| ComponentizeError(text::short(&format!("{error:#}"), 600));
    ComponentEncoder::default()
        .validate(true)
        .module(core_wasm)
        .map_err(|error| refused(&error))?
        .encode()
        .map_err(|error| refused(&error))
}
