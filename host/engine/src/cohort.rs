//! What the engine knows of a cohort: whom to tell what, and by which rule it is decided.

use muster_model::{Cadence, CohortId};

/// A cohort as one rule answers for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cohort {
    /// The payload's `cohort_id`.
    pub id: CohortId,
    /// The payload's `cohort_name`.
    pub name: String,
    /// A digest of its definition: another one than at the last run means that the definition
    /// changed.
    pub definition: [u8; 32],
    /// How often it is meant to be computed: noted in its run records; who calls [`crate::tick`]
    /// keeps to it.
    pub cadence: Cadence,
    /// Where its entries and exits go.
    pub sync: Vec<CohortSync>,
    /// Whether its members are sent as exits when its definition is taken away.
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
