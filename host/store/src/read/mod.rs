//! Reading: which rows, in which order, as which columns.

mod batch;
mod build;
mod fetch;
mod glob;
mod globs;
mod person;
mod prepared;
mod properties;
mod room;
mod select;
mod source;
mod texts;

pub(crate) use batch::read;
pub(crate) use fetch::Context;
pub(crate) use globs::Globs;
pub(crate) use person::{history, values};
pub(crate) use prepared::Reads;
pub(crate) use room::Room;
pub(crate) use select::{Selection, Wanted, Window};
pub(crate) use source::{Source, partition};
pub(crate) use texts::Remap;
