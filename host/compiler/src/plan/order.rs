//! Turns `did_in_order` into a node.

use muster_definition::DidInOrder;

use super::reads::{ReadKind, Space, lookback_of, millis};
use super::{NodeId, OrderNode, Plan, PlanNode};

impl Plan {
    pub(super) fn order(&mut self, order: &DidInOrder) -> NodeId {
        let steps = order.steps.iter().chain(&order.without);
        let stream = self.stream(steps.flat_map(|step| &step.names));
        self.lookback(stream, lookback_of(&order.window.start));
        let tests = order
            .steps
            .iter()
            .map(|step| self.step(stream, step))
            .collect();
        let without = order.without.as_ref().map(|step| self.step(stream, step));
        let same = order
            .same
            .as_ref()
            .map(|property| self.place(Space::Stream(stream), property, ReadKind::Text));
        let span = self.span(&order.window);
        self.node(PlanNode::Order(OrderNode {
            stream,
            steps: tests,
            without,
            all_within: order.all_within.map(millis),
            each_within: order.each_within.map(millis),
            same,
            span,
        }))
    }
}
