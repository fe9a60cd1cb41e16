//! A sandbox for modules: WebAssembly components of the world in `wit/cohort.wit`. Modules of our
//! compiler and hand-written rules go the same way.
//!
//! It **is** the place where bytes become a module that answers for users. The sandbox checks the
//! bytes, compiles them (or takes them from a private cache) and reads the module's description.
//! Then many threads at once call the module with batches of columns. Whatever a module does, a
//! call ends in an answer or in an error with a readable text, and the host goes on.
//!
//! It is **not** where batches come from or verdicts go to (`muster-engine`), and it knows no
//! definition language (`muster-compiler`). It gives a module nothing else: no clock, no
//! randomness, no files, no network, no state of the last batch.
//!
//! Limits are in [`limits`]: 32 MiB a module, 256 MiB of memory (1 GiB for one user alone) and 512
//! KiB of stack an instance, 10 s a batch for hand-written rules.
//!
//! ```
//! use muster_sandbox::{LoadError, Origin, Sandbox, SandboxOptions};
//!
//! let sandbox = Sandbox::new(SandboxOptions::default())?;
//! let error = sandbox.load(b"(module)", Origin::HandWritten).unwrap_err();
//! assert!(matches!(error, LoadError::NotWasm { .. }));
//! # Ok::<(), muster_sandbox::SandboxError>(())
//! ```

mod answer;
mod batch;
mod cache;
mod ceilings;
mod compile_process;
mod complexity;
mod componentize;
mod contract;
mod description;
mod engine;
mod error;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod gate;
mod guest;
mod idle;
mod inspect;
pub mod limits;
mod module;
mod options;
mod sandbox;
mod seal;
mod text;
mod ticker;
mod trusted;
mod validate;

pub use ceilings::Ceilings;
pub use compile_process::{CompileProcessError, compile_process};
pub use componentize::{ComponentizeError, componentize, to_component};
pub use contract::{
    Batch, CONTRACT_VERSION, Calendar, CalendarBounds, CalendarUnit, Column, Description,
    Dictionary, EventRows, Kind, Property, StreamReads, TextLists, Verdicts,
};
pub use engine::Allocation;
pub use error::{DescriptionError, LoadError, ModuleError, SandboxError};
pub use inspect::{Inspection, check, inspect};
pub use module::{Artefact, LargeUserPermit, Module};
pub use options::{Compile, CompileProcess, Origin, SandboxOptions};
pub use sandbox::Sandbox;
