//! How a sandbox is set up.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use crate::limits;

/// Settings of a [`crate::Sandbox`]. The defaults are the limits of [`crate::limits`], one thread a
/// core, and no cache.
#[derive(Clone, Debug)]
pub struct SandboxOptions {
    /// Where compiled artefacts are kept between runs: a directory of our own, made with mode 0700
    /// if it is not there. Who can write to it can make this process run anything, so one that
    /// others can write to is refused. None: compile at every load.
    pub cache: Option<PathBuf>,
    /// How many calls run at once; more wait. It sizes the pool of instances.
    pub threads: NonZeroUsize,
    /// How long a hand-written rule may take over one batch.
    pub classify_time: Duration,
    /// How long a hand-written rule may take to describe itself.
    pub describe_time: Duration,
    /// Where hand-written rules are compiled.
    pub compile: Compile,
    /// The memory of an instance for one large user, in bytes: up to
    /// [`limits::MAX_LARGE_MEMORY_BYTES`], half of it for the columns.
    pub large_memory: usize,
    /// Whether the fuel that calls take is counted ([`crate::Rule::fuel`]): about one for each
    /// instruction of WebAssembly, the same on every machine, so it serves tests. A count in a
    /// tight loop costs 1.2 to 1.9 times (docs/facts.md, "Wasm").
    pub metered: bool,
}

impl Default for SandboxOptions {
    fn default() -> Self {
        Self {
            cache: None,
            threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            classify_time: limits::CLASSIFY_TIME,
            describe_time: limits::DESCRIBE_TIME,
            compile: Compile::InProcess,
            large_memory: limits::MAX_LARGE_MEMORY_BYTES,
            metered: false,
        }
    }
}

/// Where hand-written rules are compiled, which takes what time and memory it takes: there are
/// modules of some 100 KB that take minutes and gigabytes.
#[derive(Clone, Debug, Default)]
pub enum Compile {
    /// In this process, without a bound.
    #[default]
    InProcess,
    /// In a process of its own, which is stopped at its limits.
    Process(CompileProcess),
}

/// A program that calls [`crate::compile_process`] with its standard input and output.
#[derive(Clone, Debug)]
pub struct CompileProcess {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// How much processor time it may take, in whole seconds; by the clock on the wall
    /// [`limits::COMPILE_WALL_FACTOR`] times that.
    pub time: Duration,
    /// How much address space it may take, in bytes.
    pub memory: u64,
}

impl CompileProcess {
    /// Returns a program with the limits of [`limits`].
    #[must_use]
    pub fn new(program: PathBuf, arguments: Vec<OsString>) -> Self {
        Self {
            program,
            arguments,
            time: limits::COMPILE_TIME,
            memory: limits::COMPILE_MEMORY_BYTES,
        }
    }
}

/// Where a rule comes from, which decides how far it is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// Our own compiler made it, in this process or under a digest we keep. Its loops are bounded
    /// by the batch, so it runs unmetered (a check in a tight loop costs 1.2 to 1.9 times,
    /// docs/facts.md) and its instances are used again for the next batch.
    Compiled,
    /// A person wrote it. It runs against the clock, and each batch gets a fresh instance, so
    /// nothing it keeps can leak from one batch into another.
    HandWritten,
}
