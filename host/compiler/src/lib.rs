//! Compiles cohort definitions to one WebAssembly component of the world in `wit/cohort.wit`, in
//! this process, without rustc.
//!
//! Many cohorts share a module: equal clauses are computed once, and every clause reads its columns
//! while they are in the cache. The module has only loops that the batch bounds, so the sandbox may
//! run it unmetered.
//!
//! This crate does not define the meaning of the language (`muster_definition::interpreter` does,
//! and the tests compare the two), and it runs nothing. Limits per module: [`MAX_COHORTS`],
//! [`MAX_NODES`] and [`MAX_MODULE_BYTES`]; more cohorts make more modules.
//!
//! A definition passes through [`plan`] (clauses to a graph of shared nodes) → [`emit`] (nodes to
//! functions) → [`component`].
//!
//! ```
//! use muster_compiler::compile;
//! use muster_definition::Clause;
//! use muster_model::CohortId;
//!
//! let compiled = compile(&[(CohortId::new("all")?, &Clause::Everyone)], &|list| list.to_string());
//! assert_eq!(compiled.all()?.len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod automaton;
mod component;
mod describe;
mod emit;
mod layout;
mod plan;
mod size;
mod wasm;

use muster_definition::Clause;
use muster_model::CohortId;

use automaton::Automaton;
use plan::Plan;
use size::TextBytes;

pub use size::SizeCause;

/// The most cohorts in one module. Sharing pays from ten cohorts on (docs/facts.md, "Wasm"). It
/// saves scans, and a thousand cohorts share a scan as well as ten thousand; beyond that only
/// compile time and memory grow.
pub const MAX_COHORTS: usize = 1024;

/// The most distinct clauses in one module. Each takes 2 KiB of guest memory
/// ([`layout::NODE_BYTES`]), 16 MiB in total.
pub const MAX_NODES: usize = 8192;

/// The tables of all patterns of one module, in bytes, unless a single cohort has more. With the 16
/// MiB of the nodes and the batch they stay far below the memory of an instance.
pub const MAX_AUTOMATA_BYTES: usize = 8 << 20;

/// The size of a module, in bytes (code, texts and tables), unless a single cohort has more. A
/// thousand cohorts without long lists take under 1 MiB, and 24 lists of 10,000 short texts about
/// 40 MiB. The limit is a quarter of [`MAX_COHORT_BYTES`], so that one more cohort never makes a
/// module that the sandbox refuses.
pub const MAX_MODULE_BYTES: usize = 8 << 20;

/// The size of a module of one cohort, in bytes: the most that the sandbox loads
/// (`muster_sandbox::limits::MAX_RULE_BYTES`). A definition of 1 MiB, the most that a file may
/// have, makes some 20 MiB if it has only texts of two characters.
pub const MAX_COHORT_BYTES: usize = 32 << 20;

/// A compiled module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompiledModule {
    /// The component's bytes. The same definitions give the same bytes.
    pub wasm: Vec<u8>,
    /// The cohorts of the module, in the order of its answers.
    pub cohorts: Vec<CohortId>,
}

/// The result of compiling cohorts.
#[derive(Debug, Default)]
pub struct Compiled {
    /// The modules of all cohorts that could be compiled, in the order of the cohorts.
    pub modules: Vec<CompiledModule>,
    /// The other cohorts, with the reason for each.
    pub refused: Vec<(CohortId, CompileError)>,
}

impl Compiled {
    /// Returns the modules if every cohort could be compiled.
    ///
    /// # Errors
    /// Returns the error of the first cohort that has one.
    pub fn all(self) -> Result<Vec<CompiledModule>, CompileError> {
        match self.refused.into_iter().next() {
            Some((_, error)) => Err(error),
            None => Ok(self.modules),
        }
    }
}

/// Reasons why definitions did not compile.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// A single cohort has too many clauses for a module.
    #[error(
        "cohort `{cohort}` has {nodes} different clauses; at most {MAX_NODES} fit: split it, or use fewer clauses"
    )]
    TooManyClauses {
        /// The cohort.
        cohort: CohortId,
        /// The number of distinct clauses.
        nodes: usize,
    },
    /// A single cohort makes a module that is too large.
    #[error(
        "cohort `{cohort}` makes a module of {bytes} bytes, most of it for {large}; at most {MAX_COHORT_BYTES} fit: {}",
        large.remedy()
    )]
    TooLarge {
        /// The cohort.
        cohort: CohortId,
        /// The size of the module, or of its texts alone.
        bytes: usize,
        /// The part that takes most of the module.
        large: SizeCause,
    },
    /// A pattern needs too large a table.
    #[error(
        "the pattern {pattern:?} needs too large a table ({why}): use fewer repetitions or shorter classes"
    )]
    Pattern {
        /// The pattern as it was written.
        pattern: String,
        /// The limit that the pattern exceeds.
        why: String,
    },
    /// The core module is not a valid component: a fault of the compiler.
    #[error("the compiled module was refused, which is a fault in Muster: {0}")]
    Component(String),
}

/// Compiles cohorts to as few modules as the limits allow, in the given order. `list` returns the
/// host's name for the static list of a cohort: a list of other users needs another name. A cohort
/// that cannot be compiled does not affect the others.
#[must_use]
pub fn compile(cohorts: &[(CohortId, &Clause)], list: &dyn Fn(&CohortId) -> String) -> Compiled {
    let mut compiled = Compiled::default();
    for group in cohorts.chunks(MAX_COHORTS) {
        compile_group(group, list, &mut compiled);
    }
    compiled
}

/// Compiles a group to one module if it fits, else to modules of its halves.
fn compile_group(
    group: &[(CohortId, &Clause)],
    list: &dyn Fn(&CohortId) -> String,
    compiled: &mut Compiled,
) {
    match module(group, list) {
        Ok(module) => compiled.modules.push(module),
        Err(error) => match group {
            [] => {}
            [(cohort, _)] => compiled.refused.push((cohort.clone(), error)),
            _ => {
                let (left, right) = group.split_at(group.len() / 2);
                compile_group(left, list, compiled);
                compile_group(right, list, compiled);
            }
        },
    }
}

/// Compiles a group to one module. The limits are higher for a single cohort.
fn module(
    group: &[(CohortId, &Clause)],
    list: &dyn Fn(&CohortId) -> String,
) -> Result<CompiledModule, CompileError> {
    let alone = group.len() == 1;
    let or_alone = |limit: usize, of_one: usize| if alone { of_one } else { limit };
    let most = or_alone(MAX_MODULE_BYTES, MAX_COHORT_BYTES);
    let mut plan = Plan::default();
    let mut texts = TextBytes::default();
    for (cohort, clause) in group {
        plan.add(cohort.clone(), clause, list);
        // Ends as soon as the size is known: the texts of a thousand cohorts may be a gigabyte.
        if let Some(bytes) = texts.exceed(&plan.text_sets, most) {
            return Err(CompileError::TooLarge {
                cohort: cohort.clone(),
                bytes,
                large: SizeCause::Texts,
            });
        }
    }
    let Some((cohort, _)) = group.first() else {
        return Ok(CompiledModule {
            wasm: Vec::new(),
            cohorts: Vec::new(),
        });
    };
    if plan.nodes.len() > MAX_NODES {
        return Err(CompileError::TooManyClauses {
            cohort: cohort.clone(),
            nodes: plan.nodes.len(),
        });
    }
    let automata = automata(&plan)?;
    let patterns: usize = automata.iter().map(Automaton::bytes).sum();
    let too_large = |bytes| CompileError::TooLarge {
        cohort: cohort.clone(),
        bytes,
        large: SizeCause::of(bytes, texts.bytes(), patterns),
    };
    if patterns > or_alone(MAX_AUTOMATA_BYTES, MAX_COHORT_BYTES) {
        return Err(too_large(patterns));
    }
    let wasm = component::wrap(emit::core_module(&plan, &automata))
        .map_err(|error| CompileError::Component(format!("{error:#}")))?;
    if wasm.len() > most {
        return Err(too_large(wasm.len()));
    }
    Ok(CompiledModule {
        wasm,
        cohorts: plan.cohorts.iter().map(|(id, _)| id.clone()).collect(),
    })
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
