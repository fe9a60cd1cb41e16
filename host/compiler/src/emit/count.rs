//! Emits a `did` whose allowed counts are more than a lower or an upper bound. The leaf counts a
//! user's matching rows, and finds when the count will next decide otherwise.

use wasm_encoder::Function;

use super::ModuleContext;
use super::leaf::{Leaf, signed};
use super::rows::{RowLocals, now};
use crate::plan::{AllowedCounts, CountNode};
use crate::wasm::{Expr, F64, I32, I64, Var, either, float, int, long, raw};

pub(super) fn leaf(context: &ModuleContext<'_>, count: &CountNode, node: i32) -> Function {
    let mut leaf = Leaf::new();
    let rows = RowLocals::stream(&mut leaf.body, count.stream);
    let columns = context.stream_columns(&mut leaf.body, &[&count.test], &[], rows);
    let low = count
        .window
        .map(|window| leaf.body.var(now() - long(window)));
    let (start, end) = (leaf.body.local::<I32>(), leaf.body.local::<I32>());
    let (row, matches) = (leaf.body.local::<I32>(), leaf.body.local::<I32>());
    let holding = leaf.body.local::<I32>();
    let answer = leaf.body.local::<F64>();
    let time = leaf.body.local::<I64>();
    leaf.answer(node, |body, user| {
        body.set(start, rows.start(user));
        body.set(end, rows.end(user));
        if let Some(low) = low {
            // `in_last` selects now − W < t. The lookback of the stream often removed such rows
            // already.
            body.if_(start.lt(end), |body| {
                body.if_(rows.time(start).le(low), |body| {
                    body.set(start, rows.after(start, end, low));
                });
            });
        }
        let test = || columns.test(&count.test, row, user);
        if count.test.is_nothing() {
            body.set(matches, end - start.get());
        } else {
            body.set(matches, int(0));
            body.each(row, start, end, |body| body.add(matches, test()));
        }
        body.set(holding, holds(&count.counts, matches));
        body.set(answer, float(f64::INFINITY));
        if let Some(window) = count.window {
            // The rows leave the window, oldest first, until the count decides otherwise. Rows of
            // one instant leave together.
            body.set(row, start);
            body.block(|body, found| {
                body.while_(row.lt(end), |body| {
                    body.set(matches, matches - test());
                    body.set(time, rows.time(row));
                    body.add(row, int(1));
                    let alone = either(row.lt(end), rows.time(row).ne(time), int(1));
                    body.if_(alone, |body| {
                        body.if_(holds(&count.counts, matches).ne(holding), |body| {
                            body.set(answer, (time + long(window)).float());
                            body.leave(found);
                        });
                    });
                });
            });
        }
        signed(holding, answer)
    })
}

/// Emits 1 if a number of rows is allowed.
fn holds(counts: &AllowedCounts, matches: Var<I32>) -> Expr<I32> {
    // The numbers are signed, as a bound may be below 0.
    let range = raw({
        let (index, least, most) = (matches.index(), counts.least, counts.most);
        move |sink| {
            sink.local_get(index).i32_const(least).i32_ge_s();
            sink.local_get(index).i32_const(most).i32_le_s().i32_and();
        }
    });
    counts.excluded.iter().fold(range, |holds, excluded| {
        holds.and(matches.ne(int(*excluded)))
    })
}
