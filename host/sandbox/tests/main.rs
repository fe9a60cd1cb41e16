//! The tests of the sandbox from outside the crate.
// With this line `clippy.toml` counts the helpers of the tests as tests too.
#![cfg(test)]

mod bytes;
mod cache;
mod common;
mod hostile;
mod versions;
