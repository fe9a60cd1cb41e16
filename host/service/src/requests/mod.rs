//! The meaning of requests that change something. The running service and a command that runs
//! without the service share it.
//!
//! | file | |
//! |---|---|
//! | `cohort.rs`, `run.rs` | requests about one cohort, and the run that one may cause |
//! | `local.rs` | the execution of a request about one cohort without the service |
//! | `reconcile.rs` | the copy of a destination is made equal to the members |
//! | `removal.rs` | cohorts whose definition is gone |
//! | `dead_letters.rs` | messages that a destination will never accept |
//! | `prune.rs` | events that are older than the retention |

mod cohort;
mod dead_letters;
mod local;
mod prune;
mod reconcile;
mod removal;
mod run;

pub use cohort::{CohortAnswer, CohortRequest};
pub use dead_letters::{drop_dead_letters, retry_dead_letters};
pub use local::execute;
pub use prune::{may_prune, prune};
pub use reconcile::{acknowledge, read_ids};
pub use removal::{end_removed, held_removals};

pub(crate) use cohort::CohortAction;
pub(crate) use reconcile::reconcile;
pub(crate) use removal::decide;
pub(crate) use run::{RunMode, run_cohorts};
