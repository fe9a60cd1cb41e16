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
//! let modules = compile(&[(CohortId::new("all")?, &Clause::Everyone)], &|list| list.to_string())?;
//! assert_eq!(modules.len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod automaton;
mod component;
mod describe;
mod emit;
mod layout;
mod plan;
mod wasm;

use muster_definition::Clause;
use muster_model::CohortId;

use automaton::Automaton;
use plan::Plan;

/// The most cohorts in one module. Fusing pays from ten cohorts on (docs/facts.md, "Wasm"), and what it saves is the scan, which a
/// thousand cohorts share just as well as ten thousand; past that a module's compile time and memory only grow.
pub const MAX_COHORTS: usize = 1024;

/// The most distinct clauses in one module. Each takes 2 KiB of guest memory ([`layout::NODE_BYTES`]): 16 MiB in all.
pub const MAX_NODES: usize = 8192;

/// The tables of all patterns of one module, in bytes, unless one cohort alone has more: with the 16 MiB of the nodes and the
/// batch they stay far below the memory of an instance.
pub const MAX_AUTOMATA_BYTES: usize = 8 << 20;

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
    /// A pattern needs too large a table.
    #[error(
        "the pattern {pattern:?} needs too large a table ({why}): say it with fewer repetitions or shorter classes"
    )]
    Pattern {
        /// As it was written.
        pattern: String,
        /// The limit that it broke.
        why: String,
    },
    /// The module could not be made a component: a fault of the compiler's.
    #[error("the compiled module was refused, which is a fault in Muster: {0}")]
    Component(String),
}

/// Compiles cohorts to as few modules as the limits allow, in the given order. `list` names the static list of a cohort, as the
/// host will know it: a list of other users needs another name.
///
/// # Errors
/// When one cohort alone exceeds [`MAX_NODES`], or a pattern needs too large a table.
pub fn compile(
    cohorts: &[(CohortId, &Clause)],
    list: &dyn Fn(&CohortId) -> String,
) -> Result<Vec<Module>, CompileError> {
    let mut modules = Vec::new();
    for group in cohorts.chunks(MAX_COHORTS) {
        compile_group(group, list, &mut modules)?;
    }
    Ok(modules)
}

/// One module if the group's clauses fit, else its halves.
fn compile_group(
    group: &[(CohortId, &Clause)],
    list: &dyn Fn(&CohortId) -> String,
    modules: &mut Vec<Module>,
) -> Result<(), CompileError> {
    let mut plan = Plan::default();
    for (id, clause) in group {
        plan.add(id.clone(), clause, list);
    }
    let automata = automata(&plan)?;
    let bytes: usize = automata.iter().map(Automaton::bytes).sum();
    if plan.nodes.len() <= MAX_NODES && bytes <= MAX_AUTOMATA_BYTES {
        modules.push(module(&plan, &automata)?);
        return Ok(());
    }
    if let [(cohort, _)] = group {
        if plan.nodes.len() <= MAX_NODES {
            modules.push(module(&plan, &automata)?);
            return Ok(());
        }
        return Err(CompileError::TooLarge {
            cohort: cohort.clone(),
            nodes: plan.nodes.len(),
        });
    }
    let (left, right) = group.split_at(group.len() / 2);
    compile_group(left, list, modules)?;
    compile_group(right, list, modules)
}

fn automata(plan: &Plan) -> Result<Vec<Automaton>, CompileError> {
    let automaton = |pattern: &muster_definition::Pattern| {
        Automaton::new(pattern).map_err(|why| CompileError::Pattern {
            pattern: pattern.text().to_owned(),
            why,
        })
    };
    plan.patterns.iter().map(automaton).collect()
}

fn module(plan: &Plan, automata: &[Automaton]) -> Result<Module, CompileError> {
    let wasm = component::wrap(emit::core_module(plan, automata))
        .map_err(|error| CompileError::Component(format!("{error:#}")))?;
    Ok(Module {
        wasm,
        cohorts: plan.cohorts.iter().map(|(id, _)| id.clone()).collect(),
    })
}
