//! Why a drain ended before the outbox was empty.

use std::fmt;
use std::io;
use std::path::PathBuf;

use muster_store::StoreError;

use crate::report::DrainReport;

/// A drain that ended early. What was not sent is in the outbox still.
#[derive(Debug, thiserror::Error)]
#[error("destination `{destination}`: {cause}")]
pub struct PublishError {
    /// The destination's name.
    pub destination: String,
    /// How far the drain came.
    pub report: DrainReport,
    /// Why it ended.
    pub cause: Box<Cause>,
}

/// Why a destination takes no more for now.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// The outbox could not be read or written.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The operating system refused.
    #[error("cannot {action} `{}`: {source}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Standard output takes no more.
    #[error("cannot write to standard output: {0}")]
    Stdout(io::Error),
    /// The other side knows us and says no, or does not know us.
    #[error("{reason}")]
    Denied {
        /// Who said what.
        reason: String,
        /// What to look at.
        hint: &'static str,
    },
    /// A setting leads nowhere: no such stream, no region, …
    #[error("{reason}")]
    Misconfigured {
        /// Who said what.
        reason: String,
        /// What to look at.
        hint: &'static str,
    },
    /// Messages that this destination will never take as they are. All others were sent.
    #[error("{}", Poisoned(messages))]
    Poison {
        /// The messages, by their place in the outbox; they are in it still.
        messages: Vec<PoisonMessage>,
    },
    /// Nothing got through for as long as [`crate::DrainOptions::patience`] allows.
    #[error("nothing got through for {seconds} s, in {calls} calls; the last time: {reason}")]
    Unavailable {
        /// What the last call ran into.
        reason: String,
        /// Calls in a row of which no message got through.
        calls: u32,
        /// Time from the first to the last of them, in seconds.
        seconds: u64,
    },
    /// The process is shutting down.
    #[error("the process is shutting down")]
    ShuttingDown,
}

/// A message that a destination will never take as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoisonMessage {
    /// Its place in the outbox.
    pub sequence: u64,
    /// Its id.
    pub id: String,
    /// Why it is not taken.
    pub reason: String,
}

impl Cause {
    /// One word for scripts.
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

    /// What to do about it, where there is something to do.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Denied { hint, .. } | Self::Misconfigured { hint, .. } => Some(hint),
            Self::Poison { .. } => Some(
                "these messages stay in the backlog and are tried again each time; all others were sent",
            ),
            Self::Unavailable { .. } => Some("the backlog is kept; the next run goes on from here"),
            Self::File { .. } => Some(
                "see that the directory exists, is writable and has space; the backlog is kept",
            ),
            Self::Stdout(_) => Some("whatever reads the output has gone; the backlog is kept"),
            Self::Store(_) | Self::ShuttingDown => None,
        }
    }
}

/// How many messages a text about poison names.
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

#[cfg(test)]
mod tests {
    use super::*;

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
