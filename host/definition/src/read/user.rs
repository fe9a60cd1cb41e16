//! Reads `user` (docs/cohorts.md, "user"): predicates on user properties, now or in their history.

use muster_document::{Diagnostic, Entry, Node, NodeContent, names};

use crate::clause::{UserClause, When};

use super::clause::Clauses;
use super::key::{LanguageKey, LanguageKind, key};

/// The keys beside `user`, which say when.
pub(crate) const TABLE: [LanguageKey; 3] = [
    key(
        "ever",
        LanguageKind::True,
        "At any time since the first change of the property.",
    ),
    key(
        "in_last",
        LanguageKind::Length,
        "At any time within the window; the value at its start counts.",
    ),
    key(
        "held_for",
        LanguageKind::Duration,
        "Now, and without a break for at least this long.",
    ),
];

pub(crate) const KEYS: [&str; 3] = names(&TABLE);

impl Clauses<'_, '_> {
    pub(super) fn user(&mut self, subject: &Entry, entries: &[Entry]) -> Option<UserClause> {
        let properties = self.properties(subject);
        let when = self.when(entries);
        let fixed = self.is_fixed(subject, entries);
        Some(UserClause {
            properties: properties?,
            when: when.filter(|_| fixed)?,
        })
    }

    fn when(&mut self, entries: &[Entry]) -> Option<When> {
        let mut said = entries.iter().filter(|entry| KEYS.contains(&&*entry.key));
        let Some(entry) = said.next() else {
            return Some(When::Now);
        };
        if let Some(second) = said.next() {
            let source = self.reader.source();
            let error = Diagnostic::error(format!(
                "a clause has one key for time, and this has `{}` and `{}`",
                entry.key, second.key
            ))
            .at(source, second.key_span, "the second")
            .at(source, entry.key_span, "the first");
            self.reader
                .report(error.help("make two clauses of it, in a list under `all:`"));
            return None;
        }
        match &*entry.key {
            "ever" => self.ever(&entry.value),
            "in_last" => self.start(&entry.value).map(When::During),
            _ => self.duration(&entry.value).map(When::HeldFor),
        }
    }

    fn ever(&mut self, node: &Node) -> Option<When> {
        match self.reader.flag(node, "`true`")? {
            true => Some(When::Ever),
            false => self.reader.wrong(
                node.span,
                "`ever` is always `true`",
                "leave `ever` out: without it the current value counts",
            ),
        }
    }

    /// Checks that the predicates do not depend on now. They must not if the clause reads other
    /// times than now.
    fn is_fixed(&mut self, subject: &Entry, entries: &[Entry]) -> bool {
        let Some(when) = entries.iter().find(|entry| KEYS.contains(&&*entry.key)) else {
            return true;
        };
        let NodeContent::Map(properties) = &subject.value.content else {
            return true;
        };
        let mut fixed = true;
        for property in properties {
            let NodeContent::Map(operators) = &property.value.content else {
                continue;
            };
            for operator in operators {
                if ["in_last", "in_next", "before_last"].contains(&&*operator.key) {
                    fixed = false;
                    let message = format!(
                        "`{}` in a predicate counts from now, and `{}` checks other times",
                        operator.key, when.key
                    );
                    let help = "write `before` or `after` and a date";
                    self.reader.wrong::<()>(operator.key_span, message, help);
                }
            }
        }
        fixed
    }
}
