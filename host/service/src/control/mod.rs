//! The control API over HTTP and a Unix socket in the store's folder.

mod client;
mod openapi;
mod routes;
mod server;
mod socket;

pub use client::{ClientError, ControlClient};
pub use openapi::openapi;

pub use routes::MAX_BODY;
pub use server::CONNECTIONS;

pub(crate) use server::serve;
pub(crate) use socket::bind;
