//! The sandbox, which loads modules.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

use crate::cache::{Cache, CacheKey};
use crate::ceilings::Ceilings;
use crate::contract::ExportsPre;
use crate::engine::{self, Allocation};
use crate::error::{LoadError, ModuleError, SandboxError};
use crate::gate::Gate;
use crate::guest::{Guest, Instance};
use crate::idle::Shelf;
use crate::module::{Artefact, CallTimes, Calls, Memory, Module, ModuleInner};
use crate::options::{Compile, Origin, SandboxOptions};
use crate::ticker::EpochTicker;
use crate::validate::ValidatedModule;
use crate::{compile_process, description, limits, text, trusted};

/// The sandbox in which modules run. A process needs one. Modules keep what they need of it alive.
pub struct Sandbox {
    compiled: Side,
    hand_written: Side,
    cache: Option<Cache>,
    compile: Compile,
    ceilings: Ceilings,
    metered: bool,
    modules: AtomicU64,
}

/// An engine with the state that its calls share.
struct Side {
    engine: Engine,
    allocation: Allocation,
    calls: Arc<Calls>,
}

impl Sandbox {
    /// Starts the engines.
    ///
    /// # Errors
    /// When the machine cannot run WebAssembly, or the cache directory cannot be used or is not
    /// private.
    pub fn new(options: SandboxOptions) -> Result<Self, SandboxError> {
        let cache = options.cache.as_deref().map(Cache::open).transpose()?;
        let threads = options.threads;
        let idle =
            threads.saturating_mul(NonZeroUsize::MIN.saturating_add(limits::IDLE_PER_THREAD - 1));
        let memory = Memory {
            usual: options.ceilings.memory.min(limits::MAX_LARGE_MEMORY_BYTES),
            large: options.large_memory.min(limits::MAX_LARGE_MEMORY_BYTES),
            large_gate: Arc::new(Gate::new(1)),
        };
        let hand_written = engine::start(Origin::HandWritten, threads, options.metered)?;
        let clock = CallTimes {
            describe: options.describe_time,
            classify: options.ceilings.time,
            _ticker: EpochTicker::start(&hand_written.0)
                .map_err(|error| SandboxError::Engine(error.to_string()))?,
        };
        Ok(Self {
            compiled: Side::new(
                engine::start(
                    Origin::Compiled,
                    threads.saturating_add(idle.get()),
                    options.metered,
                )?,
                threads,
                Memory {
                    usual: limits::MAX_MEMORY_BYTES,
                    ..memory.clone()
                },
                idle.get(),
                None,
            ),
            hand_written: Side::new(hand_written, threads, memory, 0, Some(clock)),
            cache,
            compile: options.compile,
            ceilings: options.ceilings,
            metered: options.metered,
            modules: AtomicU64::new(0),
        })
    }

    /// Checks a module, compiles it or takes its artefact from the cache, and reads its
    /// description.
    ///
    /// # Errors
    /// When the bytes are not a module, or need more than a module may have. The text says what to
    /// do.
    pub fn load(&self, bytes: &[u8], origin: Origin) -> Result<Module, LoadError> {
        let valid = ValidatedModule::new(bytes, origin, &self.ceilings)?;
        let side = match origin {
            Origin::Compiled => &self.compiled,
            Origin::HandWritten => &self.hand_written,
        };
        let (component, artefact) = self.compile(valid, side, origin)?;
        let exports = link(&side.engine, &component)?;
        let description = side.describe(&exports).map_err(LoadError::Describe)?;
        description::check(&description).map_err(LoadError::Description)?;
        Ok(Module::new(ModuleInner {
            id: self.modules.fetch_add(1, Ordering::Relaxed),
            calls: Arc::clone(&side.calls),
            exports,
            origin,
            description,
            digest: valid.digest(),
            artefact,
            fuel: AtomicU64::new(0),
        }))
    }

    /// Returns the way in which instances of modules of an origin get their memory.
    #[must_use]
    pub fn allocation(&self, origin: Origin) -> Allocation {
        match origin {
            Origin::Compiled => self.compiled.allocation,
            Origin::HandWritten => self.hand_written.allocation,
        }
    }

    fn compile(
        &self,
        valid: ValidatedModule<'_>,
        side: &Side,
        origin: Origin,
    ) -> Result<(Component, Artefact), LoadError> {
        let engine = &side.engine;
        let cache = self.cache.as_ref();
        let key = CacheKey::new(&valid.digest(), engine);
        if let Some(cache) = cache
            && let Some(artefact) = cache.load(key)
            && let Some(component) = trusted::deserialize(engine, &artefact)
        {
            return Ok((component, Artefact::Cached));
        }
        let failed =
            |error: wasmtime::Error| LoadError::Compile(text::short(&format!("{error:#}"), 600));
        let (component, stored) = match &self.compile {
            // Compiling our own modules has a bound: the size of what our compiler accepts.
            Compile::Process(process) if origin == Origin::HandWritten => {
                let (bytes, allocation) = (valid.bytes(), side.allocation);
                let artefact = compile_process::run(
                    process,
                    &self.ceilings,
                    allocation,
                    self.metered,
                    bytes,
                    key,
                )?;
                let component = trusted::deserialize(engine, &artefact).ok_or_else(|| {
                    LoadError::Compile("its machine code is not for this process".to_owned())
                })?;
                let stored = cache.map(|cache| cache.store(key, artefact.bytes()));
                (component, stored)
            }
            Compile::Process(_) | Compile::InProcess => {
                let component = Component::from_binary(engine, valid.bytes()).map_err(failed)?;
                let store = |cache: &Cache| {
                    let artefact = component.serialize().map_err(std::io::Error::other)?;
                    cache.store(key, &artefact)
                };
                let stored = cache.map(store);
                (component, stored)
            }
        };
        let artefact = match stored {
            None | Some(Ok(())) => Artefact::Compiled,
            Some(Err(error)) => Artefact::NotStored(error.to_string()),
        };
        Ok((component, artefact))
    }
}

/// Links a component to nothing and checks the types of its exports.
fn link(engine: &Engine, component: &Component) -> Result<ExportsPre<Guest>, LoadError> {
    let wrong = |error: wasmtime::Error| LoadError::WrongType {
        reason: text::short(&format!("{error:#}"), 600),
    };
    let linked = Linker::new(engine)
        .instantiate_pre(component)
        .map_err(wrong)?;
    ExportsPre::new(linked).map_err(wrong)
}

impl Side {
    fn new(
        (engine, allocation): (Engine, Allocation),
        threads: NonZeroUsize,
        memory: Memory,
        idle: usize,
        clock: Option<CallTimes>,
    ) -> Self {
        let calls = Calls {
            gate: Gate::new(threads.get()),
            memory,
            idle: Shelf::new(idle),
            clock,
        };
        Self {
            engine,
            allocation,
            calls: Arc::new(calls),
        }
    }

    /// Reads the description from a fresh instance. A module can read nothing but its own bytes
    /// here, so it will always describe itself in the same way.
    fn describe(
        &self,
        exports: &ExportsPre<Guest>,
    ) -> Result<crate::contract::Description, ModuleError> {
        let _place = self.calls.gate.enter();
        let time = self.calls.clock.as_ref().map(|clock| clock.describe);
        Instance::start(exports, self.calls.memory.usual, time)?.describe(time)
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox")
            .field("compiled", &self.compiled.allocation)
            .field("hand_written", &self.hand_written.allocation)
            .field("cache", &self.cache)
            .finish_non_exhaustive()
    }
}
