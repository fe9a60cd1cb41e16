//! Reads steps: the names of events, and predicates on their properties (docs/cohorts.md, "did" and
//! "did_in_order").

use muster_document::{Entry, Node, NodeContent, names};

use crate::clause::{EventName, Properties, Step};
use crate::limits;

use super::clause::Clauses;
use super::key::{LanguageKey, LanguageKind, key, needed_key};
use super::words::unknown_key;
use super::{measure, window};

/// The key for the event, where a map inside a clause names one.
pub(crate) const EVENT: LanguageKey = needed_key(
    "did",
    LanguageKind::Events,
    "The event: a name, a list of names (any of them), a glob or `\"*\"`.",
);

/// The keys beside `did` that select events.
pub(crate) const TABLE: [LanguageKey; 3] = [
    key(
        "with",
        LanguageKind::Properties,
        "Event properties, each with its predicate; all hold.",
    ),
    key(
        "with_any",
        LanguageKind::Alternatives,
        "Maps of event properties, of which at least one holds too.",
    ),
    key(
        "with_user",
        LanguageKind::Properties,
        "User properties, each with its predicate; all hold for the values at the instant of the event.",
    ),
];

pub(crate) const KEYS: [&str; 3] = names(&TABLE);

impl Clauses<'_, '_> {
    /// Reads an event's name, or `{did, with, with_any, with_user}`.
    pub(super) fn step(&mut self, node: &Node) -> Option<Step> {
        const HELP: &str = "write only `did`, `with`, `with_any` and `with_user` here; windows and measures belong to the whole clause";
        self.event(node, &[], HELP)
    }

    /// Reads an event's name, or a map that selects events and may have `more` keys. `help` follows
    /// the error about a window or a measure.
    pub(super) fn event(&mut self, node: &Node, more: &[&str], help: &str) -> Option<Step> {
        let entries = match &node.content {
            NodeContent::Map(entries) => entries,
            NodeContent::List(_) => {
                let help = "for any of several events write `{did: [A, B]}`";
                return self.reader.expected(node, "one event", help);
            }
            _ => {
                return Some(Step {
                    names: self.names(node)?,
                    with: Vec::new(),
                    with_any: Vec::new(),
                    with_user: Vec::new(),
                });
            }
        };
        let fits = self.fits_step(entries, more, help);
        let Some(subject) = entries.iter().find(|entry| &*entry.key == EVENT.name) else {
            if fits {
                let help = "write `{did: View Item, with: {…}}`";
                self.reader
                    .wrong::<()>(node.span, "this does not name the event", help);
            }
            return None;
        };
        self.step_of(subject, entries).filter(|_| fits)
    }

    /// Checks that all keys of a map select events, or are among `more`.
    fn fits_step(&mut self, entries: &[Entry], more: &[&str], help: &str) -> bool {
        let mut fits = true;
        for entry in entries {
            let key = &*entry.key;
            if key == EVENT.name || KEYS.contains(&key) || more.contains(&key) {
                continue;
            }
            fits = false;
            if window::KEYS.contains(&key) || measure::KEYS.contains(&key) || key == "per" {
                let message = format!("`{key}` does not belong to an event inside a clause");
                self.reader.wrong::<()>(entry.key_span, message, help);
            } else {
                unknown_key(
                    self.reader,
                    entry,
                    "an event",
                    &[&[EVENT.name], &KEYS[..], more].concat(),
                );
            }
        }
        fits
    }

    /// Reads the names of a subject, and the keys beside it that select events.
    pub(super) fn step_of(&mut self, subject: &Entry, entries: &[Entry]) -> Option<Step> {
        let entry = |key: &str| entries.iter().find(|entry| &*entry.key == key);
        let names = self.names(&subject.value);
        let with = match entry("with") {
            Some(entry) => self.properties(entry),
            None => Some(Vec::new()),
        };
        let with_any = match entry("with_any") {
            Some(entry) => self.with_any(&entry.value),
            None => Some(Vec::new()),
        };
        let with_user = match entry("with_user") {
            Some(entry) => self.properties(entry),
            None => Some(Vec::new()),
        };
        Some(Step {
            names: names?,
            with: with?,
            with_any: with_any?,
            with_user: with_user?,
        })
    }

    fn with_any(&mut self, node: &Node) -> Option<Vec<Properties>> {
        const WHAT: &str = "a list of maps of properties";
        if let NodeContent::Map(_) = node.content {
            let help = "begin each map with `- `, or write `[{coupon: {set: true}}, {channel: email}]`; if all of one map must hold, write `with`";
            return self.reader.expected(node, WHAT, help);
        }
        let items = self.reader.list(node, WHAT, limits::ALTERNATIVES)?;
        if items.is_empty() {
            return self.reader.wrong(
                node.span,
                "this list of maps is empty",
                "name at least one, or leave `with_any` out",
            );
        }
        let read: Vec<_> = items
            .iter()
            .map(|item| self.property_map("with_any", item, "[{city: Seattle}]", Self::predicate))
            .collect();
        read.into_iter().collect()
    }

    fn names(&mut self, node: &Node) -> Option<Vec<EventName>> {
        const NAME: &str = "an event's name";
        if !matches!(node.content, NodeContent::List(_)) {
            return self
                .reader
                .text(node, NAME)
                .map(|name| vec![EventName::from(name)]);
        }
        let items = self
            .reader
            .list(node, "a list of event names", limits::EVENT_NAMES)?;
        if items.is_empty() {
            return self.reader.wrong(
                node.span,
                "this list of event names is empty",
                "for any event write `did: \"*\"`",
            );
        }
        let names: Vec<_> = items
            .iter()
            .map(|item| self.reader.text(item, NAME).map(EventName::from))
            .collect();
        names.into_iter().collect()
    }
}
