//! Tests of the SDK as a rule uses it.

#![cfg(test)]

mod until;
mod view;
