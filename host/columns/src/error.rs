//! The errors of building columns.

/// The reason why columns could not be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ColumnsError {
    /// The columns take more bytes than they may.
    #[error("the history of the users takes more than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// There are more of something than 32 bits count.
    #[error("there are too many {what}")]
    TooMany {
        /// The kind of thing.
        what: &'static str,
    },
}

/// A module names a time zone that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the rule asks for a calendar in the time zone `{time_zone}`, which is not known: use an IANA name such as Europe/Berlin"
)]
pub struct UnknownTimeZone {
    /// The name of the time zone, as the module wrote it.
    pub time_zone: String,
}
