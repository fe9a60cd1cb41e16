//! Lets pages of other origins send events (CORS). The API key, not the origin, decides who may
//! send.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, HeaderMap, HeaderValue, ORIGIN, VARY,
};
use hyper::{Response, StatusCode};

/// Lets the page that sent the request read its answer.
///
/// The answer names the page's origin; `*` stands only for a request without one. `sendBeacon` and
/// `fetch` with `credentials: "include"` send cookies along, and then browsers do not accept `*`.
/// The server ignores cookies.
pub(super) fn open(context: &HeaderMap, answer: &mut HeaderMap) {
    let any = HeaderValue::from_static("*");
    let origin = context.get(ORIGIN);
    if origin.is_some() {
        let yes = HeaderValue::from_static("true");
        answer.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
    }
    answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.cloned().unwrap_or(any));
    let exposed = HeaderValue::from_static("Retry-After");
    answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    answer.insert(VARY, HeaderValue::from_static("Origin"));
}

/// Returns the answer to a browser that asks whether a page may send its request.
pub(super) fn preflight(context: &HeaderMap) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let answer = response.headers_mut();
    open(context, answer);
    let any = HeaderValue::from_static("*");
    // Headers are named, because `*` does not stand for headers of a request with cookies.
    let headers = context.get(ACCESS_CONTROL_REQUEST_HEADERS).cloned();
    answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, headers.unwrap_or(any));
    for (name, value) in [
        (ACCESS_CONTROL_ALLOW_METHODS, "POST, OPTIONS"),
        (ACCESS_CONTROL_MAX_AGE, "86400"),
        (VARY, "Origin, Access-Control-Request-Headers"),
    ] {
        answer.insert(name, HeaderValue::from_static(value));
    }
    response
}
