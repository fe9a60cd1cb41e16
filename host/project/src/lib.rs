//! A project's folder as a library: `muster.yaml`, definitions, static lists and modules.
//!
//! The crate reads files and nothing else: it writes to no terminal and reads no environment
//! variable. A caller passes the values of variables ([`config::Lookup`]), and gets the faults of
//! the files as diagnostics ([`Project::problems`], [`ProjectError`]).
//!
//! | file | |
//! |---|---|
//! | `config/` | `muster.yaml`: its keys, its JSON Schema and its reference |
//! | `project.rs` | all files of a project, read |
//! | `definition_files.rs`, `lists.rs` | definitions and static lists |
//! | `fingerprint.rs` | the stamps of files, by which changes are noticed |
//! | `retention.rs` | warnings about cohorts that read further back than events are kept |
//! | `modules.rs`, `rule_lookback.rs` | compiled and loaded modules |
//! | `lock.rs` | `muster.lock`: the hand-written rules that are accepted |
//! | `destinations.rs` | destinations and their addresses |
//! | `stores.rs` | the project's store |

pub mod config;
mod definition_files;
pub mod destinations;
mod files;
mod fingerprint;
mod lists;
pub mod lock;
mod machine;
pub mod modules;
mod project;
mod retention;
mod rule_lookback;
mod stores;

pub use config::Config;
pub use definition_files::{find_definitions, find_with_tests, is_test, unlisted};
pub use files::{beside, read, shown};
pub use fingerprint::FileFingerprints;
pub use lists::MemberLists;
pub use lock::RuleLock;
pub use modules::{GroupCadence, LoadedModule};
pub use project::{Parse, Project, ProjectError, UnknownCohort, clause};
pub use rule_lookback::warnings as rule_warnings;
