//! `describe`, `classify`, and the work on one tile of users.

use wasm_encoder::{BlockType, Function, InstructionSink, ValType};

use super::{Addresses, address, at, constant, function, global};
use crate::layout::{TILE, batch, verdicts};
use crate::plan::{Node, NodeId, Plan};

/// `describe() -> address of the description`.
pub(super) fn describe(addresses: &Addresses) -> Function {
    function(&[], |code| {
        code.i32_const(address(addresses.description));
    })
}

/// `classify(address of the batch) -> address of the verdicts`.
pub(super) fn classify(plan: &Plan, addresses: &Addresses) -> Function {
    let (batch, users, words, members, until, first) = (0, 1, 2, 3, 4, 5);
    let cohorts = constant(plan.cohorts.len());
    function(&[(5, ValType::I32)], |code| {
        code.local_get(batch).global_set(global::BATCH);
        code.local_get(batch)
            .i64_load(at(batch::NOW, 8))
            .global_set(global::NOW);
        code.local_get(batch)
            .i32_load(at(batch::USERS, 4))
            .local_tee(users);
        code.i32_const(63)
            .i32_add()
            .i32_const(6)
            .i32_shr_u()
            .local_set(words);
        code.call(function::MATCH_TEXTS);
        for (id, node) in plan.nodes.iter().enumerate() {
            if let Node::Constant(holds) = node {
                let always = if *holds {
                    f64::INFINITY
                } else {
                    f64::NEG_INFINITY
                };
                code.i32_const(addresses.node(id))
                    .f64_const(always.into())
                    .call(function::FILL);
            }
        }
        // The answer: members (8 bytes a word), until (8 bytes a user).
        code.local_get(words)
            .i32_const(cohorts * 8)
            .i32_mul()
            .i32_const(8)
            .call(function::ALLOCATE)
            .local_set(members);
        code.local_get(users)
            .i32_const(3)
            .i32_shl()
            .i32_const(8)
            .call(function::ALLOCATE)
            .local_set(until);
        let store = |code: &mut InstructionSink<'_>, offset: u64, value: u32| {
            code.i32_const(address(addresses.verdicts))
                .local_get(value)
                .i32_store(at(offset, 4));
        };
        store(code, verdicts::MEMBERS, members);
        store(code, verdicts::UNTIL, until);
        store(code, verdicts::UNTIL_LENGTH, users);
        code.i32_const(address(addresses.verdicts))
            .local_get(words)
            .i32_const(cohorts)
            .i32_mul();
        code.i32_store(at(verdicts::MEMBERS_LENGTH, 4));

        code.block(BlockType::Empty).loop_(BlockType::Empty);
        code.local_get(first).local_get(users).i32_ge_u().br_if(1);
        code.local_get(first);
        least(code, users, first);
        // The tile's words and instants.
        code.local_get(members)
            .local_get(first)
            .i32_const(3)
            .i32_shr_u()
            .i32_add();
        code.local_get(until)
            .local_get(first)
            .i32_const(3)
            .i32_shl()
            .i32_add();
        code.call(function::TILE);
        code.local_get(first)
            .i32_const(address(TILE))
            .i32_add()
            .local_set(first);
        code.br(0).end().end();
        code.i32_const(address(addresses.verdicts));
    })
}

/// Leaves `min(TILE, users - first)` on the stack.
fn least(code: &mut InstructionSink<'_>, users: u32, first: u32) {
    let rest = |code: &mut InstructionSink<'_>| {
        code.local_get(users).local_get(first).i32_sub();
    };
    code.i32_const(address(TILE));
    rest(code);
    code.i32_const(address(TILE));
    rest(code);
    code.i32_lt_u().select();
}

/// `tile(first user, count, members' words, until)`: all nodes in order, then each cohort's bits, then the instants.
pub(super) fn tile(plan: &Plan, addresses: &Addresses) -> Function {
    let (first, count, members, until, user, cohort_bytes) = (0, 1, 2, 3, 4, 5);
    function(&[(2, ValType::I32)], |code| {
        let mut leaf = function::FIRST_LEAF;
        for (id, node) in plan.nodes.iter().enumerate() {
            match node {
                Node::Constant(_) => {}
                Node::Did(_) | Node::User(_) => {
                    code.local_get(first).local_get(count).call(leaf);
                    leaf += 1;
                }
                Node::All(operands) => join(code, addresses, id, operands, function::ALL),
                Node::Any(operands) => join(code, addresses, id, operands, function::ANY),
                Node::Not(operand) => {
                    code.i32_const(addresses.node(id))
                        .i32_const(addresses.node(*operand))
                        .call(function::NOT);
                }
            }
        }
        code.i32_const(address(addresses.soonest))
            .f64_const(f64::INFINITY.into())
            .call(function::FILL);
        // Cohorts lie one after another in the bitmap, each of as many words as all users need.
        code.global_get(global::BATCH)
            .i32_load(at(batch::USERS, 4))
            .i32_const(63)
            .i32_add()
            .i32_const(6)
            .i32_shr_u();
        code.i32_const(3).i32_shl().local_set(cohort_bytes);
        for (_, node) in &plan.cohorts {
            code.local_get(members)
                .i32_const(addresses.node(*node))
                .local_get(count)
                .call(function::MEMBERS);
            code.local_get(members)
                .local_get(cohort_bytes)
                .i32_add()
                .local_set(members);
            code.i32_const(address(addresses.soonest))
                .i32_const(addresses.node(*node))
                .call(function::SOONEST);
        }
        code.loop_(BlockType::Empty);
        code.local_get(until)
            .local_get(user)
            .i32_const(3)
            .i32_shl()
            .i32_add();
        code.local_get(user)
            .i32_const(3)
            .i32_shl()
            .f64_load(at(addresses.soonest.into(), 8));
        // Infinite saturates to i64::MAX, the contract's "never".
        code.i64_trunc_sat_f64_s().i64_store(at(0, 8));
        code.local_get(user).i32_const(1).i32_add().local_tee(user);
        code.local_get(count).i32_lt_u().br_if(0).end();
    })
}

/// node = operands joined two at a time; a join has two at least.
fn join(
    code: &mut InstructionSink<'_>,
    addresses: &Addresses,
    node: NodeId,
    operands: &[NodeId],
    function: u32,
) {
    let Some((first, rest)) = operands.split_first() else {
        return;
    };
    let mut joined = *first;
    for operand in rest {
        code.i32_const(addresses.node(node))
            .i32_const(addresses.node(joined))
            .i32_const(addresses.node(*operand));
        code.call(function);
        joined = node;
    }
}
