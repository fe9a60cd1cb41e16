//! Logs on standard error: text for operators, or JSON for programs.

use std::borrow::Cow;
use std::io::{self, Write};

use clap::ValueEnum;
use muster_model::displayed;
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

/// Standard error for one event at a time. What senders wrote in it cannot begin a line of its own,
/// nor change how the rest is shown.
struct LogLines {
    /// Set if the log has colours, whose escapes stay.
    colours: bool,
}

impl Write for LogLines {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = text.trim_end_matches('\n');
        // Colours are escapes themselves; the layer has escaped those of texts.
        let shown = if self.colours {
            let parts = line.split('\u{1b}').map(displayed);
            Cow::Owned(parts.collect::<Vec<_>>().join("\u{1b}"))
        } else {
            displayed(line)
        };
        writeln!(io::stderr().lock(), "{shown}")?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
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
    let lines = tracing_subscriber::fmt::layer();
    let registry = tracing_subscriber::registry().with(filter);
    // A panic is a line of the log like any other fault.
    std::panic::set_hook(Box::new(|panic| tracing::error!("{panic}")));
    // A second call (in tests) has no effect.
    let _ = match format {
        LogFormat::Json => registry
            .with(lines.json().flatten_event(true).with_writer(io::stderr))
            .try_init(),
        LogFormat::Text => registry
            .with(
                lines
                    .with_ansi(colours)
                    .with_target(false)
                    .with_writer(move || LogLines { colours }),
            )
            .try_init(),
    };
}
