//! Turns `did_in_order` and `in_any_order` into nodes.

use muster_definition::{DidInOrder, EventName, InAnyOrder, Step, Window};

use super::reads::{ReadKind, Space, lookback_of, millis};
use super::{NodeId, OrderNode, Plan, PlanNode, PlanSteps, PlanWithout};

impl Plan {
    pub(super) fn order(&mut self, order: &DidInOrder) -> NodeId {
        let without = order.without.iter().map(|without| &without.step);
        let steps = order.steps.iter().chain(without);
        let any = EventName::from("*");
        let stream = match order.strictly {
            // Any event may disturb.
            true => self.stream([&any]),
            false => self.stream(steps.flat_map(|step| &step.names)),
        };
        let without = order.without.iter().map(|without| PlanWithout {
            test: self.step(stream, &without.step),
            from: without.from.saturating_sub(1),
            to: without.to.saturating_sub(1),
        });
        let without = without.collect();
        let mut steps = self.steps(stream, &order.steps, order.same.as_deref(), &order.window);
        steps.all_within = order.all_within.map(millis);
        self.node(PlanNode::Order(OrderNode {
            steps,
            without,
            each_within: order.each_within.map(millis),
            strictly: order.strictly,
        }))
    }

    pub(super) fn any_order(&mut self, order: &InAnyOrder) -> NodeId {
        let stream = self.stream(order.steps.iter().flat_map(|step| &step.names));
        let mut steps = self.steps(stream, &order.steps, order.same.as_deref(), &order.window);
        steps.all_within = order.all_within.map(millis);
        self.node(PlanNode::AnyOrder(steps))
    }

    fn steps(
        &mut self,
        stream: usize,
        steps: &[Step],
        same: Option<&str>,
        window: &Window,
    ) -> PlanSteps {
        self.lookback(stream, lookback_of(&window.start));
        let steps = steps.iter().map(|step| self.step(stream, step)).collect();
        let same = same.map(|property| self.place(Space::Stream(stream), property, ReadKind::Text));
        PlanSteps {
            stream,
            steps,
            all_within: None,
            same,
            span: self.span(window),
        }
    }
}
