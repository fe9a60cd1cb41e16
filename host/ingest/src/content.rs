//! The bytes that files, records and bodies arrive as: what they are, unpacked, and as lines of one
//! JSON value each.

mod fault;
mod gzip;
mod head;
mod kind;
mod nesting;
mod shape;
mod value_lines;

pub(crate) use fault::{ContentFault, MemberFault};
pub(crate) use gzip::GzipMembers;
pub(crate) use head::as_lines;
pub(crate) use kind::{Compression, HEAD, foreign};
pub(crate) use nesting::Nesting;
pub(crate) use shape::{ContentShape, shape};
pub(crate) use value_lines::ValueLines;

/// The byte-order mark of UTF-8. It says nothing, wherever it stands.
pub(crate) const BOM: &[u8] = b"\xef\xbb\xbf";

/// Returns text without the byte-order marks at its start.
pub(crate) fn without_mark(mut text: &[u8]) -> &[u8] {
    while let Some(rest) = text.strip_prefix(BOM) {
        text = rest;
    }
    text
}
