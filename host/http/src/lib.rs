//! HTTP/1.1 connections from outside: bounded in number and in time, and ended in order.
//!
//! Both servers of the service stand on it: the one that takes events, and the one for metrics and
//! health. It knows no path and no answer. Whoever opens connections cannot take what the service
//! needs for itself:
//!
//! - [`Limits::connections`] are open at a time. One more takes the place of a connection without a
//!   request under way: first of those that never got the answer 200, then of those that are idle
//!   for the longest. While every connection has a request under way, more wait in the system's
//!   queue.
//! - One address has three quarters of the connections at most. One more takes the place of an idle
//!   one of its own, or is closed at once.
//! - A connection ends that sends no head, or that takes no answer, for too long.

mod connections;
mod sender;
mod server;
#[cfg(test)]
mod tests;
mod writing;

use std::time::Duration;

pub use self::server::serve;

/// What connections may take.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// Connections at a time.
    pub connections: usize,
    /// How long a connection may take to send the head of a request, or be idle.
    pub head_time: Duration,
    /// How long a client may take to receive the next bytes of an answer.
    pub write_time: Duration,
    /// How long requests under way may go on after a stop.
    pub stop_time: Duration,
    /// The largest request line with its headers, in bytes: the reading buffer of a connection.
    /// More is answered with 431.
    pub max_head: usize,
    /// Headers of one request. More are answered with 431.
    pub max_headers: usize,
}
