//! Rules in the WebAssembly text format.

use muster_sandbox::componentize;
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

const CONTRACT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit");

/// The part of a rule that gives the host memory from 65,536 on, aligned to 16, and never frees it.
/// The global `$heap` is where the free memory begins.
pub const ALLOCATOR: &str = r#"
    (global $heap (mut i32) (i32.const 65536))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 15)) (i32.const -16)))
      (global.set $heap (i32.add (local.get $at) (local.get 3)))
      (local.get $at))"#;

/// Returns 32-bit words as the text of a `data` segment.
pub fn words(words: &[u32]) -> String {
    let bytes = words.iter().flat_map(|word| word.to_le_bytes());
    bytes.map(|byte| format!("\\{byte:02x}")).collect()
}

/// Returns the core module of a rule in the text format, with the types of the contract.
pub fn core_module(text: &str) -> Vec<u8> {
    with_contract(wat::parse_str(text).unwrap())
}

/// Returns a rule in the text format as a component.
pub fn component(text: &str) -> Vec<u8> {
    componentize(&core_module(text)).unwrap()
}

/// Returns a component of a core module without the types of the contract.
pub fn component_of(core: Vec<u8>) -> Vec<u8> {
    componentize(&with_contract(core)).unwrap()
}

fn with_contract(mut core: Vec<u8>) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(CONTRACT).unwrap();
    let world = resolve.select_world(&[package], Some("rule")).unwrap();
    embed_component_metadata(&mut core, &resolve, world, StringEncoding::UTF8).unwrap();
    core
}
