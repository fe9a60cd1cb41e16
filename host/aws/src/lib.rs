//! What reading from and writing to Kinesis have in common: checked settings, and a client under an
//! assumed role.
//!
//! What it is not: it makes no call but AssumeRole, which the SDK makes when it needs credentials.
//!
//! For AWS's own settings (region, credentials) it relies on `aws-config`, which reads the
//! environment and the AWS profile; nothing else does. Single sign-on profiles are not compiled in:
//! use `credential_process`.
//!
//! Limits: those of STS and IAM, at the constants of `connect.rs` and `policy.rs`.

mod connect;
mod endpoint;
mod policy;
mod settings;

pub use connect::{NoRegion, connect};
pub use endpoint::EndpointUrl;
pub use policy::Access;
pub use settings::{ExternalId, InvalidSetting, RegionName, RoleArn, StreamName};

/// Which stream, and as whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamSettings {
    /// The stream.
    pub stream_name: StreamName,
    /// Its region; without it, the one that AWS's own settings give (`AWS_REGION`, the profile, the
    /// instance).
    pub region: Option<RegionName>,
    /// The role to go as; without it, the process's own credentials.
    pub role: Option<Role>,
    /// Kinesis somewhere else than at AWS: an emulator, a private endpoint.
    pub endpoint_url: Option<EndpointUrl>,
    /// STS, which gives the role's credentials, somewhere else than at AWS.
    pub sts_endpoint_url: Option<EndpointUrl>,
}

/// The role to go as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// The role, in the account that owns the stream.
    pub arn: RoleArn,
    /// What the role's trust policy asks for. Without one, whoever can make Muster use a role of
    /// their choice could name somebody else's: always ask for it in the trust policy.
    pub external_id: Option<ExternalId>,
}

impl StreamSettings {
    /// A stream in the default region, gone to with the process's own credentials.
    #[must_use]
    pub fn new(stream_name: StreamName) -> Self {
        Self {
            stream_name,
            region: None,
            role: None,
            endpoint_url: None,
            sts_endpoint_url: None,
        }
    }
}
