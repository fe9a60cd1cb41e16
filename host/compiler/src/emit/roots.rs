//! Plans how cohorts take their answers. Most cohorts are the `all` of at least one static node (a
//! user property) and of more expensive nodes. The module reads the expensive nodes only for users
//! who pass the static nodes, and never writes the joined node.

use std::collections::{BTreeMap, BTreeSet};

use crate::layout::StaticData;
use crate::plan::{NodeId, Plan, PlanNode};

/// The cohorts' nodes.
pub(super) struct Roots {
    /// Nodes that are split into static and other operands.
    split: BTreeMap<NodeId, Root>,
    /// Static nodes that have a bitmap, with its number.
    pub(super) bitmaps: BTreeMap<NodeId, usize>,
    /// Joins that only cohorts use, so that the module does not compute them.
    pub(super) unwritten: BTreeSet<NodeId>,
}

/// Lists of numbers, in the module's data.
#[derive(Clone, Copy)]
pub(super) struct Root {
    pub(super) statics: u32,
    pub(super) static_count: usize,
    pub(super) operands: u32,
    pub(super) operand_count: usize,
}

impl Roots {
    pub(super) fn put(data: &mut StaticData, plan: &Plan) -> Self {
        let used: BTreeSet<NodeId> = plan
            .nodes
            .iter()
            .flat_map(|node| node.operands().iter().copied())
            .collect();
        let is_static = |id: &NodeId| plan.nodes.get(*id).is_some_and(PlanNode::is_static);
        let mut roots = Self {
            split: BTreeMap::new(),
            bitmaps: BTreeMap::new(),
            unwritten: BTreeSet::new(),
        };
        for (_, id) in &plan.cohorts {
            let Some(PlanNode::All(operands)) = plan.nodes.get(*id) else {
                continue;
            };
            let (statics, others): (Vec<_>, Vec<_>) = operands.iter().copied().partition(is_static);
            if statics.is_empty() || roots.split.contains_key(id) {
                continue;
            }
            let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
            let mut bitmaps = Vec::new();
            for node in &statics {
                let next = roots.bitmaps.len();
                bitmaps.push(number(*roots.bitmaps.entry(*node).or_insert(next)));
            }
            let operands: Vec<_> = others.iter().copied().map(number).collect();
            let root = Root {
                statics: data.put_words(&bitmaps),
                static_count: bitmaps.len(),
                operands: data.put_words(&operands),
                operand_count: operands.len(),
            };
            roots.split.insert(*id, root);
            if !used.contains(id) {
                roots.unwritten.insert(*id);
            }
        }
        roots
    }

    /// Returns the parts of a node that is split.
    pub(super) fn split(&self, node: NodeId) -> Option<Root> {
        self.split.get(&node).copied()
    }
}
