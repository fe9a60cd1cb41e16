//! Emits `did_in_order`: one pass decides if any choice of events fits.
//!
//! Consider the chains of events that end in step j at an event. One of them is as good as all: the
//! chain whose first step is the latest. Every limit (the window, `all_within`, `without`) is
//! easier to meet with a late first step. Let F(j, e) be the instant of that first step. F never
//! falls from one event that takes step j to a later one. So of the earlier events that may take
//! step j − 1 only the latest counts, both for F and for `each_within`. Among the events of one
//! instant the best two count, since an event does not follow itself.

use wasm_encoder::Function;

use super::gather::{ENTRY, Entries, Gather, ListLocals, passes, passes_step, row_of};
use super::leaf::{Leaf, no_longer, signed};
use super::rows::{self, RowLocals, leaves};
use super::{ModuleContext, constant};
use crate::layout::order;
use crate::plan::OrderNode;
use crate::wasm::{Expr, F64, FunctionBody, I32, I64, Var, address, all, float, int, long};

/// No chain.
const NONE: i64 = i64::MIN;

pub(super) fn leaf(context: &ModuleContext<'_>, node: &OrderNode, at: i32) -> Function {
    let mut leaf = Leaf::new();
    let body = &mut leaf.body;
    let rows = RowLocals::stream(body, node.stream);
    let steps: Vec<_> = node.steps.iter().chain(&node.without).collect();
    let same: Vec<_> = node.same.into_iter().collect();
    let columns = context.stream_columns(body, &steps, &same, rows);
    let gather = Gather {
        columns: &columns,
        steps: &steps,
        relative: &steps,
        by: node.same.and_then(|column| columns.column(column)),
        marks: None,
    };
    let list = ListLocals::new(body);
    let (after, up_to) = (body.local::<I64>(), body.local::<I64>());
    let (first, last) = (body.local::<I32>(), body.local::<I32>());
    let (middle, latest) = (body.local::<I32>(), body.local::<I64>());
    let chains = Chains::new(body, node, rows, context.order);
    leaf.answer(at, |body, user| {
        body.set(after, rows::after(node.span.start));
        body.set(up_to, rows::up_to(node.span.end, user));
        body.set(first, rows.after(rows.start(user), rows.end(user), after));
        let end = match node.span.enters() {
            Some(_) => rows.end(user),
            None => rows.after(first, rows.end(user), up_to),
        };
        body.set(last, end);
        gather.run(body, list, first, last, user);
        let (answer, of_group) = (body.local::<F64>(), body.local::<F64>());
        body.set(answer, float(f64::NEG_INFINITY));
        gather.each_group(body, list, |body, group| {
            body.set(middle, group.from);
            let inside = rows.time(row_of(middle)).le(up_to);
            body.while_(all([middle.lt(group.to), inside]), |body| {
                body.add(middle, address(ENTRY));
            });
            let inside = Entries {
                from: group.from,
                to: middle,
            };
            chains.latest(body, inside, latest);
            // The chain holds until its first step leaves the window. Without a chain, the next
            // event to enter may end one.
            let stays = leaves(&node.span, latest.get()).unwrap_or_else(|| float(f64::INFINITY));
            body.if_else(
                latest.ne(long(NONE)),
                |body| body.set(of_group, stays),
                |body| {
                    body.set(of_group, float(f64::NEG_INFINITY));
                    if let Some(length) = node.span.enters() {
                        let enters = (rows.time(row_of(middle)) + long(length)).float();
                        body.if_(middle.lt(group.to), |body| {
                            body.set(of_group, signed(int(0), enters));
                        });
                    }
                },
            );
            body.set(answer, answer.max(of_group));
        });
        if steps.iter().any(|test| test.is_relative()) {
            no_longer(answer, list.change)
        } else {
            answer.get()
        }
    })
}

/// The chains of one group of events.
struct Chains<'a> {
    node: &'a OrderNode,
    rows: RowLocals,
    /// The address of the records of the steps, one after the other ([`order`]).
    states: u32,
    entry: Var<I32>,
    /// The first entry after the instant.
    next: Var<I32>,
    time: Var<I64>,
    step: Var<I32>,
    /// The records of the step and of the step before it.
    state: Var<I32>,
    before: Var<I32>,
    start: Var<I64>,
    other: Var<I64>,
    /// The latest event of `without` before the instant.
    without: Var<I64>,
}

impl<'a> Chains<'a> {
    fn new(body: &mut FunctionBody, node: &'a OrderNode, rows: RowLocals, states: u32) -> Self {
        Self {
            node,
            rows,
            states,
            entry: body.local(),
            next: body.local(),
            time: body.local(),
            step: body.local(),
            state: body.local(),
            before: body.local(),
            start: body.local(),
            other: body.local(),
            without: body.local(),
        }
    }

    fn steps(&self) -> i32 {
        constant(self.node.steps.len())
    }

    fn state_of(&self, step: Expr<I32>) -> Expr<I32> {
        address(self.states) + step * address(order::SIZE)
    }

    /// Emits the code that sets `latest` to the latest first step of all chains that fit, or to
    /// [`NONE`].
    fn latest(&self, body: &mut FunctionBody, group: Entries, latest: Var<I64>) {
        body.set(latest, long(NONE));
        body.set(self.without, long(NONE));
        body.each(self.step, int(0), int(self.steps()), |body| {
            body.set(self.state, self.state_of(self.step.get()));
            body.store(self.state, order::LAST_START, long(NONE));
        });
        let from = body.var(group.from);
        body.while_(from.lt(group.to), |body| {
            self.instant(body, from, group.to, latest);
            body.set(from, self.next);
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
        body.each(self.step, int(0), int(self.steps()), |body| {
            body.set(self.state, self.state_of(self.step.get()));
            body.store(self.state, order::BEST, long(NONE));
            body.store(self.state, order::SECOND, long(NONE));
            body.set(self.entry, from);
            body.while_(self.entry.lt(self.next), |body| {
                body.if_(passes_step(self.entry, self.step), |body| {
                    self.lookback(body);
                    self.keep(body);
                });
                body.add(self.entry, address(ENTRY));
            });
        });
        self.arrive(body, latest);
        body.each(self.step, int(0), int(self.steps()), |body| {
            body.set(self.state, self.state_of(self.step.get()));
            let best = || self.state.load::<I64>(order::BEST);
            body.if_(best().ne(long(NONE)), |body| {
                body.store(self.state, order::LAST_START, best());
                body.store(self.state, order::LAST_TIME, self.time);
            });
        });
        if self.node.without.is_some() {
            body.set(self.entry, from);
            body.while_(self.entry.lt(self.next), |body| {
                body.if_(passes(self.entry, self.node.steps.len()), |body| {
                    body.set(self.without, self.time);
                });
                body.add(self.entry, address(ENTRY));
            });
        }
    }

    /// Emits F of the step at the entry.
    fn lookback(&self, body: &mut FunctionBody) {
        body.if_else(
            self.step.not(),
            |body| body.set(self.start, self.time),
            |body| {
                body.set(self.before, self.state - address(order::SIZE));
                body.set(self.start, self.before.load::<I64>(order::LAST_START));
                if let Some(length) = self.node.each_within {
                    let gap = self.time - self.before.load::<I64>(order::LAST_TIME);
                    body.if_(gap.gt(long(length)), |body| {
                        body.set(self.start, long(NONE))
                    });
                }
                // The best chain may end at this entry itself. Then the second best counts, which
                // ends at another event of the same instant.
                let itself = self.before.load::<I32>(order::BEST_ENTRY).eq(self.entry);
                body.set(self.other, self.before.load::<I64>(order::BEST));
                body.if_(itself, |body| {
                    body.set(self.other, self.before.load::<I64>(order::SECOND));
                });
                body.if_(self.other.gt(self.start), |body| {
                    body.set(self.start, self.other);
                });
            },
        );
    }

    /// Emits the code that keeps the best two of the instant.
    fn keep(&self, body: &mut FunctionBody) {
        let best = || self.state.load::<I64>(order::BEST);
        body.if_else(
            self.start.gt(best()),
            |body| {
                body.store(self.state, order::SECOND, best());
                body.store(self.state, order::BEST, self.start);
                body.store(self.state, order::BEST_ENTRY, self.entry);
            },
            |body| {
                let second = self.state.load::<I64>(order::SECOND);
                body.if_(self.start.gt(second), |body| {
                    body.store(self.state, order::SECOND, self.start);
                });
            },
        );
    }

    /// Emits the test of the limits for the best chain that ends at this instant.
    fn arrive(&self, body: &mut FunctionBody, latest: Var<I64>) {
        body.set(self.state, self.state_of(int(self.steps() - 1)));
        body.set(self.start, self.state.load::<I64>(order::BEST));
        let mut limits = vec![self.start.gt(latest)];
        if let Some(length) = self.node.all_within {
            limits.push((self.time - self.start.get()).le(long(length)));
        }
        if self.node.without.is_some() {
            limits.push(self.without.le(self.start));
        }
        body.if_(all(limits), |body| body.set(latest, self.start));
    }
}
