//! Reads `did` (docs/cohorts.md, "did"): the events, the window and the measure.

use muster_document::{Entry, Node};

use crate::clause::Did;

use super::clause::Clauses;
use super::key::{LanguageKey, LanguageKind, key};

/// The keys that only `did` has, apart from events, windows and measures.
pub(crate) const TABLE: [LanguageKey; 1] = [key(
    "per",
    LanguageKind::Property,
    "The measure is taken per value of this event property; one value that satisfies it is enough.",
)];

impl Clauses<'_, '_> {
    /// Reads `did`, and `did_not` without its negation.
    pub(super) fn did(&mut self, subject: &Entry, entries: &[Entry]) -> Option<Did> {
        let step = self.step_of(subject, entries);
        let relations = self.relations(entries);
        let window = self.window(entries);
        let per = self.beside(entries, "per", Self::property);
        let measure = match &*subject.key {
            "did" => self.measure(entries, window.as_ref()),
            // A measure beside `did_not` is reported as misplaced, and is not read.
            _ => self.measure(&[], None),
        };
        Some(Did {
            step: step?,
            relations: relations?,
            window: window?,
            measure: measure?,
            per: per?,
        })
    }

    /// Reads a key beside a subject that may be missing. Returns `Some(None)` if it is missing,
    /// `None` if it is wrong.
    pub(super) fn beside<T>(
        &mut self,
        entries: &[Entry],
        key: &str,
        read: impl FnOnce(&mut Self, &Node) -> Option<T>,
    ) -> Option<Option<T>> {
        match entries.iter().find(|entry| &*entry.key == key) {
            Some(entry) => read(self, &entry.value).map(Some),
            None => Some(None),
        }
    }

    /// Reads the name of an event property.
    pub(super) fn property(&mut self, node: &Node) -> Option<Box<str>> {
        self.reader.text(node, "a property's name").map(Box::from)
    }
}
