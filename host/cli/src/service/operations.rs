//! For whoever runs the service: metrics and health over HTTP.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;

use super::group::blocking;
use super::host::Host;

/// What OpenMetrics text is called.
const METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Takes the address.
pub(crate) async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address} for metrics and health (`operations:` in muster.yaml): choose an address that is free")
    })
}

/// Answers until the service stops.
pub(crate) async fn serve(listener: TcpListener, host: Arc<Host>) {
    let stopped = host.stopping.clone();
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
        .with_state(host);
    let serving = axum::serve(listener, router).with_graceful_shutdown(stopped.cancelled_owned());
    if let Err(error) = serving.await {
        tracing::error!("metrics and health are no longer served: {error}");
    }
}

async fn metrics(State(host): State<Arc<Host>>) -> Response {
    let text = blocking(move || host.metrics.text(&host)).await;
    match text {
        Ok(text) => ([(header::CONTENT_TYPE, METRICS)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}\n")).into_response(),
    }
}

/// Ready: what was missed is made up for, every source gets on, and nothing is being shut down.
async fn ready(State(host): State<Arc<Host>>) -> Response {
    let mut reasons = Vec::new();
    if host.stopping.is_cancelled() {
        reasons.push("stopping".to_owned());
    }
    if !host.live().caught_up {
        reasons.push("cohorts are being computed for the first time, or made up for".to_owned());
    }
    for (name, stats) in &host.sources {
        reasons.extend(
            stats
                .trouble()
                .map(|trouble| format!("source {name}: {trouble}")),
        );
    }
    if reasons.is_empty() {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, reasons.join("\n") + "\n").into_response()
    }
}
