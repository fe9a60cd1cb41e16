//! What a rule may take. Every limit is here, with its arithmetic.

use std::time::Duration;

/// The largest rule, in bytes. A fused module of our compiler is under 1 MB, Rust some 13 KB,
/// JavaScript on QuickJS 1.6 MB, Python 18 MB (docs/facts.md, "Wasm"): nearly twice the largest.
pub const MAX_RULE_BYTES: usize = 32 << 20;

/// The memory of one instance, in bytes: [`MAX_BATCH_BYTES`] + [`MAX_ANSWER_BYTES`] + 64 MiB for
/// the rule itself. All instances together: (threads × (1 + [`IDLE_PER_THREAD`]) compiled + threads
/// hand-written) × 256 MiB at worst, and one of
/// [`MAX_LARGE_MEMORY_BYTES`]; only what was touched is resident, and batches are some 10 MB.
pub const MAX_MEMORY_BYTES: usize = 256 << 20;

/// The columns of one batch, in bytes. 256 k rows (docs/facts.md: the largest sensible batch) × 20
/// columns × 8 bytes are 40 MiB; the rest is for texts and for users with very many rows.
pub const MAX_BATCH_BYTES: usize = 128 << 20;

/// The memory of an instance for one large user, in bytes: [`MAX_LARGE_BATCH_BYTES`], as much again
/// for what the rule makes of it (a list of rows to sort has 8 to 24 bytes a row), and no more.
/// There is one such instance at a time ([`crate::Rule::large`]), so a host needs 1 GiB for it, and
/// while it is filled up to another for the columns.
pub const MAX_LARGE_MEMORY_BYTES: usize = 1 << 30;

/// The columns of one large user, in bytes: four times [`MAX_BATCH_BYTES`]. Ten million events with
/// five properties are 10 M × (8 + 5 × 8) = 480 MB.
pub const MAX_LARGE_BATCH_BYTES: usize = 512 << 20;

/// How many times the time of another batch a hand-written rule may take over a large user: as many
/// as there are more columns.
pub const LARGE_TIME_FACTOR: u32 = 4;

/// The answer to one batch, in bytes: 8 a user and a bit a user and cohort. 1,000 cohorts take 133
/// bytes a user, so 500,000 users fit; with one cohort, 8 million. See [`crate::Rule::max_users`].
pub const MAX_ANSWER_BYTES: usize = 64 << 20;

/// Memories of a rule. One, so that [`MAX_MEMORY_BYTES`] is the memory of an instance.
pub const MAX_MEMORIES: u32 = 1;

/// Tables of a rule. Rust has one, adapters of other languages a few.
pub const MAX_TABLES: u32 = 16;

/// Elements of a table, 8 bytes each: 16 tables × 65,536 × 8 bytes = 8 MiB of address space an
/// instance. A Python interpreter has some 15,000.
pub const MAX_TABLE_ELEMENTS: usize = 65_536;

/// Core modules in a rule: no more than may be instances.
pub const MAX_CORE_MODULES: usize = MAX_CORE_INSTANCES as usize;

/// Core instances in a rule. Rust has one; a Python rule links its interpreter and libraries out of
/// some 30.
pub const MAX_CORE_INSTANCES: u32 = 128;

/// Components inside a rule's component. Each may instantiate the ones before it twice and more, so
/// what is compiled can double with each: 2^6 copies at worst. No tool that makes a rule needs more
/// than two.
pub const MAX_NESTED_COMPONENTS: usize = 6;

/// Instantiations of those nested components, over all levels.
pub const MAX_COMPONENT_INSTANCES: usize = 16;

/// What a component has beside its core modules and custom sections, in bytes: types, aliases and
/// instances. A Rust rule has 3 KB, a Python one some 20 KB. What checks them takes more than
/// linear time in some places.
pub const MAX_WIRING_BYTES: usize = 1 << 20;

/// Functions of a rule, over all its modules. A Python rule has some 20,000.
pub const MAX_FUNCTIONS: usize = 100_000;

/// Function types of a rule, over all its modules. A Python rule has some 1,000.
pub const MAX_TYPES: usize = 20_000;

/// Parameters of one function type of a core module, and its results: a call takes two bytes in the
/// rule, and an instruction for each of these in machine code. Compilers for WebAssembly give one
/// result, and the component model's functions at most 16 parameters.
pub const MAX_PARAMETERS: usize = 100;

/// See [`MAX_PARAMETERS`].
pub const MAX_RESULTS: usize = 16;

/// The code of one function, in bytes. The largest that we know, the loop of CPython's interpreter,
/// has some 100 KB; without optimisation perhaps three times that.
pub const MAX_FUNCTION_BYTES: usize = 1 << 20;

/// Locals of one function, its parameters not counted: a run of them takes three bytes in the rule,
/// and each of them work in the compiler. Interpreters' loops have some 2,000, without optimisation
/// ten times that.
pub const MAX_FUNCTION_LOCALS: usize = 20_000;

/// Locals of all functions together. A Python rule has some 300,000: 20,000 functions with 15 each.
pub const MAX_LOCALS: usize = 2_000_000;

/// How deep the blocks of a function may be nested. A `switch` is nested once a case: interpreters'
/// loops have some 300.
pub const MAX_NESTING: usize = 5_000;

/// Blocks, loops and conditions of one function: each becomes several of the compiler's blocks. The
/// largest functions have some 10,000.
pub const MAX_FUNCTION_BLOCKS: usize = 100_000;

/// Targets of all `br_table` of one function. A loop that dispatches in each of 256 instructions by
/// 256 cases has 65,536.
pub const MAX_FUNCTION_TARGETS: usize = 100_000;

/// Targets of all `br_table` of all functions together.
pub const MAX_TARGETS: usize = 1_000_000;

/// How much processor time compiling a hand-written rule may take, in a process of its own, in
/// whole seconds. A Python rule of 18 MB took 25 s: more than three times that, for a slower
/// machine.
pub const COMPILE_TIME: Duration = Duration::from_secs(90);

/// How many times that the process may take by the clock on the wall, for a machine that is busy
/// otherwise.
pub const COMPILE_WALL_FACTOR: u32 = 3;

/// How much address space that process may take, in bytes. A Python rule of 18 MB took 390 MB of
/// memory: more than twice that, since addresses are more than memory.
pub const COMPILE_MEMORY_BYTES: u64 = 1 << 30;

/// Threads of that process: with more, what it needs of memory would depend on the machine.
pub const COMPILE_THREADS: usize = 4;

/// The largest artefact that is taken from that process, in bytes. A Python rule's has 35 MB.
pub const MAX_ARTEFACT_BYTES: u64 = 256 << 20;

/// The stack that a rule may use on the thread that calls it, in bytes. Rust's threads have 2 MiB,
/// which leaves 1.5 MiB to the host.
pub const MAX_STACK_BYTES: usize = 512 << 10;

/// How long a hand-written rule may take over a batch. 256 k rows at 1 µs each are 0.26 s; Python
/// needs ten times that, and a loaded machine may halve it again. Of the clock on the wall, so a
/// host under great load errs on the side of stopping a rule.
pub const CLASSIFY_TIME: Duration = Duration::from_secs(10);

/// How long a hand-written rule may take to describe itself, which takes microseconds. Python's
/// first instance takes 0.1 s.
pub const DESCRIBE_TIME: Duration = Duration::from_secs(2);

/// How often the clock of the time limits advances: a limit is kept to within this, 0.2 % of
/// [`CLASSIFY_TIME`], for 50 wakings a second.
pub const EPOCH_TICK: Duration = Duration::from_millis(20);

/// Idle instances kept for reuse, per thread, over all rules. A project has a handful of fused
/// modules; an instance that is not kept costs 10 µs and the page faults of its next batch.
pub const IDLE_PER_THREAD: usize = 4;

/// A description, in bytes as lifted: 10,000 cohorts with 64-byte ids and 24-byte headers are 0.9
/// MB, 10,000 streams with a name and two properties some 2 MB.
pub const MAX_DESCRIPTION_BYTES: usize = 8 << 20;

/// Cohorts of a module: ten times the thousand that one project is measured with (ARCHITECTURE.md,
/// "Measured").
pub const MAX_COHORTS: usize = 10_000;

/// Streams of a module: one an event name for the thousand event names of a large project, ten
/// times over.
pub const MAX_STREAMS: usize = 10_000;

/// Event names of one stream.
pub const MAX_NAMES: usize = 1_000;

/// Properties in one list of a description.
pub const MAX_PROPERTIES: usize = 10_000;

/// Calendar windows of a module. One of all days since 1970 has some 20,000 starts, 160 KB a batch.
pub const MAX_CALENDARS: usize = 1_000;

/// Lists of a module: one a cohort. Each is a bit a user and batch: 2 KB for the 16,384 users of a
/// batch.
pub const MAX_LISTS: usize = MAX_COHORTS;

/// The longest name of an event, a property or a list, in bytes: Amplitude takes 1,024 characters
/// of up to 4 bytes.
pub const MAX_NAME_BYTES: usize = 4_096;

/// The longest name of a time zone, in bytes. The longest of the IANA database has 32.
pub const MAX_TIME_ZONE_BYTES: usize = 64;

/// How much of a rule's own error text is kept, in bytes. It goes to logs and terminals.
pub const MAX_ERROR_TEXT: usize = 1_024;

/// All artefacts of the cache, in bytes: some 50 of a Python rule, or thousands of any other.
pub const MAX_CACHE_BYTES: u64 = 2 << 30;
