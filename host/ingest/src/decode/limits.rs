//! What a line may hold. Each limit has a test that hits it, in `tests`.

/// The longest line, in bytes: 1 MiB, as the vendor takes at most 1 MB a request. A longer one is
/// malformed; it is never held in memory as a whole.
pub const MAX_LINE: usize = 1 << 20;

/// The longest user id, in bytes. An e-mail address has at most 254. A line with a longer
/// one is malformed: cut off, two users could become one.
pub const MAX_USER_ID: usize = 256;

/// The longest event type, in bytes. Beyond it the line is malformed, for the same reason.
pub const MAX_EVENT_TYPE: usize = 256;

/// The longest property name, dots included, in bytes. A property with a longer one, or with none,
/// is left out and counted.
pub const MAX_PROPERTY_NAME: usize = 256;

/// The longest text a property holds, in bytes: the vendor cuts at 1,024 characters, and UTF-8
/// takes up to 4 bytes for one. A longer one is cut before the character that does not fit, and
/// counted.
pub const MAX_TEXT: usize = 4 * 1024;

/// Properties of one event, and operations of one line, after flattening. What comes later in the
/// line is left out and counted. The vendor takes 2,000 names for a whole project.
pub const MAX_PROPERTIES: usize = 1_000;

/// Elements of one list. Later ones are left out and counted. (The vendor takes 100 to 1,000.)
pub const MAX_ELEMENTS: usize = 1_000;

/// How deep objects and lists may nest inside `event_properties`: the vendor's 40. A line that is
/// deeper is malformed; it bounds the stack too, since the decoder calls itself once a level.
pub const MAX_DEPTH: usize = 40;
