//! Classifies the errors of whole calls.

use std::error::Error;

use aws_credential_types::provider::error::{CredentialsError, TokenError};
use aws_sdk_kinesis::config::http::HttpResponse;
use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kinesis::operation::put_records::PutRecordsError;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;
use muster_aws::{NO_CREDENTIALS, SET_CREDENTIALS, lacks_credentials};

use crate::error::{causes, chain};

/// The reaction to an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Continue more slowly.
    Throttled,
    /// Try again.
    Transient,
    /// Get new credentials, then try again, once.
    Expired,
    /// Stop: a permission is missing.
    Denied,
    /// Stop: a setting names something that does not exist.
    Misconfigured,
    /// Stop: the request is invalid.
    Poison,
}

/// The service that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AwsService {
    Kinesis,
    Sts,
    /// No service answered, or none was called.
    Neither,
}

/// The code of an expired session of single sign-on. No service answers it.
const SIGNED_OUT: &str = "SignedOut";

/// An error of a whole call, in our words.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    service: AwsService,
    /// Set if the service refused the call, rather than giving no answer.
    answered: bool,
    code: Option<String>,
    class: Class,
    /// The error as a text for users: the service and its message.
    pub(super) reason: String,
}

impl Fault {
    /// Classifies an error of a call to Kinesis.
    pub(super) fn of(error: &SdkError<PutRecordsError, HttpResponse>) -> Self {
        Self::of_call(AwsService::Kinesis, error)
    }

    /// Classifies an error of a call to STS.
    pub(super) fn of_sts<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        Self::of_call(AwsService::Sts, error)
    }

    /// Classifies an error of the process's own credentials.
    pub(super) fn of_credentials(error: &CredentialsError) -> Self {
        let text = chain(error);
        // A profile without `sso_session` has an error that only its text tells, and so has a
        // session that was ended by an administrator.
        let signed_out = causes(error).any(|cause| cause.is::<TokenError>())
            || ["/sso/cache/", "SSO token", "UnauthorizedException"]
                .iter()
                .any(|part| text.contains(part));
        let class = match class_of_credentials(error) {
            _ if signed_out => Class::Denied,
            Some(Class::Denied) => {
                return Self::unanswered(Class::Denied, NO_CREDENTIALS.to_owned());
            }
            _ if lacks_credentials(error) => {
                return Self::unanswered(Class::Denied, format!("{NO_CREDENTIALS} ({text})"));
            }
            class => class.unwrap_or(Class::Transient),
        };
        Self {
            code: signed_out.then(|| SIGNED_OUT.to_owned()),
            ..Self::unanswered(class, format!("no AWS credentials: {text}"))
        }
    }

    fn of_call<E>(service: AwsService, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        if let SdkError::ServiceError(_) = error {
            return Self::answered(service, error);
        }
        // The SDK fetches credentials on the way to a call, so their errors are inside the call's
        // error. Errors of the process's own credentials are inside those of the role. The
        // innermost one names the fault.
        if let Some(fault) = sts_fault(error)
            && fault.answered
        {
            return fault;
        }
        let credentials =
            causes(error).filter_map(|cause| cause.downcast_ref::<CredentialsError>());
        match credentials.last() {
            // The role's credentials fail because STS does not answer.
            Some(own) if sts_fault(own).is_none() => Self::of_credentials(own),
            _ => sts_fault(error).unwrap_or_else(|| Self::answered(service, error)),
        }
    }

    /// Returns the error of a request that could not be built.
    pub(super) fn bug(error: &dyn Error) -> Self {
        Self::unanswered(
            Class::Poison,
            format!("the call could not be built: {error}"),
        )
    }

    fn unanswered(class: Class, reason: String) -> Self {
        Self {
            service: AwsService::Neither,
            answered: false,
            code: None,
            class,
            reason,
        }
    }

    fn answered<E>(service: AwsService, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let who = match service {
            AwsService::Sts => "sts",
            AwsService::Kinesis | AwsService::Neither => "kinesis",
        };
        let SdkError::ServiceError(answer) = error else {
            return Self {
                service,
                answered: false,
                code: None,
                class: class_without_answer(error),
                reason: format!("{who} did not answer: {}", chain(error)),
            };
        };
        let (code, message) = (answer.err().code(), answer.err().message());
        let status = answer.raw().status().as_u16();
        let said = code.map_or_else(|| format!("HTTP {status}"), str::to_owned);
        Self {
            service,
            answered: true,
            class: class_of_answer(code, status),
            code: code.map(str::to_owned),
            reason: match message {
                Some(message) => format!("{who} answered {said}: {message}"),
                None => format!("{who} answered {said}"),
            },
        }
    }

    /// Returns true if the service answered that this is not allowed, whatever the credentials.
    pub(super) fn is_access_denied(&self) -> bool {
        self.answered
            && self
                .code
                .as_deref()
                .is_some_and(|code| code.starts_with("AccessDenied"))
    }

    /// Returns true if the service answered.
    pub(super) fn is_answered(&self) -> bool {
        self.answered
    }

    /// Returns the reaction to the error.
    pub(super) fn class(&self) -> Class {
        self.class
    }

    /// Returns a hint at the settings to check.
    pub(super) fn hint(&self, assumes_role: bool) -> &'static str {
        let code = self.code.as_deref().unwrap_or_default();
        match (self.service, self.class) {
            (_, Class::Expired) => {
                "the credentials that Muster itself runs with have expired: renew them, and see that the clock is right"
            }
            (AwsService::Sts, Class::Denied) if code.starts_with("AccessDenied") => {
                "let the role's trust policy allow `sts:AssumeRole` to the identity named here, with this `external_id`; \
                 that identity's own policy has to allow it as well"
            }
            (_, Class::Denied | Class::Misconfigured) if code.to_uppercase().starts_with("KMS") => {
                "the stream is encrypted with a key of your own: see that the key is enabled, set `kms_key` to its ARN, and \
                 allow `kms:GenerateDataKey` on it to the role, or to the credentials if there is no `role_arn`"
            }
            (AwsService::Kinesis, Class::Denied)
                if code.starts_with("AccessDenied") && assumes_role =>
            {
                "let the role's permission policy allow `kinesis:PutRecords` on this stream, and see that `region` and \
                 `stream_name` are the stream's and that role and stream are of one account"
            }
            (AwsService::Kinesis, Class::Denied) if code.starts_with("AccessDenied") => {
                "allow `kinesis:PutRecords` on this stream to the identity named here, or set `role_arn` to a role that may"
            }
            (AwsService::Neither, Class::Denied) if code == SIGNED_OUT => {
                "sign in again with `aws sso login`, for the AWS_PROFILE that Muster runs with"
            }
            (AwsService::Neither, Class::Denied) => SET_CREDENTIALS,
            (_, Class::Denied) => {
                "the credentials that Muster itself runs with are not valid there: see AWS_ACCESS_KEY_ID, AWS_PROFILE and the clock"
            }
            (AwsService::Kinesis, _) if code == "ResourceNotFoundException" => {
                "see that `stream_name` and `region` are the stream's, and that the role or the credentials are of its account"
            }
            (AwsService::Neither, Class::Misconfigured | Class::Transient) => {
                "see AWS_PROFILE and its `credential_process`, or whatever gives this process its credentials"
            }
            (AwsService::Sts, _) => {
                "see `role_arn`, `external_id`, `region` and `sts_endpoint_url`"
            }
            _ => "see `stream_name`, `region` and `endpoint_url`, and the AWS profile",
        }
    }
}

/// Returns the fault of STS in the causes of an error.
fn sts_fault(error: &(dyn Error + 'static)) -> Option<Fault> {
    causes(error).find_map(|cause| {
        let role = cause.downcast_ref::<SdkError<AssumeRoleError, HttpResponse>>();
        let web = cause.downcast_ref::<SdkError<AssumeRoleWithWebIdentityError, HttpResponse>>();
        role.map(|error| Fault::answered(AwsService::Sts, error))
            .or_else(|| web.map(|error| Fault::answered(AwsService::Sts, error)))
    })
}

/// Returns the class of an answer of Kinesis or STS.
fn class_of_answer(code: Option<&str>, status: u16) -> Class {
    if let Some(class) = code.and_then(class_of_code) {
        return class;
    }
    match status {
        429 => Class::Throttled,
        401 | 403 => Class::Denied,
        413 => Class::Poison,
        // This includes the answers of proxies while the service behind them is down.
        408 | 500.. => Class::Transient,
        _ => Class::Misconfigured,
    }
}

/// Returns the class of an error code of Kinesis or STS, of a call or of one entry of an answer.
/// The codes are those of the API references' operation errors and common errors.
pub(super) fn class_of_code(code: &str) -> Option<Class> {
    Some(match code {
        "ProvisionedThroughputExceededException"
        | "KMSThrottlingException"
        | "LimitExceededException"
        | "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestLimitExceeded"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "SlowDown"
        | "TooManyRequestsException" => Class::Throttled,
        "InternalFailure"
        | "InternalFailureException"
        | "InternalServerError"
        | "InternalError"
        | "ServiceUnavailable"
        | "ServiceUnavailableException"
        | "RequestTimeout"
        | "RequestTimeoutException"
        | "IDPCommunicationError" => Class::Transient,
        "ExpiredToken" | "ExpiredTokenException" => Class::Expired,
        "AccessDenied"
        | "AccessDeniedException"
        | "KMSAccessDeniedException"
        | "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidAccessKeyId"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "AuthFailure"
        | "NotAuthorized"
        | "OptInRequired"
        | "RequestExpired"
        | "RequestTimeTooSkewed"
        | "InvalidIdentityToken"
        | "IDPRejectedClaim" => Class::Denied,
        "ResourceNotFoundException"
        | "KMSNotFoundException"
        | "KMSDisabledException"
        | "KMSInvalidStateException"
        | "KMSOptInRequired"
        | "UnknownOperationException"
        | "InvalidAction"
        | "MalformedPolicyDocument"
        | "MalformedPolicyDocumentException"
        | "PackedPolicyTooLarge"
        | "PackedPolicyTooLargeException"
        | "RegionDisabledException"
        | "ValidationError"
        | "DryRunOperationException" => Class::Misconfigured,
        "InvalidArgumentException" | "ValidationException" | "SerializationException" => {
            Class::Poison
        }
        _ => return None,
    })
}

/// Returns the class of an error without an answer. A lost answer is one: the records may have been
/// stored.
fn class_without_answer<E>(error: &SdkError<E, HttpResponse>) -> Class {
    match error {
        // The request could not be built or addressed.
        SdkError::ConstructionFailure(_) => Class::Misconfigured,
        SdkError::DispatchFailure(failure) if failure.is_user() => Class::Misconfigured,
        _ => Class::Transient,
    }
}

/// Returns the class of an error of the process's own credentials. Returns `None` for errors that
/// pass by themselves, such as a metadata server that does not answer.
fn class_of_credentials(error: &CredentialsError) -> Option<Class> {
    match error {
        CredentialsError::CredentialsNotLoaded(_) => Some(Class::Denied),
        CredentialsError::InvalidConfiguration(_) => Some(Class::Misconfigured),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_say_more_than_the_status() {
        for (code, status, class) in [
            (
                Some("ProvisionedThroughputExceededException"),
                400,
                Class::Throttled,
            ),
            (Some("ExpiredTokenException"), 400, Class::Expired),
            (Some("ExpiredToken"), 403, Class::Expired),
            (Some("AccessDeniedException"), 400, Class::Denied),
            (Some("UnrecognizedClientException"), 400, Class::Denied),
            (Some("ResourceNotFoundException"), 400, Class::Misconfigured),
            (Some("ValidationException"), 400, Class::Poison),
            (Some("InvalidArgumentException"), 400, Class::Poison),
            (Some("InternalFailure"), 500, Class::Transient),
            (Some("SomethingNew"), 400, Class::Misconfigured),
            (Some("SomethingNew"), 500, Class::Transient),
            (None, 503, Class::Transient),
            (None, 429, Class::Throttled),
            (None, 403, Class::Denied),
            (None, 413, Class::Poison),
        ] {
            assert_eq!(class_of_answer(code, status), class, "{code:?} {status}");
        }
    }
}
