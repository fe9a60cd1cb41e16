//! How a sandbox is set up.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use crate::limits;

/// Settings of a [`crate::Sandbox`]. The defaults are the limits of [`crate::limits`], one thread a core, and no cache.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where compiled artefacts are kept between runs: a directory of our own, made with mode 0700 if it is not there. Who can write
    /// to it can make this process run anything, so one that others can write to is refused. None: compile at every load.
    pub cache: Option<PathBuf>,
    /// How many calls run at once; more wait. It sizes the pool of instances.
    pub threads: NonZeroUsize,
    /// How long a hand-written rule may take over one batch.
    pub classify_time: Duration,
    /// How long a hand-written rule may take to describe itself.
    pub describe_time: Duration,
    /// Whether the fuel that calls take is counted ([`crate::Rule::fuel`]): about one for each instruction of WebAssembly, the same on every
    /// machine, so it serves tests. A count in a tight loop costs 1.2 to 1.9 times (docs/facts.md, "Wasm").
    pub metered: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cache: None,
            threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            classify_time: limits::CLASSIFY_TIME,
            describe_time: limits::DESCRIBE_TIME,
            metered: false,
        }
    }
}

/// Where a rule comes from, which decides how far it is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// Our own compiler made it, in this process or under a digest we keep. Its loops are bounded by the batch, so it runs
    /// unmetered (a check in a tight loop costs 1.2 to 1.9 times, docs/facts.md) and its instances are used again for the next batch.
    Compiled,
    /// A person wrote it. It runs against the clock, and each batch gets a fresh instance, so nothing it keeps can leak from
    /// one batch into another.
    HandWritten,
}
