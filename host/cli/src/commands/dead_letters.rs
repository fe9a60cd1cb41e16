//! `muster dead-letters`: messages that a destination will never accept.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use muster_model::{count, number};
use muster_service::api::{DeadLetterSummary, DeadLettersRequest};
use muster_service::{queries, requests};
use serde::Serialize;

use crate::commands::ask;
use crate::load;
use crate::output::{Output, bytes, table};

/// Show, retry or drop messages that no destination takes
#[derive(Debug, Args)]
#[command(
    after_help = "A message becomes a dead letter if its destination will never accept it: it is too large, or it was refused alone while \
                  others were taken. It keeps its id and bytes. `retry` puts it back behind the messages that wait; do that after the \
                  destination's limit was raised, for example. `drop` deletes it: the consumer never gets these entries or exits, \
                  unless `muster reconcile` sends them.\n\n\
                  Example: muster dead-letters show growth 1042"
)]
pub(crate) struct DeadLettersCommand {
    /// The project's folder
    #[arg(long, value_name = "DIR", default_value = ".", global = true)]
    project: PathBuf,
    #[command(subcommand)]
    action: DeadLettersAction,
}

#[derive(Debug, Subcommand)]
enum DeadLettersAction {
    /// List the dead letters of all destinations
    List,
    /// Print the message of a dead letter
    Show {
        /// The destination, by its name in muster.yaml
        destination: String,
        /// The number of the dead letter
        number: u64,
    },
    /// Put dead letters back into the outbox
    Retry(ChosenDeadLetters),
    /// Delete dead letters
    Drop(ChosenDeadLetters),
}

#[derive(Debug, Args)]
struct ChosenDeadLetters {
    /// The destination, by its name in muster.yaml
    destination: String,
    /// The number of the dead letter
    #[arg(required_unless_present = "all")]
    number: Option<u64>,
    /// All dead letters of the destination
    #[arg(long, conflicts_with = "number")]
    all: bool,
}

/// A dead letter with its message, for `--json`.
#[derive(Serialize)]
struct ShownDeadLetter {
    #[serde(flatten)]
    summary: DeadLetterSummary,
    message: String,
}

impl DeadLettersCommand {
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<()> {
        match &self.action {
            DeadLettersAction::List => self.list(output),
            DeadLettersAction::Show {
                destination,
                number,
            } => self.show(destination, *number, output),
            DeadLettersAction::Retry(chosen) => self.handle(chosen, true, output),
            DeadLettersAction::Drop(chosen) => self.handle(chosen, false, output),
        }
    }

    fn list(&self, output: &Output) -> anyhow::Result<()> {
        let project = load::store_only(&self.project, output)?;
        let list = queries::dead_letters(&load::open_snapshot(&project)?)?;
        let row = |letter: &DeadLetterSummary| {
            vec![
                letter.destination.clone(),
                letter.number.to_string(),
                letter.message_id.clone(),
                bytes(letter.bytes),
                letter.first_attempt.to_string(),
                letter.last_attempt.to_string(),
            ]
        };
        let headings = [
            "destination",
            "number>",
            "message",
            "size>",
            "first attempt",
            "last attempt",
        ];
        let mut text = match list.dead_letters.as_slice() {
            [] => "no dead letters".to_owned(),
            letters => table(&headings, letters.iter().map(row).collect()),
        };
        for letter in &list.dead_letters {
            text += &format!(
                "\n{} {}: {}\n",
                letter.destination, letter.number, letter.reason
            );
        }
        if list.more {
            text += &format!(
                "\nthere are more than {}\n",
                number(list.dead_letters.len() as u64)
            );
        }
        output.result(&list, &text)
    }

    fn show(&self, destination: &str, number: u64, output: &Output) -> anyhow::Result<()> {
        let project = load::store_only(&self.project, output)?;
        let found = load::open_snapshot(&project)?.dead_letter(destination, number)?;
        let (letter, body) = found
            .with_context(|| format!("destination `{destination}` has no dead letter {number}"))?;
        let shown = ShownDeadLetter {
            summary: letter.into(),
            message: String::from_utf8_lossy(&body).into_owned(),
        };
        output.result(&shown, &shown.message)
    }

    fn handle(
        &self,
        chosen: &ChosenDeadLetters,
        retry: bool,
        output: &Output,
    ) -> anyhow::Result<()> {
        let request = DeadLettersRequest {
            destination: chosen.destination.clone(),
            number: chosen.number,
        };
        let answer = ask::ask(
            &self.project,
            output,
            |client| match retry {
                true => client.retry_dead_letters(&request),
                false => client.drop_dead_letters(&request),
            },
            |_, store, _| match retry {
                true => Ok(requests::retry_dead_letters(store, &request)?),
                false => Ok(requests::drop_dead_letters(store, &request)?),
            },
        )?;
        let handled = answer.answer;
        let done = if retry { "put back" } else { "dropped" };
        let text = format!("{done} {}", count(handled.handled, "dead letter"));
        output.result(&handled, &text)
    }
}
