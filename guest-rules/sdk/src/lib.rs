//! Helps to write rules for Muster in Rust. A rule decides the members of a cohort as a function of
//! one user's history and the clock.
//!
//! The crate is a thin layer over the contract in `wit/cohort.wit`: it walks a batch user by user,
//! passes slices of the batch's columns to [`Rule::answer`], and packs the answers. A rule has no
//! access to the outside: the only clock is [`User::now`], the only randomness is [`User::hash`],
//! and there is no input or output. Build a rule for `wasm32-unknown-unknown` as a `cdylib`, and
//! name the built file in a cohort's definition (`rule: ./my_rule.wasm`). Muster turns the file
//! into a component.
//!
//! Limits: one cohort per rule; 256 MiB of memory; 10 s per batch. Each batch gets a fresh
//! instance, so statics do not survive.
//!
//! ```
//! use muster_rule::{Answer, Reads, Rule, Stream, User};
//!
//! /// Bought something in the last day.
//! struct Fresh;
//!
//! const DAY: i64 = 24 * 60 * 60 * 1000;
//!
//! impl Rule for Fresh {
//!     fn reads() -> Reads {
//!         Reads::for_cohort("fresh").stream(Stream::of(["Purchase"]).reach(DAY as u64))
//!     }
//!
//!     fn answer(user: &User<'_>) -> Answer {
//!         match user.events(0).times().last() {
//!             Some(last) => Answer::member().until(last + DAY),
//!             None => Answer::stranger(),
//!         }
//!     }
//! }
//!
//! muster_rule::export!(Fresh);
//! # fn main() {}
//! ```

mod adapter;
mod answer;
#[path = "../../../host/model/src/decimal_sum.rs"]
mod decimal_sum;
mod reads;
mod user;

pub use adapter::{Adapter, Rule};
pub use answer::Answer;
pub use bindings::muster::cohort::types::{CalendarBounds, CalendarUnit};
pub use decimal_sum::DecimalSum;
pub use reads::{Reads, Stream};
pub use user::{Rows, User};

/// The contract as `wit-bindgen` generates it, for rules that need whole columns rather than one
/// user at a time.
#[allow(
    missing_docs,
    reason = "generated; what has documentation in the WIT has it here"
)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "rule",
        pub_export_macro: true,
        export_macro_name: "export_bindings",
        default_bindings_module: "muster_rule::bindings",
    });
}

/// Exports a [`Rule`] as the rule of this module.
#[macro_export]
macro_rules! export {
    ($rule:ty) => {
        const _: () = {
            type Exported = $crate::Adapter<$rule>;
    $crate::bindings::export_bindings!(Exported with_types_in $crate::bindings);
        };
    };
}
