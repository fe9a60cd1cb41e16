//! Any definition that checks gives a module that validates, within the sandbox's size.
#![no_main]

use libfuzzer_sys::fuzz_target;
use muster_compiler::compile;
use muster_definition::{Body, Source, parse};
use muster_model::CohortId;
use wasmparser::{Validator, WasmFeatures};

fuzz_target!(|bytes: &[u8]| {
    let Ok(definition) = Source::from_bytes("cohorts/fuzz.yaml", bytes).and_then(|source| parse(&source)) else {
        return;
    };
    let Body::Where(clause) = &definition.body else {
        return;
    };
    let cohorts = [(definition.id.clone(), clause)];
    let modules = compile(&cohorts, &CohortId::to_string).expect("what checks compiles");
    for module in modules {
        let features = WasmFeatures::default() | WasmFeatures::COMPONENT_MODEL | WasmFeatures::SIMD;
        Validator::new_with_features(features)
            .validate_all(&module.wasm)
            .expect("the module validates");
    }
});
