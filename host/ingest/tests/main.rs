//! The tests of sources with a real store, over HTTP.
// With this line `clippy.toml` counts the helpers of the tests as tests too.
#![cfg(test)]

mod credentials;
#[cfg(target_os = "linux")]
mod http_memory;
mod kinesis;
mod kinesis_faults;
