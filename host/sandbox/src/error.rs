//! What can go wrong, as three questions: could the sandbox start, may this rule run, did it
//! answer.

use std::path::PathBuf;
use std::time::Duration;

use crate::contract::{CONTRACT_VERSION, TYPES};

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
        /// Why.
        error: std::io::Error,
    },
    /// The cache directory is not ours alone.
    #[error("the cache directory `{}` is not private: {reason}; whoever writes to it could run code here, \
        so give it to the user that runs Muster and `chmod go-w` it", path.display())]
    CacheNotPrivate {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// The bytes are not a rule that may run here.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It is larger than [`crate::limits::MAX_RULE_BYTES`].
    #[error("the rule has {bytes} bytes; at most {limit} are allowed{hint}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
        /// What to do.
        hint: &'static str,
    },
    /// It does not begin like WebAssembly.
    #[error("this is not WebAssembly{hint}")]
    NotWasm {
        /// What it may be, and what to do.
        hint: &'static str,
    },
    /// It is a core module.
    #[error(
        "this is a core WebAssembly module, not a component: make one of it with `wasm-tools component new`"
    )]
    CoreModule,
    /// It is malformed, or uses a feature that rules may not.
    #[error(
        "this is not a valid rule: {reason} (at byte {offset}); rules may use WebAssembly 2.0 with SIMD, extended constants and \
        tail calls, and components without async"
    )]
    Invalid {
        /// What the validator says.
        reason: String,
        /// Where.
        offset: usize,
    },
    /// A function of it is more complex than allowed.
    #[error(
        "function {function} of the rule has {found} {what}; at most {limit} are allowed: split it, or build it with optimisation"
    )]
    TooComplex {
        /// Its index among the functions of its module.
        function: u32,
        /// What it has too much of.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// It is made of more parts than allowed.
    #[error("the rule is made of {found} {what}; at most {limit} are allowed")]
    TooManyParts {
        /// Which parts.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// It wants something from outside.
    #[error("the rule imports `{name}`, and a rule imports nothing{hint}")]
    Import {
        /// What it imports.
        name: String,
        /// What to do.
        hint: &'static str,
    },
    /// It was built for another version of the contract.
    #[error(
        "the rule was built for `{TYPES}@{found}`, and this Muster takes {CONTRACT_VERSION}: build it again with the contract of this version"
    )]
    Version {
        /// The version it names.
        found: String,
    },
    /// It lacks an export.
    #[error(
        "the rule does not export `{name}`: it must implement the world `rule` of `wit/cohort.wit`, which has `describe` and `classify`"
    )]
    MissingExport {
        /// What is missing.
        name: &'static str,
    },
    /// It exports what is not part of the world.
    #[error(
        "the rule exports `{name}`, which the world `rule` of `wit/cohort.wit` does not have: leave only `describe` and `classify`"
    )]
    ExtraExport {
        /// What is too much.
        name: String,
    },
    /// An export has another type than the contract says.
    #[error(
        "an export of the rule has the wrong type: {reason}; build it against `wit/cohort.wit` of this version"
    )]
    WrongType {
        /// What differs.
        reason: String,
    },
    /// Compiling it was stopped.
    #[error(
        "compiling the rule took more than {limit}, and was stopped: its functions are too large or too many; split them, or build it \
        with optimisation"
    )]
    CompileLimit {
        /// The limit, with its unit.
        limit: String,
    },
    /// It could not be compiled to machine code.
    #[error("the rule could not be compiled: {0}")]
    Compile(String),
    /// Its `describe` did not answer.
    #[error("the rule could not describe itself: {0}")]
    Describe(#[source] ModuleError),
    /// What it says of itself breaks the contract.
    #[error("the rule's description is wrong: {0}")]
    Description(#[from] DescriptionError),
}

impl LoadError {
    /// Returns whether it is about how much there is of the rule, so that a module of fewer cohorts
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

/// What a rule says of itself breaks the contract or a limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DescriptionError {
    /// It answers for no cohort.
    #[error("it names no cohort")]
    NoCohort,
    /// A cohort's id is not one.
    #[error("`{0}` is not a cohort id: use 1 to 64 letters, digits, `_` or `-`")]
    CohortId(String),
    /// A cohort is there twice.
    #[error("it names the cohort `{0}` twice")]
    CohortTwice(String),
    /// A list is longer than its limit.
    #[error("it has {found} {what}; at most {limit} are allowed")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// A name is empty or longer than its limit.
    #[error("{what} `{name}` has {found} bytes; 1 to {limit} are allowed")]
    Name {
        /// Of what.
        what: &'static str,
        /// Its beginning.
        name: String,
        /// How long it is.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// A stream matches no event.
    #[error("stream {0} (counted from 0) has no event names; `*` matches all events")]
    NoNames(usize),
    /// The event's own name is asked for as something else than text.
    #[error(
        "stream {0} (counted from 0) reads the property without a name, which is the event's own name, as another kind than text"
    )]
    EventName(usize),
    /// A calendar window of nothing.
    #[error("calendar {0} (counted from 0) has the count 0; the current day, week or month is 1")]
    EmptyCalendar(usize),
}

/// The rule did not answer a call. Nothing is known of the batch's users; the sandbox and other
/// rules go on as before.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModuleError {
    /// It crashed: a panic, a division by zero, an access out of bounds.
    #[error("the rule crashed: {reason}{place}")]
    Trapped {
        /// What happened.
        reason: String,
        /// In which of its functions, if known.
        place: String,
    },
    /// It took too long.
    #[error(
        "the rule was stopped after {limit:?}: it took too long over one call, or loops for ever"
    )]
    TimedOut {
        /// The time it had.
        limit: Duration,
    },
    /// It recursed too deep.
    #[error("the rule was stopped: it used more than {limit} bytes of stack{place}")]
    StackOverflow {
        /// The limit.
        limit: usize,
        /// In which of its functions, if known.
        place: String,
    },
    /// It asked for more memory than a rule may have.
    #[error(
        "the rule was stopped: it asked for {wanted} bytes of memory, and a rule may have {limit}"
    )]
    OutOfMemory {
        /// What it asked for.
        wanted: usize,
        /// The limit.
        limit: usize,
    },
    /// It asked for a larger table than a rule may have.
    #[error(
        "the rule was stopped: it asked for a table of {wanted} elements, and a rule may have {limit}"
    )]
    OutOfTable {
        /// What it asked for.
        wanted: usize,
        /// The limit.
        limit: usize,
    },
    /// It answered with an error of its own.
    #[error("the rule gave up: {0}")]
    GaveUp(String),
    /// Its answer breaks the contract.
    #[error("the rule's answer breaks the contract: {0}")]
    BadAnswer(String),
    /// The batch is too large, and may be asked about in parts.
    #[error("the columns of the batch take {bytes} bytes; at most {limit} are allowed")]
    LargeBatch {
        /// What they take.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The batch is not what the rule asked for. This is the host's fault.
    #[error("the rule was handed a wrong batch: {0}")]
    BadBatch(String),
    /// The host could not run it: it has no memory or no slot left.
    #[error("the host could not run the rule: {0}")]
    Host(String),
}
