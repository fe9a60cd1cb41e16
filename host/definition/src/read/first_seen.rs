//! `first_seen` (docs/cohorts.md, "Clauses"): when a user was new.

use crate::clause::Window;
use crate::yaml::{Content, Node};

use super::clause::Clauses;

/// The windows in which a user's first event can lie.
const KEYS: [&str; 4] = ["in_last", "before_last", "since", "until"];

const EXAMPLE: &str = "write a map: `first_seen: {in_last: 7 days}`";

impl Clauses<'_, '_> {
    pub(super) fn first_seen(&mut self, node: &Node) -> Option<Window> {
        let Content::Map(entries) = &node.content else {
            return self.reader.expected(node, "a window", EXAMPLE);
        };
        if entries.is_empty() {
            return self
                .reader
                .wrong(node.span, "this window says nothing", EXAMPLE);
        }
        if let Some(entry) = entries.iter().find(|entry| &*entry.key == "within_first") {
            let help = "a new user is `first_seen: {in_last: 7 days}`";
            return self.reader.wrong(
                entry.key_span,
                "`within_first` counts from the first event itself",
                help,
            );
        }
        self.reader.fields(node, "a window", &KEYS)?;
        self.window(entries)
    }
}
