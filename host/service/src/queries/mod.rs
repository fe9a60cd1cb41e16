//! Questions that are answered from the store and the project, and change nothing. The running
//! service and a command share them.
//!
//! | file | |
//! |---|---|
//! | `status.rs`, `stranded.rs`, `restored.rs` | the state of everything |
//! | `cohorts.rs` | the history and the members of a cohort |
//! | `dead_letters.rs` | messages that a destination will never accept |
//! | `explain.rs` | why a user is in a cohort or is not |
//! | `plan/` | what the next run would change |

mod cohorts;
mod dead_letters;
mod explain;
mod plan;
mod restored;
mod status;
mod stranded;

pub use cohorts::{DEFAULT_RUNS, MAX_PAGE_MEMBERS, history, known_cohort, members, user_ids};
pub use dead_letters::{MAX_DEAD_LETTERS, dead_letters};
pub use explain::{Explained, PropertyState, SHOWN_EVENTS};
pub use plan::plan;
pub use restored::{begin_restored, restored};
pub use status::{RunningCohort, RunningState, status};
pub use stranded::stranded;
