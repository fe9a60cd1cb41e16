//! The shared basis of reading from and writing to Kinesis: checked settings, and a client under an
//! assumed role.
//!
//! The crate itself makes no call. Only the SDK calls AssumeRole, when it needs credentials.
//!
//! AWS's own settings (region, credentials) come from `aws-config`, which reads the environment and
//! the AWS profile; no other code does. Single sign-on profiles are not compiled in: use
//! `credential_process`.
//!
//! The limits are those of STS and IAM; see the constants of `connect.rs` and `policy.rs`.

mod connect;
mod endpoint;
mod policy;
mod settings;

pub use connect::{NoRegion, connect};
pub use endpoint::EndpointUrl;
pub use policy::Access;
pub use settings::{ExternalId, InvalidSetting, RegionName, RoleArn, StreamName};

/// The settings of a stream and of the access to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamSettings {
    /// The stream.
    pub stream_name: StreamName,
    /// The region of the stream. Without it, AWS's own settings give the region (`AWS_REGION`, the
    /// profile, the instance).
    pub region: Option<RegionName>,
    /// The role to assume. Without it, Muster uses the process's own credentials.
    pub role: Option<Role>,
    /// The address of Kinesis if it is not AWS's own: an emulator, a private endpoint.
    pub endpoint_url: Option<EndpointUrl>,
    /// The address of STS, which gives the role's credentials, if it is not AWS's own.
    pub sts_endpoint_url: Option<EndpointUrl>,
}

/// The role to assume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// The ARN of the role, which is in the account that owns the stream.
    pub arn: RoleArn,
    /// The external id that the role's trust policy requires. Always require one in the trust
    /// policy. Without it, a user who can make Muster use a role of their choice could name the
    /// role of another account.
    pub external_id: Option<ExternalId>,
}

impl StreamSettings {
    /// Makes the settings of a stream in the default region, with the process's own credentials.
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
