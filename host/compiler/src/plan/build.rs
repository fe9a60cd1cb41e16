//! Turns clauses into nodes.

use std::collections::BTreeSet;

use muster_definition::{
    Bound, Clause, Comparison, Condition, Did, End, Measure, Relation, Start, Step, Unit,
    UserClause, When as Whenever, Window,
};
use muster_model::CohortId;
use xxhash_rust::xxh3::xxh3_64;

use super::counts::{compares, numbers};
use super::reads::{ReadKind, Space, index_of, lookback_of, millis};
use super::row_test::holds_for_none;
use super::{
    AllowedCounts, Bits, CountNode, HistoryNode, LatestNode, MeasureNode, NodeId, Plan,
    PlanMeasure, PlanNode, PlanRelation, PlanWhen, PlanWindow, RowTest, SpanStart, WithinNode,
};

impl Plan {
    /// Adds a cohort. `list` returns the name of the static list of a cohort.
    pub(crate) fn add(
        &mut self,
        id: CohortId,
        clause: &Clause,
        list: &dyn Fn(&CohortId) -> String,
    ) {
        let node = self.clause(clause, list);
        self.cohorts.push((id, node));
    }

    fn clause(&mut self, clause: &Clause, list: &dyn Fn(&CohortId) -> String) -> NodeId {
        match clause {
            Clause::Everyone => self.node(PlanNode::Constant(true)),
            // The reader of definitions has replaced it by the other cohort's clause.
            Clause::InCohort(_) => self.node(PlanNode::Constant(false)),
            Clause::All(clauses) => {
                let operands = clauses.iter().map(|clause| self.clause(clause, list));
                let operands = operands.collect();
                self.all(operands)
            }
            Clause::Any(clauses) => {
                let operands = clauses.iter().map(|clause| self.clause(clause, list));
                let operands = operands.collect();
                self.join(operands, false, PlanNode::Any)
            }
            Clause::Not(clause) => {
                let operand = self.clause(clause, list);
                self.node(PlanNode::Not(operand))
            }
            Clause::Did(did) => self.did(did),
            Clause::DidInOrder(order) => self.order(order),
            Clause::InAnyOrder(order) => self.any_order(order),
            Clause::User(user) => self.user(user),
            Clause::FirstSeen(window) => {
                let span = self.span(window);
                self.node(PlanNode::FirstSeen(span))
            }
            Clause::Sample(sample) => self.node(PlanNode::Sample {
                seed: xxh3_64(sample.seed.as_bytes()),
                share: Bits::of(sample.percent / 100.0),
            }),
            Clause::Listed(cohort) => {
                let list = index_of(&mut self.lists, list(cohort).into());
                self.node(PlanNode::Listed(list))
            }
        }
    }

    fn all(&mut self, operands: BTreeSet<NodeId>) -> NodeId {
        self.join(operands, true, PlanNode::All)
    }

    /// Joins nodes. Without nodes the answer is `empty`, with one node it is that node.
    fn join(
        &mut self,
        operands: BTreeSet<NodeId>,
        empty: bool,
        join: fn(Vec<NodeId>) -> PlanNode,
    ) -> NodeId {
        let operands: Vec<_> = operands.into_iter().collect();
        match operands.as_slice() {
            [] => self.node(PlanNode::Constant(empty)),
            [only] => *only,
            _ => self.node(join(operands)),
        }
    }

    fn did(&mut self, did: &Did) -> NodeId {
        let others: Vec<_> = match &did.measure {
            Measure::Times(times) => others(times),
            Measure::Number(_)
            | Measure::Distinct(_)
            | Measure::Units(..)
            | Measure::Each(..)
            | Measure::Regularly { .. }
            | Measure::Nth(_)
            | Measure::First(_)
            | Measure::Last(_) => Vec::new(),
        };
        let related = did.relations.iter().map(|relation| &relation.step);
        let steps = [&did.step].into_iter().chain(related).chain(others);
        let stream = self.stream(steps.flat_map(|step| &step.names));
        let test = self.step(stream, &did.step);
        if let Some(counts) = simple(did)
            && !test.is_relative()
        {
            let window = match did.window.start {
                Start::Last(length) => Some(millis(length)),
                Start::Ever | Start::Calendar { .. } | Start::At(_) => None,
            };
            self.lookback(stream, window);
            return self.count(stream, test, counts, window);
        }
        let mut steps = vec![test];
        let (span, lookback) = self.span_of(did);
        self.lookback(stream, further_back(lookback, &did.relations));
        let relations = did.relations.iter();
        let relations = relations.map(|relation| self.relation(stream, relation));
        let relations = relations.collect();
        let measure = self.measure(did, stream, &mut steps);
        let per = did
            .per
            .as_ref()
            .map(|property| self.place(Space::Stream(stream), property, ReadKind::Text));
        self.node(PlanNode::Measure(MeasureNode {
            stream,
            steps,
            relations,
            span,
            measure,
            per,
        }))
    }

    fn relation(&mut self, stream: usize, relation: &Relation) -> PlanRelation {
        let same = relation.same.as_ref();
        PlanRelation {
            test: self.step(stream, &relation.step),
            before: relation.kind.is_before(),
            wanted: relation.kind.is_wanted(),
            within: relation.within.map(millis),
            same: same.map(|property| self.place(Space::Stream(stream), property, ReadKind::Text)),
        }
    }

    fn count(
        &mut self,
        stream: usize,
        test: RowTest,
        counts: AllowedCounts,
        window: Option<i64>,
    ) -> NodeId {
        if counts.rises() {
            return self.within(stream, test, counts.least, window);
        }
        if counts.falls() {
            let more = self.within(stream, test, counts.most.saturating_add(1), window);
            return self.node(PlanNode::Not(more));
        }
        self.node(PlanNode::Count(CountNode {
            stream,
            test,
            counts,
            window,
        }))
    }

    /// Adds the node for at least `nth` rows.
    fn within(&mut self, stream: usize, test: RowTest, nth: i32, window: Option<i64>) -> NodeId {
        if nth < 1 {
            return self.node(PlanNode::Constant(true));
        }
        let latest = self.node(PlanNode::Latest(LatestNode { stream, test, nth }));
        self.node(PlanNode::Within(WithinNode { latest, window }))
    }

    /// Returns the window, and the lookback of its stream.
    fn span_of(&mut self, did: &Did) -> (PlanWindow, Option<i64>) {
        match &did.measure {
            // Any of all events may be the nth.
            Measure::Nth(_) => (self.span(&did.window), None),
            Measure::Regularly {
                every,
                of_last,
                at_least: _,
                times: _,
            } => {
                let lookback = millis(*every).saturating_mul(i64::from(*of_last));
                let span = PlanWindow {
                    start: SpanStart::Last(lookback),
                    end: End::Now,
                };
                (span, Some(lookback))
            }
            Measure::Times(_)
            | Measure::Number(_)
            | Measure::Distinct(_)
            | Measure::Units(..)
            | Measure::Each(..)
            | Measure::First(_)
            | Measure::Last(_) => (self.span(&did.window), lookback_of(&did.window.start)),
        }
    }

    fn measure(&mut self, did: &Did, stream: usize, steps: &mut Vec<RowTest>) -> PlanMeasure {
        let space = Space::Stream(stream);
        match &did.measure {
            Measure::Times(times) => PlanMeasure::Times(compares(times, |other| {
                let test = self.step(stream, other);
                steps.push(test);
                steps.len() - 1
            })),
            Measure::Number(of) => {
                let parts = of.iter().map(|of| {
                    let column = self.place(space, &of.property, ReadKind::Number);
                    (of.aggregate, column, numbers(&of.comparison))
                });
                PlanMeasure::Number(parts.collect())
            }
            Measure::Distinct(of) => {
                let parts = of.iter().map(|(property, comparison)| {
                    let column = self.place(space, property, ReadKind::Text);
                    (column, numbers(comparison))
                });
                PlanMeasure::Distinct(parts.collect())
            }
            Measure::Units(unit, zone, comparison) => {
                let calendar = self.units_of(&did.window, *unit, zone);
                PlanMeasure::Units(calendar, numbers(comparison))
            }
            Measure::Each(unit, comparison) => self.each(&did.window, *unit, comparison),
            Measure::Regularly {
                every,
                of_last,
                at_least,
                times,
            } => PlanMeasure::Regularly {
                every: millis(*every),
                of_last: i32::try_from(*of_last).unwrap_or(i32::MAX),
                at_least: i32::try_from(*at_least).unwrap_or(i32::MAX),
                times: numbers(times),
            },
            Measure::Nth(nth) => PlanMeasure::Nth(i32::try_from(*nth).unwrap_or(i32::MAX)),
            Measure::First(properties) => PlanMeasure::First(self.properties(space, properties)),
            Measure::Last(properties) => PlanMeasure::Last(self.properties(space, properties)),
        }
    }

    fn each(&mut self, window: &Window, unit: Unit, comparison: &Comparison) -> PlanMeasure {
        let zone = match &window.start {
            Start::Calendar {
                unit: _,
                count: _,
                zone,
            } => zone.clone(),
            // The reader requires a calendar window, so no other window occurs here; any zone would
            // do.
            Start::Ever | Start::Last(_) | Start::At(_) => muster_definition::TimeZoneName::utc(),
        };
        let calendar = self.units_of(window, unit, &zone);
        PlanMeasure::Each(calendar, numbers(comparison))
    }

    fn user(&mut self, user: &UserClause) -> NodeId {
        let mut operands = BTreeSet::new();
        for (property, predicate) in &user.properties {
            let node = match &user.when {
                Whenever::Now => PlanNode::User(self.predicate(Space::User, property, predicate)),
                when => {
                    let when = match when {
                        Whenever::Ever | Whenever::Now => PlanWhen::Ever,
                        Whenever::During(start) => PlanWhen::During(self.span_start(start)),
                        Whenever::HeldFor(length) => PlanWhen::HeldFor(millis(*length)),
                    };
                    PlanNode::History(HistoryNode {
                        test: self.predicate(Space::History, property, predicate),
                        absent: holds_for_none(predicate),
                        when,
                    })
                }
            };
            operands.insert(self.node(node));
        }
        self.all(operands)
    }
}

/// Returns the other events that a count is compared with.
fn others(times: &Comparison) -> Vec<&Step> {
    let bounds = times.conditions.iter().map(Condition::bound);
    bounds
        .filter_map(|bound| match bound {
            Bound::Times(step) => Some(step),
            Bound::Number(_) => None,
        })
        .collect()
}

/// Extends a lookback by what relations read before the window; `None`: all of history.
fn further_back(lookback: Option<i64>, relations: &[Relation]) -> Option<i64> {
    let before = relations
        .iter()
        .filter(|relation| relation.kind.is_before());
    before
        .map(|relation| relation.within.map(millis))
        .try_fold(0, |longest: i64, within| Some(longest.max(within?)))
        .zip(lookback)
        .map(|(before, lookback)| lookback.saturating_add(before))
}

/// Returns the allowed counts, if the clause only counts events in all of history or in a rolling
/// window.
fn simple(did: &Did) -> Option<AllowedCounts> {
    let Did {
        step: _,
        relations,
        window,
        measure,
        per,
    } = did;
    let rolls = match window.start {
        Start::Ever | Start::Last(_) => true,
        Start::Calendar { .. } | Start::At(_) => false,
    };
    let plain = rolls && window.end == End::Now && per.is_none() && relations.is_empty();
    match measure {
        Measure::Times(times) if plain => AllowedCounts::of(times),
        Measure::Times(_)
        | Measure::Number(_)
        | Measure::Distinct(_)
        | Measure::Units(..)
        | Measure::Each(..)
        | Measure::Regularly { .. }
        | Measure::Nth(_)
        | Measure::First(_)
        | Measure::Last(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_definition::{Duration, lookback};
    use muster_testkit::definition::clause;

    fn plan(texts: &[&str]) -> Plan {
        let mut plan = Plan::default();
        for (number, text) in texts.iter().enumerate() {
            let id = CohortId::new(&format!("c{number}")).unwrap();
            plan.add(id, &clause(text), &|cohort| cohort.to_string());
        }
        plan
    }

    #[test]
    fn equal_clauses_are_one_node_and_streams_are_shared() {
        let plan = plan(&[
            "{all: [{did: A, in_last: 1 day}, {user: {city: Seattle}}]}",
            "{any: [{user: {city: Seattle}}, {did: A, in_last: 1 day}, {did: A, in_last: 2 days}]}",
        ]);
        assert_eq!(plan.streams.len(), 1);
        assert_eq!(plan.streams[0].lookback, Some(2 * 86_400_000));
        // The latest A, its two windows, one user clause, one `all`, one `any`.
        assert_eq!(plan.nodes.len(), 6);
    }

    #[test]
    fn a_stream_has_the_lookback_that_the_definition_reports() {
        for text in [
            "{did: A, in_last: 36 hours}",
            "{did: A, times: {at_most: 3}, in_last: 5 calendar days}",
            "{did_not: A, in_last: 7 calendar weeks}",
            "{did: A, sum_of: {p: {at_least: 5}}, in_last: 40 calendar months}",
            "{did: A, first: {p: 1}, in_last: 1 day}",
            "{did: A, nth: 2, in_last: 1 day}",
            "{did: A, since: 2026-01-01}",
            "{did: A, before_last: 7 days}",
            "{did: A, regularly: {every: 1 week, of_last: 4, at_least: 3}}",
            "{did: A, not_followed_by: B, in_last: 1 day}",
            "{did: A, preceded_by: B, in_last: 1 day}",
            "{did: A, preceded_by: {did: B, within: 2 hours}, in_last: 1 day}",
            "{did: A, not_preceded_by: {did: B, within: 1 day}, in_last: 1 calendar month}",
            "{did_in_order: [A, B], in_last: 1 calendar month}",
            "{did_in_order: [A, B]}",
            "{all: [{did: A, in_last: 1 day}, {did: A, in_last: 2 days}]}",
        ] {
            let said = lookback(&clause(text)).unwrap().length;
            let lookback = plan(&[text]).streams[0].lookback;
            assert_eq!(said.is_none(), lookback.is_none(), "{text}");
            assert!(said <= lookback, "{text}: {said:?}, {lookback:?}");
        }
    }

    #[test]
    fn a_stream_has_the_lookback_of_its_longest_window() {
        let plan = plan(&["{did: A, in_last: 1 day}", "{did: A}"]);
        assert_eq!(plan.streams[0].lookback, None);
        let start = Start::Last(Duration::from_millis(5));
        assert_eq!(lookback_of(&start), Some(5));
    }
}
