//! The leaf `did`: counts a user's matching rows, and finds when that count will next decide otherwise.

use wasm_encoder::{BlockType, Function, InstructionSink, ValType};

use super::test::Tests;
use super::{at, constant, function, global};
use crate::layout::{batch, rows};
use crate::plan::{Counts, DidNode};

// Parameters, then locals.
const FIRST: u32 = 0;
const COUNT: u32 = 1;
const STARTS: u32 = 2;
const TIMES: u32 = 3;
const COLUMNS: u32 = 4;
const USER: u32 = 5;
const START: u32 = 6;
const END: u32 = 7;
const ROW: u32 = 8;
const MATCHES: u32 = 9;
const HOLDS: u32 = 10;
const RIGHT: u32 = 11;
const I32_LOCALS: u32 = 10;

/// `leaf(first user, count)`: writes the tile's answers at `node`.
pub(super) fn leaf(did: &DidNode, node: i32) -> Function {
    let tests = Tests::new(&did.tests, FIRST + 2 + I32_LOCALS);
    let low = FIRST + 2 + I32_LOCALS + tests.locals();
    let (time, answer) = (low + 1, low + 2);
    let locals = [
        (I32_LOCALS + tests.locals(), ValType::I32),
        (2, ValType::I64),
        (1, ValType::F64),
    ];
    function(&locals, |code| {
        let stream = did.stream * rows::SIZE as usize;
        code.global_get(global::BATCH)
            .i32_load(at(batch::STREAMS, 4))
            .i32_const(constant(stream))
            .i32_add()
            .local_tee(START);
        code.i32_load(at(rows::STARTS, 4)).local_set(STARTS);
        code.local_get(START)
            .i32_load(at(rows::TIMES, 4))
            .local_set(TIMES);
        code.local_get(START)
            .i32_load(at(rows::COLUMNS, 4))
            .local_set(COLUMNS);
        tests.set_up(code, COLUMNS);
        if let Some(window) = did.window {
            code.global_get(global::NOW)
                .i64_const(window)
                .i64_sub()
                .local_set(low);
        }
        code.block(BlockType::Empty).loop_(BlockType::Empty);
        code.local_get(USER).local_get(COUNT).i32_ge_u().br_if(1);
        code.local_get(STARTS)
            .local_get(FIRST)
            .local_get(USER)
            .i32_add()
            .i32_const(2)
            .i32_shl()
            .i32_add()
            .local_tee(ROW);
        code.i32_load(at(0, 4)).local_set(START);
        code.local_get(ROW).i32_load(at(4, 4)).local_set(END);
        if did.window.is_some() {
            window_start(code, low);
        }
        count(code, &tests);
        holds(code, &did.counts);
        code.local_set(HOLDS);
        code.f64_const(f64::INFINITY.into()).local_set(answer);
        if let Some(window) = did.window {
            until(code, &did.counts, &tests, window, time, answer);
        }
        code.local_get(USER).i32_const(3).i32_shl();
        code.local_get(answer)
            .local_get(answer)
            .f64_neg()
            .local_get(HOLDS)
            .select();
        code.f64_store(at(node.cast_unsigned().into(), 8));
        code.local_get(USER).i32_const(1).i32_add().local_set(USER);
        code.br(0).end().end();
    })
}

/// Leaves the time of the row in a local on the stack.
fn time_of(code: &mut InstructionSink<'_>, row: u32) {
    code.local_get(TIMES)
        .local_get(row)
        .i32_const(3)
        .i32_shl()
        .i32_add()
        .i64_load(at(0, 8));
}

/// Moves START to the first row later than `low`: `in_last` selects `now - W < t`. The host's reach often did it already.
fn window_start(code: &mut InstructionSink<'_>, low: u32) {
    code.local_get(START)
        .local_get(END)
        .i32_lt_u()
        .if_(BlockType::Empty);
    time_of(code, START);
    code.local_get(low).i64_le_s().if_(BlockType::Empty);
    code.local_get(END).local_set(RIGHT);
    code.block(BlockType::Empty).loop_(BlockType::Empty);
    code.local_get(START).local_get(RIGHT).i32_ge_u().br_if(1);
    code.local_get(START)
        .local_get(RIGHT)
        .i32_add()
        .i32_const(1)
        .i32_shr_u()
        .local_set(ROW);
    time_of(code, ROW);
    code.local_get(low).i64_le_s().if_(BlockType::Empty);
    code.local_get(ROW).i32_const(1).i32_add().local_set(START);
    code.else_();
    code.local_get(ROW).local_set(RIGHT);
    code.end();
    code.br(0).end().end();
    code.end().end();
}

/// MATCHES = the rows of START..END that pass.
fn count(code: &mut InstructionSink<'_>, tests: &Tests<'_>) {
    if tests.is_empty() {
        code.local_get(END)
            .local_get(START)
            .i32_sub()
            .local_set(MATCHES);
        return;
    }
    code.i32_const(0)
        .local_set(MATCHES)
        .local_get(START)
        .local_set(ROW);
    code.block(BlockType::Empty).loop_(BlockType::Empty);
    code.local_get(ROW).local_get(END).i32_ge_u().br_if(1);
    tests.row(code, ROW);
    code.local_get(MATCHES).i32_add().local_set(MATCHES);
    code.local_get(ROW).i32_const(1).i32_add().local_set(ROW);
    code.br(0).end().end();
}

/// Leaves 1 on the stack if the number in MATCHES holds.
fn holds(code: &mut InstructionSink<'_>, counts: &Counts) {
    code.local_get(MATCHES).i32_const(counts.least).i32_ge_s();
    code.local_get(MATCHES)
        .i32_const(counts.most)
        .i32_le_s()
        .i32_and();
    for excluded in &counts.excluded {
        code.local_get(MATCHES)
            .i32_const(*excluded)
            .i32_ne()
            .i32_and();
    }
}

/// Lets the rows leave the window, oldest first, until the count decides otherwise; rows of one instant leave together.
fn until(
    code: &mut InstructionSink<'_>,
    counts: &Counts,
    tests: &Tests<'_>,
    window: i64,
    time: u32,
    answer: u32,
) {
    code.block(BlockType::Empty);
    // A count that only falls cannot change what only a larger one could.
    if counts.rises() {
        code.local_get(HOLDS).i32_eqz().br_if(0);
    } else if counts.falls() {
        code.local_get(HOLDS).br_if(0);
    }
    code.local_get(START).local_set(ROW);
    code.loop_(BlockType::Empty);
    code.local_get(ROW).local_get(END).i32_ge_u().br_if(1);
    code.local_get(MATCHES);
    tests.row(code, ROW);
    code.i32_sub().local_set(MATCHES);
    time_of(code, ROW);
    code.local_set(time);
    code.local_get(ROW).i32_const(1).i32_add().local_tee(ROW);
    code.local_get(END).i32_lt_u().if_(BlockType::Empty);
    time_of(code, ROW);
    code.local_get(time).i64_eq().br_if(1);
    code.end();
    holds(code, counts);
    code.local_get(HOLDS).i32_eq().br_if(0);
    code.local_get(time)
        .i64_const(window)
        .i64_add()
        .f64_convert_i64_s()
        .local_set(answer);
    code.end();
    code.end();
}
