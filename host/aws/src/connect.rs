//! The client of a Kinesis stream, with its credentials.

use std::time::Duration;

use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_sdk_kinesis::Client;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

use crate::policy::{self, Access};
use crate::{EndpointUrl, Role, StreamName, StreamSettings};

/// The duration of an assumed session. STS: at most an hour when one role assumes another, so it is
/// always an hour.
const SESSION_LENGTH: Duration = Duration::from_secs(3_600);

/// The shortest time before their end at which credentials are replaced. The SDK's own 10 s are
/// less than clocks may differ by.
const REFRESH_BUFFER: Duration = Duration::from_secs(5 * 60);

/// The limit of connecting, which takes two round trips; the longest on Earth are 0.4 s.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The limit from a request to the first byte of its answer. Kinesis answers within tens of
/// milliseconds; a call of 1 MB over a line of 1 Mbit/s takes 8 s to arrive.
const READ_TIMEOUT: Duration = Duration::from_secs(20);

/// The limit of a whole call, fetching credentials included: two calls with a connection each, and
/// a reserve.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);

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
    let Some(region) = base.region().cloned() else {
        return Err(NoRegion {
            stream: stream.stream_name.clone(),
        });
    };
    let config = match &stream.role {
        Some(role) => assume(name, stream, role, &region, access, base).await,
        None => base,
    };
    let mut config = aws_sdk_kinesis::config::Builder::from(&config);
    if let Some(url) = &stream.endpoint_url {
        config = config.endpoint_url(url.as_str());
    }
    Ok((Client::from_conf(config.build()), region))
}

/// Reads region and credentials from the environment: variables, profile, web identity, task or
/// instance role. `endpoint` applies to every client that is made from the result.
async fn base(settings: &StreamSettings, endpoint: Option<&EndpointUrl>) -> SdkConfig {
    let http = Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .operation_timeout(CALL_TIMEOUT)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .timeout_config(timeouts)
        // After a lost answer the SDK would send a whole call again, including entries that are
        // known to be stored. It would not send again the entries that failed alone. The drain
        // handles both.
        .retry_config(RetryConfig::disabled())
        .identity_cache(IdentityCache::lazy().buffer_time(REFRESH_BUFFER).build());
    if let Some(region) = &settings.region {
        loader = loader.region(Region::new(region.as_str().to_owned()));
    }
    if let Some(url) = endpoint {
        loader = loader.endpoint_url(url.as_str());
    }
    loader.load().await
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
    let sts = match &settings.sts_endpoint_url {
        // Only a base with this address takes precedence over an address of the environment.
        Some(url) => self::base(settings, Some(url)).await,
        None => base.clone(),
    };
    let mut provider = AssumeRoleProvider::builder(role.arn.as_str())
        .configure(&sts)
        .session_name(policy::session_name(name))
        .session_length(SESSION_LENGTH)
        .policy(policy::session_policy(
            &role.arn,
            region.as_ref(),
            &settings.stream_name,
            access,
        ));
    if let Some(id) = &role.external_id {
        provider = provider.external_id(id.as_str());
    }
    let provider = Early(provider.build().await);
    base.into_builder()
        .credentials_provider(SharedCredentialsProvider::new(provider))
        .identity_cache(IdentityCache::lazy().buffer_time(REFRESH_BUFFER).build())
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
