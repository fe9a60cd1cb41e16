//! Reads relations: conditions on the events before or after a matching event (docs/cohorts.md,
//! "Events before and after").

use muster_document::{Entry, NodeContent, names};

use crate::clause::{Relation, RelationKind};

use super::clause::Clauses;
use super::key::{LanguageKey, LanguageKind, key};
use super::step;

/// The keys beside `did` and `did_not`.
pub(crate) const TABLE: [LanguageKey; 4] = [
    key(
        "followed_by",
        LanguageKind::Relation,
        "Such another event follows the event, at the same instant or later, up to now.",
    ),
    key(
        "not_followed_by",
        LanguageKind::Relation,
        "No such other event follows the event, at the same instant or later, up to now.",
    ),
    key(
        "preceded_by",
        LanguageKind::Relation,
        "Such another event precedes the event, at the same instant or earlier.",
    ),
    key(
        "not_preceded_by",
        LanguageKind::Relation,
        "No such other event precedes the event, at the same instant or earlier.",
    ),
];

/// The keys of a relation, apart from those that select its event.
pub(crate) const COMPANIONS: [LanguageKey; 2] = [
    key(
        "within",
        LanguageKind::Duration,
        "The longest time between both events.",
    ),
    key(
        "same",
        LanguageKind::Property,
        "Both events carry the same value of this event property.",
    ),
];

const KEYS: [&str; 2] = names(&COMPANIONS);

const HELP: &str = "for the time between both events write `within`; windows and measures belong to the whole clause";

impl Clauses<'_, '_> {
    /// Reads the relations beside a `did`, in the order of their kinds.
    pub(super) fn relations(&mut self, entries: &[Entry]) -> Option<Vec<Relation>> {
        let mut relations = Some(Vec::new());
        for kind in RelationKind::ALL {
            let Some(entry) = entries.iter().find(|entry| *entry.key == *kind.key()) else {
                continue;
            };
            match (self.relation(kind, entry), &mut relations) {
                (Some(relation), Some(relations)) => relations.push(relation),
                (None, _) => relations = None,
                (Some(_), None) => {}
            }
        }
        relations
    }

    fn relation(&mut self, kind: RelationKind, entry: &Entry) -> Option<Relation> {
        let inside: &[Entry] = match &entry.value.content {
            NodeContent::Map(entries) => entries,
            _ => &[],
        };
        let step = self.event(&entry.value, &KEYS, HELP);
        let within = self.beside(inside, "within", Self::duration);
        let same = self.beside(inside, "same", Self::property);
        Some(Relation {
            kind,
            step: step?,
            within: within?,
            same: same?,
        })
    }
}

/// Returns the keys of a relation.
pub(crate) fn keys() -> impl Iterator<Item = &'static LanguageKey> {
    std::iter::once(&step::EVENT)
        .chain(&step::TABLE)
        .chain(&COMPANIONS)
}
