//! The plan becomes a core module.
//!
//! Every node answers with one signed instant per user: `+u`, in until `u`; `-u`, out until `u`; infinite: for ever. Then `all`
//! is the minimum, `any` the maximum and `not` the negation, and the instants come out as tight as they can be without asking
//! again: an `all` that fails stays so until the last of its failing clauses changes. Times are below 2^53 ms, exact as `f64`.

mod classify;
mod did;
mod memory;
mod nodes;
mod test;
mod texts;

use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, ExportKind, ExportSection, Function, FunctionSection,
    GlobalSection, GlobalType, InstructionSink, MemArg, MemorySection, MemoryType, Module,
    TypeSection, ValType,
};

use crate::describe;
use crate::layout::{FIRST_ADDRESS, NODE_BYTES, PAGE, StaticData, verdicts};
use crate::plan::{Node, NodeId, Plan};

/// Globals: the first free byte, the batch's record, its clock, and the tables of text tests.
mod global {
    pub(super) const HEAP: u32 = 0;
    pub(super) const BATCH: u32 = 1;
    pub(super) const NOW: u32 = 2;
    /// Where the first text set's table lies: a byte per dictionary entry, 1 if the entry is in the set.
    pub(super) const TABLES: u32 = 3;
    /// How many bytes a table has.
    pub(super) const TABLE_SIZE: u32 = 4;
}

/// The functions every module has, by index; the leaves' follow.
mod function {
    pub(super) const DESCRIBE: u32 = 0;
    pub(super) const CLASSIFY: u32 = 1;
    pub(super) const POST_CLASSIFY: u32 = 2;
    pub(super) const REALLOC: u32 = 3;
    pub(super) const ALLOCATE: u32 = 4;
    pub(super) const MATCH_TEXTS: u32 = 5;
    pub(super) const ANY_IN: u32 = 6;
    pub(super) const ALL: u32 = 7;
    pub(super) const ANY: u32 = 8;
    pub(super) const NOT: u32 = 9;
    pub(super) const FILL: u32 = 10;
    pub(super) const MEMBERS: u32 = 11;
    pub(super) const SOONEST: u32 = 12;
    pub(super) const TILE: u32 = 13;
    pub(super) const FIRST_LEAF: u32 = 14;
}

/// Where the static parts of a module lie.
struct Addresses {
    description: u32,
    verdicts: u32,
    texts: texts::Texts,
    /// The first node's answers; each node's follow.
    nodes: u32,
    /// The soonest change of any cohort's answer, per user of the tile.
    soonest: u32,
    heap: u32,
}

impl Addresses {
    fn node(&self, node: NodeId) -> i32 {
        address(
            self.nodes
                + u32::try_from(node)
                    .unwrap_or(u32::MAX)
                    .saturating_mul(NODE_BYTES),
        )
    }
}

/// The core module: exports `describe`, `classify`, `cabi_post_classify`, `cabi_realloc` and `memory`.
pub(crate) fn core_module(plan: &Plan) -> Vec<u8> {
    let mut data = StaticData::new();
    let description = describe::put(&mut data, plan);
    let texts = texts::Texts::put(&mut data, &plan.text_sets);
    let verdicts = data.end().next_multiple_of(16);
    let nodes = (verdicts + verdicts::SIZE).next_multiple_of(16);
    let soonest = nodes
        + u32::try_from(plan.nodes.len())
            .unwrap_or(u32::MAX)
            .saturating_mul(NODE_BYTES);
    let heap = soonest + NODE_BYTES;
    let addresses = Addresses {
        description,
        verdicts,
        texts,
        nodes,
        soonest,
        heap,
    };

    let mut functions = Functions::default();
    // In the order of `function`.
    functions.add(&[], &[ValType::I32], classify::describe(&addresses));
    functions.add(
        &[ValType::I32],
        &[ValType::I32],
        classify::classify(plan, &addresses),
    );
    functions.add(&[ValType::I32], &[], memory::post_classify(&addresses));
    functions.add(&[ValType::I32; 4], &[ValType::I32], memory::realloc());
    functions.add(&[ValType::I32; 2], &[ValType::I32], memory::allocate());
    functions.add(&[], &[], texts::match_texts(&addresses.texts));
    functions.add(&[ValType::I32; 3], &[ValType::I32], texts::any_in());
    functions.add(&[ValType::I32; 3], &[], nodes::all());
    functions.add(&[ValType::I32; 3], &[], nodes::any());
    functions.add(&[ValType::I32; 2], &[], nodes::not());
    functions.add(&[ValType::I32, ValType::F64], &[], nodes::fill());
    functions.add(&[ValType::I32; 3], &[], nodes::members());
    functions.add(&[ValType::I32; 2], &[], nodes::soonest());
    functions.add(&[ValType::I32; 4], &[], classify::tile(plan, &addresses));
    for (id, node) in plan.nodes.iter().enumerate() {
        match node {
            Node::Did(did) => {
                functions.add(&[ValType::I32; 2], &[], did::leaf(did, addresses.node(id)))
            }
            Node::User(tests) => functions.add(
                &[ValType::I32; 2],
                &[],
                nodes::user_leaf(tests, addresses.node(id)),
            ),
            Node::Constant(_) | Node::All(_) | Node::Any(_) | Node::Not(_) => {}
        }
    }
    functions.module(heap, data)
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
        let i32_global = |val_type| GlobalType {
            val_type,
            mutable: true,
            shared: false,
        };
        globals.global(
            i32_global(ValType::I32),
            &ConstExpr::i32_const(address(heap)),
        );
        globals.global(i32_global(ValType::I32), &ConstExpr::i32_const(0));
        globals.global(i32_global(ValType::I64), &ConstExpr::i64_const(0));
        globals.global(i32_global(ValType::I32), &ConstExpr::i32_const(0));
        globals.global(i32_global(ValType::I32), &ConstExpr::i32_const(0));
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

/// A function's locals in groups of one type, as the encoder wants them, with its body.
fn function(locals: &[(u32, ValType)], body: impl FnOnce(&mut InstructionSink<'_>)) -> Function {
    let mut function = Function::new(locals.iter().copied());
    let mut code = function.instructions();
    body(&mut code);
    code.end();
    function
}

/// A memory operand: an offset and the natural alignment of so many bytes.
fn at(offset: u64, bytes: u32) -> MemArg {
    MemArg {
        offset,
        align: bytes.trailing_zeros(),
        memory_index: 0,
    }
}

/// An address as the operand of `i32.const`.
fn address(address: u32) -> i32 {
    address.cast_signed()
}

/// A small index as the operand of `i32.const`.
fn constant(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
