//! An entry point for the targets of `fuzz/`.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::open;
use crate::ImportError;

/// Opens a file of events so that reading begins `skip` bytes into its lines.
///
/// # Errors
/// When the file's compression is not supported, or its data is damaged.
pub fn open_file(file: File, skip: u64) -> Result<Box<dyn Read + Send>, ImportError> {
    Ok(open::open(file, Path::new("fuzz"), skip)?.reader)
}
