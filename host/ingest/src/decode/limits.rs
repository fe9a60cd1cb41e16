//! Limits of a line. Each limit has a test that hits it, in `tests`.

/// The longest line, in bytes: 1 MiB, because the vendor takes at most 1 MB a request. A longer
/// line is malformed and is never held in memory as a whole.
pub const MAX_LINE: usize = 1 << 20;

/// The longest user id, in bytes. An e-mail address has at most 254. A line with a longer id is
/// malformed: if ids were cut, two users could become one.
pub const MAX_USER_ID: usize = 256;

/// The longest event type, in bytes: as long as definitions name (`muster_document::limits`). A
/// line with a longer one is malformed, for the same reason.
pub const MAX_EVENT_TYPE: usize = 1_024;

/// The longest property name, in bytes, including dots: as long as definitions name. A property
/// with a longer name, or with none, is left out and counted.
pub const MAX_PROPERTY_NAME: usize = 1_024;

/// The longest text of a property, in bytes: the vendor cuts at 1,024 characters, and UTF-8 takes
/// up to 4 bytes per character. A longer text is cut before the character that does not fit, and
/// counted.
pub const MAX_TEXT: usize = 4 * 1024;

/// The most properties of one event, and operations of one line, after flattening. Later ones in
/// the line are left out and counted. The vendor takes 2,000 names for a whole project.
pub const MAX_PROPERTIES: usize = 1_000;

/// The most elements of one list. Later ones are left out and counted. The vendor takes 100 to
/// 1,000.
pub const MAX_ELEMENTS: usize = 1_000;

/// The greatest depth of objects and lists inside `event_properties`: the vendor's 40. A deeper
/// line is malformed. The limit also bounds the stack, because the decoder calls itself once per
/// level.
pub const MAX_DEPTH: usize = 40;
