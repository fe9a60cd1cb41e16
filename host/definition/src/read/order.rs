//! Reads `did_in_order` and `in_any_order` (docs/cohorts.md, sections of these names): steps that
//! different events take.

use muster_document::{Entry, Node, NodeContent};

use crate::clause::{DidInOrder, InAnyOrder, Step};
use crate::limits;

use super::clause::Clauses;
use super::key::{LanguageKey, LanguageKind, key};

/// The keys beside `did_in_order`, apart from windows.
pub(crate) const TABLE: [LanguageKey; 5] = [
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
        "strictly",
        LanguageKind::True,
        "No other event of any name lies between the steps.",
    ),
    key(
        "without",
        LanguageKind::Without,
        "No such event lies strictly between the first and the last step, or the two steps of `between`.",
    ),
    key(
        "same",
        LanguageKind::Property,
        "All steps carry the same value of this event property.",
    ),
];

/// The keys beside `in_any_order`, apart from windows.
pub(crate) const ANY_TABLE: [LanguageKey; 2] = [
    key(
        "all_within",
        LanguageKind::Duration,
        "The longest time from the earliest event to the latest.",
    ),
    key(
        "same",
        LanguageKind::Property,
        "All steps carry the same value of this event property.",
    ),
];

impl Clauses<'_, '_> {
    pub(super) fn did_in_order(
        &mut self,
        subject: &Entry,
        entries: &[Entry],
    ) -> Option<DidInOrder> {
        let steps = self.steps(subject);
        let all_within = self.beside(entries, "all_within", Self::duration);
        let each_within = self.beside(entries, "each_within", Self::duration);
        let strictly = self.beside(entries, "strictly", Self::strictly);
        let without = self.beside(entries, "without", |this, node| {
            this.without(node, steps.as_ref().map(Vec::len))
        });
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
            strictly: strictly?.unwrap_or(false),
            without: without?.unwrap_or_default(),
            same: same?,
            window: window?,
        })
    }

    pub(super) fn in_any_order(
        &mut self,
        subject: &Entry,
        entries: &[Entry],
    ) -> Option<InAnyOrder> {
        let steps = self.steps(subject);
        let all_within = self.beside(entries, "all_within", Self::duration);
        let same = self.beside(entries, "same", Self::property);
        let window = self.window(entries);
        Some(InAnyOrder {
            steps: steps?,
            all_within: all_within?,
            same: same?,
            window: window?,
        })
    }

    fn strictly(&mut self, node: &Node) -> Option<bool> {
        match self.reader.flag(node, "`true`")? {
            true => Some(true),
            false => self.reader.wrong(
                node.span,
                "`strictly` is always `true`",
                "leave `strictly` out: without it other events may lie between the steps",
            ),
        }
    }

    fn steps(&mut self, subject: &Entry) -> Option<Vec<Step>> {
        const WHAT: &str = "a list of steps";
        let node = &subject.value;
        let example = match &*subject.key {
            "did_in_order" => {
                "write the events in their order: `did_in_order: [View Item, Purchase]`".to_owned()
            }
            key => format!("write the events: `{key}: [View Item, Purchase]`"),
        };
        let items = match &node.content {
            NodeContent::List(_) => self.reader.list(node, WHAT, limits::STEPS)?,
            _ => return self.reader.expected(node, WHAT, &example),
        };
        if let [] | [_] = items {
            let message = format!(
                "an order has at least 2 steps, and this has {}",
                items.len()
            );
            let help = match items {
                [] => example,
                _ => "for a single event write `did: Purchase`".to_owned(),
            };
            return self.reader.wrong(node.span, message, help);
        }
        let steps: Vec<_> = items.iter().map(|item| self.step(item)).collect();
        steps.into_iter().collect()
    }
}
