//! Compiles cohort definitions to one WebAssembly component of the world in `wit/cohort.wit`, in this process, without rustc.
//!
//! Many cohorts share a module: equal clauses are computed once, and every clause reads its columns while they are warm in
//! the cache. The module holds only loops bounded by the batch, so the sandbox may run it unmetered.
//!
//! It is not the meaning of the language (that is `muster_definition::interpreter`, which the tests hold it to), and it runs
//! nothing. Limits: [`MAX_COHORTS`] and [`MAX_NODES`] a module; more cohorts make more modules.
//!
//! The way of a definition: [`plan`] (clauses to a graph of shared nodes) → [`emit`] (nodes to functions) → [`component`].
//!
//! ```
//! use muster_compiler::compile;
//! use muster_definition::Clause;
//! use muster_model::CohortId;
//!
//! let modules = compile(&[(CohortId::new("all")?, &Clause::Everyone)])?;
//! assert_eq!(modules.len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod component;
mod describe;
mod emit;
mod layout;
mod plan;

use muster_definition::Clause;
use muster_model::CohortId;

use plan::Plan;

/// The most cohorts in one module. Fusing pays from ten cohorts on (FACTS.md, "Wasm"), and what it saves is the scan, which a
/// thousand cohorts share just as well as ten thousand; past that a module's compile time and memory only grow.
pub const MAX_COHORTS: usize = 1024;

/// The most distinct clauses in one module. Each takes 2 KiB of guest memory ([`layout::NODE_BYTES`]): 16 MiB in all.
pub const MAX_NODES: usize = 8192;

/// A compiled module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// The component's bytes. The same definitions give the same bytes.
    pub wasm: Vec<u8>,
    /// The cohorts it answers for, in the order of its answers.
    pub cohorts: Vec<CohortId>,
}

/// Why definitions did not compile.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// One cohort alone is too large for a module.
    #[error(
        "cohort `{cohort}` has {nodes} different clauses; at most {MAX_NODES} fit: split it, or say it with fewer"
    )]
    TooLarge {
        /// Which.
        cohort: CohortId,
        /// How many distinct clauses it has.
        nodes: usize,
    },
    /// The module could not be made a component: a fault of the compiler's.
    #[error("the compiled module was refused, which is a fault in Muster: {0}")]
    Component(String),
}

/// Compiles cohorts to as few modules as the limits allow, in the given order.
///
/// # Errors
/// When one cohort alone exceeds [`MAX_NODES`].
pub fn compile(cohorts: &[(CohortId, &Clause)]) -> Result<Vec<Module>, CompileError> {
    let mut modules = Vec::new();
    for group in cohorts.chunks(MAX_COHORTS) {
        compile_group(group, &mut modules)?;
    }
    Ok(modules)
}

/// One module if the group's clauses fit, else its halves.
fn compile_group(
    group: &[(CohortId, &Clause)],
    modules: &mut Vec<Module>,
) -> Result<(), CompileError> {
    let mut plan = Plan::default();
    for (id, clause) in group {
        plan.add(id.clone(), clause);
    }
    if plan.nodes.len() <= MAX_NODES {
        modules.push(module(&plan)?);
        return Ok(());
    }
    if let [(cohort, _)] = group {
        return Err(CompileError::TooLarge {
            cohort: cohort.clone(),
            nodes: plan.nodes.len(),
        });
    }
    let (left, right) = group.split_at(group.len() / 2);
    compile_group(left, modules)?;
    compile_group(right, modules)
}

fn module(plan: &Plan) -> Result<Module, CompileError> {
    let wasm = component::wrap(emit::core_module(plan))
        .map_err(|error| CompileError::Component(format!("{error:#}")))?;
    Ok(Module {
        wasm,
        cohorts: plan.cohorts.iter().map(|(id, _)| id.clone()).collect(),
    })
}
