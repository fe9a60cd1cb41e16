//! Nodes over a tile: the leaf over user properties, the boolean algebra of signed instants, and what comes out of it.

use wasm_encoder::{BlockType, Function, InstructionSink, ValType};

use super::test::Tests;
use super::{at, function, global};
use crate::layout::{NODE_BYTES, TILE, batch};
use crate::plan::ColumnTest;

/// `leaf(first user, count)`: writes the tile's answers at `node`. A current value changes by news alone, so they stand for ever.
pub(super) fn user_leaf(tests: &[ColumnTest], node: i32) -> Function {
    let (first, count, columns, user, row) = (0, 1, 2, 3, 4);
    let tests = Tests::new(tests, 5);
    function(&[(3 + tests.locals(), ValType::I32)], |code| {
        code.global_get(global::BATCH)
            .i32_load(at(batch::USER_PROPERTIES, 4))
            .local_set(columns);
        tests.set_up(code, columns);
        code.block(BlockType::Empty).loop_(BlockType::Empty);
        code.local_get(user).local_get(count).i32_ge_u().br_if(1);
        code.local_get(first)
            .local_get(user)
            .i32_add()
            .local_set(row);
        code.local_get(user).i32_const(3).i32_shl();
        code.f64_const(f64::INFINITY.into())
            .f64_const(f64::NEG_INFINITY.into());
        tests.row(code, row);
        code.select().f64_store(at(node.cast_unsigned().into(), 8));
        code.local_get(user).i32_const(1).i32_add().local_set(user);
        code.br(0).end().end();
    })
}

/// Runs `body` for every 16 bytes of a tile; the offset is in the local.
fn each_pair(
    code: &mut InstructionSink<'_>,
    offset: u32,
    body: impl FnOnce(&mut InstructionSink<'_>),
) {
    code.loop_(BlockType::Empty);
    body(code);
    code.local_get(offset)
        .i32_const(16)
        .i32_add()
        .local_tee(offset);
    code.i32_const(NODE_BYTES.cast_signed())
        .i32_lt_u()
        .br_if(0)
        .end();
}

/// `f(target, a, b)`: target = a `join` b.
fn join(operator: fn(&mut InstructionSink<'_>)) -> Function {
    let (target, a, b, offset) = (0, 1, 2, 3);
    function(&[(1, ValType::I32)], |code| {
        each_pair(code, offset, |code| {
            code.local_get(target).local_get(offset).i32_add();
            code.local_get(a)
                .local_get(offset)
                .i32_add()
                .v128_load(at(0, 16));
            code.local_get(b)
                .local_get(offset)
                .i32_add()
                .v128_load(at(0, 16));
            operator(code);
            code.v128_store(at(0, 16));
        });
    })
}

/// `all(target, a, b)`: the lesser of two signed instants. No answer is NaN, so the one-instruction minimum is exact.
pub(super) fn all() -> Function {
    join(|code| {
        code.f64x2_pmin();
    })
}

/// `any(target, a, b)`: the greater of two signed instants.
pub(super) fn any() -> Function {
    join(|code| {
        code.f64x2_pmax();
    })
}

/// `not(target, a)`.
pub(super) fn not() -> Function {
    let (target, a, offset) = (0, 1, 2);
    function(&[(1, ValType::I32)], |code| {
        each_pair(code, offset, |code| {
            code.local_get(target).local_get(offset).i32_add();
            code.local_get(a)
                .local_get(offset)
                .i32_add()
                .v128_load(at(0, 16))
                .f64x2_neg();
            code.v128_store(at(0, 16));
        });
    })
}

/// `fill(target, value)`.
pub(super) fn fill() -> Function {
    let (target, value, offset) = (0, 1, 2);
    function(&[(1, ValType::I32)], |code| {
        each_pair(code, offset, |code| {
            code.local_get(target)
                .local_get(offset)
                .i32_add()
                .local_get(value)
                .f64x2_splat()
                .v128_store(at(0, 16));
        });
    })
}

/// `members(words, node, count)`: writes the bits of the tile's users who are in, padding bits zero.
pub(super) fn members() -> Function {
    let (words, node, count, offset, bits) = (0, 1, 2, 3, 4);
    function(&[(1, ValType::I32), (1, ValType::I64)], |code| {
        code.loop_(BlockType::Empty);
        // 64 users a word, the first in the lowest bit: two new bits enter at the top and shift down.
        code.i64_const(0).local_set(bits);
        code.loop_(BlockType::Empty);
        code.local_get(bits).i64_const(2).i64_shr_u();
        code.local_get(node)
            .local_get(offset)
            .i32_add()
            .v128_load(at(0, 16))
            .f64_const(0.0.into())
            .f64x2_splat()
            .f64x2_gt();
        code.i64x2_bitmask()
            .i64_extend_i32_u()
            .i64_const(62)
            .i64_shl()
            .i64_or()
            .local_set(bits);
        code.local_get(offset)
            .i32_const(16)
            .i32_add()
            .local_tee(offset);
        code.i32_const(64 * 8 - 1).i32_and().br_if(0).end();
        // The last word of a batch: what lies behind its last user is an earlier tile's.
        code.local_get(count)
            .i32_const(64)
            .i32_lt_u()
            .if_(BlockType::Empty);
        code.local_get(bits)
            .i64_const(1)
            .local_get(count)
            .i64_extend_i32_u()
            .i64_shl()
            .i64_const(1)
            .i64_sub();
        code.i64_and().local_set(bits);
        code.end();
        code.local_get(words).local_get(bits).i64_store(at(0, 8));
        code.local_get(words)
            .i32_const(8)
            .i32_add()
            .local_set(words);
        code.local_get(count)
            .i32_const(64)
            .i32_le_u()
            .if_(BlockType::Empty)
            .return_()
            .end();
        code.local_get(count)
            .i32_const(64)
            .i32_sub()
            .local_set(count);
        code.br(0).end();
        debug_assert!(TILE.is_multiple_of(64));
    })
}

/// `soonest(target, node)`: target = the sooner of itself and the node's next change.
pub(super) fn soonest() -> Function {
    let (target, node, offset) = (0, 1, 2);
    function(&[(1, ValType::I32)], |code| {
        each_pair(code, offset, |code| {
            code.local_get(target).local_get(offset).i32_add();
            code.local_get(target)
                .local_get(offset)
                .i32_add()
                .v128_load(at(0, 16));
            code.local_get(node)
                .local_get(offset)
                .i32_add()
                .v128_load(at(0, 16))
                .f64x2_abs()
                .f64x2_pmin();
            code.v128_store(at(0, 16));
        });
    })
}
