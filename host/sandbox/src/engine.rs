//! The two engines: one for modules of our own compiler, unmetered, and one for hand-written rules,
//! which runs against the clock.

use std::num::NonZeroUsize;

use wasmparser::WasmFeatures;
use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig,
    WasmBacktraceDetails,
};

use crate::error::SandboxError;
use crate::limits;
use crate::options::Origin;

/// What a rule may use: WebAssembly 2.0 (SIMD among it), extended constants, tail calls, and
/// components. Left out is what could make answers differ between machines (threads, relaxed SIMD)
/// or what no rule needs (64-bit memories, GC, exceptions, async).
pub(crate) const FEATURES: WasmFeatures = WasmFeatures::WASM2
    .difference(WasmFeatures::GC_TYPES)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::COMPONENT_MODEL);

/// How instances get their memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocation {
    /// From slots reserved at the start: an instance costs microseconds, and accesses need no
    /// bounds checks.
    Pooled,
    /// As needed, with bounds checks: the address space for slots could not be reserved (`ulimit
    /// -v`, or a small machine).
    OnDemand,
}

/// Starts an engine, with slots for `instances` live instances if the address space for them (4 GiB
/// each) can be had.
pub(crate) fn start(
    origin: Origin,
    instances: NonZeroUsize,
    metered: bool,
) -> Result<(Engine, Allocation), SandboxError> {
    match Engine::new(pooled(origin, instances).consume_fuel(metered)) {
        Ok(engine) => Ok((engine, Allocation::Pooled)),
        Err(_) => match Engine::new(on_demand(origin).consume_fuel(metered)) {
            Ok(engine) => Ok((engine, Allocation::OnDemand)),
            Err(error) => Err(SandboxError::Engine(format!("{error:#}"))),
        },
    }
}

/// Starts an engine that compiles hand-written rules for one which has its memory in this way, and
/// runs none: it reserves nothing.
pub(crate) fn compiler(allocation: Allocation, metered: bool) -> wasmtime::Result<Engine> {
    let mut config = match allocation {
        // What the code relies on are 4 GiB of addresses a memory, wherever they come from.
        Allocation::Pooled => common(Origin::HandWritten),
        Allocation::OnDemand => on_demand(Origin::HandWritten),
    };
    Engine::new(config.consume_fuel(metered))
}

fn pooled(origin: Origin, instances: NonZeroUsize) -> Config {
    let slots = u32::try_from(instances.get()).unwrap_or(u32::MAX);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(slots)
        .total_core_instances(slots.saturating_mul(limits::MAX_CORE_INSTANCES))
        .total_memories(slots.saturating_mul(limits::MAX_MEMORIES))
        .total_tables(slots.saturating_mul(limits::MAX_TABLES))
        .max_core_instances_per_component(limits::MAX_CORE_INSTANCES)
        .max_memories_per_component(limits::MAX_MEMORIES)
        .max_memories_per_module(limits::MAX_MEMORIES)
        .max_tables_per_component(limits::MAX_TABLES)
        .max_tables_per_module(limits::MAX_TABLES)
        // A slot has 4 GiB of addresses whatever is used of it; an instance's own limit is its
        // limiter's (`guest.rs`).
        .max_memory_size(limits::MAX_LARGE_MEMORY_BYTES)
        .table_elements(limits::MAX_TABLE_ELEMENTS);
    let mut config = common(origin);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

fn on_demand(origin: Origin) -> Config {
    let mut config = common(origin);
    config
        .allocation_strategy(InstanceAllocationStrategy::OnDemand)
        // Where 4 GiB a memory were not to be had, reserve what is used and move a memory that
        // outgrows it.
        .memory_reservation(0)
        .memory_guard_size(64 << 10)
        // A quarter of the limit, so that one which grows bit by bit moves four times and not
        // thousands.
        .memory_reservation_for_growth(limits::MAX_MEMORY_BYTES as u64 / 4)
        .memory_may_move(true);
    config
}

fn common(origin: Origin) -> Config {
    let mut config = Config::new();
    config
        .wasm_features(WasmFeatures::all(), false)
        .wasm_features(FEATURES, true)
        // A component call costs 180 ns without it and 520 ns with it (docs/facts.md, "Wasm").
        .concurrency_support(false)
        .parallel_compilation(true)
        .cranelift_opt_level(OptLevel::Speed)
        .max_wasm_stack(limits::MAX_STACK_BYTES)
        // The default reads an environment variable.
        .wasm_backtrace_details(WasmBacktraceDetails::Disable);
    match origin {
        // Our compiler's loops are bounded by the batch, and it never looks at the bits of a NaN.
        Origin::Compiled => config.epoch_interruption(false),
        // The bits of a computed NaN differ between processors; a rule that looked at them would
        // answer differently.
        Origin::HandWritten => config
            .epoch_interruption(true)
            .cranelift_nan_canonicalization(true),
    };
    config
}
