//! Answers to requests, in the vendor's words (docs/facts.md, "Event input in the wild"), because
//! its SDKs act on them.

use std::collections::BTreeMap;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderValue};
use hyper::{Response, StatusCode};
use muster_model::Millis;
use serde::Serialize;

use super::limits::{MAX_ERROR, RETRY_AFTER};
use crate::LineCounts;

/// The answer of a request whose events, except skipped ones, are on disk.
#[derive(Debug, Serialize)]
pub(super) struct Stored {
    code: u16,
    /// The events that are on disk. The vendor's SDKs read this number but act only on `code`.
    events_ingested: u64,
    /// The events that were skipped, by reason. The vendor's answer has no such key, and its SDKs
    /// ignore it.
    #[serde(skip_serializing_if = "SkippedEvents::is_nothing")]
    events_skipped: SkippedEvents,
    payload_size_bytes: usize,
    server_upload_time: i64,
}

/// Events that are understood but not kept, by reason. A reason without events is left out.
#[derive(Clone, Copy, Debug, Serialize)]
struct SkippedEvents {
    /// Events that name a device and no user.
    #[serde(skip_serializing_if = "is_zero")]
    anonymous: u64,
    /// Events about a group of users.
    #[serde(skip_serializing_if = "is_zero")]
    groups: u64,
    /// User ids that were to count as others.
    #[serde(skip_serializing_if = "is_zero")]
    mappings: u64,
    #[serde(skip_serializing_if = "is_zero")]
    malformed: u64,
}

impl SkippedEvents {
    fn is_nothing(&self) -> bool {
        self.sum() == 0
    }

    fn sum(&self) -> u64 {
        self.anonymous + self.groups + self.mappings + self.malformed
    }
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The answer of a request of which nothing was taken.
#[derive(Debug, Serialize)]
pub(super) struct Refusal {
    /// The status, which the SDKs read from here.
    code: u16,
    error: String,
    /// A field that all events need and lack: the SDKs give up on all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing_field: Option<&'static str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    events_with_invalid_fields: Indices,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    events_with_missing_fields: Indices,
}

/// The indices of faulty events, by the field at fault. The SDKs give up on these events and send
/// the others again.
pub(super) type Indices = BTreeMap<&'static str, Vec<usize>>;

impl Stored {
    pub(super) fn new(counts: &LineCounts, bytes: usize, now: Millis) -> Self {
        let skipped = SkippedEvents {
            anonymous: counts.anonymous,
            groups: counts.groups,
            mappings: counts.mappings,
            malformed: counts.malformed,
        };
        Self {
            code: StatusCode::OK.as_u16(),
            events_ingested: counts.lines - skipped.sum(),
            events_skipped: skipped,
            payload_size_bytes: bytes,
            server_upload_time: now.0,
        }
    }

    pub(super) fn response(&self) -> Response<Full<Bytes>> {
        json(StatusCode::OK, self)
    }
}

impl Refusal {
    pub(super) fn new(status: StatusCode, error: impl Into<String>) -> Self {
        let mut error = error.into();
        if error.len() > MAX_ERROR {
            error.truncate(error.floor_char_boundary(MAX_ERROR - '…'.len_utf8()));
            error.push('…');
        }
        Self {
            code: status.as_u16(),
            error,
            missing_field: None,
            events_with_invalid_fields: Indices::new(),
            events_with_missing_fields: Indices::new(),
        }
    }

    pub(super) fn bad(error: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error)
    }

    pub(super) fn missing(field: &'static str) -> Self {
        Self {
            missing_field: Some(field),
            ..Self::bad(format!("Request missing required field: `{field}`"))
        }
    }

    /// Refuses a request because some events are faulty; `faults` says which and why.
    pub(super) fn events(invalid: Indices, missing: Indices, faults: &str) -> Self {
        Self {
            events_with_invalid_fields: invalid,
            events_with_missing_fields: missing,
            ..Self::bad(format!(
                "Invalid or missing fields of some events: {faults}"
            ))
        }
    }

    pub(super) fn too_large(error: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, error)
    }

    pub(super) fn overloaded() -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "Too many requests at a time: send this one again later",
        )
    }

    pub(super) fn unavailable(reason: &str) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("Events cannot be stored at the moment: {reason}"),
        )
    }

    pub(super) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    pub(super) fn error(&self) -> &str {
        &self.error
    }

    pub(super) fn response(&self) -> Response<Full<Bytes>> {
        let status = self.status();
        let mut response = json(status, self);
        let headers = response.headers_mut();
        match status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER));
            }
            StatusCode::METHOD_NOT_ALLOWED => {
                headers.insert(header::ALLOW, HeaderValue::from_static("POST, OPTIONS"));
            }
            _ => {}
        }
        response
    }
}

fn json(status: StatusCode, body: &impl Serialize) -> Response<Full<Bytes>> {
    // The body holds numbers, texts and maps of texts, so serialising it cannot fail.
    let body = serde_json::to_vec(body).unwrap_or_default();
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    let value = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, value);
    response
}
