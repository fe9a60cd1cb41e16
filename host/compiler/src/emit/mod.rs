//! Makes a core module from the plan.
//!
//! Every node answers with one signed instant per user: `+u`, in until `u`; `-u`, out until `u`;
//! infinite: for ever. Then `all` is the minimum, `any` the maximum and `not` the negation. The
//! instants are as exact as they can be without another evaluation: an `all` that fails stays so
//! until the last of its failing clauses changes. Times are below 2^53 ms, exact as `f64`.

mod any_order;
mod assign;
mod choice;
mod classify;
mod columns;
mod compare;
mod count;
mod gather;
mod latest;
mod leaf;
mod marks;
mod measure;
mod memory;
mod nodes;
mod order;
mod roots;
mod rows;
mod texts;
mod user;

use std::collections::BTreeMap;

use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, ExportKind, ExportSection, Function, FunctionSection,
    GlobalSection, GlobalType, MemorySection, MemoryType, Module, TypeSection, ValType,
};

use crate::automaton::Automaton;
use crate::describe;
use crate::layout::{BITMAP_BYTES, FIRST_ADDRESS, NODE_BYTES, PAGE, StaticData, verdicts};
use crate::plan::{NodeId, Plan, PlanMeasure, PlanNode, RowTest};
use crate::wasm::{Expr, FunctionBody, I32};
use columns::Columns;
use roots::Roots;
use rows::RowLocals;

pub(crate) use texts::LITERAL_BYTES;

/// Globals.
mod global {
    /// The first free byte.
    pub(super) const HEAP: u32 = 0;
    /// The batch's record.
    pub(super) const BATCH: u32 = 1;
    /// The batch's clock.
    pub(super) const NOW: u32 = 2;
    /// The tables of text tests: a byte per dictionary entry.
    pub(super) const TABLES: u32 = 3;
    /// The number of bytes in a table.
    pub(super) const TABLE_SIZE: u32 = 4;
    /// The memory for a list of entries ([`super::gather`]).
    pub(super) const LIST: u32 = 5;
    /// The number of entries that the list can hold.
    pub(super) const LIST_SIZE: u32 = 6;
    /// For each dictionary entry the stamp of the last list that had the entry.
    pub(super) const STAMPS: u32 = 7;
    /// The latest stamp.
    pub(super) const STAMP: u32 = 8;
    /// The memory for the marks of rows ([`super::marks`]).
    pub(super) const MARKS: u32 = 9;
    /// The number of rows whose marks fit.
    pub(super) const MARKS_SIZE: u32 = 10;
    /// The steps that an assignment has not tried yet, one bit each ([`super::assign`]).
    pub(super) const UNTRIED: u32 = 11;
    /// The number of globals. [`NOW`] is 64 bits wide, the others 32.
    pub(super) const COUNT: u32 = 12;
}

/// The functions that every module has, by index. The leaves' functions follow.
mod function {
    pub(super) const DESCRIBE: u32 = 0;
    pub(super) const CLASSIFY: u32 = 1;
    pub(super) const POST_CLASSIFY: u32 = 2;
    pub(super) const REALLOC: u32 = 3;
    pub(super) const ALLOCATE: u32 = 4;
    pub(super) const MATCH_TEXTS: u32 = 5;
    pub(super) const ANY_IN: u32 = 6;
    pub(super) const ANY_FITS: u32 = 7;
    pub(super) const FITS: u32 = 8;
    pub(super) const SHARE: u32 = 9;
    pub(super) const LATER: u32 = 10;
    pub(super) const RESERVE: u32 = 11;
    pub(super) const SORT: u32 = 12;
    pub(super) const ALL: u32 = 13;
    pub(super) const ANY: u32 = 14;
    pub(super) const NOT: u32 = 15;
    pub(super) const FILL: u32 = 16;
    pub(super) const MEMBERS: u32 = 17;
    pub(super) const SOONEST: u32 = 18;
    pub(super) const WITHIN: u32 = 19;
    pub(super) const ROOT: u32 = 20;
    pub(super) const RESERVE_MARKS: u32 = 21;
    pub(super) const ASSIGN: u32 = 22;
    pub(super) const TILE: u32 = 23;
    pub(super) const FIRST_LEAF: u32 = 24;
}

/// The addresses of the static parts of a module.
struct Addresses {
    description: u32,
    verdicts: u32,
    /// The first node's answers; the other nodes' answers follow.
    nodes: u32,
    /// The first bitmap of a static node; the other bitmaps follow.
    bitmaps: u32,
    /// The soonest change of any cohort's answer, per user of the tile.
    soonest: u32,
    heap: u32,
}

impl Addresses {
    fn node(&self, node: NodeId) -> i32 {
        let node = u32::try_from(node).unwrap_or(u32::MAX);
        address(self.nodes + node.saturating_mul(NODE_BYTES))
    }

    fn bitmap(&self, number: usize) -> i32 {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        address(self.bitmaps + number.saturating_mul(BITMAP_BYTES))
    }
}

/// The addresses and numbers of the module that leaves need.
struct ModuleContext<'a> {
    /// The address of each pattern's automaton.
    automata: &'a [u32],
    sets: usize,
    /// The address of what `did_in_order` and `in_any_order` keep.
    order: u32,
}

impl ModuleContext<'_> {
    fn columns(
        &self,
        body: &mut FunctionBody,
        tests: &[&RowTest],
        more: &[usize],
        place: &dyn Fn(usize) -> Expr<I32>,
    ) -> Columns {
        Columns::new(body, self.automata, self.sets, tests, more, place)
    }

    /// Loads the columns of tests of the rows of a stream.
    fn stream_columns(
        &self,
        body: &mut FunctionBody,
        tests: &[&RowTest],
        more: &[usize],
        rows: RowLocals,
    ) -> Columns {
        Columns::of_stream(body, self.automata, self.sets, tests, more, rows)
    }

    /// Emits a leaf's function. Returns `None` for nodes that are not leaves.
    fn leaf(&self, node: &PlanNode, at: i32) -> Option<Function> {
        match node {
            PlanNode::Count(count) => Some(count::leaf(self, count, at)),
            PlanNode::Measure(measure) => Some(measure::leaf(self, measure, at)),
            PlanNode::Order(order) => Some(order::leaf(self, order, at)),
            PlanNode::AnyOrder(order) => Some(any_order::leaf(self, order, at)),
            PlanNode::User(test) => Some(user::properties(self, test, at)),
            PlanNode::History(history) => Some(user::history(self, history, at)),
            PlanNode::FirstSeen(span) => Some(user::first_seen(span, at)),
            PlanNode::Sample { seed, share } => Some(user::sample(*seed, share.number(), at)),
            PlanNode::Listed(list) => Some(user::listed(*list, at)),
            PlanNode::Constant(_)
            | PlanNode::Latest(_)
            | PlanNode::Within(_)
            | PlanNode::All(_)
            | PlanNode::Any(_)
            | PlanNode::Not(_) => None,
        }
    }
}

/// Emits the core module: exports `describe`, `classify`, `cabi_post_classify`, `cabi_realloc` and
/// `memory`.
pub(crate) fn core_module(plan: &Plan, automata: &[Automaton]) -> Vec<u8> {
    let mut data = StaticData::new();
    let description = describe::put(&mut data, plan);
    let tables = texts::TextTables {
        literals: texts::Literals::put(&mut data, &plan.text_sets),
        patterns: plan.patterns.len(),
        stamps: plan.nodes.iter().any(counts_texts),
    };
    let automata: Vec<_> = automata
        .iter()
        .map(|automaton| texts::put_patterns(&mut data, automaton))
        .collect();
    let roots = Roots::put(&mut data, plan);
    let verdicts = data.end().next_multiple_of(16);
    let order = (verdicts + verdicts::SIZE).next_multiple_of(16);
    let nodes = (order + order_bytes(plan)).next_multiple_of(16);
    let node_count = u32::try_from(plan.nodes.len()).unwrap_or(u32::MAX);
    let soonest = nodes + node_count.saturating_mul(NODE_BYTES);
    let bitmaps = soonest + NODE_BYTES;
    let bitmap_count = u32::try_from(roots.bitmaps.len()).unwrap_or(u32::MAX);
    let heap = bitmaps + bitmap_count.saturating_mul(BITMAP_BYTES);
    let addresses = Addresses {
        description,
        verdicts,
        nodes,
        bitmaps,
        soonest,
        heap,
    };
    let context = ModuleContext {
        automata: &automata,
        sets: plan.text_sets.len(),
        order,
    };

    let (i32, f64) = (ValType::I32, ValType::F64);
    let mut functions = Functions::default();
    // The order is that of `function`.
    functions.add(&[], &[i32], classify::describe(&addresses));
    functions.add(&[i32], &[i32], classify::classify(plan, &addresses));
    functions.add(&[i32], &[], memory::post_classify(&addresses));
    functions.add(&[i32; 4], &[i32], memory::realloc());
    functions.add(&[i32; 2], &[i32], memory::allocate());
    functions.add(&[], &[], texts::match_texts(&tables));
    functions.add(&[i32; 3], &[i32], texts::any_in());
    functions.add(&[i32; 4], &[i32], texts::any_fits());
    functions.add(&[i32; 3], &[i32], texts::fits());
    functions.add(&[i32; 4], &[i32], texts::share());
    functions.add(&[i32, i32, i32, ValType::I64], &[i32], rows::later());
    functions.add(&[i32], &[i32], gather::reserve());
    functions.add(&[i32; 2], &[i32], gather::sort());
    functions.add(&[i32; 3], &[], nodes::all());
    functions.add(&[i32; 3], &[], nodes::any());
    functions.add(&[i32; 2], &[], nodes::not());
    functions.add(&[i32, f64], &[], nodes::fill());
    functions.add(&[i32; 3], &[], nodes::members());
    functions.add(&[i32; 2], &[], nodes::soonest());
    functions.add(&[i32, i32, f64], &[], latest::within());
    functions.add(&[i32; 7], &[], nodes::root(&addresses));
    functions.add(&[i32], &[i32], marks::reserve());
    functions.add(&[i32; 2], &[i32], assign::function());
    let leaves = leaves(plan, &context, &addresses);
    let numbers: BTreeMap<_, _> = leaves
        .iter()
        .zip(function::FIRST_LEAF..)
        .map(|((node, _), function)| (*node, function))
        .collect();
    let tile = classify::tile(plan, &addresses, &roots, &numbers);
    functions.add(&[i32; 4], &[], tile);
    for (_, leaf) in leaves {
        functions.add(&[i32; 2], &[], leaf);
    }
    functions.module(heap, data)
}

/// Emits the leaves' functions, each with the first node whose answers it writes.
fn leaves(
    plan: &Plan,
    context: &ModuleContext<'_>,
    addresses: &Addresses,
) -> Vec<(NodeId, Function)> {
    let mut leaves = Vec::new();
    for (id, node) in plan.nodes.iter().enumerate() {
        if let Some(leaf) = context.leaf(node, addresses.node(id)) {
            leaves.push((id, leaf));
        }
    }
    for group in latest::WalkGroup::all(plan) {
        let lookback = plan.lookback_of_latest(&group.nodes);
        let leaf = latest::leaf(context, &group, lookback, |node| addresses.node(node));
        leaves.extend(group.nodes.first().copied().zip(leaf));
    }
    leaves
}

/// Returns true if a node counts different texts.
fn counts_texts(node: &PlanNode) -> bool {
    matches!(node, PlanNode::Measure(node) if matches!(node.measure, PlanMeasure::Distinct(_)))
}

/// Returns the most bytes that `did_in_order` or `in_any_order` needs.
fn order_bytes(plan: &Plan) -> u32 {
    let bytes = plan.nodes.iter().map(|node| match node {
        PlanNode::Order(order) => order::bytes(order),
        PlanNode::AnyOrder(order) => any_order::bytes(order),
        _ => 0,
    });
    bytes.max().unwrap_or(0)
}

#[derive(Default)]
struct Functions {
    types: TypeSection,
    declared: FunctionSection,
    code: CodeSection,
}

impl Functions {
    fn add(&mut self, parameters: &[ValType], results: &[ValType], body: Function) {
        self.declared.function(self.types.len());
        self.types
            .ty()
            .function(parameters.iter().copied(), results.iter().copied());
        self.code.function(&body);
    }

    fn module(self, heap: u32, data: StaticData) -> Vec<u8> {
        let mut memories = MemorySection::new();
        let minimum = u64::from(heap.div_ceil(PAGE));
        memories.memory(MemoryType {
            minimum,
            maximum: None,
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
        let mut globals = GlobalSection::new();
        let variable = |val_type| GlobalType {
            val_type,
            mutable: true,
            shared: false,
        };
        for index in 0..global::COUNT {
            let (value, start) = match index {
                global::NOW => (ValType::I64, ConstExpr::i64_const(0)),
                global::HEAP => (ValType::I32, ConstExpr::i32_const(address(heap))),
                _ => (ValType::I32, ConstExpr::i32_const(0)),
            };
            globals.global(variable(value), &start);
        }
        let mut exports = ExportSection::new();
        exports.export("describe", ExportKind::Func, function::DESCRIBE);
        exports.export("classify", ExportKind::Func, function::CLASSIFY);
        exports.export(
            "cabi_post_classify",
            ExportKind::Func,
            function::POST_CLASSIFY,
        );
        exports.export("cabi_realloc", ExportKind::Func, function::REALLOC);
        exports.export("memory", ExportKind::Memory, 0);
        let mut segments = DataSection::new();
        segments.active(
            0,
            &ConstExpr::i32_const(address(FIRST_ADDRESS)),
            data.into_bytes(),
        );
        let mut module = Module::new();
        module
            .section(&self.types)
            .section(&self.declared)
            .section(&memories)
            .section(&globals)
            .section(&exports);
        module.section(&self.code).section(&segments);
        module.finish()
    }
}

/// Converts an address to the operand of `i32.const`.
fn address(address: u32) -> i32 {
    address.cast_signed()
}

/// Converts a small index to the operand of `i32.const`.
fn constant(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
