//! Reading: the selection of rows, their order, and their columns.

mod batch;
mod build;
mod fetch;
mod globs;
mod prepared;
mod properties;
mod request;
mod select;
mod source;
mod texts;
mod time_range;
mod user_history;

pub(crate) use batch::read;
pub(crate) use fetch::ReadContext;
pub(crate) use globs::Globs;
pub(crate) use prepared::ResolvedReads;
pub use request::ReadRequest;
pub(crate) use select::{Selection, WantedUsers};
pub(crate) use source::{RowSource, partition};
pub(crate) use texts::Remap;
pub(crate) use time_range::TimeRange;
pub(crate) use user_history::{history, values};
