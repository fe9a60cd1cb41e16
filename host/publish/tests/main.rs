//! The tests of destinations with a real store, over files and HTTP.
// With this line `clippy.toml` counts the helpers of the tests as tests too.
#![cfg(test)]

mod check;
mod fake;
mod file;
mod kinesis;
mod matrix;
mod moto;
mod support;
