//! Emits marks: the relations of a row to the rows before and after it. Rows are in the order of
//! time, so one pass forward and one pass back find the nearest other row on each side.

use wasm_encoder::Function;

use super::columns::Columns;
use super::gather::{ENTRY, Gather, ListLocals, passes, row_of};
use super::rows::RowLocals;
use super::{function, global};
use crate::plan::{MeasureNode, PlanRelation, RowTest};
use crate::wasm::{
    Expr, F64, FunctionBody, I32, Var, address, all, call, float, global as global_, int, long,
};

/// The marks of a user's rows: a word per row, with a bit per relation that has another row.
pub(super) struct Marks {
    /// The address of the words.
    words: Var<I32>,
    /// The user's first row.
    first: Var<I32>,
    end: Var<I32>,
    /// The nearest other entry, 0 for none.
    other: Var<I32>,
    entry: Var<I32>,
    /// The next instant at which the clock alone may change a mark.
    pub(super) change: Var<F64>,
    /// The bits of all relations, and of those that need another row.
    mask: i32,
    wanted: i32,
}

/// The rows of a user among which relations are marked.
pub(super) struct MarkedRows<'a> {
    pub(super) rows: RowLocals,
    pub(super) columns: &'a Columns,
    pub(super) list: ListLocals,
    /// The first row in the window.
    pub(super) first: Var<I32>,
    /// The first row after the window.
    pub(super) last: Var<I32>,
    pub(super) user: Var<I32>,
}

impl Marks {
    /// Returns the locals of marks, if the measure has relations.
    pub(super) fn of(body: &mut FunctionBody, node: &MeasureNode) -> Option<Self> {
        let relations = &node.relations;
        if relations.is_empty() {
            return None;
        }
        let bits = |wanted: &dyn Fn(&PlanRelation) -> bool| {
            let bits = relations.iter().zip(0..);
            let bits = bits.filter(|(relation, _)| wanted(relation));
            bits.fold(0, |all, (_, bit)| all | 1 << bit)
        };
        Some(Self {
            words: body.local(),
            first: body.local(),
            end: body.local(),
            other: body.local(),
            entry: body.local(),
            change: body.local(),
            mask: bits(&|_| true),
            wanted: bits(&|relation| relation.wanted),
        })
    }

    /// Emits 1 if all relations hold for a row.
    pub(super) fn hold(&self, row: Var<I32>) -> Expr<I32> {
        let bits = self.word(row.get()).load::<I32>(0).and(int(self.mask));
        bits.eq(int(self.wanted))
    }

    fn word(&self, row: Expr<I32>) -> Expr<I32> {
        self.words.at(row - self.first.get(), 4)
    }

    /// Emits the code that marks a user's rows.
    pub(super) fn mark(
        &self,
        body: &mut FunctionBody,
        node: &MeasureNode,
        marked: &MarkedRows<'_>,
    ) {
        let MarkedRows { rows, user, .. } = *marked;
        body.set(self.first, rows.start(user));
        body.set(self.end, rows.end(user));
        let count = self.end - self.first.get();
        body.set(
            self.words,
            call(function::RESERVE_MARKS, vec![count.into()]),
        );
        body.set(self.change, float(f64::INFINITY));
        let Some(event) = node.steps.first() else {
            return;
        };
        for (relation, bit) in node.relations.iter().zip(0..) {
            self.relation(body, event, relation, 1 << bit, marked);
        }
    }

    fn relation(
        &self,
        body: &mut FunctionBody,
        event: &RowTest,
        relation: &PlanRelation,
        bit: i32,
        marked: &MarkedRows<'_>,
    ) {
        let list = marked.list;
        let gather = Gather {
            columns: marked.columns,
            steps: &[event, &relation.test],
            relative: &[&relation.test],
            by: relation
                .same
                .and_then(|column| marked.columns.column(column)),
            marks: None,
        };
        let (from, to) = match relation.before {
            true => (self.first, marked.last),
            false => (marked.first, self.end),
        };
        gather.run(body, list, from, to, marked.user);
        body.set(self.change, self.change.min(list.change));
        let time = |entry: Var<I32>| marked.rows.time(row_of(entry));
        // Rows of one instant have any order.
        let at_once = || time(self.entry).eq(time(self.other));
        let near = || {
            let (earlier, later) = match relation.before {
                true => (self.other, self.entry),
                false => (self.entry, self.other),
            };
            match relation.within {
                Some(within) => (time(later) - time(earlier)).le(long(within)),
                None => int(1),
            }
        };
        let (earlier_fits, later_fits) = match relation.before {
            true => (near(), at_once()),
            false => (at_once(), near()),
        };
        gather.each_group(body, list, |body, group| {
            body.set(self.other, int(0));
            body.set(self.entry, group.from);
            body.while_(self.entry.lt(group.to), |body| {
                self.compare(body, &earlier_fits, bit);
                body.add(self.entry, address(ENTRY));
            });
            body.set(self.other, int(0));
            body.set(self.entry, group.to);
            body.while_(self.entry.gt(group.from), |body| {
                body.set(self.entry, self.entry - address(ENTRY));
                self.compare(body, &later_fits, bit);
            });
        });
    }

    /// Emits the mark of an entry whose nearest other entry on one side fits. Then the entry may be
    /// the nearest for the next one.
    fn compare(&self, body: &mut FunctionBody, fits: &Expr<I32>, bit: i32) {
        let other = self.other.ne(int(0));
        body.if_(all([passes(self.entry, 0), other, fits.clone()]), |body| {
            let word = || self.word(row_of(self.entry));
            body.store(word(), 0, word().load::<I32>(0).or(int(bit)));
        });
        body.if_(passes(self.entry, 1), |body| {
            body.set(self.other, self.entry)
        });
    }
}

/// Emits `reserve_marks(rows) -> address`: a word 0 for each row.
pub(super) fn reserve() -> Function {
    let mut body = FunctionBody::new(1);
    let rows = Var::<I32>::parameter(0);
    let size = body.local::<I32>();
    body.if_(rows.gt(global_::<I32>(global::MARKS_SIZE)), |body| {
        // Twice the needed size, so that growing costs little in total. A batch has fewer than 2^28
        // rows, as each takes 16 bytes and more of its memory.
        body.set(size, rows.shl(int(1)));
        body.set_global(global::MARKS_SIZE, size);
        let marks = call::<I32>(
            function::ALLOCATE,
            vec![size.shl(int(2)).into(), int(4).into()],
        );
        body.set_global(global::MARKS, marks);
    });
    body.push(global_::<I32>(global::MARKS));
    body.push(int(0));
    body.push(rows.shl(int(2)));
    body.sink().memory_fill(0);
    body.push(global_::<I32>(global::MARKS));
    body.finish()
}
