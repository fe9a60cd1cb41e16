//! Emits `did_in_order`: one pass decides if any choice of events fits.
//!
//! The events of one instant may have any order, so they take some steps in a row, each step
//! another event. Consider the chains that end in step j at an instant. Of two such chains, the
//! chain that has the later of both instants for each step fits too: every limit (the window,
//! `all_within`, `each_within`, `without`) is easier to meet with a late step. So there is a latest
//! chain, which is as good as all, and of the earlier instants with a chain that ends in step j
//! only the latest counts. A strict chain goes on only at the next instant, and there are no two
//! strict chains that end in one step at one instant and begin at different ones.

use std::iter;

use wasm_encoder::Function;

use super::assign::{OWNER, assign, clear};
use super::choice::{self, Choose, NONE};
use super::gather::{ENTRY, Entries, passes, passes_step, row_of};
use super::rows::RowLocals;
use super::{ModuleContext, constant};
use crate::layout::order;
use crate::plan::{OrderNode, RowTest};
use crate::wasm::{Expr, FunctionBody, I32, I64, Var, address, all, int, long, select};

pub(super) fn leaf(context: &ModuleContext<'_>, node: &OrderNode, at: i32) -> Function {
    // Of a strict order every row is an entry.
    let every = RowTest::All(Vec::new());
    let without = node.without.iter().map(|without| &without.test);
    let others: Vec<_> = without
        .chain(iter::once(&every).filter(|_| node.strictly))
        .collect();
    choice::leaf(context, &node.steps, &others, at, |body, rows| {
        Chains::new(body, node, rows, context.order)
    })
}

/// Returns the bytes that a node needs in static memory.
pub(super) fn bytes(node: &OrderNode) -> u32 {
    let steps = u32::try_from(node.steps.steps.len()).unwrap_or(u32::MAX);
    steps.saturating_mul(record_bytes(node) + OWNER)
}

/// Returns the bytes of the record of a step ([`order`]).
fn record_bytes(node: &OrderNode) -> u32 {
    let instants = u32::try_from(node.counted_from().len()).unwrap_or(u32::MAX);
    instants.saturating_mul(16) + order::FIELDS
}

/// The chains of one group of events.
struct Chains<'a> {
    node: &'a OrderNode,
    rows: RowLocals,
    /// The address of the records of the steps, one after the other ([`order`]).
    records: u32,
    /// The address of the entries that steps take.
    owners: u32,
    /// The steps whose instants are kept.
    counted: Vec<usize>,
    entry: Var<I32>,
    /// The first entry after the instant.
    next: Var<I32>,
    time: Var<I64>,
    step: Var<I32>,
    /// The first step of a run of steps.
    first: Var<I32>,
    count: Var<I32>,
    wanted: Var<I32>,
    /// The records of the step, and of the step before the run.
    record: Var<I32>,
    before: Var<I32>,
    /// The latest event of each `without` before the instant.
    without: Vec<Var<I64>>,
}

impl<'a> Chains<'a> {
    fn new(body: &mut FunctionBody, node: &'a OrderNode, rows: RowLocals, records: u32) -> Self {
        let steps = u32::try_from(node.steps.steps.len()).unwrap_or(u32::MAX);
        Self {
            node,
            rows,
            records,
            owners: records + steps * record_bytes(node),
            counted: node.counted_from(),
            entry: body.local(),
            next: body.local(),
            time: body.local(),
            step: body.local(),
            first: body.local(),
            count: body.local(),
            wanted: body.local(),
            record: body.local(),
            before: body.local(),
            without: node.without.iter().map(|_| body.local()).collect(),
        }
    }

    fn steps(&self) -> i32 {
        constant(self.node.steps.steps.len())
    }

    fn record_of(&self, step: impl Into<Expr<I32>>) -> Expr<I32> {
        address(self.records) + step.into() * address(record_bytes(self.node))
    }

    /// Returns the offset of the instant of a counted step in the chain that ends now.
    fn best(counted: usize) -> u64 {
        order::BEST + 8 * counted as u64
    }

    /// Returns the offset of the same in the chain that ended last.
    fn last(&self, counted: usize) -> u64 {
        Self::best(self.counted.len() + counted)
    }

    /// Returns the offset of another field.
    fn field(&self, field: u64) -> u64 {
        Self::best(2 * self.counted.len()) + field
    }

    /// Emits 1 if a chain that ended before in the step of a record.
    fn has_chain(&self, record: Var<I32>) -> Expr<I32> {
        record.load::<I64>(self.last(0)).ne(long(NONE))
    }

    fn each_step(
        &self,
        body: &mut FunctionBody,
        from: i32,
        to: i32,
        each: impl FnOnce(&mut FunctionBody),
    ) {
        body.each(self.step, int(from), int(to), |body| {
            body.set(self.record, self.record_of(self.step));
            each(body);
        });
    }

    /// Emits the work on all entries of one instant.
    fn instant(&self, body: &mut FunctionBody, from: Var<I32>, to: Var<I32>, latest: Var<I64>) {
        let time_of = |entry: Var<I32>| self.rows.time(row_of(entry));
        body.set(self.time, time_of(from));
        body.set(self.next, from);
        let same = time_of(self.next).eq(self.time);
        body.while_(all([self.next.lt(to), same]), |body| {
            body.add(self.next, address(ENTRY));
        });
        self.runs(body, from);
        self.limits(body);
        self.extend(body, from);
        self.arrive(body, latest);
        self.keep(body);
        for (without, test) in self.without.iter().zip(self.node.steps.steps.len()..) {
            body.set(self.entry, from);
            body.while_(self.entry.lt(self.next), |body| {
                body.if_(passes(self.entry, test), |body| {
                    body.set(*without, self.time);
                });
                body.add(self.entry, address(ENTRY));
            });
        }
    }

    /// Emits the code that finds, for each step, the longest run of steps that ends in it and that
    /// different events of the instant can take.
    fn runs(&self, body: &mut FunctionBody, from: Var<I32>) {
        let run = self.field(order::FIRST_OF_RUN);
        let one = (from + address(ENTRY)).eq(self.next);
        body.if_else(
            one,
            |body| {
                self.each_step(body, 0, self.steps(), |body| {
                    let none = passes_step(from, self.step).not();
                    body.store(self.record, run, self.step + none);
                });
            },
            |body| {
                body.set(self.first, int(0));
                self.each_step(body, 0, self.steps(), |body| {
                    // A run that ends in a later step begins no earlier.
                    body.set(self.count, int(-1));
                    body.while_(self.is_run().not(), |body| {
                        self.assigned(body, from);
                        body.if_(self.is_run().not(), |body| {
                            body.add(self.first, int(1));
                            body.set(self.count, int(-1));
                        });
                    });
                    body.store(self.record, run, self.first);
                });
            },
        );
    }

    /// Emits 1 if as many steps have events as the run has. A run of no step needs none.
    fn is_run(&self) -> Expr<I32> {
        crate::wasm::any([
            self.first.gt(self.step),
            self.count.eq(self.step + int(1) - self.first.get()),
        ])
    }

    /// Emits the code that counts the steps of a run that can take different events.
    fn assigned(&self, body: &mut FunctionBody, from: Var<I32>) {
        clear(body, self.owners, self.node.steps.steps.len());
        // The bits of first..=step.
        let below = |step: Expr<I32>| int(1).shl(step);
        body.set(
            self.wanted,
            below(self.step + int(1)) - below(self.first.get()),
        );
        body.set(self.count, int(0));
        body.set(self.entry, from);
        let open = || self.count.ne(self.step + int(1) - self.first.get());
        body.while_(all([self.entry.lt(self.next), open()]), |body| {
            let given = assign(body, self.entry, self.owners, self.wanted);
            body.add(self.count, given);
            body.add(self.entry, address(ENTRY));
        });
    }

    /// Emits the code that finds, for each step with an earlier chain, how far the chain can go on
    /// at this instant.
    fn limits(&self, body: &mut FunctionBody) {
        let limit = self.field(order::LIMIT);
        self.each_step(body, 0, self.steps() - 1, |body| {
            let mut goes_on = vec![self.has_chain(self.record)];
            if let Some(length) = self.node.each_within {
                let last = self.record.load::<I64>(self.field(order::LAST_TIME));
                goes_on.push((self.time - last).le(long(length)));
            }
            // To no step at all: each step is later than the first one.
            body.store(self.record, limit, int(0));
            body.if_(all(goes_on), |body| {
                body.store(self.record, limit, int(self.steps() - 1));
            });
            for (without, latest) in self.node.without.iter().zip(&self.without) {
                let counted = self.counted.iter().position(|step| *step == without.from);
                let from = self.record.load::<I64>(self.last(counted.unwrap_or(0)));
                let disturbed = all([
                    self.step.ge(int(constant(without.from))),
                    self.step.lt(int(constant(without.to))),
                    latest.gt(from),
                ]);
                let before = constant(without.to.saturating_sub(1));
                body.if_(disturbed, |body| {
                    let least = self.record.load::<I32>(limit);
                    let least = select(least.clone().lt(int(before)), least, int(before));
                    body.store(self.record, limit, least);
                });
            }
        });
    }

    /// Emits the code that finds, for each step, the latest chain that ends in it at this instant.
    fn extend(&self, body: &mut FunctionBody, from: Var<I32>) {
        let set = |body: &mut FunctionBody, value: Expr<I64>, counted: usize| {
            body.store(self.record, Self::best(counted), value);
        };
        self.each_step(body, 0, self.steps(), |body| {
            for counted in 0..self.counted.len() {
                set(body, long(NONE), counted);
            }
            let run = self.record.load::<I32>(self.field(order::FIRST_OF_RUN));
            body.set(self.first, run);
            // All steps up to this one at this instant: no chain is later.
            body.if_else(
                self.first.not(),
                |body| {
                    for counted in 0..self.counted.len() {
                        set(body, self.time.get(), counted);
                    }
                },
                |body| {
                    body.while_(self.first.lt(self.step + int(1)), |body| {
                        body.set(self.before, self.record_of(self.first - int(1)));
                        body.if_(self.follows(from), |body| self.follow(body));
                        body.add(self.first, int(1));
                    });
                },
            );
        });
    }

    /// Emits 1 if the run of `first..=step` can follow the chain before it.
    fn follows(&self, from: Var<I32>) -> Expr<I32> {
        let limit = self.before.load::<I32>(self.field(order::LIMIT));
        let mut follows = vec![self.has_chain(self.before), limit.ge(self.step)];
        if self.node.strictly {
            // Only at the first and the last instant other events may be.
            let steps = (self.step + int(1) - self.first.get())
                .shl(int(constant(ENTRY.trailing_zeros() as usize)));
            let is_last = self.step.eq(int(self.steps() - 1));
            follows.push(crate::wasm::any([
                is_last,
                steps.eq(self.next - from.get()),
            ]));
        }
        all(follows)
    }

    /// Emits the code that takes the later instants of the chain so far and of the chain before the
    /// run, which this instant continues.
    fn follow(&self, body: &mut FunctionBody) {
        for (counted, step) in self.counted.iter().enumerate() {
            let earlier = self.before.load::<I64>(self.last(counted));
            let earlier = match step {
                0 => earlier,
                step => select(
                    self.first.gt(int(constant(*step))),
                    earlier,
                    self.time.get(),
                ),
            };
            let best = self.record.load::<I64>(Self::best(counted));
            let later = select(earlier.clone().gt(best.clone()), earlier, best);
            body.store(self.record, Self::best(counted), later);
        }
    }

    /// Emits the test of the limits for the latest chain of all steps that ends at this instant.
    fn arrive(&self, body: &mut FunctionBody, latest: Var<I64>) {
        body.set(self.record, self.record_of(int(self.steps() - 1)));
        let start = || self.record.load::<I64>(Self::best(0));
        let mut limits = vec![start().gt(latest)];
        if let Some(length) = self.node.steps.all_within {
            limits.push((self.time - start()).le(long(length)));
        }
        body.if_(all(limits), |body| body.set(latest, start()));
    }

    /// Emits the code that keeps the chains of this instant for later ones.
    fn keep(&self, body: &mut FunctionBody) {
        self.each_step(body, 0, self.steps(), |body| {
            let best = || self.record.load::<I64>(Self::best(0));
            let keeps = match self.node.strictly {
                // A strict chain ends if the next instant does not go on with it.
                true => int(1),
                false => best().ne(long(NONE)),
            };
            body.if_(keeps, |body| {
                for counted in 0..self.counted.len() {
                    let value = self.record.load::<I64>(Self::best(counted));
                    body.store(self.record, self.last(counted), value);
                }
                body.store(self.record, self.field(order::LAST_TIME), self.time);
            });
        });
    }
}

impl Choose for Chains<'_> {
    fn latest(&self, body: &mut FunctionBody, group: Entries, latest: Var<I64>) {
        body.set(latest, long(NONE));
        for without in &self.without {
            body.set(*without, long(NONE));
        }
        self.each_step(body, 0, self.steps(), |body| {
            body.store(self.record, self.last(0), long(NONE));
        });
        let from = body.var(group.from);
        body.while_(from.lt(group.to), |body| {
            self.instant(body, from, group.to, latest);
            body.set(from, self.next);
        });
    }
}
