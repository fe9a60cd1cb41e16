//! The calls by which a check finds out whether a stream can be used, and what is wrong if not.

use aws_config::{Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::http::HttpResponse;
use aws_sdk_kinesis::error::SdkError;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_sdk_sts::operation::get_caller_identity::GetCallerIdentityError;

use crate::base::{base, identity_cache};
use crate::connect::{NoRegion, client, region, sts_base};
use crate::iam::{self, IamError, SimulatedAction};
use crate::policy::{Access, check_policy, session_name, stream_arn};
use crate::{ExternalId, Role, StreamSettings};

/// The duration of a check's session. STS: at least 15 minutes.
const SESSION_SECONDS: i32 = 900;

/// A stream and AWS's own settings, for calls one by one.
pub struct Probe {
    name: String,
    settings: StreamSettings,
    base: SdkConfig,
    sts: aws_sdk_sts::Client,
    region: Region,
}

/// The identity that credentials belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerIdentity {
    /// The ARN of a user or of a session of a role.
    pub arn: String,
}

impl Probe {
    /// Determines the region, and makes no other call. `name` is the destination's.
    ///
    /// # Errors
    /// When neither the settings nor AWS's own settings name a region.
    pub async fn open(name: &str, settings: &StreamSettings) -> Result<Self, NoRegion> {
        let base = base(settings, None).await;
        let region = region(settings, &base)?;
        let sts = aws_sdk_sts::Client::new(&sts_base(settings, &base).await);
        Ok(Self {
            name: name.to_owned(),
            settings: settings.clone(),
            base,
            sts,
            region,
        })
    }

    /// Returns the region of the stream.
    #[must_use]
    pub fn region(&self) -> &str {
        self.region.as_ref()
    }

    /// Finds the credentials that the process itself has.
    ///
    /// # Errors
    /// When there are none, or when what should give them fails.
    pub async fn credentials(&self) -> Result<Credentials, CredentialsError> {
        match self.base.credentials_provider() {
            Some(provider) => provider.provide_credentials().await,
            None => Err(CredentialsError::not_loaded("there is no provider")),
        }
    }

    /// Asks STS whose credentials the process has. No permission is needed for that (STS,
    /// GetCallerIdentity).
    ///
    /// # Errors
    /// When STS refuses the credentials or does not answer.
    pub async fn caller(
        &self,
    ) -> Result<CallerIdentity, SdkError<GetCallerIdentityError, HttpResponse>> {
        let answer = self.sts.get_caller_identity().send().await?;
        Ok(CallerIdentity {
            arn: answer.arn.unwrap_or_default(),
        })
    }

    /// Assumes the role with an external id. The session may do what delivery needs, and simulate
    /// the role's permissions. It is `None` if STS answers no credentials.
    ///
    /// # Errors
    /// When STS refuses or does not answer.
    pub async fn assume(
        &self,
        role: &Role,
        external_id: Option<&ExternalId>,
    ) -> Result<Option<Credentials>, SdkError<AssumeRoleError, HttpResponse>> {
        let answer = self
            .sts
            .assume_role()
            .role_arn(role.arn.as_str())
            .role_session_name(session_name(&self.name))
            .duration_seconds(SESSION_SECONDS)
            .policy(check_policy(&self.settings, &role.arn, self.region()))
            .set_external_id(external_id.map(ToString::to_string))
            .send()
            .await?;
        Ok(answer.credentials.map(|session| {
            Credentials::builder()
                .access_key_id(session.access_key_id)
                .secret_access_key(session.secret_access_key)
                .session_token(session.session_token)
                .provider_name("AssumeRole")
                .build()
        }))
    }

    /// Asks IAM whether the role's policies allow what delivery needs. IAM reads neither the
    /// policies of the stream and the key nor the session's.
    ///
    /// # Errors
    /// When IAM refuses or does not answer.
    pub async fn simulate(
        &self,
        role: &Role,
        session: &Credentials,
    ) -> Result<Vec<SimulatedAction>, IamError> {
        let endpoint = self.settings.sts_endpoint_url.as_ref();
        let endpoint = endpoint.filter(|url| url.is_emulator());
        let stream = stream_arn(&self.settings, &role.arn, self.region());
        let actions = Access::Write.actions();
        let mut answers = iam::simulate(endpoint, session, &role.arn, actions, &stream).await?;
        if let Some(key) = &self.settings.kms_key {
            let actions = &[Access::Write.key_action()];
            answers
                .extend(iam::simulate(endpoint, session, &role.arn, actions, key.as_str()).await?);
        }
        Ok(answers)
    }

    /// Makes a client of the stream with these credentials.
    #[must_use]
    pub fn client(&self, credentials: Credentials) -> Client {
        let config = self.base.to_builder();
        let config = config
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .identity_cache(identity_cache());
        client(&self.settings, &config.build())
    }
}
