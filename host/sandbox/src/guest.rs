//! One live instance of a module, with its limits.

use std::time::Duration;

use wasmtime::{ResourceLimiter, Store, Trap, WasmBacktrace};

use crate::contract::{Batch, Description, Exports, ExportsPre, Verdicts};
use crate::error::ModuleError;
use crate::{limits, text, ticker};

/// The number of functions of a backtrace that an error names.
const SHOWN_FRAMES: usize = 4;

/// The data of a store about its guest: only its memory.
#[derive(Debug)]
pub(crate) struct Guest {
    /// The most memory, in bytes, of all its memories together.
    memory: usize,
    /// The bytes of all its memories.
    used: usize,
}

/// A limit that a guest exceeded. It is an error rather than a refusal, so that a module cannot
/// find out how much memory a host has and answer differently.
#[derive(Debug, thiserror::Error)]
enum Exceeded {
    #[error("memory limit: {wanted} bytes")]
    Memory { wanted: usize },
    #[error("table limit: {wanted} elements")]
    Table { wanted: usize },
    #[error("{0}")]
    Host(String),
}

/// Returns true if growth stays within the maximum that the module itself declares. Beyond it the
/// module sees its request refused.
fn within(wanted: usize, maximum: Option<usize>) -> bool {
    maximum.is_none_or(|maximum| wanted <= maximum)
}

impl ResourceLimiter for Guest {
    fn memory_growing(
        &mut self,
        current: usize,
        wanted: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let all = (self.used.saturating_sub(current)).saturating_add(wanted);
        if all > self.memory {
            return Err(Exceeded::Memory { wanted: all }.into());
        }
        let grows = within(wanted, maximum);
        if grows {
            self.used = all;
        }
        Ok(grows)
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

/// The fuel of a call on a metered engine. It is counted only and never runs out.
const FUEL: u64 = u64::MAX;

/// An instance with its own memory. It is dropped after any call without a good answer.
pub(crate) struct Instance {
    store: Store<Guest>,
    exports: Exports,
    /// True if the engine counts fuel. An engine that does not returns an error when it is queried,
    /// and an error costs more than a small call.
    metered: bool,
}

impl Instance {
    /// Starts an instance with at most `memory` bytes of memory. `time` is the time limit for the
    /// start and for calls, on an engine with epochs; `None` on one without.
    pub(crate) fn start(
        exports: &ExportsPre<Guest>,
        memory: usize,
        time: Option<Duration>,
    ) -> Result<Self, ModuleError> {
        let mut store = Store::new(exports.engine(), Guest { memory, used: 0 });
        store.limiter(|guest| guest);
        let metered = store.set_fuel(FUEL).is_ok();
        if let Some(time) = time {
            store.set_epoch_deadline(ticker::epochs(time));
        }
        let exports = exports
            .instantiate(&mut store)
            // Before its first call a module has answered nothing. An error that is neither a trap
            // nor a limit of ours is the host's.
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

    /// Returns the fuel that the latest call took; 0 on an engine that is not metered.
    pub(crate) fn fuel(&self) -> u64 {
        match self.metered {
            true => self.store.get_fuel().map_or(0, |left| FUEL - left),
            false => 0,
        }
    }

    /// Evaluates a batch. `answer_bytes` is the size of a right answer.
    pub(crate) fn classify(
        &mut self,
        batch: &Batch<'_>,
        answer_bytes: usize,
        time: Option<Duration>,
    ) -> Result<Verdicts, ModuleError> {
        if self.metered {
            let _ = self.store.set_fuel(FUEL);
        }
        // This bounds what the host allocates for the answer. It never copies more than a right
        // answer or the text of an error.
        self.store
            .set_hostcall_fuel(answer_bytes + limits::MAX_ERROR_TEXT * 4);
        let memory = self.store.data().memory;
        self.exports
            .call_classify(&mut self.store, batch.clone())
            .map_err(|error| failure(&error, memory, time, ModuleError::BadAnswer))?
            .map_err(|error| ModuleError::GaveUp(text::short(&error, limits::MAX_ERROR_TEXT)))
    }
}

/// Returns the error of a failed call. `otherwise` takes the remaining cases. One is a value that
/// the canonical ABI refuses: a list outside the memory, a text that is not UTF-8, a result that is
/// too long. The other is a host without resources.
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
        // The traps of the canonical ABI concern the returned value.
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

/// Returns the functions in which the call failed, innermost first, as far as the module names
/// them.
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
