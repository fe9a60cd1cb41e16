//! Clauses become a graph of nodes in which equal clauses are one node, over the streams, columns
//! and text tests they read.

mod build;
mod counts;
mod order;
mod reads;
mod row_test;

use std::collections::{BTreeSet, HashMap};

use muster_definition::{Aggregate, End, Pattern};
use muster_model::CohortId;

pub(crate) use counts::AllowedCounts;
pub(crate) use reads::{PlanCalendar, PlanColumn, PlanStream, ReadKind};
pub(crate) use row_test::{Bits, RowTest, ValueTest};

/// All that one module computes.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Each cohort and the node that answers for it.
    pub(crate) cohorts: Vec<(CohortId, NodeId)>,
    /// Operands come before what uses them.
    pub(crate) nodes: Vec<PlanNode>,
    pub(crate) streams: Vec<PlanStream>,
    pub(crate) user_columns: Vec<PlanColumn>,
    /// Each is an `event-rows` of its own with one column.
    pub(crate) histories: Vec<PlanColumn>,
    pub(crate) calendars: Vec<PlanCalendar>,
    /// The static lists, by name.
    pub(crate) lists: Vec<Box<str>>,
    /// The sets of texts that columns are tested against.
    pub(crate) text_sets: Vec<BTreeSet<Box<str>>>,
    pub(crate) patterns: Vec<Pattern>,
    known: HashMap<PlanNode, NodeId>,
}

pub(crate) type NodeId = usize;

/// A clause whose answers are computed once, whoever uses them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum PlanNode {
    Constant(bool),
    Latest(LatestNode),
    Within(WithinNode),
    Count(CountNode),
    Measure(MeasureNode),
    Order(OrderNode),
    /// What user properties hold now.
    User(RowTest),
    History(HistoryNode),
    FirstSeen(PlanWindow),
    Sample {
        /// The hash of the seed.
        seed: u64,
        /// The share, 0 to 1.
        share: Bits,
    },
    /// On the static list of this index.
    Listed(usize),
    All(Vec<NodeId>),
    Any(Vec<NodeId>),
    Not(NodeId),
}

/// When the nth matching row from the end happened: no answer, but what [`WithinNode`]s of all
/// windows share.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LatestNode {
    pub(crate) stream: usize,
    pub(crate) test: RowTest,
    /// At least 1.
    pub(crate) nth: i32,
}

/// The common `did`: at least n matching rows lie in a rolling window, which they do until the nth
/// from the end leaves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct WithinNode {
    pub(crate) latest: NodeId,
    /// In ms; none: all history.
    pub(crate) window: Option<i64>,
}

/// A `did` of other counts in a rolling window: how many rows of a stream pass the test, against
/// the counts that hold.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CountNode {
    pub(crate) stream: usize,
    pub(crate) test: RowTest,
    pub(crate) counts: AllowedCounts,
    /// The length of a rolling window, in ms; none: all history.
    pub(crate) window: Option<i64>,
}

/// Every other `did`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct MeasureNode {
    pub(crate) stream: usize,
    /// The event itself, then the events that its count is compared with.
    pub(crate) steps: Vec<RowTest>,
    pub(crate) span: PlanWindow,
    pub(crate) measure: PlanMeasure,
    /// The text column of `per`.
    pub(crate) per: Option<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum PlanMeasure {
    Times(Vec<Compare>),
    /// Aggregates of number columns.
    Number(Vec<(Aggregate, usize, Vec<Compare>)>),
    /// Different values of text columns.
    Distinct(Vec<(usize, Vec<Compare>)>),
    /// Different units of a calendar.
    Units(usize, Vec<Compare>),
    /// Every unit of a calendar from the window's start on.
    Each(usize, Vec<Compare>),
    Regularly {
        every: i64,
        of_last: i32,
        at_least: i32,
        times: Vec<Compare>,
    },
    Nth(i32),
    First(RowTest),
    Last(RowTest),
}

/// A condition on a number.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Compare {
    pub(crate) operator: CompareOperator,
    pub(crate) bound: PlanBound,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum CompareOperator {
    Exactly,
    Not,
    AtLeast,
    MoreThan,
    AtMost,
    LessThan,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum PlanBound {
    Number(Bits),
    /// How many rows pass the step of this index.
    Times(usize),
}

/// `did_in_order`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct OrderNode {
    pub(crate) stream: usize,
    pub(crate) steps: Vec<RowTest>,
    pub(crate) without: Option<RowTest>,
    /// In ms.
    pub(crate) all_within: Option<i64>,
    /// In ms.
    pub(crate) each_within: Option<i64>,
    /// The text column of `same`.
    pub(crate) same: Option<usize>,
    pub(crate) span: PlanWindow,
}

/// What a user property held.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct HistoryNode {
    /// Its columns are [`Plan::histories`], all of the same property.
    pub(crate) test: RowTest,
    /// Whether the test holds for no value.
    pub(crate) absent: bool,
    pub(crate) when: PlanWhen,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum PlanWhen {
    Ever,
    During(SpanStart),
    /// In ms.
    HeldFor(i64),
}

/// A window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PlanWindow {
    pub(crate) start: SpanStart,
    pub(crate) end: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum SpanStart {
    Ever,
    /// In ms.
    Last(i64),
    /// The calendar of this index.
    Calendar(usize),
    /// ms since the epoch.
    At(i64),
}

impl PlanWindow {
    pub(crate) const EVER: Self = Self {
        start: SpanStart::Ever,
        end: End::Now,
    };

    /// Whether rows enter it as time passes.
    pub(crate) fn enters(&self) -> Option<i64> {
        match self.end {
            End::Before(length) => Some(reads::millis(length)),
            End::Now | End::At(_) | End::WithinFirst(_) => None,
        }
    }
}

impl PlanNode {
    /// Whether it answers for ever, whatever the clock says.
    pub(crate) fn is_static(&self) -> bool {
        match self {
            Self::Constant(_) | Self::Sample { .. } | Self::Listed(_) => true,
            Self::User(test) => !test.is_relative(),
            _ => false,
        }
    }

    /// The nodes it is made of.
    pub(crate) fn operands(&self) -> &[NodeId] {
        match self {
            Self::All(operands) | Self::Any(operands) => operands,
            Self::Not(operand) => std::slice::from_ref(operand),
            Self::Within(within) => std::slice::from_ref(&within.latest),
            _ => &[],
        }
    }
}

impl Plan {
    /// What node answers for a clause that is new or known.
    fn node(&mut self, node: PlanNode) -> NodeId {
        if let Some(known) = self.known.get(&node) {
            return *known;
        }
        let id = self.nodes.len();
        self.nodes.push(node.clone());
        self.known.insert(node, id);
        id
    }

    /// How far back the windows reach that ask for the latest rows of a test, in ms; none: all of
    /// history.
    pub(crate) fn lookback_of_latest(&self, latest: &[NodeId]) -> Option<i64> {
        let windows = self.nodes.iter().filter_map(|node| match node {
            PlanNode::Within(within) if latest.contains(&within.latest) => Some(within.window),
            _ => None,
        });
        let mut lookback = 0;
        for window in windows {
            lookback = lookback.max(window?);
        }
        Some(lookback)
    }

    /// Whether `user-hash` is read.
    pub(crate) fn reads_hashes(&self) -> bool {
        self.nodes
            .iter()
            .any(|node| matches!(node, PlanNode::Sample { .. }))
    }
}
