//! The parts of a user's history that a clause reads.

use std::collections::BTreeSet;

use muster_definition::{
    Bound, Clause, Comparison, Did, DidInOrder, EventName, Measure, Predicate, Step, Test,
};

/// The events and properties that the clauses of a definition read.
#[derive(Debug, Default)]
pub struct DefinitionReads<'c> {
    /// Event names and globs.
    pub events: BTreeSet<&'c EventName>,
    /// Names of event properties.
    pub event_properties: BTreeSet<&'c str>,
    /// Names of user properties.
    pub user_properties: BTreeSet<&'c str>,
}

impl<'c> DefinitionReads<'c> {
    /// Returns the events and properties that a clause reads.
    pub fn of(clause: &'c Clause) -> Self {
        let mut reads = Self::default();
        reads.clause(clause);
        reads
    }

    /// Returns true if some clause reads events of this name.
    pub fn event(&self, name: &str) -> bool {
        self.events.iter().any(|read| read.matches(name))
    }

    fn clause(&mut self, clause: &'c Clause) {
        match clause {
            Clause::All(clauses) | Clause::Any(clauses) => {
                clauses.iter().for_each(|clause| self.clause(clause));
            }
            Clause::Not(clause) => self.clause(clause),
            Clause::Did(did) => self.did(did),
            Clause::DidInOrder(order) => self.in_order(order),
            Clause::User(user) => {
                for (name, predicate) in &user.properties {
                    self.user_properties.insert(name);
                    self.predicate(predicate);
                }
            }
            // These read the instant of the first event, the user id, or a static list.
            Clause::Everyone
            | Clause::FirstSeen(_)
            | Clause::Sample(_)
            | Clause::InCohort(_)
            | Clause::Listed(_) => {}
        }
    }

    fn did(&mut self, did: &'c Did) {
        self.step(&did.step);
        self.event_properties.extend(did.per.as_deref());
        match &did.measure {
            Measure::Times(comparison)
            | Measure::Units(_, _, comparison)
            | Measure::Each(_, comparison)
            | Measure::Regularly {
                times: comparison, ..
            } => self.comparison(comparison),
            Measure::Number(numbers) => {
                let names = numbers.iter().map(|of| &*of.property);
                self.event_properties.extend(names);
            }
            Measure::Distinct(properties) => {
                let names = properties.iter().map(|(name, _)| &**name);
                self.event_properties.extend(names);
            }
            Measure::First(properties) | Measure::Last(properties) => {
                self.event_properties(properties);
            }
            Measure::Nth(_) => {}
        }
    }

    fn in_order(&mut self, order: &'c DidInOrder) {
        let steps = order.steps.iter().chain(&order.without);
        steps.for_each(|step| self.step(step));
        self.event_properties.extend(order.same.as_deref());
    }

    fn comparison(&mut self, comparison: &'c Comparison) {
        for condition in &comparison.conditions {
            if let Bound::Times(other) = condition.bound() {
                self.step(other);
            }
        }
    }

    fn step(&mut self, step: &'c Step) {
        self.events.extend(&step.names);
        let maps = step.with_any.iter().chain([&step.with]);
        maps.for_each(|properties| self.event_properties(properties));
    }

    fn event_properties(&mut self, properties: &'c [(Box<str>, Predicate)]) {
        for (name, predicate) in properties {
            self.event_properties.insert(name);
            self.predicate(predicate);
        }
    }

    fn predicate(&mut self, predicate: &'c Predicate) {
        for test in &predicate.tests {
            if let Test::SameAs(property) = test {
                self.user_properties.insert(property);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use muster_definition::{Body, parse};
    use muster_document::SourceFile;

    use super::*;

    #[test]
    fn all_events_and_properties_that_a_definition_reads_are_found() {
        let text = "where: {all: [{did: [Purchase, \"Cart *\"], with: {amount: {at_least: 5}}}, {not: {user: {city: Reno}}}]}";
        let definition = parse(&SourceFile::new("a.yaml", text)).unwrap();
        let Body::Where(clause) = &definition.body else {
            panic!("a clause")
        };
        let reads = DefinitionReads::of(clause);
        assert!(reads.event("Purchase") && reads.event("Cart Emptied") && !reads.event("Refund"));
        assert_eq!(reads.event_properties, ["amount"].into());
        assert_eq!(reads.user_properties, ["city"].into());
    }
}
