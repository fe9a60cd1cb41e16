//! Emits the frame of `did_in_order` and `in_any_order`: the rows of each group, and the answer for
//! the choice of rows whose first row is the latest.

use wasm_encoder::Function;

use super::ModuleContext;
use super::gather::{ENTRY, Entries, Gather, ListLocals, row_of};
use super::leaf::{Leaf, no_longer, signed};
use super::rows::{self, RowLocals, leaves};
use crate::plan::{PlanSteps, RowTest};
use crate::wasm::{F64, FunctionBody, I32, I64, Var, address, all, float, int, long};

/// No choice.
pub(super) const NONE: i64 = i64::MIN;

/// The code that finds a choice of rows.
pub(super) trait Choose {
    /// Emits the code that sets `latest` to the instant of the first row of the choice that fits
    /// and whose first row is the latest, or to [`NONE`].
    fn latest(&self, body: &mut FunctionBody, group: Entries, latest: Var<I64>);
}

/// Emits a leaf. `others` are tests that follow those of the steps in the bits of an entry.
pub(super) fn leaf<C: Choose>(
    context: &ModuleContext<'_>,
    node: &PlanSteps,
    others: &[&RowTest],
    at: i32,
    choose: impl FnOnce(&mut FunctionBody, RowLocals) -> C,
) -> Function {
    let mut leaf = Leaf::new();
    let body = &mut leaf.body;
    let rows = RowLocals::stream(body, node.stream);
    let steps: Vec<_> = node.steps.iter().chain(others.iter().copied()).collect();
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
    let choose = choose(body, rows);
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
            choose.latest(body, inside, latest);
            // The choice holds until its first row leaves the window. Without a choice, the next
            // row to enter may make one.
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
