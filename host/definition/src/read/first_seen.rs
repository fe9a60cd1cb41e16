//! Reads `first_seen` (docs/cohorts.md, "Clauses"): the window of a user's first event.

use muster_document::{Node, NodeContent};

use crate::clause::Window;

use super::clause::Clauses;
use super::key::LanguageKey;
use super::window;

/// The window that counts from the first event itself, so it cannot limit that event.
const ITSELF: &str = "within_first";

/// Returns the windows in which a user's first event can lie.
pub(crate) fn windows() -> impl Iterator<Item = &'static LanguageKey> {
    window::TABLE.iter().filter(|key| key.name != ITSELF)
}

const EXAMPLE: &str = "write a map: `first_seen: {in_last: 7 days}`";

impl Clauses<'_, '_> {
    pub(super) fn first_seen(&mut self, node: &Node) -> Option<Window> {
        let NodeContent::Map(entries) = &node.content else {
            return self.reader.expected(node, "a window", EXAMPLE);
        };
        if entries.is_empty() {
            return self
                .reader
                .wrong(node.span, "this window has no start and no end", EXAMPLE);
        }
        if let Some(entry) = entries.iter().find(|entry| &*entry.key == ITSELF) {
            let help = "for new users write `first_seen: {in_last: 7 days}`";
            return self.reader.wrong(
                entry.key_span,
                "`within_first` counts from the first event itself",
                help,
            );
        }
        let keys: Vec<_> = windows().map(|key| key.name).collect();
        self.reader.fields(node, "a window", &keys)?;
        self.window(entries)
    }
}
