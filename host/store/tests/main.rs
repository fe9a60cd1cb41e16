//! The tests of the store from outside the crate, except for those that start processes.
//!
//! A process that was just started holds the locks of all open stores until it runs its program. A
//! test beside it that opens a store again would fail now and then. So the tests that start
//! processes have binaries of their own.

// With this line `clippy.toml` counts the helpers of the tests as tests too.
#![cfg(test)]

mod byte_budget;
mod dead_letters;
mod duplicates;
mod expiries;
mod failures;
mod folder;
mod forget;
mod hot;
mod identity;
mod imports;
mod members;
mod messages;
mod model;
mod names;
mod prune;
mod records;
mod snapshots;
