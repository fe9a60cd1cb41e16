//! Requests, as the fake received them.

use std::borrow::Cow;
use std::time::Instant;

use bytes::Bytes;
use hyper::http::HeaderMap;

/// The service of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Api {
    /// JSON.
    Kinesis,
    /// Forms, answered in XML.
    Sts,
    /// As STS.
    Iam,
}

/// A request.
#[derive(Clone, Debug)]
pub struct ReceivedCall {
    /// `PutRecords`, `AssumeRole`, …
    pub action: String,
    /// The access key with which the request was signed.
    pub key: String,
    /// The token of the session.
    pub token: Option<String>,
    /// The body.
    pub body: Bytes,
    /// The instant at which it arrived.
    pub at: Instant,
    pub(crate) api: Api,
}

impl ReceivedCall {
    /// Reads a request. Returns `None` if it is for no known service.
    pub(crate) fn read(headers: &HeaderMap, body: Bytes) -> Option<Self> {
        let header = |name: &str| headers.get(name)?.to_str().ok();
        let authorization = header("authorization").unwrap_or_default();
        let mut scope = authorization
            .split_once("Credential=")
            .map_or("", |(_, rest)| rest)
            .split([',', ' '])
            .next()?
            .split('/');
        let key = scope.next().unwrap_or_default().to_owned();
        let service = scope.nth(2).unwrap_or_default();
        let mut call = Self {
            action: String::new(),
            key,
            token: header("x-amz-security-token").map(str::to_owned),
            body,
            at: Instant::now(),
            api: Api::Kinesis,
        };
        if let Some(target) = header("x-amz-target") {
            call.action = target.split_once('.')?.1.to_owned();
        } else {
            call.action = call.field("Action")?;
            call.api = match service {
                "iam" => Api::Iam,
                _ => Api::Sts,
            };
        }
        Some(call)
    }

    /// Returns a field of a form (STS, IAM).
    pub fn field(&self, name: &str) -> Option<String> {
        let mut fields = form_urlencoded::parse(&self.body);
        fields
            .find(|(key, _)| key == name)
            .map(|(_, value)| Cow::into_owned(value))
    }

    /// Returns the values of `name.member.1`, `name.member.2`, … of a form.
    pub(crate) fn members(&self, name: &str) -> Vec<String> {
        let prefix = format!("{name}.member.");
        let fields = form_urlencoded::parse(&self.body);
        let members = fields.filter(|(key, _)| key.starts_with(&prefix));
        members.map(|(_, value)| Cow::into_owned(value)).collect()
    }
}
