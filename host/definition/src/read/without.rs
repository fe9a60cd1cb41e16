//! Reads `without` (docs/cohorts.md, "did_in_order"): events that do not lie between steps.

use muster_document::{Node, NodeContent};

use crate::clause::Without;
use crate::limits;

use super::clause::Clauses;
use super::key::{LanguageKey, LanguageKind, key};
use super::step;

/// The key of an event of `without`, apart from those that select the event.
pub(crate) const BETWEEN: LanguageKey = key(
    "between",
    LanguageKind::StepNumbers,
    "The numbers of two steps; the first step is 1. Without it the first and the last.",
);

const EXAMPLE: &str = "write the numbers of two steps, the earlier first: `between: [1, 2]`";

impl Clauses<'_, '_> {
    /// Reads an event, or a list of events, each perhaps with `between`. `steps` is the number of
    /// steps; `None`: the steps are wrong.
    pub(super) fn without(&mut self, node: &Node, steps: Option<usize>) -> Option<Vec<Without>> {
        if !matches!(node.content, NodeContent::List(_)) {
            return self.one_without(node, steps).map(|one| vec![one]);
        }
        let items = self
            .reader
            .list(node, "a list of events", limits::WITHOUT)?;
        if items.is_empty() {
            let help = "name at least one, or leave `without` out";
            return self
                .reader
                .wrong(node.span, "this list of events is empty", help);
        }
        let read: Vec<_> = items
            .iter()
            .map(|item| self.one_without(item, steps))
            .collect();
        read.into_iter().collect()
    }

    fn one_without(&mut self, node: &Node, steps: Option<usize>) -> Option<Without> {
        const HELP: &str = "for some of the steps only write `between: [1, 2]`; windows and measures belong to the whole clause";
        let step = self.event(node, &[BETWEEN.name], HELP);
        let entries = match &node.content {
            NodeContent::Map(entries) => entries.as_slice(),
            _ => &[],
        };
        let between = self.beside(entries, BETWEEN.name, |this, node| {
            this.between(node, steps)
        });
        let last = steps.unwrap_or(limits::STEPS);
        let (from, to) = between?.unwrap_or((1, last));
        Some(Without {
            step: step?,
            from,
            to,
        })
    }

    fn between(&mut self, node: &Node, steps: Option<usize>) -> Option<(usize, usize)> {
        const WHAT: &str = "the numbers of two steps";
        let NodeContent::List(items) = &node.content else {
            return self.reader.expected(node, WHAT, EXAMPLE);
        };
        let [from, to] = items.as_slice() else {
            let message = format!("expected {WHAT}, found a list of {}", items.len());
            return self.reader.wrong(node.span, message, EXAMPLE);
        };
        let mut number = |node: &Node| {
            let number = self.whole(node, "the number of a step", "the first step is 1")?;
            usize::try_from(number).ok()
        };
        let (from, to) = (number(from), number(to));
        let (from, to) = (from?, to?);
        if from >= to {
            let message = format!("step {from} does not come before step {to}");
            return self.reader.wrong(node.span, message, EXAMPLE);
        }
        if let Some(steps) = steps.filter(|steps| to > *steps) {
            let message = format!("there is no step {to}");
            let help = format!("the steps have the numbers 1 to {steps}");
            return self.reader.wrong(node.span, message, help);
        }
        Some((from, to))
    }
}

/// Returns the keys of an event of `without`.
pub(crate) fn keys() -> impl Iterator<Item = &'static LanguageKey> {
    const KEYS: [LanguageKey; 1] = [BETWEEN];
    std::iter::once(&step::EVENT)
        .chain(&step::TABLE)
        .chain(&KEYS)
}
