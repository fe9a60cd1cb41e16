//! One live instance of a rule, and what it may take.

use std::time::Duration;

use wasmtime::{ResourceLimiter, Store, Trap, WasmBacktrace};

use crate::contract::{Batch, Description, Exports, ExportsPre, Verdicts};
use crate::error::ModuleError;
use crate::{limits, text, ticker};

/// How many functions of a backtrace an error names.
const SHOWN_FRAMES: usize = 4;

/// What a store knows of its guest: nothing but the limits, by which growth is refused.
#[derive(Debug)]
pub(crate) struct Guest {
    /// The most memory, in bytes.
    memory: usize,
}

/// A limit that a guest ran into. An error rather than a refusal, so that a rule cannot see how
/// much memory a host has and answer by it.
#[derive(Debug, thiserror::Error)]
enum Exceeded {
    #[error("memory limit: {wanted} bytes")]
    Memory { wanted: usize },
    #[error("table limit: {wanted} elements")]
    Table { wanted: usize },
    #[error("{0}")]
    Host(String),
}

/// Whether growth keeps to the maximum that the rule itself declares; beyond it a rule sees its
/// request refused.
fn within(wanted: usize, maximum: Option<usize>) -> bool {
    maximum.is_none_or(|maximum| wanted <= maximum)
}

impl ResourceLimiter for Guest {
    fn memory_growing(
        &mut self,
        _current: usize,
        wanted: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if wanted > self.memory {
            return Err(Exceeded::Memory { wanted }.into());
        }
        Ok(within(wanted, maximum))
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(Exceeded::Host(format!("{error:#}")).into())
    }

    fn table_growing(
        &mut self,
        _current: usize,
        wanted: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if wanted > limits::MAX_TABLE_ELEMENTS {
            return Err(Exceeded::Table { wanted }.into());
        }
        Ok(within(wanted, maximum))
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(Exceeded::Host(format!("{error:#}")).into())
    }

    fn instances(&self) -> usize {
        limits::MAX_CORE_INSTANCES as usize
    }

    fn tables(&self) -> usize {
        limits::MAX_TABLES as usize
    }

    fn memories(&self) -> usize {
        limits::MAX_MEMORIES as usize
    }
}

/// The fuel of a call on a metered engine. It is there to be read, not to run out.
const FUEL: u64 = u64::MAX;

/// An instance with its own memory. It is dropped after anything but a good answer.
pub(crate) struct Instance {
    store: Store<Guest>,
    exports: Exports,
    /// Whether the engine counts fuel. It refuses to be asked for it otherwise, and an error a call
    /// costs more than a small call.
    metered: bool,
}

impl Instance {
    /// Makes an instance with at most so many bytes of memory. `time` is what it has for this and
    /// for its calls, on an engine with epochs; `None` on one without.
    pub(crate) fn start(
        exports: &ExportsPre<Guest>,
        memory: usize,
        time: Option<Duration>,
    ) -> Result<Self, ModuleError> {
        let mut store = Store::new(exports.engine(), Guest { memory });
        store.limiter(|guest| guest);
        let metered = store.set_fuel(FUEL).is_ok();
        if let Some(time) = time {
            store.set_epoch_deadline(ticker::ticks(time));
        }
        let exports = exports
            .instantiate(&mut store)
            // Before its first call a rule has answered nothing: what is no trap and no limit of
            // ours is the host's trouble.
            .map_err(|error| failure(&error, memory, time, ModuleError::Host))?;
        Ok(Self {
            store,
            exports,
            metered,
        })
    }

    pub(crate) fn describe(&mut self, time: Option<Duration>) -> Result<Description, ModuleError> {
        self.store.set_hostcall_fuel(limits::MAX_DESCRIPTION_BYTES);
        let memory = self.store.data().memory;
        self.exports
            .call_describe(&mut self.store)
            .map_err(|error| failure(&error, memory, time, ModuleError::BadAnswer))
    }

    /// The fuel that the latest call took; 0 on an engine that is not metered.
    pub(crate) fn fuel(&self) -> u64 {
        match self.metered {
            true => self.store.get_fuel().map_or(0, |left| FUEL - left),
            false => 0,
        }
    }

    /// Asks about a batch. `answer_bytes` is what the right answer takes.
    pub(crate) fn classify(
        &mut self,
        batch: &Batch<'_>,
        answer_bytes: usize,
        time: Option<Duration>,
    ) -> Result<Verdicts, ModuleError> {
        if self.metered {
            let _ = self.store.set_fuel(FUEL);
        }
        // What the host allocates for the answer: nothing longer than a right one, or the text of
        // an error, is ever copied.
        self.store
            .set_hostcall_fuel(answer_bytes + limits::MAX_ERROR_TEXT * 4);
        let memory = self.store.data().memory;
        self.exports
            .call_classify(&mut self.store, batch.clone())
            .map_err(|error| failure(&error, memory, time, ModuleError::BadAnswer))?
            .map_err(|error| ModuleError::GaveUp(text::short(&error, limits::MAX_ERROR_TEXT)))
    }
}

/// Tells apart how a call failed. `otherwise` takes the rest: what the canonical ABI refuses (a
/// list outside the memory, a text that is not UTF-8, more than may be returned), or a host without
/// resources.
fn failure(
    error: &wasmtime::Error,
    memory: usize,
    time: Option<Duration>,
    otherwise: fn(String) -> ModuleError,
) -> ModuleError {
    if let Some(exceeded) = error.downcast_ref::<Exceeded>() {
        return match exceeded {
            Exceeded::Memory { wanted } => ModuleError::OutOfMemory {
                wanted: *wanted,
                limit: memory,
            },
            Exceeded::Table { wanted } => ModuleError::OutOfTable {
                wanted: *wanted,
                limit: limits::MAX_TABLE_ELEMENTS,
            },
            Exceeded::Host(reason) => ModuleError::Host(reason.clone()),
        };
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => ModuleError::TimedOut {
            limit: time.unwrap_or_default(),
        },
        Some(Trap::StackOverflow) => ModuleError::StackOverflow {
            limit: limits::MAX_STACK_BYTES,
            place: place(error),
        },
        // The traps of the canonical ABI are about what was returned.
        Some(Trap::StringOutOfBounds | Trap::ListOutOfBounds | Trap::InvalidChar) => {
            otherwise(error.root_cause().to_string())
        }
        Some(trap) => ModuleError::Trapped {
            reason: trap
                .to_string()
                .trim_start_matches("wasm trap: ")
                .to_owned(),
            place: place(error),
        },
        None => otherwise(text::short(
            &error.root_cause().to_string(),
            limits::MAX_ERROR_TEXT,
        )),
    }
}

/// The functions in which it happened, innermost first, as far as the rule names them.
fn place(error: &wasmtime::Error) -> String {
    let frames = error
        .downcast_ref::<WasmBacktrace>()
        .map_or(&[][..], WasmBacktrace::frames);
    let names: Vec<String> = frames
        .iter()
        .filter_map(|frame| {
            let symbol = frame.symbols().first().and_then(|symbol| symbol.name());
            symbol.or_else(|| frame.func_name())
        })
        .take(SHOWN_FRAMES)
        .map(|name| format!("`{}`", text::short(name, 80)))
        .collect();
    if names.is_empty() {
        String::new()
    } else {
        format!(" in {}", names.join(" called by "))
    }
}
