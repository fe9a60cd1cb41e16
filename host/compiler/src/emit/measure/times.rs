//! Emits measures of the number of events.

use super::{Locals, Measuring};
use crate::emit::compare::compare;
use crate::emit::gather::{ENTRY, Entries, passes};
use crate::plan::{Compare, SpanStart};
use crate::wasm::{Expr, FunctionBody, I32, I64, Var, address, all, float, int, long, select};

impl Measuring<'_> {
    pub(super) fn times(
        &self,
        body: &mut FunctionBody,
        group: Entries,
        inside: Entries,
        times: &[Compare],
    ) {
        let Locals { count, holds, .. } = self.locals;
        if self.node.steps.len() > 1 {
            let counts: Vec<_> = (0..self.node.steps.len())
                .map(|step| self.passing(body, inside, step).float())
                .collect();
            let main = counts.first().cloned().unwrap_or_else(|| float(0.0));
            body.set(holds, compare(times, &main, &counts));
            return;
        }
        let entries =
            |from: Expr<I32>, to: Expr<I32>| (to - from).shr(address(ENTRY.trailing_zeros()));
        body.set(count, entries(inside.from.get(), inside.to.get()));
        body.set(holds, compare(times, &count.float(), &[]));
        if self.node.per.is_some() || matches!(self.node.span.start, SpanStart::Calendar(_)) {
            return;
        }
        self.until(body, group, times);
    }

    /// Emits a loop in which entries leave and enter the window, in order of time, until the count
    /// decides otherwise.
    fn until(&self, body: &mut FunctionBody, group: Entries, times: &[Compare]) {
        let Locals {
            middle,
            count,
            holds,
            change,
            ..
        } = self.locals;
        let leaving = match self.node.span.start {
            SpanStart::Last(length) => Some(length),
            SpanStart::Ever | SpanStart::Calendar(_) | SpanStart::At(_) => None,
        };
        let entering = self.node.span.enters();
        let (out, into) = (body.var(group.from), body.var(middle));
        let (next, now) = (body.local::<I64>(), body.local::<I32>());
        let due = |entry: Var<I32>, length: i64| self.time(entry) + long(length);
        body.set(change, float(f64::INFINITY));
        body.block(|body, done| {
            body.while_(int(1), |body| {
                body.set(next, long(i64::MAX));
                for (entry, length) in [(out, leaving), (into, entering)] {
                    let Some(length) = length else { continue };
                    body.if_(entry.lt(group.to), |body| {
                        let at = due(entry, length);
                        body.set(next, select(at.clone().lt(next), at, next.get()));
                    });
                }
                body.leave_if(done, next.eq(long(i64::MAX)));
                for (entry, length) in [(out, leaving), (into, entering)] {
                    let Some(length) = length else { continue };
                    let passed = all([entry.lt(group.to), due(entry, length).le(next)]);
                    body.while_(passed, |body| body.add(entry, address(ENTRY)));
                }
                // A window that begins after its end selects nothing.
                let inside = select(into.gt(out), into - out.get(), int(0));
                body.set(count, inside.shr(address(ENTRY.trailing_zeros())));
                body.set(now, compare(times, &count.float(), &[]));
                body.if_(now.ne(holds), |body| {
                    body.set(change, next.float());
                    body.leave(done);
                });
            });
        });
    }

    /// Emits the number of entries that pass a step.
    fn passing(&self, body: &mut FunctionBody, inside: Entries, step: usize) -> Var<I32> {
        let count = body.local::<I32>();
        body.set(count, int(0));
        self.each_entry(body, inside, |body, entry| {
            body.add(count, passes(entry, step));
        });
        count
    }
}
