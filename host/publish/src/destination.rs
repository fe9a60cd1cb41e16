//! Where messages go.

use std::path::PathBuf;

/// Where messages go. Opened anew by each drain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A file, one message a line, appended to and synced before a message counts as sent.
    File {
        /// The file; it and its directories are created if need be. Relative to the process's working directory.
        path: PathBuf,
    },
    /// The process's standard output, one message a line.
    Stdout,
    /// A Kinesis stream.
    Kinesis(KinesisSettings),
    /// A consumer in this process.
    #[cfg(feature = "memory")]
    Memory(crate::memory::Consumer),
}

/// Which stream, and as whom.
pub type KinesisSettings = muster_aws::StreamSettings;
