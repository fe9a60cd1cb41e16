//! The running service as a library: sources, cohorts at their cadences, destinations, and the
//! control API. What a request or a question means is written here once ([`requests`],
//! [`queries`]); the service and the commands of `muster` share it.
//!
//! | file | |
//! |---|---|
//! | `api/` | the types of the control API |
//! | `requests/`, `queries/` | what requests change, what questions are answered with |
//! | `control/` | the control API over a Unix socket: server, routes, client |
//! | `service.rs`, `start.rs`, `stopping.rs` | the service, its start, its end |
//! | `state.rs`, `settings.rs`, `active.rs`, `health.rs` | what all parts share |
//! | `clock.rs` | the clock that runs use |
//! | `supervisor.rs` | owns every task, restarts a failed one after a wait (`backoff.rs`) |
//! | `group/` | cohorts that share a module and a cadence: when and how they are evaluated |
//! | `activation.rs`, `definitions.rs` | activation of definitions, checks for changed files |
//! | `sources.rs`, `delivery.rs`, `maintenance.rs` | events in, messages out, work on the store |
//! | `asking.rs` | requests, as the running service executes them |
//! | `operations.rs`, `metrics.rs`, `exposition.rs`, `logs.rs` | what operators read |
//! | `descriptors.rs` | open files: the service's own, and those left for connections |

mod activation;
mod active;
pub mod api;
mod asking;
mod backoff;
mod clock;
pub mod control;
mod definitions;
mod delivery;
mod descriptors;
mod exposition;
mod group;
mod health;
pub mod limits;
pub mod logs;
mod maintenance;
mod metrics;
mod operations;
mod phase;
pub mod queries;
pub mod requests;
mod run_settings;
mod service;
mod settings;
mod shutdown;
#[cfg(test)]
mod simulation;
mod sources;
mod start;
mod state;
mod stopping;
mod supervisor;
#[cfg(test)]
mod tests;

pub use run_settings::RunSettings;
pub use settings::{ServiceRuntime, ServiceSettings};
pub use start::run;
