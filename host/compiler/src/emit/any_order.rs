//! Emits `in_any_order`: one pass decides if any choice of events fits.
//!
//! For each event, take the events up to it from the latest to the earliest, and keep each one with
//! which all kept events can still take different steps. Sets of events that can take different
//! steps are the independent sets of a matroid, so this greedy choice has the latest first event.
//! Of earlier events only the kept ones count for the next event: at most one for each step.

use wasm_encoder::Function;

use super::assign::{OWNER, assign, clear};
use super::choice::{self, Choose, NONE};
use super::gather::{ENTRY, Entries, row_of};
use super::rows::RowLocals;
use super::{ModuleContext, constant};
use crate::plan::PlanSteps;
use crate::wasm::{FunctionBody, I32, I64, Var, address, all, int, long};

/// The bytes of a kept entry.
const KEPT: u32 = 4;

pub(super) fn leaf(context: &ModuleContext<'_>, node: &PlanSteps, at: i32) -> Function {
    choice::leaf(context, node, &[], at, |body, rows| Kept {
        node,
        rows,
        owners: context.order,
        entry: body.local(),
        kept: body.local(),
        size: body.local(),
        number: body.local(),
        dropped: body.local(),
        start: body.local(),
    })
}

/// Returns the bytes that a node needs in static memory: the entries that steps take, and the kept
/// entries with one more.
pub(super) fn bytes(node: &PlanSteps) -> u32 {
    let steps = u32::try_from(node.steps.len()).unwrap_or(u32::MAX);
    steps.saturating_mul(OWNER + KEPT) + KEPT
}

/// The entries of one group that are kept, the earliest first.
struct Kept<'a> {
    node: &'a PlanSteps,
    rows: RowLocals,
    owners: u32,
    entry: Var<I32>,
    kept: Var<I32>,
    /// The number of kept entries.
    size: Var<I32>,
    number: Var<I32>,
    /// The number of the kept entry for which no step is left.
    dropped: Var<I32>,
    start: Var<I64>,
}

impl Kept<'_> {
    fn steps(&self) -> usize {
        self.node.steps.len()
    }

    /// Emits the address of a kept entry.
    fn at(&self, number: Var<I32>) -> crate::wasm::Expr<I32> {
        let steps = u32::try_from(self.steps()).unwrap_or(u32::MAX);
        address(self.owners + steps.saturating_mul(OWNER)).at(number, KEPT)
    }

    /// Emits the code that keeps an entry, and drops the latest one that has no step any more.
    fn keep(&self, body: &mut FunctionBody) {
        body.store(self.at(self.size), 0, self.entry);
        body.add(self.size, int(1));
        clear(body, self.owners, self.steps());
        body.set(self.dropped, self.size);
        body.set(self.number, self.size);
        let steps = int(constant((1 << self.steps()) - 1));
        body.while_(self.number.gt(int(0)), |body| {
            body.set(self.number, self.number - int(1));
            body.set(self.kept, self.at(self.number).load::<I32>(0));
            let given = assign(body, self.kept, self.owners, steps);
            body.if_(given.not(), |body| body.set(self.dropped, self.number));
        });
        body.if_(self.dropped.lt(self.size), |body| {
            body.set(self.size, self.size - int(1));
            body.each(self.number, self.dropped, self.size, |body| {
                let next = self.at(self.number).load::<I32>(u64::from(KEPT));
                body.store(self.at(self.number), 0, next);
            });
        });
    }
}

impl Choose for Kept<'_> {
    fn latest(&self, body: &mut FunctionBody, group: Entries, latest: Var<I64>) {
        body.set(latest, long(NONE));
        body.set(self.size, int(0));
        body.set(self.entry, group.from);
        body.while_(self.entry.lt(group.to), |body| {
            self.keep(body);
            body.if_(self.size.eq(int(constant(self.steps()))), |body| {
                body.set(self.number, int(0));
                body.set(self.kept, self.at(self.number).load::<I32>(0));
                body.set(self.start, self.rows.time(row_of(self.kept)));
                let mut limits = vec![self.start.gt(latest)];
                if let Some(length) = self.node.all_within {
                    let time = self.rows.time(row_of(self.entry));
                    limits.push((time - self.start.get()).le(long(length)));
                }
                body.if_(all(limits), |body| body.set(latest, self.start));
            });
            body.add(self.entry, address(ENTRY));
        });
    }
}
