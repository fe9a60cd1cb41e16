//! Reads `did_in_order` (docs/cohorts.md, "did_in_order"): steps in time order.

use muster_document::{Entry, Node, NodeContent};

use crate::clause::{DidInOrder, Step};
use crate::limits;

use super::clause::Clauses;
use super::key::{LanguageKey, LanguageKind, key};

/// The keys beside `did_in_order`, apart from windows.
pub(crate) const TABLE: [LanguageKey; 4] = [
    key(
        "all_within",
        LanguageKind::Duration,
        "The longest time from the first step to the last.",
    ),
    key(
        "each_within",
        LanguageKind::Duration,
        "The longest time from each step to the next.",
    ),
    key(
        "without",
        LanguageKind::Step,
        "No such event lies strictly between the first and the last step.",
    ),
    key(
        "same",
        LanguageKind::Property,
        "All steps carry the same value of this event property.",
    ),
];

const EXAMPLE: &str = "write the events in their order: `did_in_order: [View Item, Purchase]`";

impl Clauses<'_, '_> {
    pub(super) fn did_in_order(
        &mut self,
        subject: &Entry,
        entries: &[Entry],
    ) -> Option<DidInOrder> {
        let steps = self.steps(&subject.value);
        let all_within = self.beside(entries, "all_within", Self::duration);
        let each_within = self.beside(entries, "each_within", Self::duration);
        let without = self.beside(entries, "without", Self::step);
        let same = self.beside(entries, "same", Self::property);
        let window = self.window(entries);
        if let (Some(Some(all)), Some(Some(each))) = (all_within, each_within)
            && each > all
            && let Some(entry) = entries.iter().find(|entry| &*entry.key == "each_within")
        {
            self.reader.warn(
                entry.value.span,
                "`each_within` has no effect: all steps together take no longer than `all_within`",
                "make it the shorter of the two, or leave it out",
            );
        }
        Some(DidInOrder {
            steps: steps?,
            all_within: all_within?,
            each_within: each_within?,
            without: without?,
            same: same?,
            window: window?,
        })
    }

    fn steps(&mut self, node: &Node) -> Option<Vec<Step>> {
        const WHAT: &str = "a list of steps";
        let items = match &node.content {
            NodeContent::List(_) => self.reader.list(node, WHAT, limits::STEPS)?,
            _ => return self.reader.expected(node, WHAT, EXAMPLE),
        };
        if let [] | [_] = items {
            let message = format!(
                "an order has at least 2 steps, and this has {}",
                items.len()
            );
            let help = match items {
                [] => EXAMPLE,
                _ => "for a single event write `did: Purchase`",
            };
            return self.reader.wrong(node.span, message, help);
        }
        let steps: Vec<_> = items.iter().map(|item| self.step(item)).collect();
        steps.into_iter().collect()
    }
}
