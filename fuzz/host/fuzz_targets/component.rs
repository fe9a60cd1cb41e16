//! Checks that any bytes are accepted as a module or refused, and that what is accepted loads or is
//! refused with a text: wasmtime has panicked on some invalid bytes.
#![no_main]

#[path = "../../fuzz_targets/seeds.rs"]
mod seeds;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use muster_compiler::compile;
use muster_definition::{Body, Clause, parse};
use muster_document::SourceFile;
use muster_model::CohortId;
use muster_sandbox::fuzzing::validate;
use muster_sandbox::{Origin, Sandbox, SandboxOptions};

/// The longest module that is loaded: compiling takes milliseconds for each KiB.
const LOADED: usize = 16 << 10;

/// The longest text of an error, in bytes.
const TEXT: usize = 2_000;

static SANDBOX: LazyLock<Sandbox> =
    LazyLock::new(|| Sandbox::new(SandboxOptions::default()).expect("the engines start"));

fuzz_target!(init: seeds::write(inputs()), |bytes: &[u8]| {
    // Rules of authors have more limits than the modules of our compiler.
    let compiled = validate(bytes, Origin::Compiled);
    let written = validate(bytes, Origin::HandWritten);
    assert!(compiled.is_ok() || written.is_err());
    for error in [compiled.err(), written.err()].into_iter().flatten() {
        let text = error.to_string();
        assert!(!text.is_empty() && text.len() < TEXT, "{text}");
    }
    if validate(bytes, Origin::HandWritten).is_ok()
        && bytes.len() <= LOADED
        && let Err(error) = SANDBOX.load(bytes, Origin::HandWritten)
    {
        let text = error.to_string();
        assert!(!text.is_empty() && text.len() < TEXT, "{text}");
    }
});

/// Returns compiled modules, which are components, and the core module that the first contains.
fn inputs() -> Vec<(String, Vec<u8>)> {
    let mut inputs = vec![("empty".to_owned(), b"\0asm\x0d\0\x01\0".to_vec())];
    for (name, text) in [
        ("everyone", "where: {everyone: true}"),
        (
            "did",
            "where: {did: A, with: {p: {glob: a*b}}, in_last: 1 day}",
        ),
    ] {
        let source = SourceFile::new("cohorts/fuzz.yaml", text);
        let Body::Where(clause) = parse(&source).expect("a definition").body else {
            panic!("not a clause: {text}");
        };
        inputs.extend(module(&clause).map(|bytes| (name.to_owned(), bytes)));
    }
    inputs
}

fn module(clause: &Clause) -> Option<Vec<u8>> {
    let id = CohortId::new("fuzz").expect("an id");
    let mut compiled = compile(&[(id, clause)], &CohortId::to_string);
    compiled.modules.pop().map(|module| module.wasm)
}
