//! The facts that a component's bytes state, also if it may not be loaded.

use sha2::{Digest, Sha256};

use crate::ceilings::Ceilings;
use crate::error::LoadError;
use crate::limits;
use crate::options::Origin;
use crate::validate::{ValidatedModule, outline};

/// The facts that a component's bytes state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// The size, in bytes.
    pub bytes: usize,
    /// The SHA-256 of the bytes.
    pub digest: [u8; 32],
    /// The version of the contract that it names.
    pub contract: Option<String>,
    /// The names of its imports. Those of types give nothing at run time.
    pub imports: Vec<String>,
    /// The names of its exports.
    pub exports: Vec<String>,
    /// The core modules in it.
    pub core_modules: usize,
    /// The components nested in it.
    pub nested_components: usize,
}

/// Reads a component's bytes without loading it.
///
/// # Errors
/// When the bytes are no component, or are beyond every ceiling.
pub fn inspect(bytes: &[u8]) -> Result<Inspection, LoadError> {
    let ceilings = Ceilings {
        size: limits::MOST_RULE_BYTES,
        nested_components: limits::MOST_NESTED_COMPONENTS,
        ..Ceilings::default()
    };
    let outline = outline(bytes, &ceilings)?;
    Ok(Inspection {
        bytes: bytes.len(),
        digest: Sha256::digest(bytes).into(),
        contract: outline.contract().map(str::to_owned),
        imports: outline
            .imports
            .iter()
            .map(|name| (*name).to_owned())
            .collect(),
        exports: (outline.exports.iter())
            .map(|(name, _)| (*name).to_owned())
            .collect(),
        core_modules: outline.modules,
        nested_components: outline.components,
    })
}

/// Checks the bytes of a component as [`crate::Sandbox::load`] does before it compiles them.
///
/// # Errors
/// When the component may not be loaded under these ceilings.
pub fn check(bytes: &[u8], ceilings: &Ceilings) -> Result<(), LoadError> {
    ValidatedModule::new(bytes, Origin::HandWritten, ceilings).map(|_| ())
}
