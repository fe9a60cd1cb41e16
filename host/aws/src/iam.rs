//! The one call to IAM. The SDK's crate for IAM has 180 operations, so this signs and sends the
//! request with the parts of the SDK that are in the tree for Kinesis and STS.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorSettings};
use aws_smithy_runtime_api::client::identity::Identity;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use xmlparser::{ElementEnd, Token, Tokenizer};

use crate::base::{CONNECT_TIMEOUT, READ_TIMEOUT};
use crate::policy::SIMULATE;
use crate::{EndpointUrl, RoleArn};

/// The version of IAM's API.
const API_VERSION: &str = "2010-05-08";

/// The limit of the whole call: IAM answers within a second.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// An action and whether the role's policies allow it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimulatedAction {
    /// The action: `kinesis:PutRecords`.
    pub action: String,
    /// Set if the policies allow it.
    pub allowed: bool,
}

/// The reason why IAM simulates nothing.
#[derive(Debug, thiserror::Error)]
pub enum IamError {
    /// IAM refused the call.
    #[error("iam answered {code}: {message}")]
    Refused {
        /// The code of the error, or the HTTP status.
        code: String,
        /// The message of IAM.
        message: String,
    },
    /// IAM did not answer, or its answer could not be read.
    #[error("iam did not answer: {0}")]
    Unanswered(Box<dyn std::error::Error + Send + Sync>),
}

/// Asks IAM whether the policies of a role allow actions on a resource (IAM,
/// SimulatePrincipalPolicy). `endpoint` is that of an emulator.
pub(crate) async fn simulate(
    endpoint: Option<&EndpointUrl>,
    session: &Credentials,
    role: &RoleArn,
    actions: &[&str],
    resource: &str,
) -> Result<Vec<SimulatedAction>, IamError> {
    let (own, region) = address(role.partition());
    let url = endpoint.map_or(own, EndpointUrl::as_str);
    let body = form(role, actions, resource);
    let call = async {
        let request = signed(url, region, body, session)?;
        let connector = Connector::builder()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .connector_settings(
                HttpConnectorSettings::builder()
                    .connect_timeout(CONNECT_TIMEOUT)
                    .read_timeout(READ_TIMEOUT)
                    .build(),
            )
            .build();
        let answer = connector.call(request).await?;
        let status = answer.status().as_u16();
        let body = ByteStream::new(answer.into_body()).collect().await?;
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>((status, body.into_bytes()))
    };
    let answer = tokio::time::timeout(CALL_TIMEOUT, call).await;
    let (status, body) = answer
        .map_err(|late| IamError::Unanswered(late.into()))?
        .map_err(IamError::Unanswered)?;
    read(status, &String::from_utf8_lossy(&body))
}

/// Returns the address of IAM in a partition, and the region in whose name calls are signed. IAM is
/// one service for all regions of a partition (AWS General Reference, "IAM endpoints").
fn address(partition: &str) -> (&'static str, &'static str) {
    match partition {
        "aws-cn" => ("https://iam.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        "aws-us-gov" => ("https://iam.us-gov.amazonaws.com", "us-gov-west-1"),
        _ => ("https://iam.amazonaws.com", "us-east-1"),
    }
}

fn form(role: &RoleArn, actions: &[&str], resource: &str) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    let (_, action) = SIMULATE.split_once(':').unwrap_or_default();
    form.append_pair("Action", action)
        .append_pair("Version", API_VERSION)
        .append_pair("PolicySourceArn", role.as_str())
        .append_pair("ResourceArns.member.1", resource);
    for (index, action) in actions.iter().enumerate() {
        form.append_pair(&format!("ActionNames.member.{}", index + 1), action);
    }
    form.finish()
}

fn signed(
    url: &str,
    region: &str,
    body: String,
    session: &Credentials,
) -> Result<HttpRequest, Box<dyn std::error::Error + Send + Sync>> {
    const TYPE: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
    // The signature has the path, which is never empty.
    let url = format!("{}/", url.trim_end_matches('/'));
    let identity: Identity = session.clone().into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("iam")
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()?
        .into();
    let signable = SignableRequest::new(
        "POST",
        url.as_str(),
        std::iter::once(TYPE),
        SignableBody::Bytes(body.as_bytes()),
    )?;
    let (instructions, _) = sign(signable, &parameters)?.into_parts();
    let mut request = http::Request::post(&url)
        .header(TYPE.0, TYPE.1)
        .body(SdkBody::from(body))?;
    instructions.apply_to_request_http1x(&mut request);
    Ok(HttpRequest::try_from(request)?)
}

/// Reads an answer, which is XML.
fn read(status: u16, body: &str) -> Result<Vec<SimulatedAction>, IamError> {
    let texts = texts(body);
    let text = |name| {
        texts
            .iter()
            .find(|(of, _)| *of == name)
            .map(|(_, text)| *text)
    };
    if status != 200 {
        return Err(IamError::Refused {
            code: text("Code").map_or_else(|| format!("HTTP {status}"), str::to_owned),
            message: text("Message").unwrap_or("no reason given").to_owned(),
        });
    }
    // Each result has its action before or after its decision.
    let of = |name| texts.iter().filter(move |(of, _)| *of == name);
    let answers: Vec<_> = of("EvalActionName")
        .zip(of("EvalDecision"))
        .map(|((_, action), (_, decision))| SimulatedAction {
            action: (*action).to_owned(),
            allowed: *decision == "allowed",
        })
        .collect();
    if answers.is_empty() {
        return Err(IamError::Unanswered("its answer has no decision".into()));
    }
    Ok(answers)
}

/// Returns the texts of a document with the names of the elements that they are in. The texts that
/// are read here have no escapes. What cannot be parsed is left out.
fn texts(document: &str) -> Vec<(&str, &str)> {
    let (mut texts, mut element) = (Vec::new(), "");
    for token in Tokenizer::from(document).map_while(Result::ok) {
        match token {
            Token::ElementStart { local, .. } => element = local.as_str(),
            Token::ElementEnd {
                end: ElementEnd::Close(..) | ElementEnd::Empty,
                ..
            } => element = "",
            Token::Text { text } if !element.is_empty() => texts.push((element, text.as_str())),
            _ => {}
        }
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_are_read_with_their_actions() {
        let answer = "<SimulatePrincipalPolicyResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">\
             <SimulatePrincipalPolicyResult><IsTruncated>false</IsTruncated><EvaluationResults>\
             <member><MatchedStatements><member><SourcePolicyId>x</SourcePolicyId></member></MatchedStatements>\
             <MissingContextValues/><EvalResourceName>arn</EvalResourceName><EvalDecision>allowed</EvalDecision>\
             <EvalActionName>kinesis:PutRecord</EvalActionName></member>\
             <member><EvalActionName>kinesis:PutRecords</EvalActionName><EvalDecision>implicitDeny</EvalDecision>\
             </member></EvaluationResults></SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>";
        let action = |action: &str, allowed| SimulatedAction {
            action: action.to_owned(),
            allowed,
        };
        assert_eq!(
            read(200, answer).unwrap(),
            [
                action("kinesis:PutRecord", true),
                action("kinesis:PutRecords", false)
            ]
        );
    }

    #[test]
    fn a_refusal_is_quoted() {
        let answer = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>\
                      <Message>not authorized</Message></Error></ErrorResponse>";
        for (status, body, text) in [
            (403, answer, "iam answered AccessDenied: not authorized"),
            (502, "<html>", "iam answered HTTP 502: no reason given"),
            (
                200,
                "<a/>",
                "iam did not answer: its answer has no decision",
            ),
            (200, "\0", "iam did not answer: its answer has no decision"),
        ] {
            assert_eq!(read(status, body).unwrap_err().to_string(), text);
        }
    }

    #[test]
    fn each_partition_has_an_address() {
        for partition in ["aws", "aws-cn", "aws-us-gov"] {
            let (url, region) = address(partition);
            assert!(EndpointUrl::new(url).is_ok() && !region.is_empty());
        }
    }
}
