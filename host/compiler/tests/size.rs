//! Tests of the number of modules that cohorts make, and of their sizes.

use muster_compiler::{
    CompileError, Compiled, MAX_COHORT_BYTES, MAX_MODULE_BYTES, SizeCause, compile,
};
use muster_definition::Clause;
use muster_model::CohortId;
use muster_sandbox::{Origin, Sandbox, SandboxOptions, limits};
use muster_testkit::definition::clause;

/// Returns a clause for users whose property is one of so many texts of a length.
fn listed(texts: std::ops::Range<usize>, length: usize) -> Clause {
    let texts: Vec<_> = texts.map(|text| format!("t{text:0length$}")).collect();
    clause(&format!("{{user: {{city: [{}]}}}}", texts.join(", ")))
}

fn compiled(clauses: &[Clause]) -> Compiled {
    let cohorts: Vec<_> = (0..)
        .zip(clauses)
        .map(|(number, clause)| (CohortId::new(&format!("c{number}")).unwrap(), clause))
        .collect();
    compile(&cohorts, &|list| list.to_string())
}

#[test]
fn the_largest_module_is_the_largest_rule() {
    assert_eq!(MAX_COHORT_BYTES, limits::MAX_RULE_BYTES);
}

/// Uses the most texts that a list may have, in 24 cohorts: together they are more than the sandbox
/// loads.
#[test]
fn cohorts_with_long_lists_share_modules_that_load() {
    let clauses: Vec<_> = (0..24)
        .map(|cohort| listed(cohort * 10_000..(cohort + 1) * 10_000, 94))
        .collect();
    let modules = compiled(&clauses).all().unwrap();
    let cohorts = modules.iter().flat_map(|module| &module.cohorts);
    let expected = (0..24).map(|cohort| CohortId::new(&format!("c{cohort}")).unwrap());
    assert!(
        cohorts.eq(&expected.collect::<Vec<_>>()),
        "each once, in order"
    );
    let sandbox = Sandbox::new(SandboxOptions::default()).unwrap();
    let mut total = 0;
    for module in &modules {
        assert!(module.wasm.len() <= MAX_MODULE_BYTES);
        assert!(module.cohorts.len() > 1, "they share modules still");
        sandbox.load(&module.wasm, Origin::Compiled).unwrap();
        total += module.wasm.len();
    }
    assert!(total > limits::MAX_RULE_BYTES, "{total} bytes");
}

/// Lists that are alike, or overlap, are counted once.
#[test]
fn cohorts_that_share_a_list_share_a_module() {
    let clauses = vec![listed(0..10_000, 90); 24];
    assert_eq!(compiled(&clauses).all().unwrap().len(), 1);
}

#[test]
fn one_cohort_that_is_too_large_does_not_affect_others() {
    let lists = (0..50).map(|list| listed(list * 10_000..(list + 1) * 10_000, 40));
    let clauses = [
        clause("{did: View}"),
        Clause::Any(lists.collect()),
        clause("{did: Purchase}"),
    ];
    let Compiled { modules, refused } = compiled(&clauses);
    let cohorts = modules.iter().flat_map(|module| &module.cohorts);
    assert_eq!(
        cohorts.map(CohortId::as_str).collect::<Vec<_>>(),
        ["c0", "c2"]
    );
    let [(cohort, error)] = refused.as_slice() else {
        panic!("{refused:?}")
    };
    assert_eq!(cohort.as_str(), "c1");
    assert!(
        matches!(
            error,
            CompileError::TooLarge {
                large: SizeCause::Texts,
                ..
            }
        ),
        "{error}"
    );
    let text = error.to_string();
    assert!(
        text.starts_with("cohort `c1` makes a module of ")
            && text
                .contains("most of it for the texts that it compares with; at most 33554432 fit")
            && text.contains("`members:`")
            && !text.contains("opt-level"),
        "{text}"
    );
}
