//! Work on threads of its own beside the runtime, and panics as values.

mod blocking;
mod caught;

pub use blocking::blocking;
pub use caught::{Caught, caught};
