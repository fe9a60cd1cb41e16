//! Emits text tests. Equal texts have equal codes, so a test runs once per dictionary entry, not
//! once per row. Every text set has a table with one byte per entry. One pass over the dictionary
//! fills these tables through a hash table of all literals. Every pattern has a table too, which
//! the tests of rows fill.

mod literals;
mod patterns;

use wasm_encoder::Function;

use super::{constant, function, global};
use crate::layout::{batch, column};
use crate::wasm::{Expr, FunctionBody, I32, Var, address, call, either, global as global_, int};

pub(crate) use literals::LITERAL_BYTES;
pub(super) use literals::Literals;
pub(super) use patterns::{fits, put as put_patterns};

/// The tables that a module needs.
pub(super) struct TextTables {
    pub(super) literals: Literals,
    pub(super) patterns: usize,
    /// The module counts different texts.
    pub(super) stamps: bool,
}

/// Emits `match-texts()`: makes every set's table for the batch's dictionary, and reserves memory
/// for the patterns' tables.
pub(super) fn match_texts(tables: &TextTables) -> Function {
    let mut body = FunctionBody::new(0);
    let batch_ = || global_::<I32>(global::BATCH);
    let entries = body.var(batch_().load::<I32>(batch::DICTIONARY_OFFSETS_LENGTH));
    // There is one offset more than there are entries. An empty dictionary may have none at all.
    body.if_(entries.not(), |body| body.set(entries, int(1)));
    // Code 0 is the absent value: a table has as many bytes as there are offsets.
    body.set_global(global::TABLE_SIZE, entries);
    let count = tables.literals.sets + tables.patterns;
    let size = body.var(entries * int(constant(count)));
    let zeroed = |body: &mut FunctionBody, global: u32, size: Expr<I32>| {
        let memory = call::<I32>(function::ALLOCATE, vec![size.clone().into(), int(4).into()]);
        body.set_global(global, memory);
        body.push(global_::<I32>(global));
        body.push(int(0));
        body.push(size);
        body.sink().memory_fill(0);
    };
    zeroed(&mut body, global::TABLES, size.get());
    if tables.stamps {
        zeroed(&mut body, global::STAMPS, entries.shl(int(2)));
        body.set_global(global::STAMP, int(0));
    }
    if tables.literals.sets > 0 {
        tables.literals.mark(&mut body, entries);
    }
    body.finish()
}

/// Emits the bytes of a dictionary entry: its first byte, and the position after its last.
fn bytes_of(code: Var<I32>) -> (Expr<I32>, Expr<I32>) {
    let batch_ = || global_::<I32>(global::BATCH);
    let bytes = || batch_().load::<I32>(batch::DICTIONARY_BYTES);
    let offset = |code: Expr<I32>| {
        let offsets = batch_().load::<I32>(batch::DICTIONARY_OFFSETS);
        offsets.at(code, 4).load::<I32>(0)
    };
    (
        bytes() + offset(code - int(1)),
        bytes() + offset(code.get()),
    )
}

/// Emits the codes of a row of any text column: the address of the first code, and the address
/// after the last.
fn codes_of(body: &mut FunctionBody, record: Var<I32>, row: Var<I32>) -> (Var<I32>, Var<I32>) {
    let data = body.var(record.load::<I32>(column::DATA).at(row, 4));
    let lists = record.get().load8(column::CASE).eq(int(column::TEXTS));
    let lists = body.var(lists);
    let code = |index: Expr<I32>| record.load::<I32>(column::CODES).at(index, 4);
    let first = either(lists.get(), code(data.load(0)), data.get());
    let first = body.var(first);
    let one = data.get().at(data.load::<I32>(0).ne(int(0)), 4);
    let end = either(lists.get(), code(data.load(4)), one);
    (first, body.var(end))
}

/// Emits `any-in(table, column, row) -> 0 | 1`: 1 if one value of a `texts` column's row is in the
/// table's set.
pub(super) fn any_in() -> Function {
    let mut body = FunctionBody::new(3);
    let [table, record, row] = [0, 1, 2].map(Var::<I32>::parameter);
    let found = body.local::<I32>();
    each_code(&mut body, record, row, |body, code, done| {
        body.set(found, (table + code).load8(0));
        body.leave_if(done, found.get());
    });
    body.push(found);
    body.finish()
}

/// Emits `any-fits(table, automaton, column, row) -> 0 | 1`: 1 if one value of the row fits the
/// pattern.
pub(super) fn any_fits() -> Function {
    let mut body = FunctionBody::new(4);
    let [table, automaton, record, row] = [0, 1, 2, 3].map(Var::<I32>::parameter);
    let found = body.local::<I32>();
    each_code(&mut body, record, row, |body, code, done| {
        let arguments = vec![table.into(), automaton.into(), code.into()];
        body.set(found, call::<I32>(function::FITS, arguments));
        body.leave_if(done, found.get());
    });
    body.push(found);
    body.finish()
}

/// Emits `share(column, row, other column, other row) -> 0 | 1`: 1 if two rows have a text in
/// common.
pub(super) fn share() -> Function {
    let mut body = FunctionBody::new(4);
    let [record, row, other, other_row] = [0, 1, 2, 3].map(Var::<I32>::parameter);
    let found = body.local::<I32>();
    let (first, end) = codes_of(&mut body, other, other_row);
    let at = body.local::<I32>();
    each_code(&mut body, record, row, |body, code, done| {
        let code = body.var(code);
        body.set(at, first);
        body.while_(at.lt(end), |body| {
            body.if_(at.load::<I32>(0).eq(code), |body| {
                body.set(found, int(1));
                body.leave(done);
            });
            body.add(at, address(4));
        });
    });
    body.push(found);
    body.finish()
}

fn each_code(
    body: &mut FunctionBody,
    record: Var<I32>,
    row: Var<I32>,
    each: impl FnOnce(&mut FunctionBody, Expr<I32>, crate::wasm::BlockLabel),
) {
    let (at, end) = codes_of(body, record, row);
    body.block(|body, done| {
        body.while_(at.lt(end), |body| {
            each(body, at.load(0), done);
            body.add(at, address(4));
        });
    });
}
