//! The history of users as plain columns, and the batches that modules receive of it.
//!
//! It **is** the way from history to a module for all who have history: the store, or tables of
//! other systems. It is **not** a store: it knows neither user ids nor where rows come from.
//!
//! [`StreamRead`] and [`PropertyRead`] say what a module reads, and [`ColumnBuilder`] makes the
//! columns of a [`History`]. With the feature `modules`, `BatchInput::evaluate` calls a module with
//! them; without it the crate does not depend on the sandbox.
//!
//! ```
//! use muster_columns::{Column, ColumnBuilder, ValueKind};
//! let mut amounts = ColumnBuilder::new(ValueKind::Number, 2);
//! if let ColumnBuilder::Number(values) = &mut amounts {
//!     values.push(60.0);
//! }
//! amounts.push_absent(1);
//! let Column::Number(values) = amounts.finish() else { unreachable!() };
//! assert!(values[0] == 60.0 && values[1].is_nan());
//! ```
//!
//! Limits: the values of one batch are counted in 32 bits, and a [`ReadBudget`] bounds the bytes.

#[cfg(feature = "modules")]
mod batch;
mod budget;
mod builder;
mod calendar;
mod error;
mod history;
#[cfg(feature = "modules")]
mod reads;

#[cfg(feature = "modules")]
pub use batch::BatchInput;
pub use budget::ReadBudget;
pub use builder::{ColumnBuilder, NO_FLAG, to_lists};
pub use calendar::CalendarStarts;
pub use error::{ColumnsError, UnknownTimeZone};
pub use history::{Column, Dictionary, EventRows, History, PropertyRead, StreamRead, ValueKind};
