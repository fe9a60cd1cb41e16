//! Clauses become a graph of nodes in which equal clauses are one node, over the streams, columns and text sets they read.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use muster_definition::{
    Clause, Comparison, Condition, Did, Measure, Predicate, Start, Test, UserClause,
};
use muster_model::CohortId;

/// All that one module computes.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Each cohort and the node that answers for it.
    pub(crate) cohorts: Vec<(CohortId, NodeId)>,
    /// Operands come before what uses them.
    pub(crate) nodes: Vec<Node>,
    pub(crate) streams: Vec<Stream>,
    pub(crate) user_columns: Vec<Column>,
    /// The sets of texts that columns are tested against.
    pub(crate) text_sets: Vec<BTreeSet<Box<str>>>,
    known: HashMap<Node, NodeId>,
}

pub(crate) type NodeId = usize;

/// A clause whose answers are computed once, whoever uses them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Node {
    Constant(bool),
    Did(DidNode),
    User(Vec<ColumnTest>),
    All(Vec<NodeId>),
    Any(Vec<NodeId>),
    Not(NodeId),
}

/// How many rows of a stream pass the tests, against the counts that hold.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct DidNode {
    pub(crate) stream: usize,
    pub(crate) tests: Vec<ColumnTest>,
    pub(crate) counts: Counts,
    /// The length of a rolling window, in ms; none: all history.
    pub(crate) window: Option<i64>,
}

/// A test of one column's value in a row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ColumnTest {
    pub(crate) column: usize,
    pub(crate) check: Check,
}

/// What a value must be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Check {
    AtLeast(Bits),
    MoreThan(Bits),
    AtMost(Bits),
    LessThan(Bits),
    Set(bool),
    /// In the text set of this index.
    In(usize),
    NotIn(usize),
}

/// A number that is equal to itself: an `f64` by its bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Bits(u64);

impl Bits {
    fn of(number: f64) -> Self {
        // -0 and 0 compare alike, so they are one test.
        Self(if number == 0.0 { 0 } else { number.to_bits() })
    }

    pub(crate) fn number(self) -> f64 {
        f64::from_bits(self.0)
    }
}

/// Which whole numbers hold: `least..=most` without `excluded`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Counts {
    pub(crate) least: i32,
    pub(crate) most: i32,
    pub(crate) excluded: BTreeSet<i32>,
}

/// A `stream-reads` of the contract.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) names: BTreeSet<Box<str>>,
    pub(crate) columns: Vec<Column>,
    /// In ms; none: all history.
    pub(crate) reach: Option<u64>,
}

/// A `property` of the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: Box<str>,
    pub(crate) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Number,
}

impl Plan {
    /// Adds a cohort.
    pub(crate) fn add(&mut self, id: CohortId, clause: &Clause) {
        let node = self.clause(clause);
        self.cohorts.push((id, node));
    }

    fn clause(&mut self, clause: &Clause) -> NodeId {
        match clause {
            Clause::Everyone => self.node(Node::Constant(true)),
            Clause::All(clauses) => {
                let operands = clauses.iter().map(|clause| self.clause(clause)).collect();
                self.all(operands)
            }
            Clause::Any(clauses) => {
                let operands: BTreeSet<_> =
                    clauses.iter().map(|clause| self.clause(clause)).collect();
                self.join(operands, false, Node::Any)
            }
            Clause::Not(clause) => {
                let operand = self.clause(clause);
                self.node(Node::Not(operand))
            }
            Clause::Did(did) => self.did(did),
            Clause::User(user) => self.user(user),
            _ => self.node(Node::Constant(false)),
        }
    }

    fn all(&mut self, operands: BTreeSet<NodeId>) -> NodeId {
        self.join(operands, true, Node::All)
    }

    /// Joins nodes; of none the answer is `empty`, of one the node itself.
    fn join(
        &mut self,
        operands: BTreeSet<NodeId>,
        empty: bool,
        join: fn(Vec<NodeId>) -> Node,
    ) -> NodeId {
        let operands: Vec<_> = operands.into_iter().collect();
        match operands.as_slice() {
            [] => self.node(Node::Constant(empty)),
            [only] => *only,
            _ => self.node(join(operands)),
        }
    }

    fn node(&mut self, node: Node) -> NodeId {
        if let Some(known) = self.known.get(&node) {
            return *known;
        }
        let id = self.nodes.len();
        self.nodes.push(node.clone());
        self.known.insert(node, id);
        id
    }

    fn did(&mut self, did: &Did) -> NodeId {
        let names: BTreeSet<Box<str>> = did
            .step
            .names
            .iter()
            .map(|name| name.as_str().into())
            .collect();
        let window = match did.window.start {
            Start::Last(length) => Some(length.millis()),
            _ => None,
        };
        let Measure::Times(times) = &did.measure else {
            return self.node(Node::Constant(false));
        };
        let stream = match self
            .streams
            .iter_mut()
            .position(|stream| stream.names == names)
        {
            Some(known) => known,
            None => {
                self.streams.push(Stream {
                    names,
                    columns: Vec::new(),
                    reach: Some(0),
                });
                self.streams.len() - 1
            }
        };
        let mut tests = BTreeSet::new();
        for (property, predicate) in &did.step.with {
            for (kind, check) in self.checks(predicate) {
                let Some(stream) = self.streams.get_mut(stream) else {
                    continue;
                };
                let column = place(&mut stream.columns, property, kind);
                tests.insert(ColumnTest { column, check });
            }
        }
        if let Some(stream) = self.streams.get_mut(stream) {
            stream.reach = match (stream.reach, window) {
                (Some(reach), Some(window)) => Some(reach.max(window)),
                _ => None,
            };
        }
        let node = DidNode {
            stream,
            tests: tests.into_iter().collect(),
            counts: Counts::of(times),
            window: window.and_then(|window| i64::try_from(window).ok()),
        };
        self.node(Node::Did(node))
    }

    fn user(&mut self, user: &UserClause) -> NodeId {
        let mut operands = BTreeSet::new();
        for (property, predicate) in &user.properties {
            let mut tests = BTreeSet::new();
            for (kind, check) in self.checks(predicate) {
                let column = place(&mut self.user_columns, property, kind);
                tests.insert(ColumnTest { column, check });
            }
            operands.insert(self.node(Node::User(tests.into_iter().collect())));
        }
        self.all(operands)
    }

    /// What a predicate asks of a value, and how it wants the value read.
    fn checks(&mut self, predicate: &Predicate) -> Vec<(Kind, Check)> {
        predicate
            .tests
            .iter()
            .map(|test| match test {
                Test::AnyOf(texts) => (Kind::Text, Check::In(self.text_set(texts))),
                Test::NoneOf(texts) => (Kind::Text, Check::NotIn(self.text_set(texts))),
                Test::Set(set) => (Kind::Text, Check::Set(*set)),
                Test::AtLeast(number) => (Kind::Number, Check::AtLeast(Bits::of(*number))),
                Test::MoreThan(number) => (Kind::Number, Check::MoreThan(Bits::of(*number))),
                Test::AtMost(number) => (Kind::Number, Check::AtMost(Bits::of(*number))),
                Test::LessThan(number) => (Kind::Number, Check::LessThan(Bits::of(*number))),
                _ => (Kind::Text, Check::Set(true)),
            })
            .collect()
    }

    fn text_set(&mut self, texts: &[Box<str>]) -> usize {
        let set: BTreeSet<Box<str>> = texts.iter().cloned().collect();
        self.text_sets
            .iter()
            .position(|known| *known == set)
            .unwrap_or_else(|| {
                self.text_sets.push(set);
                self.text_sets.len() - 1
            })
    }
}

/// The index of a column, which is added if it is new.
fn place(columns: &mut Vec<Column>, name: &str, kind: Kind) -> usize {
    let column = Column {
        name: name.into(),
        kind,
    };
    columns
        .iter()
        .position(|known| *known == column)
        .unwrap_or_else(|| {
            columns.push(column);
            columns.len() - 1
        })
}

impl Counts {
    fn of(comparison: &Comparison) -> Self {
        let mut counts = Self {
            least: 0,
            most: i32::MAX,
            excluded: BTreeSet::new(),
        };
        for condition in &comparison.conditions {
            let number = condition.bound().number().unwrap_or_default();
            match condition {
                Condition::Exactly(_) => {
                    counts.raise(number.ceil());
                    counts.lower(number.floor());
                }
                Condition::Not(_) if number.fract() == 0.0 => {
                    counts.excluded.insert(clamp(number));
                }
                Condition::Not(_) => {}
                Condition::AtLeast(_) => counts.raise(number.ceil()),
                Condition::MoreThan(_) => counts.raise(number.floor() + 1.0),
                Condition::AtMost(_) => counts.lower(number.floor()),
                Condition::LessThan(_) => counts.lower(number.ceil() - 1.0),
            }
        }
        counts
    }

    fn raise(&mut self, least: f64) {
        self.least = self.least.max(clamp(least));
    }

    fn lower(&mut self, most: f64) {
        self.most = self.most.min(clamp(most));
    }

    /// Holds from some count on: events that leave the window can only end it.
    pub(crate) fn rises(&self) -> bool {
        self.most == i32::MAX && self.excluded.is_empty()
    }

    /// Holds up to some count: events that leave the window can only begin it.
    pub(crate) fn falls(&self) -> bool {
        self.least <= 0 && self.excluded.is_empty()
    }
}

/// A bound on a count of rows, which is itself never negative and below 2^31 (a batch's rows are counted in 32 bits).
fn clamp(number: f64) -> i32 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "clamped to the type's range first"
    )]
    let clamped = number.clamp(-1.0, f64::from(i32::MAX)) as i32;
    clamped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(conditions: Vec<Condition>) -> (i32, i32) {
        let counts = Counts::of(&Comparison { conditions });
        (counts.least, counts.most)
    }

    #[test]
    fn comparisons_become_ranges_of_whole_numbers() {
        assert_eq!(counts(vec![Condition::AtLeast(2.5)]), (3, i32::MAX));
        assert_eq!(counts(vec![Condition::MoreThan(2.0)]), (3, i32::MAX));
        assert_eq!(counts(vec![Condition::LessThan(3.0)]), (0, 2));
        assert_eq!(counts(vec![Condition::AtMost(2.5)]), (0, 2));
        assert_eq!(counts(vec![Condition::Exactly(3.0)]), (3, 3));
        let (least, most) = counts(vec![Condition::Exactly(2.5)]);
        assert!(least > most, "no count is 2.5");
        assert_eq!(
            counts(vec![Condition::AtLeast(1.0), Condition::LessThan(1e300)]),
            (1, i32::MAX)
        );
        assert_eq!(counts(vec![Condition::AtMost(-3.0)]), (0, -1));
    }
}
