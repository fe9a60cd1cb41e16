//! Handles one request, from its head to its answer.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_ENCODING, HeaderValue};
use hyper::http::request;
use hyper::{Method, Request, Response, StatusCode};
use muster_model::Millis;
use muster_store::Store;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::spawn_blocking;

use super::answer::{Refusal, Stored};
use super::body::{self, Receiving};
use super::budget::{ByteBudget, Reservation};
use super::commit::CommitJob;
use super::cross_origin;
use super::key::{self, ApiKey};
use super::legacy;
use super::limits::{MAX_BATCH_BODY, MAX_BODY, ServerLimits};
use super::read::{self, DecodedRequest, RequestContext, RequestKind};
use super::refusals::RefusalWarnings;
use crate::{DecodeContext, SourceStats};

/// The state that all requests share.
pub(super) struct EventServerState {
    pub(super) keys: Vec<ApiKey>,
    /// The store whose limits on names hold.
    pub(super) store: Option<Store>,
    /// Set if user ids that stand for no user are kept.
    pub(super) placeholder_ids: bool,
    pub(super) budget: ByteBudget,
    /// A permit for each request that may be decoded at a time: as many as there are processors.
    /// More threads would not be faster, and each keeps memory of its own.
    pub(super) decoders: Arc<Semaphore>,
    pub(super) queue: mpsc::Sender<CommitJob>,
    pub(super) stats: Arc<SourceStats>,
    pub(super) warnings: RefusalWarnings,
    pub(super) limits: ServerLimits,
}

/// The meaning of a path.
#[derive(Clone, Copy)]
struct Route {
    kind: RequestKind,
    max_body: usize,
}

impl Route {
    /// Returns the meaning of a path; `None` if it has none.
    fn of(path: &str) -> Option<Self> {
        let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty()).collect();
        let (kind, max_body) = match parts.as_slice() {
            ["2", "httpapi"] => (RequestKind::Events, MAX_BODY),
            ["batch"] => (RequestKind::Events, MAX_BATCH_BODY),
            ["identify"] => (RequestKind::Identify, MAX_BODY),
            ["groupidentify"] => (RequestKind::GroupIdentify, MAX_BODY),
            ["usermap"] => (RequestKind::UserMap, MAX_BODY),
            [] | ["httpapi"] => (RequestKind::Legacy, MAX_BODY),
            _ => return None,
        };
        Some(Self { kind, max_body })
    }
}

/// The work to do with a request's body.
#[derive(Clone, Copy)]
struct BodyRequest {
    route: Route,
    packed: bool,
    /// Set if the head had an allowed key.
    known: bool,
}

/// Answers a request of a peer.
pub(super) async fn handle(
    shared: Arc<EventServerState>,
    request: Request<Incoming>,
    peer: IpAddr,
) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    if head.method == Method::OPTIONS {
        return cross_origin::preflight(&head.headers);
    }
    let body = Receiving::new(body, &head, &shared.limits);
    let taken = match wanted(&head, &shared.keys) {
        Ok(wanted) => {
            let reservation = shared.budget.reservation(peer);
            take(&shared, wanted, body, reservation).await
        }
        Err(refusal) => {
            body.drain().await;
            Err(refusal)
        }
    };
    let mut response = match taken {
        Ok(StoredRequest::Form) => legacy::success(),
        Ok(StoredRequest::Stored(stored)) => stored.response(),
        Err(refusal) => {
            shared.stats.refused();
            let (status, error) = (refusal.status().as_u16(), refusal.error());
            let path = head.uri.path();
            tracing::debug!(status, error, path, %peer, "refused over http");
            shared.warnings.refused(&refusal, path);
            let mut response = refusal.response();
            if refusal.status() == StatusCode::REQUEST_TIMEOUT {
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(CONNECTION, close);
            }
            response
        }
    };
    cross_origin::open(&head.headers, response.headers_mut());
    response
}

/// Returns the request that the head makes, by the vendor's paths.
fn wanted(head: &request::Parts, keys: &[ApiKey]) -> Result<BodyRequest, Refusal> {
    let Some(route) = Route::of(head.uri.path()) else {
        let error = "There is nothing at this path: POST to /2/httpapi, /batch or /identify";
        return Err(Refusal::new(StatusCode::NOT_FOUND, error));
    };
    if head.method != Method::POST {
        let error = "Only POST is understood here";
        return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, error));
    }
    let encoding = head.headers.get(CONTENT_ENCODING);
    let encoding = encoding.map_or(&b""[..], HeaderValue::as_bytes);
    let packed = match encoding.to_ascii_lowercase().as_slice() {
        b"" | b"identity" => false,
        b"gzip" | b"x-gzip" => true,
        _ => {
            let error = "Only gzip is understood as `Content-Encoding`";
            return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, error));
        }
    };
    Ok(BodyRequest {
        route,
        packed,
        known: key::check_head(head, keys)?,
    })
}

/// A request that was taken.
enum StoredRequest {
    Stored(Stored),
    /// A form of an old SDK.
    Form,
}

/// Reads, decodes and stores a request.
async fn take(
    shared: &Arc<EventServerState>,
    wanted: BodyRequest,
    body: Receiving,
    mut reservation: Reservation,
) -> Result<StoredRequest, Refusal> {
    let max_body = wanted.route.max_body;
    let body = body.read(max_body, &mut reservation).await?;
    let now = Millis::now();
    let gone = || Refusal::unavailable("muster stops");
    let turn = Arc::clone(&shared.decoders).acquire_owned().await;
    let turn = turn.map_err(|_| gone())?;
    let decoding = Arc::clone(shared);
    let decode = spawn_blocking(move || {
        let read = decode(&decoding, wanted, body, now, reservation);
        drop(turn);
        read
    });
    // Decoding panics on no known body; if it did, only this request would fail.
    let read = decode.await.map_err(|_| {
        let error = "The request could not be read: this is a fault of muster";
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error)
    })??;
    let counts = read.decoded.counts;
    let (done, committed) = oneshot::channel();
    let work = CommitJob {
        decoded: read.decoded,
        reservation: read.reservation,
        done,
    };
    shared.queue.send(work).await.map_err(|_| gone())?;
    match committed.await {
        Ok(Ok(())) if read.is_old_form => Ok(StoredRequest::Form),
        Ok(Ok(())) => Ok(StoredRequest::Stored(Stored::new(&counts, read.size, now))),
        Ok(Err(reason)) => Err(Refusal::unavailable(&reason)),
        Err(_) => Err(gone()),
    }
}

/// A request that was understood.
struct DecodedBody {
    decoded: DecodedRequest,
    /// The bytes that the decoded events hold.
    reservation: Reservation,
    /// The body's size, unpacked, in bytes.
    size: usize,
    /// The body is a form of an old SDK.
    is_old_form: bool,
}

fn decode(
    shared: &EventServerState,
    wanted: BodyRequest,
    mut body: Vec<u8>,
    now: Millis,
    mut reservation: Reservation,
) -> Result<DecodedBody, Refusal> {
    let Route { kind, max_body } = wanted.route;
    if wanted.packed {
        let packed = body.len();
        body = body::unpack(&body, max_body, &mut reservation)?;
        reservation.shrink(packed);
    }
    let size = body.len();
    let context = RequestContext {
        kind,
        known: wanted.known,
        now,
    };
    let events = DecodeContext {
        store: shared.store.as_ref(),
        placeholder_ids: shared.placeholder_ids,
    };
    let text = body::text(&body)?;
    let is_old_form = kind == RequestKind::Legacy && !read::is_object(text);
    let decoded = read::read(text, &context, &shared.keys, &events, &mut reservation)?;
    drop(body);
    reservation.shrink(size);
    Ok(DecodedBody {
        decoded,
        reservation,
        size,
        is_old_form,
    })
}
