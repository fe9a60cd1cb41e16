//! End-to-end tests: the built binary, as an operator runs it, with real files and real emulators.
//!
//! The files:
//!
//! - `example.rs`: the example project, checked against an independent computation in Python
//! - `language.rs`: the whole cohort language, checked against a second computation in Python
//! - `kinesis.rs`: a stream and an assumed role in `moto_server`, over HTTP
//! - `dead_letters.rs`: messages that a stream will never take, with the fake of AWS
//! - `destination.rs`: what AWS needs for a destination, and its check, also against `aws.rs`
//! - `consumers.rs`, `quick_start.rs`: the examples with an emulator of AWS
//! - `secrets.rs`: secrets appear nowhere
//! - `crash.rs`, `kills.rs`: SIGKILL at random moments, of commands and of the service
//! - `faults.rs`: a full disk, a folder that cannot be written, a damaged file
//! - `broken.rs`: commands while something is wrong with the project's files
//! - `backup.rs`: a backup under load and its restore
//! - `rules.rs`, `compile.rs`: hand-written rules, good and hostile, and limits of compiling
//! - `first_rule.rs`: the commands of docs/rules/first-rule.md
//! - `languages.rs`: new rules in every language, by the real tools
//! - `rule_cost.rs`: what the Rust SDK costs
//! - `large.rs`: users and definitions with very much data
//! - `service.rs`, `sdk.rs`, `browser.rs`: the running service, and the vendor's SDKs
//! - `connections.rs`: connections from outside: floods, half requests, the limit of open files
//! - `hostile.rs`: many attacks at once, while a cohort goes on
//! - `terminal.rs`: output, output that cannot be written, refused arguments
//! - `reference.rs`: the cases in `docs/cohorts.md`
//! - `cli.rs`, `check.rs`, `explain.rs`, `plan.rs`, `cases.rs`, `fmt.rs`: whole outputs

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod aws;
mod backup;
mod broken;
mod browser;
mod cases;
mod check;
mod cli;
mod compile;
mod connections;
mod consumer;
mod consumers;
mod crash;
mod dead_letters;
mod destination;
mod example;
mod explain;
mod faults;
mod files;
mod first_rule;
mod fmt;
mod hostile;
mod kills;
mod kinesis;
mod language;
mod languages;
mod large;
mod plan;
mod project;
mod quick_start;
mod reference;
mod rule_cost;
mod rules;
mod sdk;
mod secrets;
mod service;
mod terminal;
