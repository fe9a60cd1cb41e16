//! The tests of compiled modules, which the sandbox runs.
// With this line `clippy.toml` counts the helpers of the tests as tests too.
#![cfg(test)]

mod differential;
mod size;
