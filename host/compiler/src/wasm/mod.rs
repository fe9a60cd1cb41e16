//! A small typed language for the bodies of functions. Expressions are values, statements are
//! calls, and Rust's types keep Wasm's types apart.
//!
//! It is only a notation: each expression and statement is a fixed sequence of instructions.

mod body;
mod expr;

pub(crate) use body::{BlockLabel, FunctionBody};
pub(crate) use expr::{
    Expr, F64, I32, I64, Var, address, all, any, at, call, either, float, global, int, long, raw,
    select,
};
