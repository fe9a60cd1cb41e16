//! Emits the walk that finds when the nth matching row from the end happened, for every needed n at
//! once, and the windows over these instants.

use std::collections::BTreeMap;

use wasm_encoder::Function;

use super::ModuleContext;
use super::leaf::Leaf;
use super::nodes::{each_pair, load};
use super::rows::{RowLocals, now};
use crate::plan::{LatestNode, NodeId, Plan, PlanNode, RowTest};
use crate::wasm::{F64, FunctionBody, I32, Var, all, at, float, int, long};

/// The nodes that read the same rows, and that one walk computes.
pub(super) struct WalkGroup<'a> {
    pub(super) nodes: Vec<NodeId>,
    latest: Vec<&'a LatestNode>,
}

impl<'a> WalkGroup<'a> {
    /// Returns all groups of a plan, in the order of their first nodes.
    pub(super) fn all(plan: &'a Plan) -> Vec<Self> {
        let mut known: BTreeMap<(usize, &RowTest), usize> = BTreeMap::new();
        let mut groups: Vec<Self> = Vec::new();
        for (id, node) in plan.nodes.iter().enumerate() {
            let PlanNode::Latest(latest) = node else {
                continue;
            };
            let index = *known
                .entry((latest.stream, &latest.test))
                .or_insert(groups.len());
            if index == groups.len() {
                groups.push(Self {
                    nodes: Vec::new(),
                    latest: Vec::new(),
                });
            }
            if let Some(group) = groups.get_mut(index) {
                group.nodes.push(id);
                group.latest.push(latest);
            }
        }
        groups
    }
}

/// Emits a walk over a user's rows from the end, which stores the time of each nth match at its
/// node.
pub(super) fn leaf(
    context: &ModuleContext<'_>,
    group: &WalkGroup<'_>,
    lookback: Option<i64>,
    address: impl Fn(NodeId) -> i32,
) -> Option<Function> {
    let first = group.latest.first()?;
    let most = group.latest.iter().map(|latest| latest.nth).max()?;
    let mut leaf = Leaf::new();
    let rows = RowLocals::stream(&mut leaf.body, first.stream);
    let test = &first.test;
    let columns = context.stream_columns(&mut leaf.body, &[test], &[], rows);
    let low = lookback.map(|lookback| leaf.body.var(now() - long(lookback)));
    let (start, row) = (leaf.body.local::<I32>(), leaf.body.local::<I32>());
    let matches = leaf.body.local::<I32>();
    let addresses: Vec<_> = group
        .nodes
        .iter()
        .zip(&group.latest)
        .map(|(node, latest)| (address(*node), latest.nth))
        .collect();
    Some(leaf.finish(|body, user, number| {
        for (node, _) in &addresses {
            body.store(int(*node).at(number, 8), 0, float(f64::NEG_INFINITY));
        }
        body.set(start, rows.start(user));
        body.set(row, rows.end(user));
        body.set(matches, int(0));
        if let Some(low) = low {
            // No window reaches further back. The lookback of the stream often removed such rows
            // already.
            body.if_(start.lt(row), |body| {
                body.if_(rows.time(start).le(low), |body| {
                    body.set(start, rows.after(start, row, low));
                });
            });
        }
        let open = all([start.lt(row), matches.lt(int(most))]);
        body.while_(open, |body| {
            body.set(row, row - int(1));
            body.if_(columns.test(test, row, user), |body| {
                body.add(matches, int(1));
                for (node, nth) in &addresses {
                    body.if_(matches.eq(int(*nth)), |body| {
                        body.store(int(*node).at(number, 8), 0, rows.time(row).float());
                    });
                }
            });
        });
    }))
}

/// Emits `within(target, latest, window)`: target = until the row leaves the window, or never
/// again. Each instruction works on two users.
pub(super) fn within() -> Function {
    let mut body = FunctionBody::new(3);
    let (target, latest) = (Var::<I32>::parameter(0), Var::<I32>::parameter(1));
    let window = Var::<F64>::parameter(2);
    each_pair(&mut body, |body, offset| {
        let splat = |body: &mut FunctionBody, number: crate::wasm::Expr<F64>| {
            body.push(number);
            body.sink().f64x2_splat();
        };
        body.push(target + offset.get());
        // The instant at which the row leaves, if it is later than now; else -infinite.
        load(body, latest, offset);
        splat(body, window.get());
        body.sink().f64x2_add();
        splat(body, float(f64::NEG_INFINITY));
        load(body, latest, offset);
        splat(body, window.get());
        body.sink().f64x2_add();
        splat(body, super::columns::now());
        body.sink()
            .f64x2_gt()
            .v128_bitselect()
            .v128_store(at(0, 16));
    });
    body.finish()
}
