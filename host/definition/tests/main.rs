//! The tests of the language from outside the crate.
// With this line `clippy.toml` counts the helpers of the tests as tests too.
#![cfg(test)]

mod hostile;
mod meaning;
mod reference;
mod right;
mod schema;
mod validator;
mod wrong;
