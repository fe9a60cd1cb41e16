//! The limits of the service's own servers.

pub use crate::control::{CONNECTIONS as CONTROL_CONNECTIONS, MAX_BODY as MAX_CONTROL_BODY};
pub use crate::operations::CONNECTIONS as OPERATIONS_CONNECTIONS;
pub use crate::queries::MAX_PAGE_MEMBERS;
