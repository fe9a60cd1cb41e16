//! The parts of a user's history that a clause reads.

use std::collections::BTreeSet;

use crate::clause::Test;
use crate::clause::visit::{Visit, walk_test};
use crate::{Clause, EventName};

/// The events and properties that the clauses of a definition read.
#[derive(Debug, Default)]
pub struct DefinitionReads<'c> {
    /// Event names and globs.
    pub events: BTreeSet<&'c EventName>,
    /// The names of event properties.
    pub event_properties: BTreeSet<&'c str>,
    /// The names of user properties.
    pub user_properties: BTreeSet<&'c str>,
    /// The names of event properties that are compared with an instant.
    pub event_instants: BTreeSet<&'c str>,
    /// The names of user properties that are compared with an instant.
    pub user_instants: BTreeSet<&'c str>,
    /// The property that the next test is about.
    tested: Option<TestedProperty<'c>>,
}

#[derive(Clone, Copy, Debug)]
enum TestedProperty<'c> {
    Event(&'c str),
    User(&'c str),
}

impl<'c> DefinitionReads<'c> {
    /// Returns what a clause reads.
    #[must_use]
    pub fn of(clause: &'c Clause) -> Self {
        let mut reads = Self::default();
        reads.visit_clause(clause);
        reads
    }

    /// Returns true if some clause reads events of this name.
    #[must_use]
    pub fn event(&self, name: &str) -> bool {
        self.events.iter().any(|read| read.matches(name))
    }
}

impl<'c> Visit<'c> for DefinitionReads<'c> {
    fn visit_event_name(&mut self, name: &'c EventName) {
        self.events.insert(name);
    }

    fn visit_event_property(&mut self, name: &'c str) {
        self.event_properties.insert(name);
        self.tested = Some(TestedProperty::Event(name));
    }

    fn visit_user_property(&mut self, name: &'c str) {
        self.user_properties.insert(name);
        self.tested = Some(TestedProperty::User(name));
    }

    fn visit_test(&mut self, test: &'c Test) {
        let tested = self.tested;
        if let Test::Instant(_) = test {
            match tested {
                Some(TestedProperty::Event(name)) => self.event_instants.insert(name),
                Some(TestedProperty::User(name)) => self.user_instants.insert(name),
                None => false,
            };
        }
        walk_test(self, test);
        // The parts of a test may name other properties.
        self.tested = tested;
    }
}

#[cfg(test)]
mod tests {
    use muster_document::SourceFile;

    use super::*;
    use crate::{Body, parse};

    fn clause(text: &str) -> Clause {
        let source = SourceFile::new("a.yaml", &format!("where: {text}"));
        let Body::Where(clause) = parse(&source).unwrap().body else {
            panic!("a clause")
        };
        clause
    }

    #[test]
    fn all_events_and_properties_that_a_definition_reads_are_found() {
        let clause = clause(
            "{all: [{did: [Purchase, \"Cart *\"], with: {amount: {at_least: 5}}}, {not: {user: {city: Reno}}}]}",
        );
        let reads = DefinitionReads::of(&clause);
        assert!(reads.event("Purchase") && reads.event("Cart Emptied") && !reads.event("Refund"));
        assert_eq!(reads.event_properties, ["amount"].into());
        assert_eq!(reads.user_properties, ["city"].into());
    }

    #[test]
    fn properties_that_are_compared_with_an_instant_are_found() {
        let clause = clause(
            "{all: [{did: A, with: {p: {same_as: {user: u}, before: 2026-01-01}, q: 5}}, {user: {v: {in_last: 3 days}}}]}",
        );
        let reads = DefinitionReads::of(&clause);
        assert_eq!(reads.event_instants, ["p"].into());
        assert_eq!(reads.user_instants, ["v"].into());
    }

    #[test]
    fn every_place_of_a_name_is_read() {
        for (text, events, event_properties, user_properties) in [
            ("{did: A, per: p}", vec!["A"], vec!["p"], vec![]),
            ("{did: A, sum_of: {p: 5}}", vec!["A"], vec!["p"], vec![]),
            ("{did: A, distinct: {p: 5}}", vec!["A"], vec!["p"], vec![]),
            ("{did: A, last: {p: 5}}", vec!["A"], vec!["p"], vec![]),
            (
                "{did: A, with_any: [{p: 5}, {q: {same_as: {user: u}}}]}",
                vec!["A"],
                vec!["p", "q"],
                vec!["u"],
            ),
            (
                "{did: A, times: {more_than: {did: B, with: {p: 5}}}}",
                vec!["A", "B"],
                vec!["p"],
                vec![],
            ),
            (
                "{did_in_order: [A, {did: B, with: {q: 5}}], without: C, same: p}",
                vec!["A", "B", "C"],
                vec!["p", "q"],
                vec![],
            ),
            (
                "{did: A, preceded_by: {did: B, with_user: {u: 5}, same: p}}",
                vec!["A", "B"],
                vec!["p"],
                vec!["u"],
            ),
            ("{user: {u: 5}, ever: true}", vec![], vec![], vec!["u"]),
            ("{first_seen: {in_last: 1 day}}", vec![], vec![], vec![]),
        ] {
            let clause = clause(text);
            let reads = DefinitionReads::of(&clause);
            let names = reads.events.iter().map(|name| name.as_str());
            assert_eq!(names.collect::<Vec<_>>(), events, "{text}");
            assert!(
                reads.event_properties.into_iter().eq(event_properties),
                "{text}"
            );
            assert!(
                reads.user_properties.into_iter().eq(user_properties),
                "{text}"
            );
        }
    }
}
