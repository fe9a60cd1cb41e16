//! Tests of every answer, every limit and every fault, over real connections.

mod answers;
mod bounds;
mod client;
mod cross_origin;
mod faults;
mod head;
mod random;
mod sdk;
mod sharing;
mod together;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use muster_model::{EventBuffer, Scalar, Value};
use muster_store::StoreError;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::budget::Shares;
use super::commit::Append;
use super::limits::ServerLimits;
use super::*;

const KEY: &str = "the-api-key";

/// A server that keeps its rows in a list.
struct EventServer {
    address: SocketAddr,
    rows: Arc<Mutex<Vec<String>>>,
    stats: Arc<SourceStats>,
    cancel: CancellationToken,
    running: JoinHandle<Result<(), HttpError>>,
}

impl EventServer {
    async fn start() -> Self {
        Self::with(ServerLimits::default(), |_| Ok(())).await
    }

    /// Starts a server with the limits on names of a store.
    async fn of_store(store: muster_store::Store) -> Self {
        Self::new(ServerLimits::default(), Some(store), |_| Ok(())).await
    }

    /// Starts a server. `before` is called with the rows of each commit before they are kept, and
    /// may fail or be slow.
    async fn with(
        limits: ServerLimits,
        before: impl FnMut(&EventBuffer) -> Result<(), StoreError> + Send + 'static,
    ) -> Self {
        Self::new(limits, None, before).await
    }

    async fn new(
        limits: ServerLimits,
        store: Option<muster_store::Store>,
        mut before: impl FnMut(&EventBuffer) -> Result<(), StoreError> + Send + 'static,
    ) -> Self {
        let rows = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&rows);
        let append: Append = Box::new(move |buffer| {
            before(buffer)?;
            kept.lock().unwrap().extend(dump(buffer));
            Ok(0)
        });
        let settings = HttpSettings {
            listen: "127.0.0.1:0".parse().unwrap(),
            api_keys: vec![ApiKey::new("another"), ApiKey::new(KEY)],
            connections: limits.connections,
            placeholder_ids: false,
        };
        let listener = bind(&settings).await.unwrap();
        let (stats, cancel) = (Arc::new(SourceStats::default()), CancellationToken::new());
        Self {
            address: listener.local_addr().unwrap(),
            rows,
            stats: Arc::clone(&stats),
            cancel: cancel.clone(),
            running: tokio::spawn(server::run(
                listener,
                (append, store),
                settings.api_keys,
                settings.placeholder_ids,
                limits,
                stats,
                cancel,
            )),
        }
    }

    fn rows(&self) -> Vec<String> {
        self.rows.lock().unwrap().clone()
    }

    /// Stops the server and returns the rows that it stored.
    async fn stop(self) -> Vec<String> {
        self.cancel.cancel();
        self.running.await.unwrap().unwrap();
        Arc::into_inner(self.rows).unwrap().into_inner().unwrap()
    }
}

fn dump(buffer: &EventBuffer) -> Vec<String> {
    let show = |value: &Value| match value {
        Value::One(Scalar::Text(text)) => text.to_string(),
        Value::One(one) => one.canonical_text().into_owned(),
        Value::List(list) => format!("{list:?}"),
    };
    let events = buffer.events().map(|event| {
        let properties = event
            .properties()
            .map(|property| format!(" {}={}", property.name, show(&property.value.to_value())));
        let properties: String = properties.collect();
        format!("{} {}{properties}", event.user, event.name)
    });
    let operations = buffer.operations().map(|operation| {
        let value = operation.value.map(|value| show(&value.to_value()));
        let (key, value) = (operation.operator.key(), value.unwrap_or_default());
        format!("{} {key} {}={value}", operation.user, operation.property)
    });
    events.chain(operations).collect()
}

/// Returns a byte budget without shares.
fn bytes(all: usize) -> Shares {
    Shares {
        all,
        for_small: 0,
        small: 0,
        of_peer: all,
    }
}

/// Returns a request with these events.
fn body(events: &serde_json::Value) -> String {
    serde_json::json!({"api_key": KEY, "events": events}).to_string()
}

/// Returns a view event of a user.
fn view(user: &str) -> serde_json::Value {
    serde_json::json!({"user_id": user, "event_type": "View", "time": 1_700_000_000_000_i64})
}

/// Waits until a condition holds that other tasks bring about.
async fn until(mut come: impl FnMut() -> bool) {
    while !come() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
