//! Compares the interpreter with the sentences of docs/cohorts.md, clause by clause, and with the
//! clock.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "meaning/clock.rs"]
mod clock;
#[path = "meaning/measure.rs"]
mod measure;
#[path = "meaning/others.rs"]
mod others;
#[path = "meaning/predicate.rs"]
mod predicate;
/// The definitions and histories on which tests compare the compiler with the interpreter.
#[allow(dead_code, reason = "the compiler's tests use the rest")]
#[path = "../../compiler/tests/differential/random.rs"]
mod random;
#[path = "meaning/shown.rs"]
mod shown;
#[path = "meaning/table.rs"]
mod table;
#[allow(dead_code, reason = "the tests of the schema use the rest")]
#[path = "schema/validator.rs"]
mod validator;
#[path = "meaning/window.rs"]
mod window;
#[path = "meaning/write.rs"]
mod write;
