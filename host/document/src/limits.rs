//! Limits of a file. Each limit is far above what authors write and far below what would harm the
//! service.

/// The largest file, in bytes: 1 MiB, over a hundred times the longest definition that an author
/// would read.
pub const FILE_BYTES: usize = 1 << 20;

/// The depth to which lists and maps nest. A boolean clause takes two levels (its map and its
/// list), so the limit allows about 60 nested clauses. Every reader of the tree may recurse this
/// far: 128 frames of a few hundred bytes.
pub const DEPTH: usize = 128;

/// The longest name of a cohort, a destination, an event or a property, in bytes.
pub const NAME_BYTES: usize = 1_024;

/// The errors and warnings that are shown for one file. An author would not read more, and each
/// costs a read of the file.
pub const DIAGNOSTICS: usize = 50;
