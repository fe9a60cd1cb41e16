//! An entry point for the targets of `fuzz/`.

use crate::validate::ValidatedModule;
use crate::{Ceilings, LoadError, Origin};

/// Checks the bytes of a module as [`crate::Sandbox::load`] does before it compiles them.
///
/// # Errors
/// When the bytes are not a module, or need more than a module may have.
pub fn validate(bytes: &[u8], origin: Origin) -> Result<(), LoadError> {
    ValidatedModule::new(bytes, origin, &Ceilings::default()).map(|_| ())
}
