//! A visitor of clauses: a `visit_*` method for each kind of node, which an implementation may
//! replace, and a `walk_*` function that visits the parts of the node.
//!
//! The functions list every variant and every field, without `..`. So the compiler finds each new
//! one here, and a visitor that replaces only the methods it needs visits the new one too.

use super::{
    Bound, Clause, Comparison, Did, DidInOrder, End, EventName, InAnyOrder, Measure, NumberOf,
    Predicate, Properties, Relation, Sample, Start, Step, Test, UserClause, When, Window, Without,
};

/// A visitor of a clause and of everything in it. A replaced method calls its `walk_*` function to
/// visit the parts too.
pub(crate) trait Visit<'c> {
    fn visit_clause(&mut self, clause: &'c Clause) {
        walk_clause(self, clause);
    }

    fn visit_did(&mut self, did: &'c Did) {
        walk_did(self, did);
    }

    fn visit_measure(&mut self, measure: &'c Measure) {
        walk_measure(self, measure);
    }

    fn visit_order(&mut self, order: &'c DidInOrder) {
        walk_order(self, order);
    }

    fn visit_any_order(&mut self, order: &'c InAnyOrder) {
        walk_any_order(self, order);
    }

    fn visit_user(&mut self, user: &'c UserClause) {
        walk_user(self, user);
    }

    fn visit_when(&mut self, when: &'c When) {
        walk_when(self, when);
    }

    fn visit_step(&mut self, step: &'c Step) {
        walk_step(self, step);
    }

    fn visit_comparison(&mut self, comparison: &'c Comparison) {
        walk_comparison(self, comparison);
    }

    fn visit_window(&mut self, window: &'c Window) {
        walk_window(self, window);
    }

    fn visit_predicate(&mut self, predicate: &'c Predicate) {
        walk_predicate(self, predicate);
    }

    fn visit_test(&mut self, test: &'c Test) {
        walk_test(self, test);
    }

    /// Visits a start, which has no parts.
    fn visit_start(&mut self, _start: &'c Start) {}

    /// Visits an end, which has no parts.
    fn visit_end(&mut self, _end: &'c End) {}

    /// Visits the name or glob of an event.
    fn visit_event_name(&mut self, _name: &'c EventName) {}

    /// Visits the name of an event property.
    fn visit_event_property(&mut self, _name: &'c str) {}

    /// Visits the name of a user property.
    fn visit_user_property(&mut self, _name: &'c str) {}
}

pub(crate) fn walk_clause<'c>(visit: &mut (impl Visit<'c> + ?Sized), clause: &'c Clause) {
    match clause {
        Clause::All(clauses) | Clause::Any(clauses) => {
            for clause in clauses {
                visit.visit_clause(clause);
            }
        }
        Clause::Not(clause) => visit.visit_clause(clause),
        Clause::Did(did) => visit.visit_did(did),
        Clause::DidInOrder(order) => visit.visit_order(order),
        Clause::InAnyOrder(order) => visit.visit_any_order(order),
        Clause::User(user) => visit.visit_user(user),
        Clause::FirstSeen(window) => visit.visit_window(window),
        Clause::Sample(Sample {
            percent: _,
            seed: _,
        }) => {}
        Clause::Everyone | Clause::InCohort(_) | Clause::Listed(_) => {}
    }
}

pub(crate) fn walk_did<'c>(visit: &mut (impl Visit<'c> + ?Sized), did: &'c Did) {
    let Did {
        step,
        relations,
        window,
        measure,
        per,
    } = did;
    visit.visit_step(step);
    for relation in relations {
        walk_relation(visit, relation);
    }
    visit.visit_window(window);
    visit.visit_measure(measure);
    if let Some(property) = per {
        visit.visit_event_property(property);
    }
}

fn walk_relation<'c>(visit: &mut (impl Visit<'c> + ?Sized), relation: &'c Relation) {
    let Relation {
        kind: _,
        step,
        within: _,
        same,
    } = relation;
    visit.visit_step(step);
    if let Some(property) = same {
        visit.visit_event_property(property);
    }
}

pub(crate) fn walk_measure<'c>(visit: &mut (impl Visit<'c> + ?Sized), measure: &'c Measure) {
    match measure {
        Measure::Times(comparison)
        | Measure::Units(_, _, comparison)
        | Measure::Each(_, comparison)
        | Measure::Regularly {
            every: _,
            of_last: _,
            at_least: _,
            times: comparison,
        } => visit.visit_comparison(comparison),
        Measure::Number(numbers) => {
            for NumberOf {
                aggregate: _,
                property,
                comparison,
            } in numbers
            {
                visit.visit_event_property(property);
                visit.visit_comparison(comparison);
            }
        }
        Measure::Distinct(properties) => {
            for (property, comparison) in properties {
                visit.visit_event_property(property);
                visit.visit_comparison(comparison);
            }
        }
        Measure::Nth(_) => {}
        Measure::First(properties) | Measure::Last(properties) => {
            walk_event_properties(visit, properties);
        }
    }
}

pub(crate) fn walk_order<'c>(visit: &mut (impl Visit<'c> + ?Sized), order: &'c DidInOrder) {
    let DidInOrder {
        steps,
        all_within: _,
        each_within: _,
        strictly: _,
        without,
        same,
        window,
    } = order;
    let without = without.iter().map(
        |Without {
             step,
             from: _,
             to: _,
         }| step,
    );
    for step in steps.iter().chain(without) {
        visit.visit_step(step);
    }
    if let Some(property) = same {
        visit.visit_event_property(property);
    }
    visit.visit_window(window);
}

pub(crate) fn walk_any_order<'c>(visit: &mut (impl Visit<'c> + ?Sized), order: &'c InAnyOrder) {
    let InAnyOrder {
        steps,
        all_within: _,
        same,
        window,
    } = order;
    for step in steps {
        visit.visit_step(step);
    }
    if let Some(property) = same {
        visit.visit_event_property(property);
    }
    visit.visit_window(window);
}

pub(crate) fn walk_user<'c>(visit: &mut (impl Visit<'c> + ?Sized), user: &'c UserClause) {
    let UserClause { properties, when } = user;
    walk_user_properties(visit, properties);
    visit.visit_when(when);
}

pub(crate) fn walk_when<'c>(visit: &mut (impl Visit<'c> + ?Sized), when: &'c When) {
    match when {
        When::During(start) => visit.visit_start(start),
        When::Now | When::Ever | When::HeldFor(_) => {}
    }
}

pub(crate) fn walk_step<'c>(visit: &mut (impl Visit<'c> + ?Sized), step: &'c Step) {
    let Step {
        names,
        with,
        with_any,
        with_user,
    } = step;
    for name in names {
        visit.visit_event_name(name);
    }
    walk_event_properties(visit, with);
    for properties in with_any {
        walk_event_properties(visit, properties);
    }
    walk_user_properties(visit, with_user);
}

fn walk_user_properties<'c>(visit: &mut (impl Visit<'c> + ?Sized), properties: &'c Properties) {
    for (property, predicate) in properties {
        visit.visit_user_property(property);
        visit.visit_predicate(predicate);
    }
}

fn walk_event_properties<'c>(visit: &mut (impl Visit<'c> + ?Sized), properties: &'c Properties) {
    for (property, predicate) in properties {
        visit.visit_event_property(property);
        visit.visit_predicate(predicate);
    }
}

pub(crate) fn walk_comparison<'c>(
    visit: &mut (impl Visit<'c> + ?Sized),
    comparison: &'c Comparison,
) {
    let Comparison { conditions } = comparison;
    for condition in conditions {
        match condition.bound() {
            Bound::Number(_) => {}
            Bound::Times(step) => visit.visit_step(step),
        }
    }
}

pub(crate) fn walk_window<'c>(visit: &mut (impl Visit<'c> + ?Sized), window: &'c Window) {
    let Window { start, end } = window;
    visit.visit_start(start);
    visit.visit_end(end);
}

pub(crate) fn walk_predicate<'c>(visit: &mut (impl Visit<'c> + ?Sized), predicate: &'c Predicate) {
    let Predicate { tests } = predicate;
    for test in tests {
        visit.visit_test(test);
    }
}

pub(crate) fn walk_test<'c>(visit: &mut (impl Visit<'c> + ?Sized), test: &'c Test) {
    match test {
        Test::SameAs(property) => visit.visit_user_property(property),
        Test::CountOf(comparison) => visit.visit_comparison(comparison),
        Test::AnyOf(_)
        | Test::NoneOf(_)
        | Test::Fits(_)
        | Test::FitsNot(_)
        | Test::AtLeast(_)
        | Test::MoreThan(_)
        | Test::AtMost(_)
        | Test::LessThan(_)
        | Test::Instant(_)
        | Test::Version(_)
        | Test::Set(_) => {}
    }
}
