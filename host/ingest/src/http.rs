//! Events over HTTP, by the vendor's HTTP V2 API: its SDKs work unchanged when they are pointed
//! here.
//!
//! | request | what it is |
//! |---|---|
//! | `POST /2/httpapi` | JSON, `{"api_key": …, "events": […]}` |
//! | `POST /batch` | the same, for larger bodies |
//! | `POST /identify` | operations on user properties, `api_key` and `identification` as a form or as JSON |
//!
//! The API key may also come as the header `X-Api-Key` or as `?api_key=`; then it is checked before
//! the body is read.
//!
//! 200 means that all events of the request are on disk but those that it counts under
//! `events_skipped`; any other answer means that none of them was taken. Requests that wait
//! together share one commit. It speaks plain HTTP/1.1: what is reachable from outside belongs
//! behind a proxy that speaks TLS.

mod answer;
mod body;
mod budget;
mod commit;
mod cross_origin;
mod form;
mod handle;
mod key;
pub mod limits;
mod pace;
mod read;
mod server;
#[cfg(test)]
mod tests;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use muster_model::{EventBuffer, Millis};
use muster_store::Store;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::budget::ByteBudget;
pub use self::key::ApiKey;
use self::limits::ServerLimits;
use self::read::{RequestContext, RequestKind};
use crate::SourceStats;

/// Where to listen, and to whom.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// The address; port 0 is one that is free.
    pub listen: SocketAddr,
    /// Requests with one of these are taken.
    pub api_keys: Vec<ApiKey>,
    /// Connections at a time: [`limits::MAX_CONNECTIONS`], or fewer where the limit of open files
    /// allows fewer.
    pub connections: usize,
}

/// Why HTTP ingestion cannot run.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// Another program has the address.
    #[error(
        "cannot listen on `{listen}`: another program does; stop it, or choose another address"
    )]
    Taken {
        /// The address.
        listen: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on `{listen}`: {source}")]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// There is no key, so every request would be refused.
    #[error("there is no api key, so every request would be refused: set one")]
    NoKey,
    /// The thread that writes to the store is gone.
    #[error(
        "the writer of http events failed unexpectedly: start muster again; what was acknowledged is stored"
    )]
    Writer,
}

/// Begins to listen, so that a taken address is known before anything runs. Must be called within a
/// tokio runtime.
///
/// # Errors
/// When the address is taken, not of this machine, or not allowed.
pub async fn bind(settings: &HttpSettings) -> Result<TcpListener, HttpError> {
    let listen = settings.listen;
    TcpListener::bind(listen)
        .await
        .map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => HttpError::Taken { listen },
            _ => HttpError::Listen { listen, source },
        })
}

/// Reads the body of a request as the server does, without server and store: of `/identify`, or of
/// one with events. `now` is when it came.
///
/// # Errors
/// What the server would answer, as JSON.
pub fn decode_body(
    body: &[u8],
    identify: bool,
    key: &ApiKey,
    now: Millis,
) -> Result<EventBuffer, String> {
    let context = RequestContext {
        kind: match identify {
            true => RequestKind::Identify,
            false => RequestKind::Events,
        },
        known: false,
        now,
    };
    let budget = ByteBudget::new(ServerLimits::default().bytes);
    let mut reservation = budget.reservation(Ipv4Addr::LOCALHOST.into());
    match read::read(
        body,
        &context,
        std::slice::from_ref(key),
        None,
        &mut reservation,
    ) {
        Ok(decoded) => Ok(decoded.buffer),
        Err(refusal) => Err(serde_json::to_string(&refusal).unwrap_or_default()),
    }
}

/// Takes events until it is cancelled. Then it accepts nothing new, ends the requests under way
/// (those that take longer than [`limits::STOP_TIME`] are cut off, unanswered), and returns after
/// the last commit.
///
/// A store that fails is no end: requests are answered with 503 and the reason, which `stats` has
/// too, until it works again.
///
/// # Errors
/// [`HttpError::NoKey`], and [`HttpError::Writer`] if the writing thread panicked.
pub async fn run_http(
    listener: TcpListener,
    store: Store,
    settings: &HttpSettings,
    stats: Arc<SourceStats>,
    cancel: CancellationToken,
) -> Result<(), HttpError> {
    let keys = settings.api_keys.clone();
    let names = Some(store.clone());
    let append =
        Box::new(move |rows: &_| store.append(rows, None).map(|appended| appended.left_out));
    server::run(
        listener,
        (append, names),
        keys,
        ServerLimits {
            connections: settings.connections,
            ..ServerLimits::default()
        },
        stats,
        cancel,
    )
    .await
}
