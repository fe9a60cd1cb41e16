//! The output of a command: text or one JSON document on standard output, progress and errors on
//! standard error.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use anstream::AutoStream;
use anyhow::Context;
use comfy_table::{CellAlignment, Table, presets};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use muster_document::Diagnostics;
use muster_model::displayed;
use muster_store::StoreError;
use serde::Serialize;
use serde_json::json;

use crate::faults::FileFault;

/// The output settings of a command.
pub(crate) struct Output {
    json: bool,
    color: Color,
}

/// The choice of colours for diagnostics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Color {
    // Doc comments here would make the help of each command long. `Auto` means: on a terminal that
    // has colours, unless `NO_COLOR` is set.
    #[default]
    Auto,
    Always,
    Never,
}

impl Color {
    /// Returns true if standard error is written in colours (no-color.org, bixense.com/clicolors,
    /// and `TERM=dumb`).
    fn is_on(self) -> bool {
        match self {
            Self::Auto => AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never,
            Self::Always => true,
            Self::Never => false,
        }
    }
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self {
            json,
            color: Color::Auto,
        }
    }

    pub(crate) fn with_color(self, color: Color) -> Self {
        Self { color, ..self }
    }

    /// Returns true if the output is JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Prints the result of a command: `json` with `--json`, else `text`.
    pub(crate) fn result(&self, json: &impl Serialize, text: &str) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        let written = if self.json {
            writeln!(out, "{}", document(json)?)
        } else {
            writeln!(out, "{}", text.trim_end())
        };
        match written {
            // The reader closed the pipe (`muster status | head`).
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            written => written.context("standard output cannot be written"),
        }
    }

    /// Prints the result of a command on standard error, because standard output carries messages.
    pub(crate) fn aside(&self, json: &impl Serialize, text: &str) -> anyhow::Result<()> {
        if self.json {
            print(document(json)?);
        } else {
            print(text.trim_end());
        }
        Ok(())
    }

    /// Returns true if standard error is written in colours.
    pub(crate) fn has_colours(&self) -> bool {
        self.color.is_on()
    }

    /// Renders diagnostics, with colours if standard error has them.
    pub(crate) fn diagnostics(&self, diagnostics: &Diagnostics) -> String {
        diagnostics.render(!self.json && self.has_colours())
    }

    /// Returns diagnostics as an error that ends the command.
    pub(crate) fn refusal(&self, diagnostics: &Diagnostics) -> Rendered {
        Rendered {
            text: self.diagnostics(diagnostics),
            faults: FileFault::all(diagnostics),
        }
    }

    /// Prints a remark on standard error, but not with `--json`.
    pub(crate) fn note(&self, text: &str) {
        if !self.json {
            print(text);
        }
    }

    /// Prints the error that ends the command.
    pub(crate) fn error(&self, error: &anyhow::Error) {
        let rendered = error.downcast_ref::<Rendered>();
        let is_reported = error.is::<Reported>() || error.is::<NotLoaded>();
        if self.json && is_reported {
            // The one JSON document was printed.
        } else if self.json {
            let document = json!({
                "error": format!("{error:#}"),
                "code": code(error),
                "faults": rendered.map_or(&[][..], |rendered| &rendered.faults),
            });
            // If standard output is closed, the error cannot be reported.
            let _ = writeln!(std::io::stdout().lock(), "{document}");
        } else if let Some(rendered) = rendered {
            print(rendered.text.trim_end());
        } else {
            print(format_args!("error: {error:#}"));
        }
    }

    /// Returns a progress bar for long work. It is visible only on a terminal and without `--json`.
    pub(crate) fn progress(&self, what: &str, unit: ProgressUnit) -> ProgressBar {
        let dumb = std::env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
        let shown = !self.json && !dumb && std::io::stderr().is_terminal();
        let target = if shown {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(None, target);
        let template = match unit {
            ProgressUnit::Bytes => "{prefix} {wide_bar} {bytes}/{total_bytes} {msg} {eta}",
            ProgressUnit::Count => "{prefix} {wide_bar} {human_pos}/{human_len} {msg} {eta}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_prefix(what.to_owned());
        bar
    }
}

/// The unit that a progress bar counts.
#[derive(Clone, Copy)]
pub(crate) enum ProgressUnit {
    Bytes,
    Count,
}

/// An error that is rendered already: diagnostics with their source lines ([`Output::refusal`]).
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub(crate) struct Rendered {
    text: String,
    /// The same diagnostics as JSON.
    pub(crate) faults: Vec<FileFault>,
}

/// Returns a JSON document with its keys in alphabetical order.
fn document(json: &impl Serialize) -> anyhow::Result<serde_json::Value> {
    serde_json::to_value(json).context("the answer cannot be written as JSON")
}

/// Returns the kind of an error for `--json`.
fn code(error: &anyhow::Error) -> &'static str {
    let store = error.chain().find_map(|cause| cause.downcast_ref());
    match store {
        _ if error.is::<Rendered>() => "invalid_files",
        Some(StoreError::Locked { .. }) => "store_in_use",
        Some(_) => "store",
        None => "failed",
    }
}

/// Writes a line to standard error. A failure (`2>&1 | true`, `/dev/full`) is ignored, because it
/// cannot be reported.
fn print(line: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// An error that the command's result contains already, so that `--json` prints no second document.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Reported(pub(crate) String);

/// An error that the command's result contains already: files that were to be tested could not be
/// loaded. It has an exit code of its own, so that a build server tells it from failed cases.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NotLoaded(pub(crate) String);

/// Returns the exit code of a command that ends with an error.
pub(crate) fn exit_code(error: &anyhow::Error) -> u8 {
    match error.is::<NotLoaded>() {
        true => 2,
        false => 1,
    }
}

/// Lays out a table. Columns whose heading ends in `>` are numbers and are aligned to the right.
/// Characters of cells that would change how others are shown are escaped.
pub(crate) fn table(headings: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(headings.iter().map(|heading| heading.trim_end_matches('>')));
    for (index, heading) in headings.iter().enumerate() {
        if let (true, Some(column)) = (heading.ends_with('>'), table.column_mut(index)) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let displayed = |cell: String| displayed(&cell).into_owned();
    table.add_rows(
        rows.into_iter()
            .map(|row| row.into_iter().map(displayed).collect::<Vec<_>>()),
    );
    table
        .lines()
        .map(|line| line.trim_end().to_owned() + "\n")
        .collect()
}

/// Formats bytes in a readable unit: 1.5 MB.
pub(crate) fn bytes(bytes: u64) -> String {
    indicatif::DecimalBytes(bytes).to_string()
}

/// Formats a duration in a readable unit: 12 ms, 3.4 s.
pub(crate) fn duration(duration: Duration) -> String {
    if duration < Duration::from_secs(1) {
        format!("{} ms", duration.as_millis())
    } else {
        format!("{:.1} s", duration.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_readable() {
        assert_eq!(duration(Duration::from_millis(3400)), "3.4 s");
    }
}
