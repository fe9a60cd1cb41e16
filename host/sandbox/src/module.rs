//! Loaded modules.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::contract::{Batch, Description, ExportsPre, Verdicts};
use crate::error::ModuleError;
use crate::gate::{Gate, GatePass};
use crate::guest::{Guest, Instance};
use crate::idle::Shelf;
use crate::options::Origin;
use crate::ticker::EpochTicker;
use crate::{answer, batch, limits};

/// A loaded module. Clones are the same module. Any number of threads may call it at once.
#[derive(Clone)]
pub struct Module {
    inner: Arc<ModuleInner>,
}

/// The origin of a module's machine code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Artefact {
    /// The artefact came from the cache.
    Cached,
    /// The module was compiled. The artefact is in the cache now, if there is one.
    Compiled,
    /// The module was compiled, and its artefact could not be stored for this reason. The module
    /// works, and the next start compiles it again.
    NotStored(String),
}

/// The state that the calls of one engine share.
pub(crate) struct Calls {
    pub(crate) gate: Gate,
    pub(crate) memory: Memory,
    pub(crate) idle: Shelf<Instance>,
    /// The time limits of hand-written rules.
    pub(crate) clock: Option<CallTimes>,
}

/// The memory of instances.
#[derive(Clone)]
pub(crate) struct Memory {
    /// The bytes of an instance.
    pub(crate) usual: usize,
    /// The bytes of an instance for a large user.
    pub(crate) large: usize,
    /// The gate for large users, which all engines share.
    pub(crate) large_gate: Arc<Gate>,
}

pub(crate) struct CallTimes {
    pub(crate) describe: Duration,
    pub(crate) classify: Duration,
    pub(crate) _ticker: EpochTicker,
}

pub(crate) struct ModuleInner {
    pub(crate) id: u64,
    pub(crate) calls: Arc<Calls>,
    pub(crate) exports: ExportsPre<Guest>,
    pub(crate) origin: Origin,
    pub(crate) description: Description,
    pub(crate) digest: [u8; 32],
    pub(crate) artefact: Artefact,
    /// The fuel that all calls took so far.
    pub(crate) fuel: AtomicU64,
}

impl Drop for ModuleInner {
    fn drop(&mut self) {
        self.calls.idle.clear(self.id);
    }
}

impl Module {
    pub(crate) fn new(inner: ModuleInner) -> Self {
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Returns the description: what the module reads and which cohorts it answers for.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.inner.description
    }

    /// Returns the SHA-256 of the module's bytes: two modules with one digest give the same
    /// answers.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        self.inner.digest
    }

    /// Returns the origin of the module.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.inner.origin
    }

    /// Returns the origin of the module's machine code.
    #[must_use]
    pub fn artefact(&self) -> &Artefact {
        &self.inner.artefact
    }

    /// Returns the fuel that its calls took so far, if the sandbox is metered
    /// ([`crate::SandboxOptions::metered`]); else 0.
    #[must_use]
    pub fn fuel(&self) -> u64 {
        self.inner.fuel.load(Ordering::Relaxed)
    }

    /// Returns the most users of one batch, a multiple of 64. Their answer takes up to
    /// [`limits::MAX_ANSWER_BYTES`].
    #[must_use]
    pub fn max_users(&self) -> u32 {
        let users = answer::users_within(self.cohorts(), limits::MAX_ANSWER_BYTES);
        u32::try_from(users).unwrap_or(u32::MAX)
    }

    /// Evaluates a batch of users. Waits while as many calls run as the sandbox has threads.
    ///
    /// # Errors
    /// When the module does not answer, its answer breaks the contract, or the batch does not match
    /// its description. An error concerns this batch alone. The module may be called again.
    pub fn classify(&self, batch: &Batch<'_>) -> Result<Verdicts, ModuleError> {
        self.check(batch, limits::MAX_BATCH_BYTES)?;
        let calls = &self.inner.calls;
        // The place is declared before the instance, so that it is freed after the instance has
        // freed its slot.
        let _place = calls.gate.enter();
        let time = calls.clock.as_ref().map(|clock| clock.classify);
        let mut live = match self.reused() {
            Some(live) => live,
            None => Instance::start(&self.inner.exports, calls.memory.usual, time)?,
        };
        let verdicts = self.evaluate(&mut live, batch, time)?;
        self.keep(live);
        Ok(verdicts)
    }

    /// Waits for the turn of one large user. A sandbox evaluates one at a time, so that their
    /// memory has a bound. Hold the permit also while the columns are built.
    #[must_use]
    pub fn large(&self) -> LargeUserPermit<'_> {
        LargeUserPermit {
            module: self,
            _turn: self.inner.calls.memory.large_gate.enter(),
        }
    }

    fn check(&self, batch: &Batch<'_>, bytes: usize) -> Result<(), ModuleError> {
        let (limit, users) = (self.max_users(), batch.users);
        if users > limit {
            return Err(ModuleError::BadBatch(format!(
                "it has {users} users; at most {limit} are allowed"
            )));
        }
        batch::check(self.description(), batch, bytes)
    }

    fn evaluate(
        &self,
        live: &mut Instance,
        batch: &Batch<'_>,
        time: Option<Duration>,
    ) -> Result<Verdicts, ModuleError> {
        let users = batch.users as usize;
        let bytes = answer::size(self.cohorts(), users);
        let verdicts = live.classify(batch, bytes, time);
        self.inner.fuel.fetch_add(live.fuel(), Ordering::Relaxed);
        let verdicts = verdicts?;
        answer::check(&verdicts, self.cohorts(), users, batch.now)?;
        Ok(verdicts)
    }

    fn reused(&self) -> Option<Instance> {
        self.inner.calls.idle.take(self.inner.id)
    }

    /// Keeps an instance of a compiled module: such modules start each batch afresh in the same
    /// memory. A hand-written rule could keep state from one batch to the next, and its answers
    /// would depend on earlier batches.
    fn keep(&self, live: Instance) {
        if self.inner.origin == Origin::Compiled {
            self.inner.calls.idle.put(self.inner.id, live);
        }
    }

    fn cohorts(&self) -> usize {
        self.inner.description.cohorts.len()
    }
}

/// The turn of one large user, which ends when the permit is dropped.
#[derive(Debug)]
pub struct LargeUserPermit<'a> {
    module: &'a Module,
    _turn: GatePass<'a>,
}

impl LargeUserPermit<'_> {
    /// Returns the bytes that the columns may take: half of the memory,
    /// [`limits::MAX_LARGE_BATCH_BYTES`] at most.
    #[must_use]
    pub fn max_batch_bytes(&self) -> usize {
        (self.memory() / 2).min(limits::MAX_LARGE_BATCH_BYTES)
    }

    fn memory(&self) -> usize {
        let memory = &self.module.inner.calls.memory;
        memory.large.max(memory.usual)
    }

    /// Evaluates a batch of up to [`Self::max_batch_bytes`] in an instance of its own. The instance
    /// may take [`crate::SandboxOptions::large_memory`], and [`limits::LARGE_TIME_FACTOR`] times
    /// the time of another batch.
    ///
    /// # Errors
    /// As [`Module::classify`].
    pub fn classify(&self, batch: &Batch<'_>) -> Result<Verdicts, ModuleError> {
        let module = self.module;
        module.check(batch, self.max_batch_bytes())?;
        let calls = &module.inner.calls;
        let _place = calls.gate.enter();
        let time = calls.clock.as_ref().map(|clock| clock.classify);
        let time = time.map(|time| time.saturating_mul(limits::LARGE_TIME_FACTOR));
        let mut live = Instance::start(&module.inner.exports, self.memory(), time)?;
        module.evaluate(&mut live, batch, time)
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module")
            .field("digest", &muster_model::to_hex(&self.inner.digest))
            .field("origin", &self.inner.origin)
            .field("cohorts", &self.inner.description.cohorts)
            .finish_non_exhaustive()
    }
}
