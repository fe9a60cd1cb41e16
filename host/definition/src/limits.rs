//! Limits of a file. Each limit is far above what authors write and far below what would harm the
//! service. Those of every file are the document's.

pub use muster_document::limits::{DEPTH, DIAGNOSTICS, FILE_BYTES, NAME_BYTES};

/// The clauses of one definition, including those of the cohorts that it uses. A clause costs about
/// 100 bytes here and a few hundred bytes of code in the module.
pub const CLAUSES: usize = 1_000;

/// The values of one `any_of` or `none_of`. 10,000 ids of 36 characters are 390 kB, which one file
/// can hold.
pub const VALUES: usize = 10_000;

/// The event names of one `did`.
pub const EVENT_NAMES: usize = 1_000;

/// The properties of one map of properties, such as `with` or `user`.
pub const PROPERTIES: usize = 200;

/// The maps of one `with_any`.
pub const ALTERNATIVES: usize = 200;

/// The values of one `contains_all`. Each value is a test of its own.
pub const ELEMENTS: usize = 200;

/// The events of one `without`. With [`STEPS`] and one more, each has a bit in a word of 32 bits.
pub const WITHOUT: usize = 10;

/// The steps of one `did_in_order` or `in_any_order`. Each step is a pass over the events, and a
/// readable funnel has fewer than ten.
pub const STEPS: usize = 20;

/// The spans of one `regularly`. The limit is more than the days of two years, or the hours of a
/// month.
pub const SPANS: u32 = 1_000;

/// The patterns of one definition (`contains`, `glob`, `matches` and similar). Each pattern may
/// have a table of [`PATTERN_BYTES`], and a check makes all tables: 200 take about a second at
/// worst.
pub const PATTERNS: usize = 200;

/// The table of one pattern's automaton, in bytes: 1 MiB. `(?i)` and a text of 100 characters takes
/// a tenth of it.
pub const PATTERN_BYTES: usize = 1 << 20;

/// The text of the files of a definition and of all cohorts that it uses, in bytes. Each file
/// counts as often as it is used. The limit is eight of the largest files, which take about ten
/// times as much memory.
pub const LINKED_BYTES: usize = 8 * FILE_BYTES;

/// The ids of one static list. A million ids of 36 characters are 37 MB. For a longer list, a user
/// property is the better place.
pub const MEMBERS: usize = 1_000_000;

/// The destinations of one cohort.
pub const DESTINATIONS: usize = 20;

/// The user properties that a sync carries (docs/facts.md: "the properties chosen for the sync (at
/// most 50)").
pub const SYNCED_PROPERTIES: usize = 50;

/// The longest duration, in ms: 36,525 days (100 years of 365.25 days) · 86,400,000 ms. It is
/// longer than any history, and so small that an instant plus a duration never overflows 64 bits.
pub const DURATION_MS: u64 = 36_525 * 86_400_000;
