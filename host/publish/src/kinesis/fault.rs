//! What an error of a whole call means.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_kinesis::config::http::HttpResponse;
use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kinesis::operation::put_records::PutRecordsError;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;

/// What to do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Slow down, go on.
    Throttled,
    /// Try again.
    Transient,
    /// Get new credentials, then try again, once.
    Expired,
    /// Stop: somebody has to allow it.
    Denied,
    /// Stop: a setting leads nowhere.
    Misconfigured,
    /// Stop: what was sent is not as it has to be.
    Poison,
}

/// Who failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AwsService {
    Kinesis,
    Sts,
    /// Nobody answered, or nobody was asked.
    Nobody,
}

/// An error of a whole call, in our words.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    service: AwsService,
    /// It said no, rather than nothing.
    answered: bool,
    code: Option<String>,
    class: Class,
    /// For people: who said what.
    pub(super) reason: String,
}

impl Fault {
    /// Reads an SDK's error.
    pub(super) fn of(error: &SdkError<PutRecordsError, HttpResponse>) -> Self {
        if let SdkError::ServiceError(_) = error {
            return Self::answered(AwsService::Kinesis, error);
        }
        // Credentials are fetched on the way to the call, so their errors are inside of the call's;
        // and those of the process itself, on the way to the role's, are inside of these. The
        // innermost says what is wrong.
        let sts = causes(error).find_map(|cause| {
            let role = cause.downcast_ref::<SdkError<AssumeRoleError, HttpResponse>>();
            let web =
                cause.downcast_ref::<SdkError<AssumeRoleWithWebIdentityError, HttpResponse>>();
            role.map(|error| Self::answered(AwsService::Sts, error))
                .or_else(|| web.map(|error| Self::answered(AwsService::Sts, error)))
        });
        if let Some(fault) = &sts
            && fault.answered
        {
            return fault.clone();
        }
        let credentials =
            causes(error).filter_map(|cause| cause.downcast_ref::<CredentialsError>());
        if let Some(error) = credentials.last()
            && let Some(class) = class_of_credentials(error)
        {
            return Self::unanswered(class, format!("no AWS credentials: {}", chain(error)));
        }
        sts.unwrap_or_else(|| Self::answered(AwsService::Kinesis, error))
    }

    /// A request that could not even be built.
    pub(super) fn bug(error: &dyn Error) -> Self {
        Self::unanswered(
            Class::Poison,
            format!("the call could not be built: {error}"),
        )
    }

    fn unanswered(class: Class, reason: String) -> Self {
        Self {
            service: AwsService::Nobody,
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
            AwsService::Kinesis | AwsService::Nobody => "kinesis",
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

    /// What to do about it.
    pub(super) fn class(&self) -> Class {
        self.class
    }

    /// What to look at.
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
                "the stream is encrypted with a key of your own: see that the key is enabled and that its policy lets \
                 the writer use it; the session under `role_arn` is cut down to PutRecord and PutRecords, so that the \
                 grant has to come from the key's policy"
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
            (AwsService::Nobody, Class::Denied) => {
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or run with an instance or task role"
            }
            (_, Class::Denied) => {
                "the credentials that Muster itself runs with are not valid there: see AWS_ACCESS_KEY_ID, AWS_PROFILE and the clock"
            }
            (AwsService::Kinesis, _) if code == "ResourceNotFoundException" => {
                "see that `stream_name` and `region` are the stream's, and that the role or the credentials are of its account"
            }
            (AwsService::Sts, _) => {
                "see `role_arn`, `external_id`, `region` and `sts_endpoint_url`"
            }
            _ => "see `stream_name`, `region` and `endpoint_url`, and the AWS profile",
        }
    }
}

/// The class of an answer of Kinesis or STS.
fn class_of_answer(code: Option<&str>, status: u16) -> Class {
    if let Some(class) = code.and_then(class_of_code) {
        return class;
    }
    match status {
        429 => Class::Throttled,
        401 | 403 => Class::Denied,
        413 => Class::Poison,
        // Includes what proxies say while the other side is away.
        408 | 500.. => Class::Transient,
        _ => Class::Misconfigured,
    }
}

/// The class of an error code of Kinesis or STS, of a call or of one entry of an answer. Codes are
/// those of the API references' operation and common errors.
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

/// The class of an error without an answer. A lost answer is one: the records may have been stored.
fn class_without_answer<E>(error: &SdkError<E, HttpResponse>) -> Class {
    match error {
        // The request could not be built or addressed.
        SdkError::ConstructionFailure(_) => Class::Misconfigured,
        SdkError::DispatchFailure(failure) if failure.is_user() => Class::Misconfigured,
        _ => Class::Transient,
    }
}

/// The class of what kept us from having credentials of our own, if it will not pass by itself as a
/// server of metadata that does not answer does.
fn class_of_credentials(error: &CredentialsError) -> Option<Class> {
    match error {
        CredentialsError::CredentialsNotLoaded(_) => Some(Class::Denied),
        CredentialsError::InvalidConfiguration(_) => Some(Class::Misconfigured),
        _ => None,
    }
}

/// An error and what is behind it.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

/// An error and what is behind it, as one text.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    for cause in causes(error) {
        // On one line: the list of where credentials were looked for has several.
        let cause = cause
            .to_string()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        // Some say in their own words what is behind them.
        if !text.contains(&cause) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&cause);
        }
    }
    text
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
