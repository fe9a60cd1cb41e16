//! A small typed language for the bodies of functions: expressions are values, statements are
//! calls, and the types of Rust keep the types of Wasm apart.
//!
//! It is notation, no compiler: each expression and statement is a fixed run of instructions.

mod body;
mod expr;

pub(crate) use body::{BlockLabel, FunctionBody};
pub(crate) use expr::{
    Expr, F64, I32, I64, Var, address, all, any, at, call, either, float, global, int, long, raw,
    select,
};
