//! Settings of a sandbox.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use crate::ceilings::Ceilings;
use crate::limits;

/// Settings of a [`crate::Sandbox`]. The defaults are the limits of [`crate::limits`], one thread a
/// core, and no cache.
#[derive(Clone, Debug)]
pub struct SandboxOptions {
    /// The directory that keeps compiled artefacts between starts. The sandbox creates it with mode
    /// 0700 if it does not exist. A user who can write to it can make this process run any code, so
    /// a directory that others can write to is refused. `None`: compile at every load.
    pub cache: Option<PathBuf>,
    /// The number of calls that run at once; further calls wait. It sizes the pool of instances.
    pub threads: NonZeroUsize,
    /// The ceilings of hand-written rules.
    pub ceilings: Ceilings,
    /// The time that a hand-written rule may take to describe itself.
    pub describe_time: Duration,
    /// The process in which hand-written rules are compiled.
    pub compile: Compile,
    /// The memory of an instance for one large user, in bytes: up to
    /// [`limits::MAX_LARGE_MEMORY_BYTES`], half of it for the columns.
    pub large_memory: usize,
    /// True to count the fuel of calls ([`crate::Module::fuel`]): about one for each instruction of
    /// WebAssembly. The count is the same on every machine, so tests use it. In a tight loop
    /// counting costs 1.2 to 1.9 times (docs/facts.md, "Wasm").
    pub metered: bool,
}

impl Default for SandboxOptions {
    fn default() -> Self {
        Self {
            cache: None,
            threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            ceilings: Ceilings::default(),
            describe_time: limits::DESCRIBE_TIME,
            compile: Compile::InProcess,
            large_memory: limits::MAX_LARGE_MEMORY_BYTES,
            metered: false,
        }
    }
}

/// The process in which hand-written rules are compiled. Compiling has no bound of its own: some
/// modules of 100 KB take minutes and gigabytes.
#[derive(Clone, Debug, Default)]
pub enum Compile {
    /// This process, without a limit.
    #[default]
    InProcess,
    /// A separate process, which is stopped at its limits.
    Process(CompileProcess),
}

/// A program that calls [`crate::compile_process`] with its standard input and output.
#[derive(Clone, Debug)]
pub struct CompileProcess {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// The processor time that it may take, in whole seconds. The wall-clock time may be
    /// [`limits::COMPILE_WALL_FACTOR`] times that.
    pub time: Duration,
    /// The address space that it may take, in bytes.
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

/// The origin of a module, which decides how far it is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// A module that our own compiler made, in this process or under a digest that the project
    /// keeps. Its loops are bounded by the batch, so it runs without a time limit (a check in a
    /// tight loop costs 1.2 to 1.9 times, docs/facts.md). Its instances are reused for the next
    /// batch.
    Compiled,
    /// A rule that an author wrote by hand. It runs with a time limit. Each batch gets a fresh
    /// instance, so no state of one batch can leak into another.
    HandWritten,
}
