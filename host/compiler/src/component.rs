//! Makes a component of the contract's world from a core module.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The contract, as the sandbox reads it too.
const CONTRACT: &str = include_str!("../../../wit/cohort.wit");

pub(crate) fn wrap(mut core: Vec<u8>) -> anyhow::Result<Vec<u8>> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("cohort.wit", CONTRACT)?;
    let world = resolve.select_world(&[package], Some("rule"))?;
    embed_component_metadata(&mut core, &resolve, world, StringEncoding::UTF8)?;
    // The sandbox validates every module that it loads; validation here would repeat the work.
    ComponentEncoder::default()
        .module(&core)?
        .validate(false)
        .encode()
}
