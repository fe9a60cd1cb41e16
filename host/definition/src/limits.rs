//! What a file may be and hold. Each limit is far above what people write and far below what would
//! hurt.

/// The largest file, in bytes: 1 MiB, over a hundred times the longest definition anyone would
/// read.
pub const FILE_BYTES: usize = 1 << 20;

/// How deeply lists and maps nest. A boolean clause takes two levels (its map and its list), so
/// that is about 60 clauses inside each other; every reader of the tree may recurse that far: 128
/// frames of a few hundred bytes.
pub const DEPTH: usize = 128;

/// The clauses of one definition, those of the cohorts that it uses included. A clause costs about
/// 100 bytes here and a few hundred of code in the module.
pub const CLAUSES: usize = 1_000;

/// The values of one `any_of` or `none_of`: 10,000 ids of 36 characters are 390 kB, which one file
/// can hold.
pub const VALUES: usize = 10_000;

/// The event names of one `did`.
pub const EVENT_NAMES: usize = 1_000;

/// The properties of one map of them, such as `with` or `user`.
pub const PROPERTIES: usize = 200;

/// The maps of one `with_any`.
pub const ALTERNATIVES: usize = 200;

/// The values of one `contains_all`, each of which is a test of its own.
pub const ELEMENTS: usize = 200;

/// The steps of one `did_in_order`: each is a pass over the events, and a funnel that people read
/// has fewer than ten.
pub const STEPS: usize = 20;

/// The spans of one `regularly`: more than the days of two years, or the hours of a month.
pub const SPANS: u32 = 1_000;

/// The patterns of one definition (`contains`, `glob`, `matches` and their like). Each may have a
/// table of
/// [`PATTERN_BYTES`], and a check makes them all: 200 take about a second at worst.
pub const PATTERNS: usize = 200;

/// The table that finds one pattern, in bytes: 1 MiB. `(?i)` and a text of 100 characters takes a
/// tenth of it.
pub const PATTERN_BYTES: usize = 1 << 20;

/// The text of the files that a definition consists of with all cohorts that it uses, in bytes,
/// each counted as often as it is used: eight of the largest files, which take about ten times as
/// much memory.
pub const LINKED_BYTES: usize = 8 * FILE_BYTES;

/// The ids of one static list: a million of 36 characters are 37 MB, and who is on a longer one is
/// a property of the user.
pub const MEMBERS: usize = 1_000_000;

/// The destinations of one cohort.
pub const DESTINATIONS: usize = 20;

/// The user properties that a sync carries (docs/facts.md: "the properties chosen for the sync (at
/// most 50)").
pub const SYNCED_PROPERTIES: usize = 50;

/// The longest name of a cohort, a destination, an event or a property, in bytes.
pub const NAME_BYTES: usize = 1_024;

/// The longest duration, in ms: 36,525 days (100 years of 365.25 days) · 86,400,000 ms. Longer than
/// any history, and small enough that an instant plus a duration never leaves 64 bits.
pub const DURATION_MS: u64 = 36_525 * 86_400_000;

/// The errors and warnings that are shown of one file. More would not be read, and each costs a
/// look at the file.
pub const DIAGNOSTICS: usize = 50;
