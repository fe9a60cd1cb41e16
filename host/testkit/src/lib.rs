//! Helpers that the tests of several crates share. No crate depends on this one except for its
//! tests.
//!
//! A helper that one crate uses stays in the tests of that crate. A crate's unit tests are built
//! against a copy of the crate that differs from the copy that this crate uses. So they may use the
//! helpers here only with the types of other crates.

#[cfg(feature = "language")]
pub mod definition;
pub mod emulator;
#[cfg(feature = "language")]
pub mod history;
pub mod process;
#[cfg(feature = "language")]
pub mod random;
#[cfg(feature = "rule")]
pub mod rule;
#[cfg(feature = "schema")]
pub mod schema;
#[cfg(feature = "aws")]
pub mod server;
#[cfg(feature = "store")]
pub mod store;
