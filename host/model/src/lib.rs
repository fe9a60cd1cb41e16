//! The basic types of all other crates: instants, ids, property values, events, identify
//! operations.
//!
//! The crate defines the data and its exact meaning: which text a number has, which texts are
//! numbers, what `$append` does. The interpreter, the store and the engine share these definitions,
//! so they cannot disagree. The crate does no I/O and does not parse files.
//!
//! ```
//! use muster_model::{Millis, Scalar};
//! assert_eq!(Scalar::Number(50.0).canonical_text(), "50");
//! assert_eq!("2020-11-24 09:59:55.977000".parse::<Millis>()?, Millis(1_606_211_995_977));
//! # Ok::<(), muster_model::TimeError>(())
//! ```

mod backoff;
mod buffer;
mod cadence;
mod calendar;
mod count;
mod decimal_sum;
#[cfg(test)]
mod decimal_sum_tests;
mod display;
mod glob;
mod hex;
mod history;
mod id;
mod operation;
mod time;
mod value;
mod value_form;
mod version;
mod written_time;

pub use backoff::Backoff;
pub use buffer::{
    BufferedEvent, BufferedOperation, EventBuffer, ListRef, PropertyRef, ScalarRef, ValueRef,
};
pub use cadence::{Cadence, Schedule, TimeOfDay};
pub use calendar::{Unit, Units, time_zone};
pub use count::{count, number};
pub use decimal_sum::DecimalSum;
pub use display::{alters_display, displayed};
pub use glob::{glob_parts, matches_glob, plain_name};
pub use hex::{from_hex, to_hex};
pub use history::{Event, UserHistory, user_hash};
pub use id::{CohortId, IdError};
pub use operation::{Operation, Operator};
pub use time::Millis;
pub use value::{Scalar, Value};
pub use value_form::{Order, ValueForm};
pub use version::Version;
pub use written_time::{FIRST_MS, LAST_MS, TimeError, WrittenTime};
