//! The shared basis of reading from and writing to Kinesis: checked settings, and a client under an
//! assumed role.
//!
//! A client makes no call by itself: the SDK calls AssumeRole when it needs credentials. Only a
//! [`Probe`] calls STS and IAM, because its user wants to know what they answer.
//!
//! AWS's own settings (region, credentials) come from `aws-config`, which reads the environment and
//! the AWS profile; no other code does.
//!
//! | file | contents |
//! |---|---|
//! | `base.rs` | region, credentials and HTTP client of the environment |
//! | `connect.rs` | the client of a stream |
//! | `policy.rs` | the permissions of a role and of its session |
//! | `probe.rs`, `iam.rs` | the calls by which a check finds what is wrong |
//! | `setup/` | role, policies and stream as JSON, CloudFormation and Terraform |
//!
//! The limits are those of STS and IAM; see the constants of `base.rs`, `connect.rs` and
//! `policy.rs`.

mod base;
mod connect;
mod endpoint;
mod iam;
mod policy;
mod probe;
mod settings;
pub mod setup;

pub use base::{
    CREDENTIALS_TIMEOUT, METADATA_TIMEOUT, NO_CREDENTIALS, SET_CREDENTIALS, lacks_credentials,
};
pub use connect::{NoRegion, connect};
pub use endpoint::EndpointUrl;
pub use iam::{IamError, SimulatedAction};
pub use policy::Access;
pub use probe::{CallerIdentity, Probe};
pub use settings::{ExternalId, InvalidSetting, KeyArn, RegionName, RoleArn, StreamName};

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
    /// The key with which the stream is encrypted, if it is a key of the stream's owner. The
    /// session may use it, besides the stream.
    pub kms_key: Option<KeyArn>,
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
            kms_key: None,
            endpoint_url: None,
            sts_endpoint_url: None,
        }
    }
}
