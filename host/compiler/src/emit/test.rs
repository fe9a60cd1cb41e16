//! Column tests of one row: shared by the leaves over events and over user properties.

use std::collections::BTreeMap;

use wasm_encoder::{BlockType, InstructionSink, ValType};

use super::{at, constant, function, global};
use crate::layout::column;
use crate::plan::{Check, ColumnTest};

/// The locals (all `i32`) that a function's tests need, set up once before its loop.
pub(super) struct Tests<'a> {
    tests: &'a [ColumnTest],
    first_local: u32,
    /// Of each column: the local of its record's address; that of its data follows, then that of "is a `texts` column".
    columns: BTreeMap<usize, u32>,
    /// Of each text set: the local of its table's address.
    tables: BTreeMap<usize, u32>,
}

impl<'a> Tests<'a> {
    /// Plans locals from `first_local` on.
    pub(super) fn new(tests: &'a [ColumnTest], first_local: u32) -> Self {
        let mut next = first_local;
        let mut take = |count| {
            let local = next;
            next += count;
            local
        };
        let (mut columns, mut tables) = (BTreeMap::new(), BTreeMap::new());
        for test in tests {
            columns.entry(test.column).or_insert_with(|| take(3));
            if let Check::In(set) | Check::NotIn(set) = test.check {
                tables.entry(set).or_insert_with(|| take(1));
            }
        }
        Self {
            tests,
            first_local,
            columns,
            tables,
        }
    }

    /// How many locals it takes.
    pub(super) fn locals(&self) -> u32 {
        let count = self.columns.len() * 3 + self.tables.len();
        u32::try_from(count).unwrap_or(u32::MAX - self.first_local)
    }

    /// Whether there is nothing to test: every row passes.
    pub(super) fn is_empty(&self) -> bool {
        self.tests.is_empty()
    }

    /// Sets the locals; `columns` holds the address of the first column's record.
    pub(super) fn set_up(&self, code: &mut InstructionSink<'_>, columns: u32) {
        for (column, local) in &self.columns {
            code.local_get(columns)
                .i32_const(constant(column * column::SIZE as usize))
                .i32_add()
                .local_tee(*local);
            code.i32_load(at(column::DATA, 4)).local_set(local + 1);
            code.local_get(*local)
                .i32_load8_u(at(column::CASE, 1))
                .i32_const(column::TEXTS)
                .i32_eq()
                .local_set(local + 2);
        }
        for (set, local) in &self.tables {
            code.global_get(global::TABLE_SIZE)
                .i32_const(constant(*set))
                .i32_mul();
            code.global_get(global::TABLES).i32_add().local_set(*local);
        }
    }

    /// Leaves 1 on the stack if the row in the local passes every test, else 0. Without branches where it can: rows pass at random.
    pub(super) fn row(&self, code: &mut InstructionSink<'_>, row: u32) {
        if self.tests.is_empty() {
            code.i32_const(1);
        }
        for (index, test) in self.tests.iter().enumerate() {
            self.one(code, row, test);
            if index > 0 {
                code.i32_and();
            }
        }
    }

    fn one(&self, code: &mut InstructionSink<'_>, row: u32, test: &ColumnTest) {
        let Some(&column) = self.columns.get(&test.column) else {
            return;
        };
        let (data, is_list) = (column + 1, column + 2);
        let number = |code: &mut InstructionSink<'_>, bound: f64| {
            code.local_get(data)
                .local_get(row)
                .i32_const(3)
                .i32_shl()
                .i32_add()
                .f64_load(at(0, 8))
                .f64_const(bound.into());
        };
        match &test.check {
            // An absent number is NaN, which compares as false with everything.
            Check::AtLeast(bound) => {
                number(code, bound.number());
                code.f64_ge();
            }
            Check::MoreThan(bound) => {
                number(code, bound.number());
                code.f64_gt();
            }
            Check::AtMost(bound) => {
                number(code, bound.number());
                code.f64_le();
            }
            Check::LessThan(bound) => {
                number(code, bound.number());
                code.f64_lt();
            }
            Check::Set(set) => {
                // A plain column's row holds a value if its code is not 0, a `texts` column's if it has a code at all.
                let address = |code: &mut InstructionSink<'_>| {
                    code.local_get(data)
                        .local_get(row)
                        .i32_const(2)
                        .i32_shl()
                        .i32_add();
                };
                code.local_get(is_list).if_(BlockType::Result(ValType::I32));
                address(code);
                code.i32_load(at(0, 4));
                address(code);
                code.i32_load(at(4, 4)).i32_ne();
                code.else_();
                address(code);
                code.i32_load(at(0, 4)).i32_const(0).i32_ne();
                code.end();
                if !*set {
                    code.i32_eqz();
                }
            }
            Check::In(set) => self.in_set(code, row, (column, data, is_list), *set),
            Check::NotIn(set) => {
                self.in_set(code, row, (column, data, is_list), *set);
                code.i32_eqz();
            }
        }
    }

    fn in_set(
        &self,
        code: &mut InstructionSink<'_>,
        row: u32,
        (column, data, is_list): (u32, u32, u32),
        set: usize,
    ) {
        let Some(&table) = self.tables.get(&set) else {
            return;
        };
        code.local_get(is_list).if_(BlockType::Result(ValType::I32));
        code.local_get(table)
            .local_get(column)
            .local_get(row)
            .call(function::ANY_IN);
        code.else_();
        code.local_get(data)
            .local_get(row)
            .i32_const(2)
            .i32_shl()
            .i32_add()
            .i32_load(at(0, 4));
        code.local_get(table).i32_add().i32_load8_u(at(0, 1));
        code.end();
    }
}
