//! Emits `describe`, `classify`, and the work on one tile of users.

use std::collections::BTreeMap;

use wasm_encoder::Function;

use super::columns::exact;
use super::roots::Roots;
use super::{Addresses, constant, function, global};
use crate::layout::{TILE, batch, verdicts};
use crate::plan::{NodeId, Plan, PlanNode};
use crate::wasm::{
    Expr, FunctionBody, I32, I64, Var, address as at, call, float, global as global_, int, select,
};

/// Emits `describe() -> address of the description`.
pub(super) fn describe(addresses: &Addresses) -> Function {
    let mut body = FunctionBody::new(0);
    body.push(at(addresses.description));
    body.finish()
}

/// Emits `classify(address of the batch) -> address of the verdicts`.
pub(super) fn classify(plan: &Plan, addresses: &Addresses) -> Function {
    let mut body = FunctionBody::new(1);
    let given = Var::<I32>::parameter(0);
    let (users, first) = (body.local::<I32>(), body.local::<I32>());
    body.set_global(global::BATCH, given);
    body.set_global(global::NOW, given.load::<I64>(batch::NOW));
    body.set_global(global::LIST_SIZE, int(0));
    body.set_global(global::MARKS_SIZE, int(0));
    body.set(users, given.load::<I32>(batch::USERS));
    body.call(function::MATCH_TEXTS, vec![]);
    for (id, node) in plan.nodes.iter().enumerate() {
        if let PlanNode::Constant(holds) = node {
            let always = if *holds {
                f64::INFINITY
            } else {
                f64::NEG_INFINITY
            };
            let node = int(addresses.node(id));
            body.call(function::FILL, vec![node.into(), float(always).into()]);
        }
    }
    // The answer: members (8 bytes a word), until (8 bytes a user).
    let words = body.var(words_of(users.get()) * int(constant(plan.cohorts.len())));
    let members = body.var(allocate(words.shl(int(3))));
    let until = body.var(allocate(users.shl(int(3))));
    let answer = || at(addresses.verdicts);
    body.store(answer(), verdicts::MEMBERS, members);
    body.store(answer(), verdicts::MEMBERS_LENGTH, words);
    body.store(answer(), verdicts::UNTIL, until);
    body.store(answer(), verdicts::UNTIL_LENGTH, users);
    body.while_(first.lt(users), |body| {
        let rest = users - first.get();
        let count = select(rest.clone().gt(at(TILE)), at(TILE), rest);
        let words = members + first.shr(int(3));
        let instants = until + first.shl(int(3));
        let arguments = vec![first.into(), count.into(), words.into(), instants.into()];
        body.call(function::TILE, arguments);
        body.add(first, at(TILE));
    });
    body.push(answer());
    body.finish()
}

fn allocate(bytes: Expr<I32>) -> Expr<I32> {
    call(function::ALLOCATE, vec![bytes.into(), int(8).into()])
}

/// Emits the number of words in a bitmap of so many users.
fn words_of(users: Expr<I32>) -> Expr<I32> {
    (users + int(63)).shr(int(6))
}

/// Emits `tile(first user, count, members' words, until)`: all nodes in order, then each cohort's
/// bits, then the expiries. `leaves` are the functions of leaves, by the first node whose answers
/// they write.
pub(super) fn tile(
    plan: &Plan,
    addresses: &Addresses,
    roots: &Roots,
    leaves: &BTreeMap<NodeId, u32>,
) -> Function {
    let mut body = FunctionBody::new(4);
    let [first, count, members, until] = [0, 1, 2, 3].map(Var::<I32>::parameter);
    let node_of = |node: NodeId| int(addresses.node(node));
    for (id, node) in plan.nodes.iter().enumerate() {
        if let Some(leaf) = leaves.get(&id) {
            body.call(*leaf, vec![first.into(), count.into()]);
        }
        match node {
            PlanNode::All(_) if roots.unwritten.contains(&id) => {}
            PlanNode::All(operands) => join(&mut body, addresses, id, operands, function::ALL),
            PlanNode::Any(operands) => join(&mut body, addresses, id, operands, function::ANY),
            PlanNode::Not(operand) => {
                let arguments = vec![node_of(id).into(), node_of(*operand).into()];
                body.call(function::NOT, arguments);
            }
            PlanNode::Within(within) => {
                // All of history: an event never leaves it.
                let window = within.window.map_or(f64::INFINITY, exact);
                let nodes = [node_of(id), node_of(within.latest)].map(Into::into);
                let mut arguments = nodes.to_vec();
                arguments.push(float(window).into());
                body.call(function::WITHIN, arguments);
            }
            PlanNode::Constant(_)
            | PlanNode::Latest(_)
            | PlanNode::Count(_)
            | PlanNode::Measure(_)
            | PlanNode::Order(_)
            | PlanNode::AnyOrder(_)
            | PlanNode::User(_)
            | PlanNode::History(_)
            | PlanNode::FirstSeen(_)
            | PlanNode::Sample { .. }
            | PlanNode::Listed(_) => {}
        }
        if let Some(bitmap) = roots.bitmaps.get(&id) {
            let bitmap = int(addresses.bitmap(*bitmap));
            let arguments = vec![bitmap.into(), node_of(id).into(), count.into()];
            body.call(function::MEMBERS, arguments);
        }
    }
    let soonest = || at(addresses.soonest);
    let never = float(f64::INFINITY);
    body.call(function::FILL, vec![soonest().into(), never.into()]);
    // Cohorts lie one after another in the bitmap, each of as many words as all users need.
    let users = global_::<I32>(global::BATCH).load::<I32>(batch::USERS);
    let cohort_bytes = body.var(words_of(users).shl(int(3)));
    for (_, node) in &plan.cohorts {
        if let Some(root) = roots.split(*node) {
            let arguments = vec![
                members.into(),
                count.into(),
                at(root.statics).into(),
                int(constant(root.static_count)).into(),
                at(root.operands).into(),
                int(constant(root.operand_count)).into(),
                soonest().into(),
            ];
            body.call(function::ROOT, arguments);
        } else {
            let arguments = vec![members.into(), node_of(*node).into(), count.into()];
            body.call(function::MEMBERS, arguments);
            if !plan.nodes.get(*node).is_some_and(PlanNode::is_static) {
                let arguments = vec![soonest().into(), node_of(*node).into()];
                body.call(function::SOONEST, arguments);
            }
        }
        body.add(members, cohort_bytes);
    }
    let user = body.local::<I32>();
    body.each(user, int(0), count, |body| {
        body.push(until.at(user, 8));
        body.push(soonest().at(user, 8).load::<crate::wasm::F64>(0));
        // Infinite saturates to i64::MAX, the contract's "never".
        body.sink()
            .i64_trunc_sat_f64_s()
            .i64_store(crate::wasm::at(0, 8));
    });
    body.finish()
}

/// Emits node = operands, joined two at a time; a join has at least two operands.
fn join(
    body: &mut FunctionBody,
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
        let nodes = [node, joined, *operand];
        let arguments = nodes.map(|node| int(addresses.node(node)).into());
        body.call(function, arguments.to_vec());
        joined = node;
    }
}
