//! Checks that definitions compile to modules that validate within the sandbox's size, or are
//! refused because of their own size.
//!
//! `LIST500` in the input stands for a list of 500 texts, with other texts in each of [`COHORTS`]
//! cohorts. So small inputs make large modules.
#![no_main]

use libfuzzer_sys::fuzz_target;
use muster_compiler::{CompileError, MAX_COHORT_BYTES, MAX_MODULE_BYTES, compile};
use muster_definition::{Body, Clause, limits, parse};
use muster_document::SourceFile;
use muster_model::CohortId;
use wasmparser::{Validator, WasmFeatures};

/// The number of cohorts that an input with lists makes.
const COHORTS: usize = 4;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    let cohorts = if text.contains("LIST") { COHORTS } else { 1 };
    let mut clauses = Vec::new();
    for cohort in 0..cohorts {
        let Some(clause) = clause(&expand(text, cohort)) else {
            return;
        };
        let id = CohortId::new(&format!("fuzz-{cohort}")).expect("an id");
        clauses.push((id, clause));
    }
    let cohorts: Vec<_> = clauses
        .iter()
        .map(|(id, clause)| (id.clone(), clause))
        .collect();
    let compiled = compile(&cohorts, &CohortId::to_string);
    for (_, error) in &compiled.refused {
        assert!(matches!(error, CompileError::TooLarge { .. }), "{error}");
    }
    let answered = compiled.modules.iter().map(|module| module.cohorts.len());
    assert_eq!(
        answered.sum::<usize>() + compiled.refused.len(),
        cohorts.len()
    );
    for module in compiled.modules {
        let most = if module.cohorts.len() > 1 {
            MAX_MODULE_BYTES
        } else {
            MAX_COHORT_BYTES
        };
        assert!(module.wasm.len() <= most);
        let features = WasmFeatures::default() | WasmFeatures::COMPONENT_MODEL | WasmFeatures::SIMD;
        Validator::new_with_features(features)
            .validate_all(&module.wasm)
            .expect("the module validates");
    }
});

fn clause(text: &str) -> Option<Clause> {
    let source = SourceFile::from_bytes("cohorts/fuzz.yaml", text.as_bytes()).ok()?;
    match parse(&source).ok()?.body {
        Body::Where(clause) => Some(clause),
        _ => None,
    }
}

/// Replaces the names of lists by lists, up to the size of a file.
fn expand(text: &str, cohort: usize) -> String {
    let mut parts = text.split("LIST");
    let mut expanded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(part.len());
        let (number, rest) = part.split_at(digits);
        let texts = number.parse().unwrap_or(0).min(limits::VALUES);
        expanded.push('[');
        for text in 0..texts {
            if expanded.len() > limits::FILE_BYTES {
                break;
            }
            expanded += &format!("{cohort}t{text}, ");
        }
        expanded.push(']');
        expanded += rest;
    }
    expanded
}
