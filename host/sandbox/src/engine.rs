//! The two engines: one for modules of our own compiler, without time limits, and one for
//! hand-written rules, with time limits.

use std::num::NonZeroUsize;

use wasmparser::WasmFeatures;
use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig,
    WasmBacktraceDetails,
};

use crate::error::SandboxError;
use crate::limits;
use crate::options::Origin;

/// The WebAssembly features that modules may use: WebAssembly 2.0 (with SIMD), extended constants,
/// tail calls, several memories (wasmtime copies between the memories of nested components by
/// them), and components. Features that could make answers differ between machines are left out
/// (threads, relaxed SIMD). So are features that no module needs (64-bit memories, GC, exceptions,
/// async).
pub(crate) const FEATURES: WasmFeatures = WasmFeatures::WASM2
    .difference(WasmFeatures::GC_TYPES)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::MULTI_MEMORY)
    .union(WasmFeatures::COMPONENT_MODEL);

/// The way in which instances get their memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocation {
    /// Slots reserved at the start. An instance costs microseconds, and accesses need no bounds
    /// checks.
    Pooled,
    /// Memory as needed, with bounds checks. It is used where the address space for slots could not
    /// be reserved (`ulimit -v`, or a small machine).
    OnDemand,
}

/// Starts an engine. It has slots for `instances` live instances if the address space for them (4
/// GiB a memory) is available.
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

/// Starts an engine that compiles hand-written rules for an engine with this allocation. It runs no
/// modules and reserves no memory.
pub(crate) fn compiler(allocation: Allocation, metered: bool) -> wasmtime::Result<Engine> {
    let mut config = match allocation {
        // The code relies on 4 GiB of addresses a memory, whichever way they are allocated.
        Allocation::Pooled => common(Origin::HandWritten),
        Allocation::OnDemand => on_demand(Origin::HandWritten),
    };
    Engine::new(config.consume_fuel(metered))
}

fn pooled(origin: Origin, instances: NonZeroUsize) -> Config {
    let slots = u32::try_from(instances.get()).unwrap_or(u32::MAX);
    let memories = match origin {
        // Our compiler writes one.
        Origin::Compiled => 1,
        Origin::HandWritten => limits::MAX_MEMORIES,
    };
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(slots)
        .total_core_instances(slots.saturating_mul(limits::MAX_CORE_INSTANCES))
        .total_memories(slots.saturating_mul(memories))
        .total_tables(slots.saturating_mul(limits::MAX_TABLES))
        .max_core_instances_per_component(limits::MAX_CORE_INSTANCES)
        .max_memories_per_component(memories)
        .max_memories_per_module(memories)
        .max_tables_per_component(limits::MAX_TABLES)
        .max_tables_per_module(limits::MAX_TABLES)
        // A slot has 4 GiB of addresses whatever part of it is used. The limit of an instance is
        // that of its limiter (`guest.rs`).
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
        // Where 4 GiB a memory were not available, reserve only what is used, and move a memory
        // that outgrows it.
        .memory_reservation(0)
        .memory_guard_size(64 << 10)
        // A quarter of the limit, so that a memory that grows bit by bit moves four times and not
        // thousands of times.
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
        // The loops of our compiler are bounded by the batch, and its code never reads the bits of
        // a NaN.
        Origin::Compiled => config.epoch_interruption(false),
        // The bits of a computed NaN differ between processors. A rule that read them would answer
        // differently.
        Origin::HandWritten => config
            .epoch_interruption(true)
            .cranelift_nan_canonicalization(true),
    };
    config
}
