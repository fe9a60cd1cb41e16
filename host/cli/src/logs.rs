//! Logs on standard error: text for operators, or JSON for programs.

use clap::ValueEnum;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// The format of logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// A line of text
    Text,
    /// A JSON object a line
    Json,
}

/// Begins to log. Other crates log only warnings and errors.
pub(crate) fn begin(format: LogFormat, level: Level, colours: bool) {
    let ours = [
        "muster",
        "muster_service",
        "muster_engine",
        "muster_ingest",
        "muster_publish",
        "muster_store",
        "muster_aws",
    ];
    let filter = Targets::new()
        .with_default(level.min(Level::WARN))
        .with_targets(ours.map(|target| (target, level)));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry().with(filter);
    // A panic is a line of the log like any other fault.
    std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
    // A second call (in tests) has no effect.
    let _ = match format {
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init(),
        LogFormat::Text => registry
            .with(lines.with_ansi(colours).with_target(false))
            .try_init(),
    };
}
