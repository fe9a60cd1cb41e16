//! Limits of modules, each with its arithmetic.

use std::time::Duration;

/// The largest module, in bytes. A module of our compiler is under 1 MB, a rule in Rust some 13 KB,
/// in JavaScript on QuickJS 1.6 MB, in Python 18 MB (docs/facts.md, "Wasm"). The limit is nearly
/// twice the largest. An operator may grant hand-written rules more ([`crate::Ceilings`]).
pub const MAX_RULE_BYTES: usize = 32 << 20;

/// The largest module that an operator may grant, in bytes: a Python rule with large libraries.
pub const MOST_RULE_BYTES: usize = 128 << 20;

/// The memory of one instance, in bytes: [`MAX_BATCH_BYTES`] + [`MAX_ANSWER_BYTES`] + 64 MiB for
/// the module itself. All instances together take at worst (threads × (1 + [`IDLE_PER_THREAD`])
/// compiled + threads hand-written) × 256 MiB, and one of [`MAX_LARGE_MEMORY_BYTES`]. Only memory
/// that was touched is resident, and batches are some 10 MB. An operator may grant instances of
/// hand-written rules up to [`MAX_LARGE_MEMORY_BYTES`].
pub const MAX_MEMORY_BYTES: usize = 256 << 20;

/// The columns of one batch, in bytes. 256 k rows (docs/facts.md: the largest sensible batch) × 20
/// columns × 8 bytes are 40 MiB. The rest is for texts and for users with very many rows.
pub const MAX_BATCH_BYTES: usize = 128 << 20;

/// The memory of an instance for one large user, in bytes: [`MAX_LARGE_BATCH_BYTES`], and as much
/// again for the module's own data (a list of rows to sort has 8 to 24 bytes a row). There is one
/// such instance at a time ([`crate::Module::large`]), so a host needs 1 GiB for it. While it is
/// filled, the columns take up to another 512 MiB.
pub const MAX_LARGE_MEMORY_BYTES: usize = 1 << 30;

/// The columns of one large user, in bytes: four times [`MAX_BATCH_BYTES`]. Ten million events with
/// five properties are 10 M × (8 + 5 × 8) = 480 MB.
pub const MAX_LARGE_BATCH_BYTES: usize = 512 << 20;

/// The factor by which a hand-written rule may take longer over a large user than over a batch: the
/// factor of the column bytes.
pub const LARGE_TIME_FACTOR: u32 = 4;

/// The answer to one batch, in bytes: 8 a user and a bit a user and cohort. 1,000 cohorts take 133
/// bytes a user, so 500,000 users fit. With one cohort 8 million users fit. See
/// [`crate::Module::max_users`].
pub const MAX_ANSWER_BYTES: usize = 64 << 20;

/// Memories of a hand-written rule. Linked rules have one, and those of `jco` three. All memories
/// of an instance together have [`MAX_MEMORY_BYTES`].
pub const MAX_MEMORIES: u32 = 4;

/// Tables of a module. Rust has one, adapters of other languages a few.
pub const MAX_TABLES: u32 = 16;

/// Elements of a table, 8 bytes each: 16 tables × 65,536 × 8 bytes = 8 MiB of address space an
/// instance. A Python interpreter has some 15,000.
pub const MAX_TABLE_ELEMENTS: usize = 65_536;

/// Core modules in a module: no more than may be instantiated.
pub const MAX_CORE_MODULES: usize = MAX_CORE_INSTANCES as usize;

/// Core instances in a module. Rust has one. A Python rule links its interpreter and libraries out
/// of some 30.
pub const MAX_CORE_INSTANCES: u32 = 128;

/// Components nested in a module. Tools that link rules need none or two. The QuickJS back end of
/// `jco` nests 23, one for each WASI interface that it stubs, so an operator grants more for it.
pub const MAX_NESTED_COMPONENTS: usize = 6;

/// The nested components that an operator may grant: nearly three times those of `jco`.
pub const MOST_NESTED_COMPONENTS: usize = 64;

/// Instances of those nested components, with the instances within each instance. A component may
/// instantiate the ones before it twice or more, so the code to compile can double with each
/// component. This number bounds that. A rule of `jco` has 22.
pub const MAX_COMPONENT_INSTANCES: usize = 256;

/// Exports of a module beside `describe` and `classify`. The host never reads them.
/// `componentize-py` and `jco` leave one each.
pub const MAX_EXTRA_EXPORTS: usize = 16;

/// The bytes of a component beside its core modules and custom sections: types, aliases and
/// instances. A Rust rule has 3 KB, a Python rule some 20 KB. Some checks of them take more than
/// linear time.
pub const MAX_WIRING_BYTES: usize = 1 << 20;

/// Functions of a rule, over all its core modules. A Python rule has some 20,000.
pub const MAX_FUNCTIONS: usize = 100_000;

/// Function types of a rule, over all its core modules. A Python rule has some 1,000.
pub const MAX_TYPES: usize = 20_000;

/// Parameters of one function type of a core module. A call takes two bytes in the rule, and an
/// instruction in machine code for each parameter and result. Compilers for WebAssembly give one
/// result, and the component model's functions have at most 16 parameters.
pub const MAX_PARAMETERS: usize = 100;

/// Results of one function type of a core module. See [`MAX_PARAMETERS`].
pub const MAX_RESULTS: usize = 16;

/// The code of one function, in bytes. The largest known function, the loop of CPython's
/// interpreter, has some 100 KB; without optimisation perhaps three times that.
pub const MAX_FUNCTION_BYTES: usize = 1 << 20;

/// Locals of one function, without its parameters. A group of locals takes three bytes in the rule,
/// but each local takes work in the compiler. Interpreters' loops have some 2,000 locals, without
/// optimisation ten times that.
pub const MAX_FUNCTION_LOCALS: usize = 20_000;

/// Locals of all functions together. A Python rule has some 300,000: 20,000 functions with 15 each.
pub const MAX_LOCALS: usize = 2_000_000;

/// The depth to which blocks of a function may be nested. A `switch` nests one block a case:
/// interpreters' loops have some 300.
pub const MAX_NESTING: usize = 5_000;

/// Blocks, loops and conditions of one function. Each becomes several blocks of the compiler. The
/// largest functions have some 10,000.
pub const MAX_FUNCTION_BLOCKS: usize = 100_000;

/// Targets of all `br_table` of one function. A loop that dispatches in each of 256 instructions by
/// 256 cases has 65,536.
pub const MAX_FUNCTION_TARGETS: usize = 100_000;

/// Targets of all `br_table` of all functions together.
pub const MAX_TARGETS: usize = 1_000_000;

/// The processor time that compiling a hand-written rule may take in its own process, in whole
/// seconds. A Python rule of 18 MB took 25 s. The limit is more than three times that, for a slower
/// machine. Time, memory and artefact grow with the size that an operator grants.
pub const COMPILE_TIME: Duration = Duration::from_secs(90);

/// The factor from that processor time to the wall-clock time that the process may take, for a busy
/// machine.
pub const COMPILE_WALL_FACTOR: u32 = 3;

/// The address space that the process may take, in bytes. A Python rule of 18 MB took 390 MB of
/// memory. The limit is more than twice that, since a process reserves more addresses than it uses
/// memory.
pub const COMPILE_MEMORY_BYTES: u64 = 1 << 30;

/// The threads of that process. A fixed number keeps its memory independent of the machine.
pub const COMPILE_THREADS: usize = 4;

/// The largest artefact that is accepted from that process, in bytes. A Python rule's artefact has
/// 35 MB.
pub const MAX_ARTEFACT_BYTES: u64 = 256 << 20;

/// The stack that a module may use on the thread that calls it, in bytes. Rust's threads have 2
/// MiB, which leaves 1.5 MiB to the host.
pub const MAX_STACK_BYTES: usize = 512 << 10;

/// The time that a hand-written rule may take over a batch. 256 k rows at 1 µs each are 0.26 s.
/// Python needs ten times that, and a loaded machine may run at half the speed. The time is
/// wall-clock time, so a host under great load stops a rule rather early.
pub const CLASSIFY_TIME: Duration = Duration::from_secs(10);

/// The time over a batch that an operator may grant. The run of the rule's cohorts waits as long.
pub const MOST_CLASSIFY_TIME: Duration = Duration::from_secs(600);

/// The time that a hand-written rule may take to describe itself, which takes microseconds.
/// Python's first instance takes 0.1 s.
pub const DESCRIBE_TIME: Duration = Duration::from_secs(2);

/// The period of the clock of the time limits. A limit holds to within this, 0.2 % of
/// [`CLASSIFY_TIME`], at the cost of 50 wake-ups a second.
pub const EPOCH_PERIOD: Duration = Duration::from_millis(20);

/// Idle instances kept for reuse, per thread, over all modules. A project has a handful of modules.
/// An instance that is not kept costs 10 µs and the page faults of its next batch.
pub const IDLE_PER_THREAD: usize = 4;

/// A description, in bytes as lifted: 10,000 cohorts with 64-byte ids and 24-byte headers are 0.9
/// MB, 10,000 streams with a name and two properties some 2 MB.
pub const MAX_DESCRIPTION_BYTES: usize = 8 << 20;

/// Cohorts of a module: ten times the thousand cohorts of the measured project (ARCHITECTURE.md,
/// "Measured").
pub const MAX_COHORTS: usize = 10_000;

/// Streams of a module. One stream for each of the thousand event names of a large project makes
/// 1,000; the limit is ten times that.
pub const MAX_STREAMS: usize = 10_000;

/// Event names of one stream.
pub const MAX_NAMES: usize = 1_000;

/// Properties in one list of a description.
pub const MAX_PROPERTIES: usize = 10_000;

/// Calendar windows of a module. One of all days since 1970 has some 20,000 starts, 160 KB a batch.
pub const MAX_CALENDARS: usize = 1_000;

/// Lists of a module: one a cohort. Each takes a bit a user and batch: 2 KB for the 16,384 users of
/// a batch.
pub const MAX_LISTS: usize = MAX_COHORTS;

/// The longest name of an event, a property or a list, in bytes. Amplitude takes 1,024 characters
/// of up to 4 bytes.
pub const MAX_NAME_BYTES: usize = 4_096;

/// The longest name of a time zone, in bytes. The longest of the IANA database has 32.
pub const MAX_TIME_ZONE_BYTES: usize = 64;

/// The bytes of a module's own error text that are kept. The text goes to logs and terminals.
pub const MAX_ERROR_TEXT: usize = 1_024;

/// All artefacts of the cache, in bytes: some 50 of a Python rule, or thousands of any other
/// module.
pub const MAX_CACHE_BYTES: u64 = 2 << 30;
