//! Errors that end a drain before the outbox is empty.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

use muster_store::StoreError;

use crate::report::DrainReport;

/// A drain that ended early. The outbox still has all messages that were not sent.
#[derive(Debug, thiserror::Error)]
#[error("destination `{destination}`: {}", chain(&**cause))]
pub struct PublishError {
    /// The destination's name.
    pub destination: String,
    /// The report of the drain until its end.
    pub report: DrainReport,
    /// The reason why it ended.
    pub cause: Box<Cause>,
}

/// The reason why a destination accepts no more for now.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// The outbox could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The operating system refused.
    #[error("cannot {action} `{}`", path.display())]
    File {
        /// The action that failed.
        action: &'static str,
        /// The file of the action.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// Standard output accepts no more.
    #[error("cannot write to standard output: {0}")]
    Stdout(io::Error),
    /// The service refused the credentials or lacks a permission for them.
    #[error("{reason}")]
    Denied {
        /// The service and its answer.
        reason: String,
        /// A hint at the settings to check.
        hint: &'static str,
    },
    /// A setting names something that does not exist: no such stream, no region, …
    #[error("{reason}")]
    Misconfigured {
        /// The service and its answer.
        reason: String,
        /// A hint at the settings to check.
        hint: &'static str,
    },
    /// Messages that this destination refused alone. It took no other message, so that it may be at
    /// fault itself.
    #[error("{}", Poisoned(messages))]
    Poison {
        /// The messages, in the order of the outbox, which still has them.
        messages: Vec<PoisonMessage>,
    },
    /// Nothing was delivered for as long as [`crate::DrainOptions::give_up_after`] allows.
    #[error("nothing was delivered for {seconds} s, in {calls} calls; the last error: {reason}")]
    Unavailable {
        /// The error of the last call.
        reason: String,
        /// The number of calls in a row that delivered nothing.
        calls: u32,
        /// The time from the first to the last of these calls, in seconds.
        seconds: u64,
    },
    /// The process is shutting down.
    #[error("the process is shutting down")]
    ShuttingDown,
}

/// A message that a destination refused alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoisonMessage {
    /// The sequence of the message in the outbox.
    pub sequence: u64,
    /// The id of the message.
    pub id: String,
    /// The reason why the destination refuses it.
    pub reason: String,
}

impl Cause {
    /// Returns the kind of the cause as one word, for scripts.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Store(_) => "store",
            Self::File { .. } | Self::Stdout(_) => "io",
            Self::Denied { .. } => "denied",
            Self::Misconfigured { .. } => "misconfigured",
            Self::Poison { .. } => "poison",
            Self::Unavailable { .. } => "unavailable",
            Self::ShuttingDown => "shutting_down",
        }
    }

    /// Returns a hint at the remedy, if there is one.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Denied { hint, .. } | Self::Misconfigured { hint, .. } => Some(hint),
            Self::Poison { .. } => Some(
                "the destination has taken no other message yet, so these stay in the backlog and are tried again; once it takes one, they become dead letters",
            ),
            Self::Unavailable { .. } => Some("the backlog is kept; the next run goes on from here"),
            Self::File { .. } => Some(
                "see that the directory exists, is writable and has space; the backlog is kept",
            ),
            Self::Stdout(_) => {
                Some("the program that reads the output has ended; the backlog is kept")
            }
            Self::Store(_) | Self::ShuttingDown => None,
        }
    }
}

/// The most messages that the text about poison names.
const POISON_NAMED: usize = 3;

struct Poisoned<'a>(&'a [PoisonMessage]);

impl fmt::Display for Poisoned<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, message) in self.0.iter().take(POISON_NAMED).enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(
                f,
                "{separator}message `{}` is not taken: {}",
                message.id, message.reason
            )?;
        }
        match self.0.len().saturating_sub(POISON_NAMED) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

/// Yields an error and its causes, the outermost first.
pub(crate) fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

/// Returns an error and its causes as one text.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    for cause in causes(error) {
        // On one line: the SDK lists the places in which it searched for credentials on several.
        let cause = cause
            .to_string()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        // Some errors of the SDK print their causes themselves.
        if !text.contains(&cause) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&cause);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_each_cause_once() {
        let error = PublishError {
            destination: "growth".to_owned(),
            report: DrainReport::default(),
            cause: Box::new(Cause::File {
                action: "open",
                path: PathBuf::from("out.ndjson"),
                source: io::Error::other("no space is left"),
            }),
        };
        assert_eq!(
            error.to_string(),
            "destination `growth`: cannot open `out.ndjson`: no space is left"
        );
    }

    #[test]
    fn poison_names_a_few_messages_and_counts_the_others() {
        let messages = (1..=5)
            .map(|sequence| PoisonMessage {
                sequence,
                id: format!("run:{sequence}"),
                reason: "too long".to_owned(),
            })
            .collect();
        assert_eq!(
            Cause::Poison { messages }.to_string(),
            "message `run:1` is not taken: too long; message `run:2` is not taken: too long; \
             message `run:3` is not taken: too long; and 2 more"
        );
    }
}
