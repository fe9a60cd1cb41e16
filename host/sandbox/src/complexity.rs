//! Counts of what makes a rule slow to check or to compile, taken before anything but the parser
//! has seen the rule. The limits are far above the output of compilers. The process that compiles
//! bounds what is still possible within them.

use wasmparser::{FuncType, FunctionBody, Operator};

use crate::error::LoadError;
use crate::limits;

/// The counts of all core modules of a rule together.
#[derive(Debug, Default)]
pub(crate) struct Complexity {
    functions: usize,
    types: usize,
    locals: usize,
    targets: usize,
    /// The index of the next function in its module, imports not counted.
    next: u32,
}

/// The reason why a module is refused: it is malformed, or too complex.
#[derive(Debug)]
pub(crate) enum ComplexityError {
    Malformed(wasmparser::Error),
    TooComplex(LoadError),
}

impl From<wasmparser::Error> for ComplexityError {
    fn from(error: wasmparser::Error) -> Self {
        Self::Malformed(error)
    }
}

impl Complexity {
    /// Begins a core module.
    pub(crate) fn module(&mut self) {
        self.next = 0;
    }

    /// Counts a function type.
    pub(crate) fn function_type(&mut self, ty: &FuncType) -> Result<(), ComplexityError> {
        self.types += 1;
        at_most("function types", self.types, limits::MAX_TYPES)?;
        let parameters = ty.params().len();
        at_most(
            "parameters in a function type",
            parameters,
            limits::MAX_PARAMETERS,
        )?;
        let results = ty.results().len();
        at_most("results in a function type", results, limits::MAX_RESULTS)
    }

    /// Counts the locals, blocks and targets of a function.
    pub(crate) fn function(&mut self, body: &FunctionBody<'_>) -> Result<(), ComplexityError> {
        let function = self.next;
        self.next = self.next.saturating_add(1);
        self.functions += 1;
        at_most("functions", self.functions, limits::MAX_FUNCTIONS)?;
        let within = |what, found, limit| match found <= limit {
            true => Ok(()),
            false => Err(ComplexityError::TooComplex(LoadError::TooComplex {
                function,
                what,
                found,
                limit,
            })),
        };
        within(
            "bytes of code",
            body.range().len(),
            limits::MAX_FUNCTION_BYTES,
        )?;
        let mut locals = 0_usize;
        for group in body.get_locals_reader()? {
            let (count, _) = group?;
            locals = locals.saturating_add(count as usize);
        }
        within("locals", locals, limits::MAX_FUNCTION_LOCALS)?;
        self.locals = self.locals.saturating_add(locals);
        at_most("locals", self.locals, limits::MAX_LOCALS)?;
        let (mut depth, mut deepest, mut blocks, mut targets) = (0_usize, 0, 0_usize, 0_usize);
        for operator in body.get_operators_reader()? {
            match operator? {
                Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                    blocks += 1;
                    depth += 1;
                    deepest = depth.max(deepest);
                }
                Operator::End => depth = depth.saturating_sub(1),
                Operator::BrTable { targets: table } => {
                    targets = targets.saturating_add(table.len() as usize + 1);
                }
                _ => {}
            }
        }
        within("blocks nested in each other", deepest, limits::MAX_NESTING)?;
        within("blocks", blocks, limits::MAX_FUNCTION_BLOCKS)?;
        within(
            "targets of `br_table`",
            targets,
            limits::MAX_FUNCTION_TARGETS,
        )?;
        self.targets = self.targets.saturating_add(targets);
        at_most("targets of `br_table`", self.targets, limits::MAX_TARGETS)
    }
}

fn at_most(what: &'static str, found: usize, limit: usize) -> Result<(), ComplexityError> {
    if found <= limit {
        return Ok(());
    }
    Err(ComplexityError::TooComplex(LoadError::TooManyParts {
        what,
        found,
        limit,
    }))
}
