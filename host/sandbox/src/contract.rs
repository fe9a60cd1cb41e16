//! The types of the contract between host and module. They are generated from `wit/cohort.wit`,
//! which documents their shapes, units and guarantees.

pub use bindings::muster::cohort::types::{
    Batch, Calendar, CalendarBounds, CalendarUnit, Column, Description, Dictionary, EventRows,
    Kind, Property, StreamReads, TextLists, Verdicts,
};
pub(crate) use bindings::{Rule as Exports, RulePre as ExportsPre};

/// The package of the contract, without its version.
pub(crate) const TYPES: &str = "muster:cohort/types";

/// The version of the contract that this host accepts. A component names the version that it was
/// built for in its import of [`TYPES`].
pub const CONTRACT_VERSION: &str = "0.1.0";

mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "rule",
        // A batch borrows its columns, so lowering a batch is a plain copy into the guest's memory.
        ownership: Borrowing { duplicate_if_necessary: true },
        additional_derives: [PartialEq],
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_that_of_the_wit() {
        let wit = include_str!("../../../wit/cohort.wit");
        assert!(wit.contains(&format!("package muster:cohort@{CONTRACT_VERSION};")));
        assert!(TYPES.starts_with("muster:cohort/"));
    }
}
