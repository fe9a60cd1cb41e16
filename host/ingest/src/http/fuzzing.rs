//! An entry point for the targets of `fuzz/`.

use std::net::Ipv4Addr;

use super::body::unpack;
use super::budget::ByteBudget;
use super::limits::ServerLimits;

/// Unpacks a gzip body of at most `limit` bytes, as the server does.
///
/// # Errors
/// The error in the answer that the server would give.
pub fn unpack_body(packed: &[u8], limit: usize) -> Result<Vec<u8>, String> {
    let budget = ByteBudget::new(ServerLimits::default().bytes);
    let mut reservation = budget.reservation(Ipv4Addr::LOCALHOST.into());
    unpack(packed, limit, &mut reservation).map_err(|refusal| refusal.error().to_owned())
}
