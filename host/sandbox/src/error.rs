//! Errors, in four groups: the sandbox could not start, a module may not run, its description is
//! wrong, or a call failed.

use std::path::PathBuf;
use std::time::Duration;

use crate::contract::{CONTRACT_VERSION, TYPES};

/// The part of a rule that an operator may grant more of.
pub(crate) const NESTED_COMPONENTS: &str = "nested components";

/// The sandbox could not start.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The machine cannot run WebAssembly as configured.
    #[error("the WebAssembly engine did not start: {0}")]
    Engine(String),
    /// The cache directory cannot be made or read.
    #[error("cannot use the cache directory `{}`: {error}", path.display())]
    Cache {
        /// The directory.
        path: PathBuf,
        /// The error of the operating system.
        error: std::io::Error,
    },
    /// Users other than ours own the cache directory or can write to it.
    #[error("the cache directory `{}` is not private: {reason}; a user who can write to it could run code as Muster, \
        so make the user that runs Muster its owner and run `chmod go-w` on it", path.display())]
    CacheNotPrivate {
        /// The directory.
        path: PathBuf,
        /// The reason why it is not private.
        reason: String,
    },
}

/// The reason why bytes cannot be loaded as a module.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The module is larger than [`crate::limits::MAX_RULE_BYTES`].
    #[error("the rule has {bytes} bytes; at most {limit} are allowed{hint}")]
    TooLarge {
        /// The size of the module in bytes.
        bytes: usize,
        /// The limit.
        limit: usize,
        /// A remedy.
        hint: &'static str,
    },
    /// The bytes do not begin like WebAssembly.
    #[error("this is not WebAssembly{hint}")]
    NotWasm {
        /// A guess at what the bytes are, with a remedy.
        hint: &'static str,
    },
    /// The bytes are a core module.
    #[error(
        "this is a core WebAssembly module, not a component: convert it with `wasm-tools component new`"
    )]
    CoreModule,
    /// The component is malformed, or uses a feature that modules may not use.
    #[error(
        "this is not a valid rule: {reason} (at byte {offset}); rules may use WebAssembly 2.0 with SIMD, extended constants and \
        tail calls, several memories, and components without async"
    )]
    Invalid {
        /// The message of the validator.
        reason: String,
        /// The position in the bytes.
        offset: usize,
    },
    /// A function of the rule is more complex than allowed.
    #[error(
        "function {function} of the rule has {found} {what}; at most {limit} are allowed: split it, or build it with optimisation"
    )]
    TooComplex {
        /// The index of the function in its core module.
        function: u32,
        /// The part that there is too much of.
        what: &'static str,
        /// The number found.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// The module has more parts than allowed.
    #[error(
        "the rule has {found} {what}; at most {limit} are allowed{}",
        grant(what)
    )]
    TooManyParts {
        /// The kind of parts.
        what: &'static str,
        /// The number found.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// The module imports something.
    #[error("the rule imports `{name}`, and a rule imports nothing{hint}")]
    Import {
        /// The name of the import.
        name: String,
        /// A remedy.
        hint: &'static str,
    },
    /// The module was built for another version of the contract.
    #[error(
        "the rule was built for `{TYPES}@{found}`, and this Muster takes {CONTRACT_VERSION}: build it again with the contract of this version"
    )]
    Version {
        /// The version that the module names.
        found: String,
    },
    /// The module lacks an export.
    #[error(
        "the rule does not export `{name}`: it must implement the world `rule` of `wit/cohort.wit`, which has `describe` and `classify`"
    )]
    MissingExport {
        /// The missing export.
        name: &'static str,
    },
    /// An export has another type than in the contract.
    #[error(
        "an export of the rule has the wrong type: {reason}; build it against `wit/cohort.wit` of this version"
    )]
    WrongType {
        /// The difference.
        reason: String,
    },
    /// The compilation of the rule was stopped at a limit.
    #[error(
        "compiling the rule took more than {limit}, and was stopped: its functions are too large or too many; split them, or build it \
        with optimisation"
    )]
    CompileLimit {
        /// The limit, with its unit.
        limit: String,
    },
    /// The module could not be compiled to machine code.
    #[error("the rule could not be compiled: {0}")]
    Compile(String),
    /// The call of `describe` failed.
    #[error("the rule could not describe itself: {0}")]
    Describe(ModuleError),
    /// The description breaks the contract or a limit.
    #[error("the rule's description is wrong: {0}")]
    Description(DescriptionError),
}

/// Returns how an operator grants more of a part.
fn grant(part: &str) -> &'static str {
    match part {
        NESTED_COMPONENTS => {
            ": grant more with `rules: {nested_components: …}` in muster.yaml, which a rule of `jco` needs"
        }
        _ => "",
    }
}

impl LoadError {
    /// Returns true if the error concerns the size of the module, so that a module of fewer cohorts
    /// may load.
    #[must_use]
    pub fn is_about_size(&self) -> bool {
        match self {
            Self::TooLarge { .. } | Self::TooManyParts { .. } | Self::Compile(_) => true,
            Self::Describe(error) => matches!(
                error,
                ModuleError::OutOfMemory { .. } | ModuleError::BadAnswer(_)
            ),
            Self::Description(error) => matches!(error, DescriptionError::TooMany { .. }),
            _ => false,
        }
    }
}

/// The reason why a module's description breaks the contract or a limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DescriptionError {
    /// The description names no cohort.
    #[error("it names no cohort")]
    NoCohort,
    /// A cohort id is not valid.
    #[error("`{0}` is not a cohort id: use 1 to 64 letters, digits, `_` or `-`")]
    CohortId(String),
    /// The description names a cohort twice.
    #[error("it names the cohort `{0}` twice")]
    CohortTwice(String),
    /// A list is longer than its limit.
    #[error("it has {found} {what}; at most {limit} are allowed")]
    TooMany {
        /// The kind of items in the list.
        what: &'static str,
        /// The number found.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// The form behind the name of a property is not known, or does not belong to its kind.
    #[error("the property {0:?} has a form that is not known for its kind")]
    Form(String),
    /// A name is empty or longer than its limit.
    #[error("{what} `{name}` has {found} bytes; 1 to {limit} are allowed")]
    Name {
        /// The kind of name.
        what: &'static str,
        /// The beginning of the name.
        name: String,
        /// The length of the name in bytes.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// A stream has no event names.
    #[error("stream {0} (counted from 0) has no event names; `*` matches all events")]
    NoNames(usize),
    /// A stream reads the event's own name as a kind other than text.
    #[error(
        "stream {0} (counted from 0) reads the property without a name, which is the event's own name, as another kind than text"
    )]
    EventName(usize),
    /// A calendar window has the count 0.
    #[error("calendar {0} (counted from 0) has the count 0; the current day, week or month is 1")]
    EmptyCalendar(usize),
}

/// The reason why a module did not answer a call. The call has no answers for the users of its
/// batch. The sandbox and other modules go on as before.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModuleError {
    /// The module crashed: a panic, a division by zero, an access out of bounds.
    #[error("the module crashed: {reason}{place}")]
    Trapped {
        /// The kind of crash.
        reason: String,
        /// The functions in which it happened, if known.
        place: String,
    },
    /// The call took too long.
    #[error(
        "the module was stopped after {limit:?}: it took too long over one call, or it loops for ever"
    )]
    TimedOut {
        /// The time limit of the call.
        limit: Duration,
    },
    /// The module recursed too deep.
    #[error("the module was stopped: it used more than {limit} bytes of stack{place}")]
    StackOverflow {
        /// The limit.
        limit: usize,
        /// The functions in which it happened, if known.
        place: String,
    },
    /// The module requested more memory than it may have.
    #[error(
        "the module was stopped: it requested {wanted} bytes of memory; at most {limit} are allowed"
    )]
    OutOfMemory {
        /// The number of bytes requested.
        wanted: usize,
        /// The limit.
        limit: usize,
    },
    /// The module requested a larger table than it may have.
    #[error(
        "the module was stopped: it requested a table of {wanted} elements; at most {limit} are allowed"
    )]
    OutOfTable {
        /// The number of elements requested.
        wanted: usize,
        /// The limit.
        limit: usize,
    },
    /// The module answered with an error of its own.
    #[error("the module returned an error: {0}")]
    GaveUp(String),
    /// The answer of the module breaks the contract.
    #[error("the module's answer breaks the contract: {0}")]
    BadAnswer(String),
    /// The batch is too large. Its users may be evaluated in smaller batches.
    #[error("the columns of the batch take {bytes} bytes; at most {limit} are allowed")]
    LargeBatch {
        /// The bytes that the columns take.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The batch does not match the module's description. This is a fault of the host.
    #[error("the module received a wrong batch: {0}")]
    BadBatch(String),
    /// The host could not run the module: it has no memory or no slot left.
    #[error("the host could not run the module: {0}")]
    Host(String),
}
