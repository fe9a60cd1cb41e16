//! Reads the head of unpacked content, which decides how the rest is read.

use std::io::{self, Cursor, Read};

use super::{ContentFault, ContentShape, HEAD, ValueLines, foreign, shape};

/// The bytes of the head that are read at first.
const FIRST: usize = 64 << 10;

/// Returns unpacked content as lines of JSON, and its shape.
///
/// # Errors
/// [`ContentFault::Foreign`] if the content holds no JSON lines, and errors of the reader.
pub(crate) fn as_lines(
    mut reader: Box<dyn Read + Send>,
) -> io::Result<(Box<dyn Read + Send>, ContentShape)> {
    let mut head = Vec::new();
    let shape = loop {
        let wanted = head.len().max(FIRST);
        let read = (&mut reader).take(wanted as u64).read_to_end(&mut head)?;
        if let Some(reason) = foreign(head.get(..HEAD.min(head.len())).unwrap_or_default()) {
            return Err(ContentFault::Foreign(reason).into());
        }
        if let Some(shape) = shape(&head, read < wanted) {
            break shape;
        }
    };
    let whole = Cursor::new(head).chain(reader);
    Ok(match shape {
        ContentShape::Lines => (Box::new(whole), shape),
        ContentShape::Values => (Box::new(ValueLines::new(whole)), shape),
    })
}
