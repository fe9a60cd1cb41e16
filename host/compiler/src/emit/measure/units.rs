//! Emits measures of events by calendar units, and by spans that end now.

use super::{Locals, Measuring};
use crate::emit::compare::compare;
use crate::emit::gather::{ENTRY, Entries};
use crate::emit::rows::{self, now};
use crate::plan::Compare;
use crate::wasm::{Expr, FunctionBody, I32, I64, Var, address, all, either, float, int, long};

impl Measuring<'_> {
    /// Emits the number of different calendar units with an event.
    pub(super) fn units(
        &self,
        body: &mut FunctionBody,
        inside: Entries,
        calendar: usize,
        times: &[Compare],
    ) {
        let Locals { count, holds, .. } = self.locals;
        // The start of the unit after the latest counted one.
        let (unit, next) = (body.local::<I32>(), body.local::<I64>());
        body.set(unit, int(0));
        body.set(count, int(0));
        body.set(next, long(i64::MIN));
        self.each_entry(body, inside, |body, entry| {
            body.if_(self.time(entry).ge(next), |body| {
                body.add(count, int(1));
                let later = self.unit_start(calendar, unit).le(self.time(entry));
                let more = all([unit.lt(rows::unit_count(calendar)), later]);
                body.while_(more, |body| body.add(unit, int(1)));
                body.set(next, self.unit_end(calendar, unit));
            });
        });
        body.set(holds, compare(times, &count.float(), &[]));
    }

    fn unit_start(&self, calendar: usize, unit: Var<I32>) -> Expr<I64> {
        rows::units(calendar).at(unit, 8).load(0)
    }

    /// Emits the start of a unit, or the end of the last unit.
    fn unit_end(&self, calendar: usize, unit: Var<I32>) -> Expr<I64> {
        either(
            unit.lt(rows::unit_count(calendar)),
            self.unit_start(calendar, unit),
            long(i64::MAX),
        )
    }

    /// Emits the test of the count in each calendar unit from the window's start on.
    pub(super) fn each(
        &self,
        body: &mut FunctionBody,
        inside: Entries,
        calendar: usize,
        times: &[Compare],
    ) {
        let Locals {
            entry,
            count,
            holds,
            change,
            after,
            ..
        } = self.locals;
        let (unit, next) = (body.local::<I32>(), body.local::<I32>());
        body.set(holds, int(1));
        body.set(entry, inside.from);
        body.each(unit, int(0), rows::unit_count(calendar), |body| {
            body.if_(self.unit_start(calendar, unit).gt(after), |body| {
                body.set(next, unit + int(1));
                body.set(count, int(0));
                let in_unit = self.time(entry).lt(self.unit_end(calendar, next));
                body.while_(all([entry.lt(inside.to), in_unit]), |body| {
                    body.add(count, int(1));
                    body.add(entry, address(ENTRY));
                });
                body.set(holds, holds.and(compare(times, &count.float(), &[])));
            });
        });
        // A new unit begins with no event in it.
        body.if_(inside.from.lt(inside.to), |body| {
            body.set(change, change.min(rows::moves_at(calendar).float()));
        });
    }

    pub(super) fn regularly(
        &self,
        body: &mut FunctionBody,
        inside: Entries,
        (every, of_last, at_least): (i64, i32, i32),
        times: &[Compare],
    ) {
        let Locals {
            entry,
            count,
            holds,
            change,
            ..
        } = self.locals;
        let (span, good) = (body.local::<I32>(), body.local::<I32>());
        let end = body.local::<I64>();
        body.set(change, float(f64::INFINITY));
        body.set(good, int(0));
        body.set(entry, inside.from);
        body.set(end, now() - long(every.saturating_mul(i64::from(of_last))));
        // From the oldest span to the one that ends now.
        body.each(span, int(0), int(of_last), |body| {
            body.add(end, long(every));
            body.set(count, int(0));
            let in_span = self.time(entry).le(end);
            body.while_(all([entry.lt(inside.to), in_span]), |body| {
                body.add(count, int(1));
                // The entry crosses to the next span after as much time as lies between this span's
                // start and the entry.
                let ahead = self.time(entry) - (end - long(every));
                let crosses = (now() + ahead).float();
                body.set(change, change.min(crosses));
                body.add(entry, address(ENTRY));
            });
            body.add(good, compare(times, &count.float(), &[]));
        });
        body.set(holds, good.ge(int(at_least)));
    }
}
