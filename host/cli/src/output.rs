//! What people and machines see: text or one JSON document on standard output, progress and errors on standard error.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use anyhow::Context;
use comfy_table::{CellAlignment, Table, presets};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use muster_definition::Diagnostics;
use serde_json::{Value, json};

/// Where a command's words go.
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether machines are told.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// The result of a command: `text` for people, `json` for machines.
    pub(crate) fn result(&self, json: &Value, text: &str) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        let written = if self.json {
            writeln!(out, "{json}")
        } else {
            writeln!(out, "{}", text.trim_end())
        };
        match written {
            // The reader has seen enough (`muster status | head`).
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            written => written.context("standard output cannot be written"),
        }
    }

    /// The result of a command whose standard output carries something else already.
    pub(crate) fn aside(&self, json: &Value, text: &str) {
        if self.json {
            eprintln!("{json}");
        } else {
            eprintln!("{}", text.trim_end());
        }
    }

    /// Diagnostics laid out for where they go.
    pub(crate) fn diagnostics(&self, diagnostics: &Diagnostics) -> String {
        diagnostics.render(!self.json && std::io::stderr().is_terminal())
    }

    /// A remark on the way, for people.
    pub(crate) fn note(&self, text: &str) {
        if !self.json {
            eprintln!("{text}");
        }
    }

    /// An error that ends the command.
    pub(crate) fn error(&self, error: &anyhow::Error) {
        if let (true, Some(Reported(_))) = (self.json, error.downcast_ref()) {
            // The one JSON document was printed.
        } else if self.json {
            println!("{}", json!({ "error": format!("{error:#}") }));
        } else if let Some(diagnostics) = error.downcast_ref::<Rendered>() {
            eprintln!("{}", diagnostics.0.trim_end());
        } else {
            eprintln!("error: {error:#}");
        }
    }

    /// A bar on a terminal for what takes over a second; nothing elsewhere. `unit`: `bytes`, `users`.
    pub(crate) fn progress(&self, what: &str, unit: Unit) -> ProgressBar {
        let shown = !self.json && std::io::stderr().is_terminal();
        let target = if shown {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(None, target);
        let template = match unit {
            Unit::Bytes => "{prefix} {wide_bar} {bytes}/{total_bytes} {msg} {eta}",
            Unit::Count => "{prefix} {wide_bar} {human_pos}/{human_len} {msg} {eta}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_prefix(what.to_owned());
        bar
    }
}

/// What a progress bar counts.
#[derive(Clone, Copy)]
pub(crate) enum Unit {
    Bytes,
    Count,
}

/// An error that is laid out already: diagnostics with their source lines.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Rendered(pub(crate) String);

/// An error that the command's result tells already: machines are not told a second time.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Reported(pub(crate) String);

/// A table; the columns whose heading ends in `>` are numbers and stand to the right.
pub(crate) fn table(headings: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(headings.iter().map(|heading| heading.trim_end_matches('>')));
    for (index, heading) in headings.iter().enumerate() {
        if let (true, Some(column)) = (heading.ends_with('>'), table.column_mut(index)) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.add_rows(rows);
    table
        .lines()
        .map(|line| line.trim_end().to_owned() + "\n")
        .collect()
}

/// A number with thousands separated: 1,234,567.
pub(crate) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count with its noun: `1 message`, `2,000 messages`.
pub(crate) fn count(count: u64, noun: &str) -> String {
    format!(
        "{} {noun}{}",
        number(count),
        if count == 1 { "" } else { "s" }
    )
}

/// Bytes in the unit people read: 1.5 MB.
pub(crate) fn bytes(bytes: u64) -> String {
    indicatif::DecimalBytes(bytes).to_string()
}

/// A duration in the unit people read: 12 ms, 3.4 s.
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
    fn numbers_are_readable() {
        assert_eq!(number(0), "0");
        assert_eq!(number(999), "999");
        assert_eq!(number(1_234_567), "1,234,567");
        assert_eq!(count(1, "message"), "1 message");
        assert_eq!(duration(Duration::from_millis(3400)), "3.4 s");
    }
}
