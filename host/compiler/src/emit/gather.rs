//! Emits lists: the matching rows of a user in memory, for the measures that read them more than
//! once.
//!
//! An entry has 16 bytes. They are its row, the code of the value that it is grouped by (0 without
//! grouping), and the steps that the row passes, one bit each. Within each group, entries are in
//! the order of rows, which is the order of time.

use wasm_encoder::Function;

use super::columns::{ColumnLocals, Columns};
use super::marks::Marks;
use super::{constant, function, global};
use crate::plan::RowTest;
use crate::wasm::{
    Expr, F64, FunctionBody, I32, I64, Var, address, all, call, float, global as global_, int,
};

/// The bytes of an entry.
pub(super) const ENTRY: u32 = 16;
const ROW: u64 = 0;
const CODE: u64 = 4;
const STEPS: u64 = 8;

/// The tests and columns by which a user's rows are gathered.
pub(super) struct Gather<'a> {
    pub(super) columns: &'a Columns,
    pub(super) steps: &'a [&'a RowTest],
    /// All tests whose answers may change with the clock: those of the steps, and later tests of
    /// single rows.
    pub(super) relative: &'a [&'a RowTest],
    /// The column that rows are grouped by.
    pub(super) by: Option<ColumnLocals>,
    /// Marks that a row needs to pass the first step.
    pub(super) marks: Option<&'a Marks>,
}

/// The locals of a list.
#[derive(Clone, Copy)]
pub(super) struct ListLocals {
    from: Var<I32>,
    to: Var<I32>,
    row: Var<I32>,
    steps: Var<I32>,
    group_end: Var<I32>,
    /// The next instant at which the clock alone may change a row's test.
    pub(super) change: Var<F64>,
}

/// A run of entries.
#[derive(Clone, Copy)]
pub(super) struct Entries {
    pub(super) from: Var<I32>,
    pub(super) to: Var<I32>,
}

impl ListLocals {
    pub(super) fn new(body: &mut FunctionBody) -> Self {
        Self {
            from: body.local(),
            to: body.local(),
            row: body.local(),
            steps: body.local(),
            group_end: body.local(),
            change: body.local(),
        }
    }
}

impl Gather<'_> {
    /// Gathers the rows of `from..to` that pass a step.
    pub(super) fn run(
        &self,
        body: &mut FunctionBody,
        list: ListLocals,
        from: Var<I32>,
        to: Var<I32>,
        user: Var<I32>,
    ) {
        let most = match self.by {
            Some(column) => column.codes_between(from, to),
            None => to - from.get(),
        };
        body.set(list.from, call::<I32>(function::RESERVE, vec![most.into()]));
        body.set(list.to, list.from);
        body.set(list.change, float(f64::INFINITY));
        body.each(list.row, from, to, |body| {
            for test in self.relative {
                if let Some(change) = self.columns.change(test, list.row, user) {
                    body.set(list.change, list.change.min(change));
                }
            }
            let steps = self.steps.iter().zip(0..).map(|(test, step)| {
                let passes = self.columns.test(test, list.row, user);
                match (step, self.marks) {
                    (0, Some(marks)) => all([passes, marks.hold(list.row)]),
                    (0, None) => passes,
                    _ => passes.shl(int(step)),
                }
            });
            body.set(
                list.steps,
                steps.reduce(|a, b| a.or(b)).unwrap_or_else(|| int(0)),
            );
            body.if_(list.steps.get(), |body| match self.by {
                Some(column) => column.each_code(body, list.row, |body, code| {
                    list.push(body, code);
                }),
                None => list.push(body, int(0)),
            });
        });
        if self.by.is_some() {
            let ends = call::<I32>(function::SORT, vec![list.from.into(), list.to.into()]);
            body.set(list.to, ends);
        }
    }

    /// Emits `each` for each group of entries; without grouping, once for all of them.
    pub(super) fn each_group(
        &self,
        body: &mut FunctionBody,
        list: ListLocals,
        each: impl FnOnce(&mut FunctionBody, Entries),
    ) {
        let entries = Entries {
            from: list.from,
            to: list.group_end,
        };
        if self.by.is_none() {
            body.set(list.group_end, list.to);
            each(body, entries);
            return;
        }
        body.while_(list.from.lt(list.to), |body| {
            body.set(list.group_end, list.from);
            let same = || {
                let code = |entry: Var<I32>| entry.load::<I32>(CODE);
                code(list.group_end).eq(code(list.from))
            };
            body.while_(all([list.group_end.lt(list.to), same()]), |body| {
                body.add(list.group_end, address(ENTRY));
            });
            each(body, entries);
            body.set(list.from, list.group_end);
        });
    }
}

impl ListLocals {
    fn push(self, body: &mut FunctionBody, code: Expr<I32>) {
        body.store(self.to, ROW, self.row);
        body.store(self.to, CODE, code);
        body.store(self.to, STEPS, self.steps);
        body.add(self.to, address(ENTRY));
    }
}

/// Emits the row of an entry.
pub(super) fn row_of(entry: impl Into<Expr<I32>>) -> Expr<I32> {
    entry.into().load(ROW)
}

/// Emits the steps that the row of an entry passes, one bit each.
pub(super) fn steps_of(entry: Var<I32>) -> Expr<I32> {
    entry.load(STEPS)
}

/// Emits 1 if the row of an entry passes a step.
pub(super) fn passes(entry: Var<I32>, step: usize) -> Expr<I32> {
    let steps = entry.load::<I32>(STEPS);
    steps.shr(int(constant(step))).and(int(1))
}

/// Emits 1 if the row of an entry passes a step whose number is known only at run time.
pub(super) fn passes_step(entry: Var<I32>, step: Var<I32>) -> Expr<I32> {
    entry.load::<I32>(STEPS).shr(step).and(int(1))
}

/// Emits `reserve(entries) -> address`: memory for a list, and as much again for sorting the list.
pub(super) fn reserve() -> Function {
    let mut body = FunctionBody::new(1);
    let entries = Var::<I32>::parameter(0);
    let size = body.local::<I32>();
    body.if_(entries.gt(global_::<I32>(global::LIST_SIZE)), |body| {
        // Twice the needed size, so that growing costs little in total.
        body.set(size, entries.shl(int(1)));
        body.set_global(global::LIST_SIZE, size);
        // Above 2^26 entries the product needs more than 32 bits.
        body.if_(size.gt(int(1 << 26)), |body| {
            body.sink().unreachable();
        });
        let bytes = size * address(2 * ENTRY);
        let list = call::<I32>(function::ALLOCATE, vec![bytes.into(), int(16).into()]);
        body.set_global(global::LIST, list);
    });
    body.push(global_::<I32>(global::LIST));
    body.finish()
}

/// Emits `sort(from, to) -> to`: sorts by code, then by row. It merges runs of growing length, back
/// and forth between the list and the memory after it. A row that carries a value twice carries it
/// once: of equal entries one stays.
pub(super) fn sort() -> Function {
    let mut body = FunctionBody::new(2);
    let (from, to) = (Var::<I32>::parameter(0), Var::<I32>::parameter(1));
    let (source, target) = (body.local::<I32>(), body.local::<I32>());
    let (length, width) = (body.local::<I32>(), body.local::<I32>());
    let (start, middle, end) = (
        body.local::<I32>(),
        body.local::<I32>(),
        body.local::<I32>(),
    );
    let (a, b, out) = (
        body.local::<I32>(),
        body.local::<I32>(),
        body.local::<I32>(),
    );
    let swap = body.local::<I32>();
    let key = |entry: Expr<I32>| entry.load::<I64>(0);
    let least = |a: Expr<I32>, b: Var<I32>| crate::wasm::select(a.clone().lt(b), a, b.get());
    // Lengths and positions are in bytes.
    body.set(length, to - from.get());
    body.set(source, from);
    body.set(
        target,
        from + global_::<I32>(global::LIST_SIZE) * address(ENTRY),
    );
    body.set(width, address(ENTRY));
    body.while_(width.lt(length), |body| {
        body.set(start, int(0));
        body.while_(start.lt(length), |body| {
            body.set(middle, least(start + width.get(), length));
            body.set(end, least(middle + width.get(), length));
            body.set(a, start);
            body.set(b, middle);
            body.set(out, start);
            body.while_(out.lt(end), |body| {
                let first = all([
                    a.lt(middle),
                    crate::wasm::any([
                        b.ge(end),
                        key(source + b.get()).lt_u(key(source + a.get())).not(),
                    ]),
                ]);
                body.if_else(
                    first,
                    |body| {
                        copy(body, target + out.get(), source + a.get());
                        body.add(a, address(ENTRY));
                    },
                    |body| {
                        copy(body, target + out.get(), source + b.get());
                        body.add(b, address(ENTRY));
                    },
                );
                body.add(out, address(ENTRY));
            });
            body.set(start, end);
        });
        body.set(swap, source);
        body.set(source, target);
        body.set(target, swap);
        body.set(width, width.shl(int(1)));
    });
    // Copies back to the list, and leaves out repeated entries.
    body.set(a, int(0));
    body.set(out, from);
    body.while_(a.lt(length), |body| {
        let entry = source + a.get();
        let last = key(out - address(ENTRY));
        let new = crate::wasm::any([out.eq(from), key(entry.clone()).ne(last)]);
        body.if_(new, |body| {
            copy(body, out.get(), entry);
            body.add(out, address(ENTRY));
        });
        body.add(a, address(ENTRY));
    });
    body.push(out);
    body.finish()
}

fn copy(body: &mut FunctionBody, to: Expr<I32>, from: Expr<I32>) {
    let (to_key, from_key) = (to.clone(), from.clone());
    body.store(to_key, 0, from_key.load::<I64>(0));
    body.store(to, 8, from.load::<I64>(8));
}
