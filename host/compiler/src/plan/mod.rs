//! Turns clauses into a graph of nodes in which equal clauses are one node, with the streams,
//! columns and text tests that the nodes read.

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

/// The plan of one module: everything that it computes.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Each cohort and the node that answers for it.
    pub(crate) cohorts: Vec<(CohortId, NodeId)>,
    /// The nodes. Operands come before the nodes that use them.
    pub(crate) nodes: Vec<PlanNode>,
    pub(crate) streams: Vec<PlanStream>,
    pub(crate) user_columns: Vec<PlanColumn>,
    /// Histories of user properties. Each is an `event-rows` of its own with one column.
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

/// A clause whose answers are computed once for all nodes and cohorts that use it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum PlanNode {
    Constant(bool),
    Latest(LatestNode),
    Within(WithinNode),
    Count(CountNode),
    Measure(MeasureNode),
    Order(OrderNode),
    /// `in_any_order`.
    AnyOrder(PlanSteps),
    /// A test of current values of user properties.
    User(RowTest),
    History(HistoryNode),
    FirstSeen(PlanWindow),
    Sample {
        /// The hash of the seed.
        seed: u64,
        /// The share, 0 to 1.
        share: Bits,
    },
    /// The user is on the static list of this index.
    Listed(usize),
    All(Vec<NodeId>),
    Any(Vec<NodeId>),
    Not(NodeId),
}

/// The instant of the nth matching row from the end. It is not an answer; the [`WithinNode`]s of
/// all windows share it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LatestNode {
    pub(crate) stream: usize,
    pub(crate) test: RowTest,
    /// The n, at least 1.
    pub(crate) nth: i32,
}

/// The common `did`: at least n matching rows lie in a rolling window. It holds until the nth row
/// from the end leaves the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct WithinNode {
    pub(crate) latest: NodeId,
    /// The length of the window, in ms; none: all history.
    pub(crate) window: Option<i64>,
}

/// A `did` of other counts in a rolling window: the number of rows of a stream that pass the test,
/// with the allowed counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CountNode {
    pub(crate) stream: usize,
    pub(crate) test: RowTest,
    pub(crate) counts: AllowedCounts,
    /// The length of a rolling window, in ms; none: all history.
    pub(crate) window: Option<i64>,
}

/// Any other `did`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct MeasureNode {
    pub(crate) stream: usize,
    /// The event itself, then the events that its count is compared with.
    pub(crate) steps: Vec<RowTest>,
    /// The relations of the event itself.
    pub(crate) relations: Vec<PlanRelation>,
    pub(crate) span: PlanWindow,
    pub(crate) measure: PlanMeasure,
    /// The text column of `per`.
    pub(crate) per: Option<usize>,
}

/// A condition on the rows before or after a row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PlanRelation {
    /// The other row.
    pub(crate) test: RowTest,
    /// The other row comes before the row.
    pub(crate) before: bool,
    /// There must be such a row; if not, there must be none.
    pub(crate) wanted: bool,
    /// The longest time between both rows, in ms.
    pub(crate) within: Option<i64>,
    /// The text column of `same`.
    pub(crate) same: Option<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum PlanMeasure {
    Times(Vec<Compare>),
    /// Aggregates of number columns.
    Number(Vec<(Aggregate, usize, Vec<Compare>)>),
    /// The number of different values of text columns.
    Distinct(Vec<(usize, Vec<Compare>)>),
    /// The number of different units of a calendar.
    Units(usize, Vec<Compare>),
    /// The count in every unit of a calendar from the window's start on.
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
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Compare {
    pub(crate) operator: CompareOperator,
    pub(crate) bound: PlanBound,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum CompareOperator {
    Exactly,
    Not,
    AtLeast,
    MoreThan,
    AtMost,
    LessThan,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum PlanBound {
    Number(Bits),
    /// The number of rows that pass the step of this index.
    Times(usize),
}

/// Steps that different rows take.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PlanSteps {
    pub(crate) stream: usize,
    pub(crate) steps: Vec<RowTest>,
    /// The longest time from the first row to the last, in ms.
    pub(crate) all_within: Option<i64>,
    /// The text column of `same`.
    pub(crate) same: Option<usize>,
    pub(crate) span: PlanWindow,
}

/// `did_in_order`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct OrderNode {
    pub(crate) steps: PlanSteps,
    pub(crate) without: Vec<PlanWithout>,
    /// The longest time from a step to the next, in ms.
    pub(crate) each_within: Option<i64>,
    /// Each row between the first and the last step is a step. All rows are in the stream.
    pub(crate) strictly: bool,
}

/// A row that does not lie between two steps, given by their indexes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PlanWithout {
    pub(crate) test: RowTest,
    pub(crate) from: usize,
    pub(crate) to: usize,
}

impl OrderNode {
    /// Returns the steps whose instants limits count from, by index: the first step, and those that
    /// a `without` begins with.
    pub(crate) fn counted_from(&self) -> Vec<usize> {
        let without = self.without.iter().map(|without| without.from);
        let steps: BTreeSet<_> = without.chain([0]).collect();
        steps.into_iter().collect()
    }
}

/// A test of the values of a user property over time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct HistoryNode {
    /// The test. Its columns are [`Plan::histories`], all of the same property.
    pub(crate) test: RowTest,
    /// The test holds for an absent value.
    pub(crate) absent: bool,
    pub(crate) when: PlanWhen,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum PlanWhen {
    Ever,
    During(SpanStart),
    /// A length of time, in ms.
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
    /// A length of time before now, in ms.
    Last(i64),
    /// The calendar of this index.
    Calendar(usize),
    /// An instant, in ms since the epoch.
    At(i64),
}

impl PlanWindow {
    /// Returns the time in ms after which rows enter the window, or `None` if rows never enter as
    /// time passes.
    pub(crate) fn enters(&self) -> Option<i64> {
        match self.end {
            End::Before(length) => Some(reads::millis(length)),
            End::Now | End::At(_) | End::WithinFirst(_) => None,
        }
    }
}

impl PlanNode {
    /// Returns true if the answer never changes by the clock.
    pub(crate) fn is_static(&self) -> bool {
        match self {
            Self::Constant(_) | Self::Sample { .. } | Self::Listed(_) => true,
            Self::User(test) => !test.is_relative(),
            Self::Latest(_)
            | Self::Within(_)
            | Self::Count(_)
            | Self::Measure(_)
            | Self::Order(_)
            | Self::AnyOrder(_)
            | Self::History(_)
            | Self::FirstSeen(_)
            | Self::All(_)
            | Self::Any(_)
            | Self::Not(_) => false,
        }
    }

    /// Returns the nodes that this node consists of.
    pub(crate) fn operands(&self) -> &[NodeId] {
        match self {
            Self::All(operands) | Self::Any(operands) => operands,
            Self::Not(operand) => std::slice::from_ref(operand),
            Self::Within(within) => std::slice::from_ref(&within.latest),
            Self::Constant(_)
            | Self::Latest(_)
            | Self::Count(_)
            | Self::Measure(_)
            | Self::Order(_)
            | Self::AnyOrder(_)
            | Self::User(_)
            | Self::History(_)
            | Self::FirstSeen(_)
            | Self::Sample { .. }
            | Self::Listed(_) => &[],
        }
    }
}

impl Plan {
    /// Returns the node for a clause, and adds the node if it is new.
    fn node(&mut self, node: PlanNode) -> NodeId {
        if let Some(known) = self.known.get(&node) {
            return *known;
        }
        let id = self.nodes.len();
        self.nodes.push(node.clone());
        self.known.insert(node, id);
        id
    }

    /// Returns the longest window over the latest rows of a test, in ms; none: all of history.
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

    /// Returns true if the module reads `user-hash`.
    pub(crate) fn reads_hashes(&self) -> bool {
        self.nodes
            .iter()
            .any(|node| matches!(node, PlanNode::Sample { .. }))
    }
}
