//! `did` in full: any window, any measure, per value.

use muster_definition::Aggregate;
use wasm_encoder::Function;

use super::Context;
use super::columns::Columns;
use super::compare::compare;
use super::gather::{ENTRY, Entries, Gather, List, passes, row_of};
use super::leaf::{Leaf, no_longer, signed};
use super::rows::{self, Rows, leaves, now};
use super::{constant, global};
use crate::plan::{Compare, Measure, MeasureNode, RowTest, SpanStart};
use crate::wasm::{
    Body, Expr, F64, I32, I64, Var, address, all, either, float, global as global_, int, long,
    select,
};

pub(super) fn leaf(context: &Context<'_>, node: &MeasureNode, at: i32) -> Function {
    let mut leaf = Leaf::new();
    let body = &mut leaf.body;
    let rows = Rows::stream(body, node.stream);
    let steps: Vec<_> = node.steps.iter().collect();
    let mut tests = steps.clone();
    let mut texts: Vec<usize> = node.per.into_iter().collect();
    match &node.measure {
        Measure::First(test) | Measure::Last(test) => tests.push(test),
        Measure::Number(of) => texts.extend(of.iter().map(|(_, column, _)| column)),
        Measure::Distinct(of) => texts.extend(of.iter().map(|(column, _)| column)),
        _ => {}
    }
    let columns = context.columns(body, &tests, &texts, &|column| rows.column(column));
    let gather = Gather {
        columns: &columns,
        steps: &steps,
        relative: &tests,
        by: node.per.and_then(|column| columns.column(column)),
    };
    let list = List::new(body);
    let locals = Locals::new(body);
    leaf.answer(at, |body, user| {
        let measuring = Measuring {
            node,
            rows,
            columns: &columns,
            user,
            locals,
        };
        body.set(locals.after, rows::after(node.span.start));
        body.set(locals.up_to, rows::up_to(node.span.end, user));
        let (start, end) = (rows.start(user), rows.end(user));
        if matches!(node.measure, Measure::Nth(_)) {
            // Any of all events may be the nth.
            body.set(locals.first, start);
            body.set(locals.last, end);
        } else {
            body.set(locals.first, rows.after(start, end.clone(), locals.after));
            let last = match node.span.enters() {
                Some(_) => end,
                None => rows.after(locals.first, end, locals.up_to),
            };
            body.set(locals.last, last);
        }
        gather.run(body, list, locals.first, locals.last, user);
        let answer = body.local::<F64>();
        body.set(answer, float(f64::NEG_INFINITY));
        gather.each_group(body, list, |body, group| {
            measuring.group(body, group);
            body.set(answer, answer.max(locals.answer));
        });
        if gather.relative.iter().any(|test| test.is_relative()) {
            no_longer(answer, list.change)
        } else {
            answer.get()
        }
    })
}

#[derive(Clone, Copy)]
struct Locals {
    after: Var<I64>,
    up_to: Var<I64>,
    first: Var<I32>,
    last: Var<I32>,
    /// The first entry of a group that is not in the window yet.
    middle: Var<I32>,
    entry: Var<I32>,
    row: Var<I32>,
    count: Var<I32>,
    holds: Var<I32>,
    change: Var<F64>,
    answer: Var<F64>,
}

impl Locals {
    fn new(body: &mut Body) -> Self {
        Self {
            after: body.local(),
            up_to: body.local(),
            first: body.local(),
            last: body.local(),
            middle: body.local(),
            entry: body.local(),
            row: body.local(),
            count: body.local(),
            holds: body.local(),
            change: body.local(),
            answer: body.local(),
        }
    }
}

/// The measure of one group of a user's entries.
struct Measuring<'a> {
    node: &'a MeasureNode,
    rows: Rows,
    columns: &'a Columns,
    user: Var<I32>,
    locals: Locals,
}

impl Measuring<'_> {
    fn time(&self, entry: impl Into<Expr<I32>>) -> Expr<I64> {
        self.rows.time(row_of(entry))
    }

    /// Sets the group's answer.
    fn group(&self, body: &mut Body, group: Entries) {
        let Locals { middle, answer, .. } = self.locals;
        if let Measure::Nth(nth) = self.node.measure {
            self.nth(body, group, nth);
            return;
        }
        body.set(middle, group.to);
        if self.node.span.enters().is_some() {
            body.set(middle, group.from);
            let inside = self.time(middle).le(self.locals.up_to);
            body.while_(all([middle.lt(group.to), inside]), |body| {
                body.add(middle, address(ENTRY));
            });
        }
        let inside = Entries {
            from: group.from,
            to: middle,
        };
        self.change(body, group);
        match &self.node.measure {
            Measure::Times(times) => self.times(body, group, inside, times),
            Measure::Number(of) => {
                let holds = self.number(body, inside, of);
                body.set(self.locals.holds, holds);
            }
            Measure::Distinct(of) => self.distinct(body, inside, of),
            Measure::Units(calendar, times) => self.units(body, inside, *calendar, times),
            Measure::Each(calendar, times) => self.each(body, inside, *calendar, times),
            Measure::Regularly {
                every,
                of_last,
                at_least,
                times,
            } => self.regularly(body, inside, (*every, *of_last, *at_least), times),
            Measure::First(test) => self.single(body, inside, test, true),
            Measure::Last(test) => self.single(body, inside, test, false),
            Measure::Nth(_) => {}
        }
        if self.node.per.is_some() {
            // A value is looked at only if a matching event in the window carries it.
            let carried = self.carried(body, inside);
            body.set(self.locals.holds, self.locals.holds.and(carried));
        }
        body.set(answer, signed(self.locals.holds, self.locals.change));
    }

    fn carried(&self, body: &mut Body, inside: Entries) -> Var<I32> {
        let carried = body.local::<I32>();
        let entry = self.locals.entry;
        body.set(carried, int(0));
        body.set(entry, inside.from);
        body.while_(all([entry.lt(inside.to), carried.not()]), |body| {
            body.set(carried, passes(entry, 0));
            body.add(entry, address(ENTRY));
        });
        carried
    }

    /// When the rows in the window next change: the oldest leaves, the calendar moves, or the next enters.
    fn change(&self, body: &mut Body, group: Entries) {
        let Locals { middle, change, .. } = self.locals;
        body.set(change, float(f64::INFINITY));
        if let Some(leaves) = leaves(&self.node.span, self.time(group.from)) {
            body.if_(group.from.lt(middle), |body| body.set(change, leaves));
        }
        if let Some(length) = self.node.span.enters() {
            let enters = (self.time(middle) + long(length)).float();
            body.if_(middle.lt(group.to), |body| {
                body.set(change, change.min(enters));
            });
        }
    }

    fn times(&self, body: &mut Body, group: Entries, inside: Entries, times: &[Compare]) {
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

    /// Lets entries leave and enter the window, in time, until the count decides otherwise.
    fn until(&self, body: &mut Body, group: Entries, times: &[Compare]) {
        let Locals {
            middle,
            count,
            holds,
            change,
            ..
        } = self.locals;
        let leaving = match self.node.span.start {
            SpanStart::Last(length) => Some(length),
            _ => None,
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

    /// How many entries pass a step.
    fn passing(&self, body: &mut Body, inside: Entries, step: usize) -> Var<I32> {
        let count = body.local::<I32>();
        body.set(count, int(0));
        self.each_entry(body, inside, |body, entry| {
            body.add(count, passes(entry, step));
        });
        count
    }

    fn each_entry(&self, body: &mut Body, inside: Entries, each: impl FnOnce(&mut Body, Var<I32>)) {
        let entry = self.locals.entry;
        body.set(entry, inside.from);
        body.while_(entry.lt(inside.to), |body| {
            each(body, entry);
            body.add(entry, address(ENTRY));
        });
    }

    fn number(
        &self,
        body: &mut Body,
        inside: Entries,
        of: &[(Aggregate, usize, Vec<Compare>)],
    ) -> Expr<I32> {
        let (row, count) = (self.locals.row, self.locals.count);
        let value = body.local::<F64>();
        let mut holds = Vec::new();
        for (aggregate, column, comparison) in of {
            let Some(column) = self.columns.column(*column) else {
                continue;
            };
            let result = body.local::<F64>();
            let start = match aggregate {
                Aggregate::Sum | Aggregate::Average => 0.0,
                Aggregate::Smallest => f64::INFINITY,
                Aggregate::Largest => f64::NEG_INFINITY,
            };
            body.set(result, float(start));
            body.set(count, int(0));
            self.each_entry(body, inside, |body, entry| {
                body.set(row, row_of(entry));
                body.set(value, column.number(row));
                // NaN, which equals nothing, is no number.
                body.if_(value.eq(value), |body| {
                    body.add(count, int(1));
                    let next = match aggregate {
                        Aggregate::Sum | Aggregate::Average => result + value.get(),
                        Aggregate::Smallest => result.min(value),
                        Aggregate::Largest => result.max(value),
                    };
                    body.set(result, next);
                });
            });
            if *aggregate == Aggregate::Average {
                body.set(result, result.over(count.float()));
            }
            let meets = compare(comparison, &result.get(), &[]);
            let some = match aggregate {
                Aggregate::Sum => meets,
                _ => meets.and(count.ne(int(0))),
            };
            holds.push(body.var(some).get());
        }
        holds
            .into_iter()
            .reduce(|a, b| a.and(b))
            .unwrap_or_else(|| int(1))
    }

    fn distinct(&self, body: &mut Body, inside: Entries, of: &[(usize, Vec<Compare>)]) {
        let Locals {
            row, count, holds, ..
        } = self.locals;
        let (seen, stamp) = (body.local::<I32>(), body.local::<I32>());
        body.set(holds, int(1));
        for (column, comparison) in of {
            let Some(column) = self.columns.column(*column) else {
                continue;
            };
            // A text counts when it is first seen: every list has a stamp of its own.
            body.set(stamp, global_::<I32>(global::STAMP) + int(1));
            body.set_global(global::STAMP, stamp);
            body.set(count, int(0));
            self.each_entry(body, inside, |body, entry| {
                body.set(row, row_of(entry));
                column.each_code(body, row, |body, code| {
                    body.set(seen, global_::<I32>(global::STAMPS).at(code, 4));
                    body.if_(seen.load::<I32>(0).ne(stamp), |body| {
                        body.store(seen, 0, stamp);
                        body.add(count, int(1));
                    });
                });
            });
            body.set(holds, holds.and(compare(comparison, &count.float(), &[])));
        }
    }

    /// On how many different units of a calendar.
    fn units(&self, body: &mut Body, inside: Entries, calendar: usize, times: &[Compare]) {
        let Locals { count, holds, .. } = self.locals;
        // The start of the unit behind the latest that was counted.
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

    /// The start of a unit, or of the one behind the last.
    fn unit_end(&self, calendar: usize, unit: Var<I32>) -> Expr<I64> {
        either(
            unit.lt(rows::unit_count(calendar)),
            self.unit_start(calendar, unit),
            long(i64::MAX),
        )
    }

    /// In each unit of a calendar from the window's start on.
    fn each(&self, body: &mut Body, inside: Entries, calendar: usize, times: &[Compare]) {
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

    fn regularly(
        &self,
        body: &mut Body,
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
                // It crosses to the next span as far ahead as this span has still to go.
                let ahead = self.time(entry) - (end - long(every));
                let crosses = (now() + ahead).float();
                body.set(change, change.min(crosses));
                body.add(entry, address(ENTRY));
            });
            body.add(good, compare(times, &count.float(), &[]));
        });
        body.set(holds, good.ge(int(at_least)));
    }

    fn single(&self, body: &mut Body, inside: Entries, test: &RowTest, first: bool) {
        let Locals { row, holds, .. } = self.locals;
        let entry = if first {
            inside.from.get()
        } else {
            inside.to - address(ENTRY)
        };
        body.set(holds, int(0));
        body.if_(inside.from.lt(inside.to), |body| {
            body.set(row, row_of(entry));
            body.set(holds, self.columns.test(test, row, self.user));
        });
    }

    fn nth(&self, body: &mut Body, group: Entries, nth: i32) {
        let Locals {
            after,
            up_to,
            answer,
            ..
        } = self.locals;
        let skipped = (nth - 1).saturating_mul(constant(ENTRY as usize));
        let (entry, time) = (body.local::<I32>(), body.local::<I64>());
        body.set(answer, float(f64::NEG_INFINITY));
        // Both in bytes of entries, so that no address overflows.
        let enough = (group.to - group.from.get()).gt(int(skipped));
        body.if_(enough, |body| {
            body.set(entry, group.from + int(skipped));
            body.set(time, self.time(entry));
            body.if_(time.gt(after), |body| {
                let stays =
                    leaves(&self.node.span, time.get()).unwrap_or_else(|| float(f64::INFINITY));
                let waits = match self.node.span.enters() {
                    Some(length) => (time + long(length)).float().neg(),
                    None => float(f64::NEG_INFINITY),
                };
                body.set(answer, select(time.le(up_to), stays, waits));
            });
        });
    }
}
