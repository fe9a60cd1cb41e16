//! A cohort as the engine sees it: its destinations, and the definition that decides it.

use muster_model::{Cadence, CohortId};

/// A cohort as one module answers for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cohort {
    /// The payload's `cohort_id`.
    pub id: CohortId,
    /// The payload's `cohort_name`.
    pub name: String,
    /// A digest of its definition. A digest that differs from that of the last run means that the
    /// definition changed.
    pub definition: [u8; 32],
    /// The cadence, as noted in its run records. The caller of [`crate::run_module`] keeps to it.
    pub cadence: Cadence,
    /// The destinations of its entries and exits.
    pub sync: Vec<CohortSync>,
    /// True if its members are sent as exits when its definition is removed.
    pub exit_on_remove: bool,
}

/// A destination of a cohort.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CohortSync {
    /// The destination's name.
    pub destination: String,
    /// The user properties to send along; at most 50 (docs/facts.md, "The payload").
    pub user_properties: Vec<String>,
}
