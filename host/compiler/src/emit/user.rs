//! Emits leaves over data of a user other than events: properties, their histories, the first
//! event, the sample, the lists.

use muster_definition::End;
use wasm_encoder::Function;

use super::columns::exact;
use super::leaf::{Leaf, for_ever, no_longer};
use super::rows::{self, RowLocals, history_column, leaves, moves_at, now};
use super::{ModuleContext, constant, global};
use crate::layout::{batch, list};
use crate::plan::{HistoryNode, PlanWhen, PlanWindow, RowTest, SpanStart};
use crate::wasm::{Expr, F64, I32, I64, Var, all, float, global as global_, int, long, select};

/// Emits a test of current property values. Its answer changes only with new changes of properties,
/// unless the test compares an instant with the clock.
pub(super) fn properties(context: &ModuleContext<'_>, test: &RowTest, at: i32) -> Function {
    let mut leaf = Leaf::new();
    let columns = context.columns(&mut leaf.body, &[test], &[], &super::columns::user_column);
    let answer = leaf.body.local::<F64>();
    leaf.answer(at, |body, user| {
        body.set(answer, for_ever(columns.test(test, user, user)));
        match columns.change(test, user, user) {
            Some(change) => no_longer(answer, change),
            None => answer.get(),
        }
    })
}

/// Emits a test of a property's values, from each change to the next.
pub(super) fn history(context: &ModuleContext<'_>, node: &HistoryNode, at: i32) -> Function {
    let mut leaf = Leaf::new();
    let body = &mut leaf.body;
    let property = node.test.columns().first().map_or(0, |(column, _)| *column);
    let rows = RowLocals::history(body, property);
    let columns = context.columns(body, &[&node.test], &[], &history_column);
    let (row, end, next) = (
        body.local::<I32>(),
        body.local::<I32>(),
        body.local::<I32>(),
    );
    let (since, until) = (body.local::<I64>(), body.local::<I64>());
    let passes = body.local::<I32>();
    let state = HistoryWalk {
        node,
        since,
        until,
        passes,
        answer: body.local(),
        held: body.local(),
    };
    leaf.answer(at, |body, user| {
        state.begin(body);
        body.set(end, rows.end(user));
        body.set(row, rows.start(user));
        body.while_(row.lt(end), |body| {
            body.set(next, row + int(1));
            body.set(since, rows.time(row));
            body.set(until, long(i64::MAX));
            body.if_(next.lt(end), |body| body.set(until, rows.time(next)));
            // Of changes at one instant only the last counts.
            body.if_(until.gt(since), |body| {
                body.set(passes, columns.test(&node.test, row, user));
                state.step(body);
            });
            body.set(row, next);
        });
        state.finish()
    })
}

/// The state of a walk through a history.
struct HistoryWalk<'a> {
    node: &'a HistoryNode,
    /// The current value: when it began, when it ended (`i64::MAX`: it lasts), and 1 if it passes
    /// the test.
    since: Var<I64>,
    until: Var<I64>,
    passes: Var<I32>,
    answer: Var<F64>,
    /// The instant since which the test has held without a break; `i64::MAX`: it does not hold.
    held: Var<I64>,
}

impl HistoryWalk<'_> {
    fn begin(&self, body: &mut crate::wasm::FunctionBody) {
        body.set(self.answer, float(f64::NEG_INFINITY));
        // Before its first change a property has no value.
        let start = if self.node.absent { i64::MIN } else { i64::MAX };
        body.set(self.held, long(start));
    }

    fn step(&self, body: &mut crate::wasm::FunctionBody) {
        let lasts = || self.until.eq(long(i64::MAX));
        match self.node.when {
            PlanWhen::Ever => body.if_(self.passes.get(), |body| {
                body.set(self.answer, float(f64::INFINITY));
            }),
            PlanWhen::During(start) => {
                // The value reaches into the window if it ended later than the window began.
                let inside = self.until.gt(match start {
                    SpanStart::Calendar(index) => rows::after(SpanStart::Calendar(index)) + long(1),
                    start => rows::after(start),
                });
                let leaves = match start {
                    SpanStart::Last(length) => (self.until + long(length)).float(),
                    SpanStart::Calendar(index) => moves_at(index).float(),
                    SpanStart::Ever | SpanStart::At(_) => float(f64::INFINITY),
                };
                let stays = select(lasts(), float(f64::INFINITY), leaves);
                body.if_(all([self.passes.get(), inside]), |body| {
                    body.set(self.answer, self.answer.max(stays));
                });
            }
            PlanWhen::HeldFor(_) => body.if_else(
                self.passes.get(),
                |body| {
                    let begins = self.held.eq(long(i64::MAX));
                    body.set(self.held, select(begins, self.since.get(), self.held.get()));
                },
                |body| body.set(self.held, long(i64::MAX)),
            ),
        }
    }

    fn finish(&self) -> Expr<F64> {
        let length = match self.node.when {
            PlanWhen::Ever | PlanWhen::During(_) => return self.answer.get(),
            PlanWhen::HeldFor(length) => length,
        };
        let reached = self.held.float() + float(exact(length));
        let waits = select(
            self.held.eq(long(i64::MAX)),
            float(f64::INFINITY),
            reached.clone(),
        );
        select(reached.le(now().float()), float(f64::INFINITY), waits.neg())
    }
}

/// Emits the test that the first event lies in a window.
pub(super) fn first_seen(span: &PlanWindow, at: i32) -> Function {
    let mut leaf = Leaf::new();
    let first = leaf.body.local::<I64>();
    let answer = leaf.body.local::<F64>();
    leaf.answer(at, |body, user| {
        body.set(first, rows::first_seen(user));
        body.set(answer, float(f64::NEG_INFINITY));
        let known = first.lt(long(i64::MAX));
        let begun = first.gt(rows::after(span.start));
        body.if_(all([known, begun]), |body| {
            let stays = leaves(span, first.get()).unwrap_or_else(|| float(f64::INFINITY));
            let waits = match span.enters() {
                Some(length) => (first + long(length)).float().neg(),
                None => float(f64::NEG_INFINITY),
            };
            // The first event always lies within its own first days.
            let inside = match span.end {
                End::WithinFirst(_) => int(1),
                end => first.le(rows::up_to(end, user)),
            };
            body.set(answer, select(inside, stays, waits));
        });
        answer.get()
    })
}

/// Emits a stable share of users: the hash, mixed with that of the seed by splitmix64's finalizer,
/// as a number below 1.
pub(super) fn sample(seed: u64, share: f64, at: i32) -> Function {
    let mut leaf = Leaf::new();
    let hash = leaf.body.local::<I64>();
    leaf.answer(at, |body, user| {
        let hashes = global_::<I32>(global::BATCH).load::<I32>(batch::USER_HASH);
        body.set(
            hash,
            hashes
                .at(user, 8)
                .load::<I64>(0)
                .xor(long(seed.cast_signed())),
        );
        body.set(hash, hash.xor(hash.shr(long(30))));
        body.set(hash, hash * long(0xbf58_476d_1ce4_e5b9_u64.cast_signed()));
        body.set(hash, hash.xor(hash.shr(long(27))));
        body.set(hash, hash * long(0x94d0_49bb_1331_11eb_u64.cast_signed()));
        body.set(hash, hash.xor(hash.shr(long(31))));
        // 53 bits are exact as an `f64`.
        let below_one = hash.shr(long(11)).float() * float(1.0 / 9_007_199_254_740_992.0);
        for_ever(below_one.lt(float(share)))
    })
}

/// Emits the test that the user is on a static list, which has one bit per user.
pub(super) fn listed(index: usize, at: i32) -> Function {
    let mut leaf = Leaf::new();
    let words = global_::<I32>(global::BATCH).load::<I32>(batch::LISTS);
    let record = words + int(constant(index * list::SIZE as usize));
    let words = leaf.body.var(record.load::<I32>(list::WORDS));
    leaf.answer(at, |_, user| {
        // Bit u of little-endian words is bit u % 8 of byte u / 8.
        let byte = (words + user.shr(int(3))).load8(0);
        for_ever(byte.shr(user.and(int(7))).and(int(1)))
    })
}
