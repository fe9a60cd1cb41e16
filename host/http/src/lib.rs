//! HTTP/1.1 connections from outside: limited in number and in time, and ended in order.
//!
//! All servers of the service use this crate: for events, for metrics and health, and for the
//! control API on a Unix socket. The crate knows no path and no answer. It keeps clients from
//! exhausting the service's connections and memory:
//!
//! - At most [`ConnectionLimits::connections`] are open at a time. One more takes the place of a
//!   connection without a request under way. Connections that never got the answer 200 end first,
//!   then those that have been idle the longest. While every connection has a request under way,
//!   further ones wait in the system's queue.
//! - One address has at most three quarters of the connections. One more takes the place of an idle
//!   connection of the same address, or is closed at once. Processes of this machine, which come
//!   over a Unix socket, share all connections.
//! - A connection ends if its client takes too long to send a head or to receive an answer.

mod connections;
mod listener;
mod sender;
mod server;
#[cfg(test)]
mod tests;
mod writing;

use std::time::Duration;

pub use self::listener::ConnectionListener;
pub use self::server::serve;

/// The limits of the connections of one server.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// The largest number of connections at a time.
    pub connections: usize,
    /// The longest time that a connection may take to send the head of a request, or be idle.
    pub head_time: Duration,
    /// The longest time that a client may take to receive the next bytes of an answer.
    pub write_time: Duration,
    /// The longest time that requests under way may go on after a stop.
    pub stop_time: Duration,
    /// The largest request line with its headers, in bytes: the reading buffer of a connection. A
    /// larger one is answered with 431.
    pub max_head: usize,
    /// The largest number of headers of a request. More are answered with 431.
    pub max_headers: usize,
}
