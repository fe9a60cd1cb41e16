//! Emits tests of one row over the columns of a batch. The leaves over events, histories and user
//! properties share them.

use std::collections::BTreeMap;

use super::compare::compare;
use super::rows::{RowLocals, history_column};
use super::{constant, function, global};
use crate::layout::{batch, column};
use crate::plan::{RowTest, ValueTest};
use crate::wasm::{
    Expr, F64, FunctionBody, I32, I64, Var, all, any, call, either, float, global, int, select,
};

/// The locals that a function's tests need. The function sets them once before its loop.
#[derive(Default)]
pub(super) struct Columns {
    own: BTreeMap<usize, ColumnLocals>,
    /// The columns of user properties that events are compared with.
    of_user: BTreeMap<usize, ColumnLocals>,
    /// The histories of user properties that are tested at the row's instant, by the test.
    at_row: BTreeMap<RowTest, AtRowLocals>,
    /// The table's address of each text set.
    sets: BTreeMap<usize, Var<I32>>,
    /// The table's address of each pattern.
    patterns: BTreeMap<usize, PatternLocals>,
}

/// A column of the batch.
#[derive(Clone, Copy)]
pub(super) struct ColumnLocals {
    record: Var<I32>,
    /// The address of the values; in a column of lists, of the starts.
    data: Var<I32>,
    /// 1 if it is a column of lists.
    lists: Var<I32>,
}

/// The history of a user property, with the columns of one test of it.
struct AtRowLocals {
    history: RowLocals,
    columns: Columns,
    /// The times of the rows that are tested.
    times: Var<I32>,
    /// The row of the history.
    row: Var<I32>,
}

#[derive(Clone, Copy)]
struct PatternLocals {
    table: Var<I32>,
    automaton: u32,
}

impl Columns {
    /// Loads the columns that some tests of the rows of a stream need, and further text columns.
    pub(super) fn of_stream(
        body: &mut FunctionBody,
        automata: &[u32],
        set_count: usize,
        tests: &[&RowTest],
        more: &[usize],
        rows: RowLocals,
    ) -> Self {
        let place = |column| rows.column(column);
        let mut columns = Self::new(body, automata, set_count, tests, more, &place);
        for test in tests.iter().flat_map(|test| test.at_row()) {
            let property = test.columns().first().map_or(0, |(column, _)| *column);
            columns
                .at_row
                .entry(test.clone())
                .or_insert_with(|| AtRowLocals {
                    history: RowLocals::history(body, property),
                    columns: Self::new(body, automata, set_count, &[test], &[], &history_column),
                    times: rows.times,
                    row: body.local(),
                });
        }
        columns
    }

    /// Loads the columns that some tests need, and further text columns. `place` returns the
    /// address of a column's record.
    pub(super) fn new(
        body: &mut FunctionBody,
        automata: &[u32],
        set_count: usize,
        tests: &[&RowTest],
        more: &[usize],
        place: &dyn Fn(usize) -> Expr<I32>,
    ) -> Self {
        let mut columns = Self::default();
        for (index, check) in tests.iter().flat_map(|test| test.columns()) {
            columns.own(body, index, place);
            match *check {
                ValueTest::In(set) | ValueTest::NotIn(set) => {
                    let table = table(set);
                    columns.sets.entry(set).or_insert_with(|| body.var(table));
                }
                ValueTest::Fits(pattern) | ValueTest::FitsNot(pattern) => {
                    let table = table(set_count + pattern);
                    let automaton = automata.get(pattern).copied().unwrap_or_default();
                    columns
                        .patterns
                        .entry(pattern)
                        .or_insert_with(|| PatternLocals {
                            table: body.var(table),
                            automaton,
                        });
                }
                ValueTest::SameAs(user) => {
                    columns
                        .of_user
                        .entry(user)
                        .or_insert_with(|| ColumnLocals::load(body, user_column(user)));
                }
                ValueTest::AtLeast(_)
                | ValueTest::MoreThan(_)
                | ValueTest::AtMost(_)
                | ValueTest::LessThan(_)
                | ValueTest::InLast(_)
                | ValueTest::InNext(_)
                | ValueTest::BeforeLast(_)
                | ValueTest::Come(_)
                | ValueTest::Count(_)
                | ValueTest::Set(_) => {}
            }
        }
        for index in more {
            columns.own(body, *index, place);
        }
        columns
    }

    fn own(&mut self, body: &mut FunctionBody, index: usize, place: &dyn Fn(usize) -> Expr<I32>) {
        self.own
            .entry(index)
            .or_insert_with(|| ColumnLocals::load(body, place(index)));
    }

    /// Returns a column that `new` loaded.
    pub(super) fn column(&self, index: usize) -> Option<ColumnLocals> {
        self.own.get(&index).copied()
    }

    /// Emits 1 if the row passes the test, else 0. `user` is the user's number in the batch.
    pub(super) fn test(&self, test: &RowTest, row: Var<I32>, user: Var<I32>) -> Expr<I32> {
        match test {
            RowTest::Column { column, check } => self.check(*column, check, row, user),
            RowTest::Any(tests) => any(tests.iter().map(|test| self.test(test, row, user))),
            RowTest::AtRow { test, absent } => self.test_at_row(test, *absent, row, user),
            RowTest::All(tests) => {
                // Rows pass at random, so cheap tests are computed without branches. Expensive
                // tests run only if all cheap ones pass.
                let (cheap, expensive): (Vec<_>, Vec<_>) =
                    tests.iter().partition(|test| is_cheap(test));
                let cheap = cheap
                    .into_iter()
                    .map(|test| self.test(test, row, user))
                    .reduce(|a, b| a.and(b));
                let expensive = expensive.into_iter().map(|test| self.test(test, row, user));
                all(cheap.into_iter().chain(expensive))
            }
        }
    }

    /// Emits the test of a user property's value at the instant of a row: that of the latest change
    /// up to then.
    fn test_at_row(
        &self,
        test: &RowTest,
        absent: bool,
        row: Var<I32>,
        user: Var<I32>,
    ) -> Expr<I32> {
        let Some(at) = self.at_row.get(test) else {
            return int(0);
        };
        either(
            at.find(row, user),
            at.columns.test(test, at.row, user),
            int(i32::from(absent)),
        )
    }

    fn check(&self, index: usize, check: &ValueTest, row: Var<I32>, user: Var<I32>) -> Expr<I32> {
        let Some(column) = self.column(index) else {
            return int(0);
        };
        let number = || column.number(row);
        match check {
            // An absent number is NaN; every comparison with it is false.
            ValueTest::AtLeast(bound) => number().ge(float(bound.number())),
            ValueTest::MoreThan(bound) => number().gt(float(bound.number())),
            ValueTest::AtMost(bound) => number().le(float(bound.number())),
            ValueTest::LessThan(bound) => number().lt(float(bound.number())),
            ValueTest::InLast(length) => number()
                .le(now())
                .and((number() + float(exact(*length))).gt(now())),
            ValueTest::InNext(length) => number()
                .gt(now())
                .and((number() - float(exact(*length))).le(now())),
            ValueTest::BeforeLast(length) => (number() + float(exact(*length))).le(now()),
            ValueTest::Come(true) => number().le(now()),
            ValueTest::Come(false) => number().gt(now()),
            ValueTest::Count(conditions) => {
                let present = number().eq(number());
                compare(conditions, &select(present, number(), float(0.0)), &[])
            }
            ValueTest::Set(true) => column.is_set(row),
            ValueTest::Set(false) => column.is_set(row).not(),
            ValueTest::In(set) => self.is_in(column, *set, row),
            ValueTest::NotIn(set) => self.is_in(column, *set, row).not(),
            ValueTest::Fits(pattern) => self.fits(column, *pattern, row),
            ValueTest::FitsNot(pattern) => self.fits(column, *pattern, row).not(),
            ValueTest::SameAs(other) => match self.of_user.get(other) {
                Some(other) => call(
                    function::SHARE,
                    vec![
                        column.record.into(),
                        row.into(),
                        other.record.into(),
                        user.into(),
                    ],
                ),
                None => int(0),
            },
        }
    }

    fn is_in(&self, column: ColumnLocals, set: usize, row: Var<I32>) -> Expr<I32> {
        let Some(table) = self.sets.get(&set).copied() else {
            return int(0);
        };
        let of_list = call(
            function::ANY_IN,
            vec![table.into(), column.record.into(), row.into()],
        );
        either(
            column.lists.get(),
            of_list,
            (table + column.code(row)).load8(0),
        )
    }

    fn fits(&self, column: ColumnLocals, pattern: usize, row: Var<I32>) -> Expr<I32> {
        let Some(pattern) = self.patterns.get(&pattern) else {
            return int(0);
        };
        call(
            function::ANY_FITS,
            vec![
                pattern.table.into(),
                crate::wasm::address(pattern.automaton).into(),
                column.record.into(),
                row.into(),
            ],
        )
    }

    /// Emits the first instant after now at which the test's answer can change by the clock alone;
    /// infinite: never.
    pub(super) fn change(
        &self,
        test: &RowTest,
        row: Var<I32>,
        user: Var<I32>,
    ) -> Option<Expr<F64>> {
        let at_row = test.at_row().into_iter().filter_map(|test| {
            let at = self.at_row.get(test)?;
            let change = at.columns.change(test, at.row, user)?;
            Some(either(at.find(row, user), change, float(f64::INFINITY)))
        });
        let own = self.own_change(test, row);
        at_row.chain(own).reduce(Expr::min)
    }

    fn own_change(&self, test: &RowTest, row: Var<I32>) -> Option<Expr<F64>> {
        let checks = test.columns().into_iter().filter_map(|(index, check)| {
            let number = || Some(self.column(index)?.number(row));
            let left = |length: i64| {
                let end = number()? + float(exact(length));
                Some(select(end.clone().gt(now()), end, float(f64::INFINITY)))
            };
            match check {
                ValueTest::InLast(length) => {
                    Some(select(number()?.gt(now()), number()?, left(*length)?))
                }
                ValueTest::InNext(length) => {
                    let reached = number()? - float(exact(*length));
                    let arrives = select(number()?.gt(now()), number()?, float(f64::INFINITY));
                    Some(select(reached.clone().gt(now()), reached, arrives))
                }
                ValueTest::BeforeLast(length) => left(*length),
                ValueTest::Come(_) => {
                    Some(select(number()?.gt(now()), number()?, float(f64::INFINITY)))
                }
                ValueTest::AtLeast(_)
                | ValueTest::MoreThan(_)
                | ValueTest::AtMost(_)
                | ValueTest::LessThan(_)
                | ValueTest::Count(_)
                | ValueTest::Set(_)
                | ValueTest::In(_)
                | ValueTest::NotIn(_)
                | ValueTest::Fits(_)
                | ValueTest::FitsNot(_)
                | ValueTest::SameAs(_) => None,
            }
        });
        checks.reduce(Expr::min)
    }
}

/// Returns true if a test costs no more than a branch.
fn is_cheap(test: &RowTest) -> bool {
    match test {
        RowTest::Column { column: _, check } => match check {
            ValueTest::Fits(_) | ValueTest::FitsNot(_) | ValueTest::SameAs(_) => false,
            ValueTest::AtLeast(_)
            | ValueTest::MoreThan(_)
            | ValueTest::AtMost(_)
            | ValueTest::LessThan(_)
            | ValueTest::InLast(_)
            | ValueTest::InNext(_)
            | ValueTest::BeforeLast(_)
            | ValueTest::Come(_)
            | ValueTest::Count(_)
            | ValueTest::Set(_)
            | ValueTest::In(_)
            | ValueTest::NotIn(_) => true,
        },
        RowTest::All(tests) => tests.iter().all(is_cheap),
        RowTest::Any(_) | RowTest::AtRow { test: _, absent: _ } => false,
    }
}

impl AtRowLocals {
    /// Emits 1 and sets the row of the history, if the user property has changed up to the instant
    /// of a row; else 0.
    fn find(&self, row: Var<I32>, user: Var<I32>) -> Expr<I32> {
        let time = self.times.at(row, 8).load::<I64>(0);
        let (start, end) = (self.history.start(user), self.history.end(user));
        let next = self.history.after(start.clone(), end, time);
        let found = self.row.tee(next - int(1)) + int(1);
        found.gt(start)
    }
}

impl ColumnLocals {
    fn load(body: &mut FunctionBody, record: Expr<I32>) -> Self {
        let record = body.var(record);
        Self {
            record,
            data: body.var(record.load::<I32>(column::DATA)),
            lists: body.var(record.get().load8(column::CASE).eq(int(column::TEXTS))),
        }
    }

    /// Emits the number in a row; NaN: none.
    pub(super) fn number(self, row: Var<I32>) -> Expr<F64> {
        self.data.at(row, 8).load(0)
    }

    /// Emits the code in a row of a column without lists; 0: none.
    fn code(self, row: Var<I32>) -> Expr<I32> {
        self.data.at(row, 4).load(0)
    }

    /// Emits 1 if a row has a value: a code that is not 0, or at least one code in a list.
    fn is_set(self, row: Var<I32>) -> Expr<I32> {
        let next = self.data.at(row, 4).load::<I32>(4);
        either(
            self.lists.get(),
            self.code(row).ne(next),
            self.code(row).ne(int(0)),
        )
    }

    /// Emits an upper bound for the number of codes in rows `from..to`.
    pub(super) fn codes_between(self, from: Var<I32>, to: Var<I32>) -> Expr<I32> {
        either(
            self.lists.get(),
            self.code(to) - self.code(from),
            to - from.get(),
        )
    }

    /// Emits `each` for each code of a row.
    pub(super) fn each_code(
        self,
        body: &mut FunctionBody,
        row: Var<I32>,
        each: impl FnOnce(&mut FunctionBody, Expr<I32>),
    ) {
        let at = body.local();
        let end = body.local();
        body.if_else(
            self.lists.get(),
            |body| {
                let codes = || self.record.load::<I32>(column::CODES);
                body.set(at, codes().at(self.code(row), 4));
                let next = self.data.at(row, 4).load::<I32>(4);
                body.set(end, codes().at(next, 4));
            },
            |body| {
                body.set(at, self.data.at(row, 4));
                body.set(end, at.get().at(self.code(row).ne(int(0)), 4));
            },
        );
        body.while_(at.lt(end), |body| {
            each(body, at.load(0));
            body.add(at, int(4));
        });
    }
}

/// Emits the clock as an `f64`, which holds every instant exactly.
pub(super) fn now() -> Expr<F64> {
    global::<I64>(global::NOW).float()
}

/// Converts ms to an `f64`.
#[expect(clippy::cast_precision_loss, reason = "durations are below 2^53 ms")]
pub(super) fn exact(ms: i64) -> f64 {
    ms as f64
}

/// Emits the address of the table of a text set, or, after the sets, of a pattern.
fn table(index: usize) -> Expr<I32> {
    global::<I32>(global::TABLES) + global::<I32>(global::TABLE_SIZE) * int(constant(index))
}

/// Emits the address of the record of a user property's column.
pub(super) fn user_column(index: usize) -> Expr<I32> {
    let columns = global::<I32>(global::BATCH).load::<I32>(batch::USER_PROPERTIES);
    columns + int(constant(index * column::SIZE as usize))
}
