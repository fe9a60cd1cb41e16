//! Receives events over HTTP by the vendor's HTTP V2 API: the vendor's SDKs work unchanged with
//! this server's address.
//!
//! | request | body |
//! |---|---|
//! | `POST /2/httpapi` | JSON, `{"api_key": …, "events": […]}` |
//! | `POST /batch` | the same, for larger bodies |
//! | `POST /identify` | user properties, as form or JSON: `api_key` and `identification` |
//! | `POST /groupidentify` | groups of users, in the same way; they are only counted |
//! | `POST /usermap` | `api_key` and `mapping`, in the same way; they are only counted |
//! | `POST /`, `POST /httpapi` | JSON as for `/2/httpapi`, or a form of an old SDK |
//!
//! Slashes at the end of a path and double slashes say nothing.
//!
//! The API key may also come as the header `X-Api-Key` or as `?api_key=`; then it is checked before
//! the body is read.
//!
//! The answer 200 means that all events of the request are on disk, except those that it counts
//! under `events_skipped`. Any other answer means that none of them was taken. Requests that wait
//! at the same time share one commit. The server speaks plain HTTP/1.1: an address that is
//! reachable from outside needs a proxy that speaks TLS in front.

mod answer;
mod body;
mod budget;
mod commit;
mod cross_origin;
mod event_faults;
mod form;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod handle;
mod json_parts;
mod key;
mod legacy;
pub mod limits;
mod pace;
mod read;
mod refusals;
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
use crate::{DecodeContext, SourceStats};

/// Settings of the HTTP server.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// The address; port 0 chooses a free port.
    pub listen: SocketAddr,
    /// The keys with which requests are accepted.
    pub api_keys: Vec<ApiKey>,
    /// The most connections at a time: [`limits::MAX_CONNECTIONS`], or fewer where the limit of
    /// open files allows fewer.
    pub connections: usize,
    /// Keeps user ids that stand for no user ([`DecodeContext::placeholder_ids`]).
    pub placeholder_ids: bool,
}

/// A reason why HTTP ingestion cannot run.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// Another program listens on the address.
    #[error(
        "cannot listen on `{listen}`: another program does; stop it, or choose another address"
    )]
    Taken {
        /// The address.
        listen: SocketAddr,
    },
    /// The system refuses to listen on the address.
    #[error("cannot listen on `{listen}`")]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// The error of the system.
        source: io::Error,
    },
    /// There is no key, so the server would refuse every request.
    #[error("there is no api key, so every request would be refused: set one")]
    NoKey,
    /// The thread that writes to the store has panicked.
    #[error(
        "the writer of http events failed unexpectedly: start muster again; what was acknowledged is stored"
    )]
    Writer,
}

/// Begins to listen, so that a taken address is reported before anything runs. Must be called
/// within a tokio runtime.
///
/// # Errors
/// When the address is taken, does not belong to this machine, or is not allowed.
pub async fn bind(settings: &HttpSettings) -> Result<TcpListener, HttpError> {
    let listen = settings.listen;
    TcpListener::bind(listen)
        .await
        .map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => HttpError::Taken { listen },
            _ => HttpError::Listen { listen, source },
        })
}

/// Reads the body of a request as the server does, without server and store: a body of `/identify`,
/// or one with events. `now` is the instant at which the request arrived.
///
/// # Errors
/// The answer that the server would give, as JSON.
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
        &DecodeContext::default(),
        &mut reservation,
    ) {
        Ok(decoded) => Ok(decoded.buffer),
        Err(refusal) => Err(serde_json::to_string(&refusal).unwrap_or_default()),
    }
}

/// Receives events until it is cancelled. Then it accepts no new connections, ends the requests
/// under way and returns after the last commit. Requests that take longer than
/// [`limits::STOP_TIME`] are cut off without an answer.
///
/// A store that fails does not end the server. Until the store works again, requests are answered
/// with 503 and the reason, which `stats` also shows.
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
        settings.placeholder_ids,
        ServerLimits {
            connections: settings.connections,
            ..ServerLimits::default()
        },
        stats,
        cancel,
    )
    .await
}
