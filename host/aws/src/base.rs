//! AWS's own settings: region, credentials and the HTTP client, as the environment has them.

use std::error::Error;
use std::time::Duration;

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::identity::IdentityCache;
use aws_config::imds::region::ImdsRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig, imds};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::identity::SharedIdentityCache;

use crate::{EndpointUrl, StreamSettings};

/// The shortest time before their end at which credentials are replaced. The SDK's own 10 s are
/// less than clocks may differ by.
pub(crate) const REFRESH_BUFFER: Duration = Duration::from_secs(5 * 60);

/// The limit of connecting, which takes two round trips; the longest on Earth are 0.4 s.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The limit from a request to the first byte of its answer. Kinesis answers within tens of
/// milliseconds; a call of 1 MB over a line of 1 Mbit/s takes 8 s to arrive.
pub(crate) const READ_TIMEOUT: Duration = Duration::from_secs(20);

/// The limit of a whole call, fetching credentials included: two calls with a connection each, and
/// a reserve.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);

/// The limit of fetching credentials. A `credential_process` may ask a vault or a device; the SDK's
/// own limit of 10 s is less than that takes.
pub const CREDENTIALS_TIMEOUT: Duration = Duration::from_secs(30);

/// The limit of connecting to an instance's metadata server, and of its answer. The server is on
/// the machine's own network and answers within milliseconds. Outside AWS its address may swallow
/// packets. Then the region and the credentials take one limit each, so that a machine without
/// credentials learns it within 3 s.
pub const METADATA_TIMEOUT: Duration = Duration::from_secs(1);

/// Reads region and credentials from the environment: variables, profile (with single sign-on and
/// `credential_process`), web identity, task or instance role. `endpoint` applies to every client
/// that is made from the result.
pub(crate) async fn base(settings: &StreamSettings, endpoint: Option<&EndpointUrl>) -> SdkConfig {
    let http = http_client();
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .operation_timeout(CALL_TIMEOUT)
        .build();
    let providers = ProviderConfig::without_region()
        .with_http_client(http.clone())
        .with_timeout_config(timeouts.clone())
        .with_retry_config(RetryConfig::disabled());
    let metadata = imds::Client::builder()
        .configure(&providers)
        // The drain tries again by itself.
        .max_attempts(1)
        .connect_timeout(METADATA_TIMEOUT)
        .read_timeout(METADATA_TIMEOUT)
        .build();
    let named = settings.region.as_ref();
    let region = RegionProviderChain::first_try(named.map(|name| Region::new(name.to_string())))
        .or_else(EnvironmentVariableRegionProvider::new())
        .or_else(
            ProfileFileRegionProvider::builder()
                .configure(&providers)
                .build(),
        )
        .or_else(
            ImdsRegionProvider::builder()
                .configure(&providers)
                .imds_client(metadata.clone())
                .build(),
        );
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .timeout_config(timeouts)
        // After a lost answer the SDK would send a whole call again, including entries that are
        // known to be stored. It would not send again the entries that failed alone. The drain
        // handles both.
        .retry_config(RetryConfig::disabled())
        .identity_cache(identity_cache())
        .region(region)
        .no_credentials();
    if let Some(url) = endpoint {
        loader = loader.endpoint_url(url.as_str());
    }
    let config = loader.load().await;
    let providers = providers
        .with_use_fips(config.use_fips())
        .with_use_dual_stack(config.use_dual_stack());
    let credentials = DefaultCredentialsChain::builder()
        .configure(providers)
        .region(config.region().cloned())
        .imds_client(metadata)
        .build()
        .await;
    config
        .into_builder()
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}

/// Returns a cache of credentials. Each client has its own.
pub(crate) fn identity_cache() -> SharedIdentityCache {
    IdentityCache::lazy()
        .buffer_time(REFRESH_BUFFER)
        .load_timeout(CREDENTIALS_TIMEOUT)
        .build()
}

/// Returns the HTTP client. It always verifies certificates by the system's roots: no setting
/// changes that.
fn http_client() -> SharedHttpClient {
    Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https()
}

/// The fault of a process that finds no credentials.
pub const NO_CREDENTIALS: &str = "no AWS credentials: the environment, the AWS profile, a web identity, a task role and an \
    instance role give none";

/// The remedy for [`NO_CREDENTIALS`].
pub const SET_CREDENTIALS: &str = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or run with an instance or \
    task role";

/// Returns true if an error means that the process has no credentials. The metadata server of an
/// instance is the last that is tried. Many machines have none, or one that is closed to the
/// process, so its errors mean the same.
#[must_use]
pub fn lacks_credentials(error: &(dyn Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| (*error).source()).any(|cause| {
        cause.is::<imds::client::error::ImdsError>()
            || matches!(
                cause.downcast_ref(),
                Some(CredentialsError::CredentialsNotLoaded(_))
            )
    })
}
