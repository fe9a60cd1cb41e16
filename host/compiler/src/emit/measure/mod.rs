//! Emits `did` in full: any window, any measure, with or without `per`.

mod times;
mod units;
mod values;

use wasm_encoder::Function;

use super::ModuleContext;
use super::columns::Columns;
use super::gather::{ENTRY, Entries, Gather, ListLocals, passes, row_of};
use super::leaf::{Leaf, no_longer, signed};
use super::marks::{MarkedRows, Marks};
use super::rows::{self, RowLocals, leaves};
use crate::plan::{MeasureNode, PlanMeasure};
use crate::wasm::{Expr, F64, FunctionBody, I32, I64, Var, address, all, float, int, long};

pub(super) fn leaf(context: &ModuleContext<'_>, node: &MeasureNode, at: i32) -> Function {
    let mut leaf = Leaf::new();
    let body = &mut leaf.body;
    let rows = RowLocals::stream(body, node.stream);
    let steps: Vec<_> = node.steps.iter().collect();
    let mut tests = steps.clone();
    let mut texts: Vec<usize> = node.per.into_iter().collect();
    texts.extend(node.relations.iter().filter_map(|relation| relation.same));
    match &node.measure {
        PlanMeasure::First(test) | PlanMeasure::Last(test) => tests.push(test),
        PlanMeasure::Number(of) => texts.extend(of.iter().map(|(_, column, _)| column)),
        PlanMeasure::Distinct(of) => texts.extend(of.iter().map(|(column, _)| column)),
        PlanMeasure::Times(_)
        | PlanMeasure::Units(..)
        | PlanMeasure::Each(..)
        | PlanMeasure::Regularly { .. }
        | PlanMeasure::Nth(_) => {}
    }
    let related = node.relations.iter().map(|relation| &relation.test);
    let read: Vec<_> = tests.iter().copied().chain(related).collect();
    let columns = context.stream_columns(body, &read, &texts, rows);
    let marks = Marks::of(body, node);
    let gather = Gather {
        columns: &columns,
        steps: &steps,
        relative: &tests,
        by: node.per.and_then(|column| columns.column(column)),
        marks: marks.as_ref(),
    };
    let list = ListLocals::new(body);
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
        if matches!(node.measure, PlanMeasure::Nth(_)) {
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
        if let Some(marks) = &marks {
            let marked = MarkedRows {
                rows,
                columns: &columns,
                list,
                first: locals.first,
                last: locals.last,
                user,
            };
            marks.mark(body, node, &marked);
        }
        gather.run(body, list, locals.first, locals.last, user);
        let answer = body.local::<F64>();
        body.set(answer, float(f64::NEG_INFINITY));
        gather.each_group(body, list, |body, group| {
            measuring.group(body, group);
            body.set(answer, answer.max(locals.answer));
        });
        if let Some(marks) = &marks {
            body.set(list.change, list.change.min(marks.change));
        }
        if read.iter().any(|test| test.is_relative()) {
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
    fn new(body: &mut FunctionBody) -> Self {
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
    rows: RowLocals,
    columns: &'a Columns,
    user: Var<I32>,
    locals: Locals,
}

impl Measuring<'_> {
    fn time(&self, entry: impl Into<Expr<I32>>) -> Expr<I64> {
        self.rows.time(row_of(entry))
    }

    /// Emits the code that sets the group's answer.
    fn group(&self, body: &mut FunctionBody, group: Entries) {
        let Locals { middle, answer, .. } = self.locals;
        if let PlanMeasure::Nth(nth) = self.node.measure {
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
            PlanMeasure::Times(times) => self.times(body, group, inside, times),
            PlanMeasure::Number(of) => {
                let holds = self.number(body, inside, of);
                body.set(self.locals.holds, holds);
            }
            PlanMeasure::Distinct(of) => self.distinct(body, inside, of),
            PlanMeasure::Units(calendar, times) => self.units(body, inside, *calendar, times),
            PlanMeasure::Each(calendar, times) => self.each(body, inside, *calendar, times),
            PlanMeasure::Regularly {
                every,
                of_last,
                at_least,
                times,
            } => self.regularly(body, inside, (*every, *of_last, *at_least), times),
            PlanMeasure::First(test) => self.single(body, inside, test, true),
            PlanMeasure::Last(test) => self.single(body, inside, test, false),
            PlanMeasure::Nth(_) => {}
        }
        if self.node.per.is_some() {
            // A value counts only if a matching event in the window carries it.
            let carried = self.carried(body, inside);
            body.set(self.locals.holds, self.locals.holds.and(carried));
        }
        body.set(answer, signed(self.locals.holds, self.locals.change));
    }

    fn carried(&self, body: &mut FunctionBody, inside: Entries) -> Var<I32> {
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

    /// Emits the next instant at which the rows in the window change: the oldest leaves, the
    /// calendar moves, or the next enters.
    fn change(&self, body: &mut FunctionBody, group: Entries) {
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

    fn each_entry(
        &self,
        body: &mut FunctionBody,
        inside: Entries,
        each: impl FnOnce(&mut FunctionBody, Var<I32>),
    ) {
        let entry = self.locals.entry;
        body.set(entry, inside.from);
        body.while_(entry.lt(inside.to), |body| {
            each(body, entry);
            body.add(entry, address(ENTRY));
        });
    }
}
