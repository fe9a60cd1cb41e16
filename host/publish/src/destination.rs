//! Where messages go.

use std::path::PathBuf;

use crate::settings::{EndpointUrl, ExternalId, RegionName, RoleArn, StreamName};

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
}

/// Which stream, and as whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KinesisSettings {
    /// The stream.
    pub stream_name: StreamName,
    /// The stream's region; without it, the one that AWS's own settings give (`AWS_REGION`, the profile, the instance).
    pub region: Option<RegionName>,
    /// The role to write as; without it, the process's own credentials.
    pub role: Option<Role>,
    /// Kinesis and STS somewhere else than at AWS: an emulator, a private endpoint.
    pub endpoint_url: Option<EndpointUrl>,
}

/// The role to write as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// The role, in the account that owns the stream.
    pub arn: RoleArn,
    /// What the role's trust policy asks for. Without one, whoever can make Muster write to a role of their choice
    /// could name somebody else's: always ask for it in the trust policy.
    pub external_id: Option<ExternalId>,
}

impl KinesisSettings {
    /// A stream in the default region, written to with the process's own credentials.
    #[must_use]
    pub fn new(stream_name: StreamName) -> Self {
        Self {
            stream_name,
            region: None,
            role: None,
            endpoint_url: None,
        }
    }
}
