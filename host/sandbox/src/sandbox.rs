//! Loads rules.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

use crate::cache::{Cache, Key};
use crate::contract::ExportsPre;
use crate::engine::{self, Allocation};
use crate::error::{LoadError, RuleError, SandboxError};
use crate::gate::Gate;
use crate::guest::{Guest, Live};
use crate::idle::Shelf;
use crate::options::{Options, Origin};
use crate::rule::{Artefact, Calls, Clock, Inner, Rule};
use crate::ticker::Ticker;
use crate::validate::ValidatedRule;
use crate::{description, limits, text, trusted};

/// Where rules run. Make one per process; rules keep what they need of it alive.
pub struct Sandbox {
    compiled: Side,
    hand_written: Side,
    cache: Option<Cache>,
    rules: AtomicU64,
}

/// An engine and what its calls share.
struct Side {
    engine: Engine,
    allocation: Allocation,
    calls: Arc<Calls>,
}

impl Sandbox {
    /// Starts the engines.
    ///
    /// # Errors
    /// When the machine cannot run WebAssembly, or the cache directory cannot be used or is not private.
    pub fn new(options: Options) -> Result<Self, SandboxError> {
        let cache = options.cache.as_deref().map(Cache::open).transpose()?;
        let threads = options.threads;
        let idle =
            threads.saturating_mul(NonZeroUsize::MIN.saturating_add(limits::IDLE_PER_THREAD - 1));
        let hand_written = engine::start(Origin::HandWritten, threads, options.metered)?;
        let clock = Clock {
            describe: options.describe_time,
            classify: options.classify_time,
            _ticker: Ticker::start(&hand_written.0)
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
                idle.get(),
                None,
            ),
            hand_written: Side::new(hand_written, threads, 0, Some(clock)),
            cache,
            rules: AtomicU64::new(0),
        })
    }

    /// Checks a rule, compiles it or takes its artefact from the cache, and asks it what it reads.
    ///
    /// # Errors
    /// When it is not a rule, or wants more than a rule may have; the text says what to do.
    pub fn load(&self, bytes: &[u8], origin: Origin) -> Result<Rule, LoadError> {
        let valid = ValidatedRule::new(bytes)?;
        let side = match origin {
            Origin::Compiled => &self.compiled,
            Origin::HandWritten => &self.hand_written,
        };
        let (component, artefact) = self.compile(valid, &side.engine)?;
        let exports = link(&side.engine, &component)?;
        let description = side.describe(&exports).map_err(LoadError::Describe)?;
        description::check(&description)?;
        Ok(Rule::new(Inner {
            id: self.rules.fetch_add(1, Ordering::Relaxed),
            calls: Arc::clone(&side.calls),
            exports,
            origin,
            description,
            digest: valid.digest(),
            artefact,
            fuel: AtomicU64::new(0),
        }))
    }

    /// How the instances of rules of an origin get their memory.
    #[must_use]
    pub fn allocation(&self, origin: Origin) -> Allocation {
        match origin {
            Origin::Compiled => self.compiled.allocation,
            Origin::HandWritten => self.hand_written.allocation,
        }
    }

    fn compile(
        &self,
        valid: ValidatedRule<'_>,
        engine: &Engine,
    ) -> Result<(Component, Artefact), LoadError> {
        let cache = self.cache.as_ref();
        let entry = cache.map(|cache| (cache, Key::new(&valid.digest(), engine)));
        if let Some((cache, key)) = entry
            && let Some(artefact) = cache.load(key)
            && let Some(component) = trusted::deserialize(engine, &artefact)
        {
            return Ok((component, Artefact::Cached));
        }
        let failed =
            |error: wasmtime::Error| LoadError::Compile(text::short(&format!("{error:#}"), 600));
        let component = Component::from_binary(engine, valid.bytes()).map_err(failed)?;
        let stored = match entry {
            None => Ok(()),
            Some((cache, key)) => component
                .serialize()
                .map_err(std::io::Error::other)
                .and_then(|artefact| cache.store(key, &artefact)),
        };
        let artefact = match stored {
            Ok(()) => Artefact::Compiled,
            Err(error) => Artefact::NotStored(error.to_string()),
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
        idle: usize,
        clock: Option<Clock>,
    ) -> Self {
        let calls = Calls {
            gate: Gate::new(threads.get()),
            idle: Shelf::new(idle),
            clock,
        };
        Self {
            engine,
            allocation,
            calls: Arc::new(calls),
        }
    }

    /// Asks a fresh instance. There is nothing it could read but its own bytes, so this is what it will always say.
    fn describe(
        &self,
        exports: &ExportsPre<Guest>,
    ) -> Result<crate::contract::Description, RuleError> {
        let _place = self.calls.gate.enter();
        let time = self.calls.clock.as_ref().map(|clock| clock.describe);
        Live::start(exports, time)?.describe(time)
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
