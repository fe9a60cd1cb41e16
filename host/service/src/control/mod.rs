//! The control API over HTTP and a Unix socket in the store's folder.

mod client;
mod openapi;
mod routes;
mod server;
mod socket;

pub use client::{Client, ClientError};
pub use openapi::openapi;

pub(crate) use server::{CONNECTIONS, serve};
pub(crate) use socket::bind;
