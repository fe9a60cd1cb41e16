//! The client of a Kinesis stream, with its credentials.

use std::time::Duration;

use aws_config::sts::AssumeRoleProvider;
use aws_config::{Region, SdkConfig};
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_sdk_kinesis::Client;

use crate::base::{REFRESH_BUFFER, base, identity_cache};
use crate::policy::{self, Access};
use crate::{Role, StreamName, StreamSettings};

/// The duration of an assumed session. STS: at most an hour when one role assumes another, so it is
/// always an hour.
const SESSION_LENGTH: Duration = Duration::from_secs(3_600);

/// The error for a stream whose region is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no region is known for stream `{stream}`")]
pub struct NoRegion {
    /// The stream.
    pub stream: StreamName,
}

/// Makes a client for one stream, and returns it with the stream's region. Clients share nothing,
/// in particular no cached credentials. `name` appears in the logs of the role's account. The
/// function calls neither the stream nor STS.
///
/// # Errors
/// When neither the settings nor AWS's own settings name a region.
pub async fn connect(
    name: &str,
    stream: &StreamSettings,
    access: Access,
) -> Result<(Client, Region), NoRegion> {
    let base = base(stream, None).await;
    let region = region(stream, &base)?;
    let config = match &stream.role {
        Some(role) => assume(name, stream, role, &region, access, base).await,
        None => base,
    };
    Ok((client(stream, &config), region))
}

/// Returns the region of a stream.
pub(crate) fn region(stream: &StreamSettings, base: &SdkConfig) -> Result<Region, NoRegion> {
    base.region().cloned().ok_or_else(|| NoRegion {
        stream: stream.stream_name.clone(),
    })
}

/// Makes a client of the stream's endpoint.
pub(crate) fn client(stream: &StreamSettings, config: &SdkConfig) -> Client {
    let mut config = aws_sdk_kinesis::config::Builder::from(config);
    if let Some(url) = &stream.endpoint_url {
        config = config.endpoint_url(url.as_str());
    }
    Client::from_conf(config.build())
}

/// Returns the base for clients of STS. Only a base with an address takes precedence over an
/// address of the environment.
pub(crate) async fn sts_base(settings: &StreamSettings, base: &SdkConfig) -> SdkConfig {
    match &settings.sts_endpoint_url {
        Some(url) => self::base(settings, Some(url)).await,
        None => base.clone(),
    }
}

/// Replaces the credentials by those of a session of the role.
async fn assume(
    name: &str,
    settings: &StreamSettings,
    role: &Role,
    region: &Region,
    access: Access,
    base: SdkConfig,
) -> SdkConfig {
    let sts = sts_base(settings, &base).await;
    let mut provider = AssumeRoleProvider::builder(role.arn.as_str())
        .configure(&sts)
        .session_name(policy::session_name(name))
        .session_length(SESSION_LENGTH)
        .policy(policy::session_policy(
            settings,
            &role.arn,
            region.as_ref(),
            access,
        ));
    if let Some(id) = &role.external_id {
        provider = provider.external_id(id.as_str());
    }
    let provider = Early(provider.build().await);
    base.into_builder()
        .credentials_provider(SharedCredentialsProvider::new(provider))
        .identity_cache(identity_cache())
        .build()
}

/// A provider of credentials that seem to end [`REFRESH_BUFFER`] earlier than they do. The SDK's
/// cache uses a random part of its own buffer, from none to all, so its buffer alone would
/// guarantee nothing.
#[derive(Debug)]
struct Early(AssumeRoleProvider);

impl ProvideCredentials for Early {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let mut credentials = self.0.provide_credentials().await?;
            let expiry = credentials.expiry_mut();
            *expiry = expiry.and_then(|end| end.checked_sub(REFRESH_BUFFER));
            Ok(credentials)
        })
    }
}
