//! `muster destination check`: whether messages can be delivered, step by step.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use muster_document::closest;
use muster_project::Project;
use muster_project::destinations::region;
use muster_publish::{CheckOptions, CheckState, CheckStep, Destination, check};
use serde::Serialize;

use crate::load;
use crate::output::{Output, Reported};

/// Check step by step whether messages reach a destination
///
/// The steps for a Kinesis stream: its region; the credentials and whose they are; the role; that
/// the role refuses a wrong external id; what IAM says of its permissions; a dry run.
#[derive(Debug, Args)]
#[command(
    after_help = "Nothing is written, except with --send-test: a message of the usual form without users, of the cohort `muster-test`.\n\n\
                  Example: muster destination check growth --send-test"
)]
pub(crate) struct DestinationCheckCommand {
    /// The destination, by its name in muster.yaml
    name: String,
    /// Write one marked message to the stream
    #[arg(long)]
    send_test: bool,
    /// The project's folder
    #[arg(long, value_name = "DIR", default_value = ".")]
    project: PathBuf,
}

impl DestinationCheckCommand {
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<()> {
        let project = load::load_settings(&self.project, output)?;
        let destination = destination(&project, &self.name)?;
        let options = CheckOptions {
            send_test: self.send_test,
            ..CheckOptions::default()
        };
        let checked = checked(&[(self.name, destination)], &options)?;
        let text: String = checked.iter().map(CheckedDestination::text).collect();
        match checked.first() {
            Some(one) => output.result(one, &text)?,
            None => bail!("no destination was checked"),
        }
        refuse(&checked)
    }
}

/// A destination and what a check of it found.
#[derive(Debug, Serialize)]
pub(crate) struct CheckedDestination {
    destination: String,
    address: String,
    ok: bool,
    steps: Vec<CheckStep>,
}

/// Checks destinations, one after another.
pub(crate) fn checked(
    destinations: &[(String, Destination)],
    options: &CheckOptions,
) -> anyhow::Result<Vec<CheckedDestination>> {
    let region = region(&load::environment);
    let runtime = tokio::runtime::Runtime::new().context("cannot start the network's threads")?;
    let check = async |(name, destination): &(String, Destination)| {
        let steps = check(name, destination, options).await;
        CheckedDestination {
            destination: name.clone(),
            address: destination.address(region.as_deref().unwrap_or("default")),
            ok: steps.iter().all(|step| step.state != CheckState::Failed),
            steps,
        }
    };
    Ok(runtime.block_on(async {
        let mut checked = Vec::new();
        for destination in destinations {
            checked.push(check(destination).await);
        }
        checked
    }))
}

/// Returns an error if a check failed. The result has shown why.
pub(crate) fn refuse(checked: &[CheckedDestination]) -> anyhow::Result<()> {
    let failed: Vec<_> = checked
        .iter()
        .filter(|destination| !destination.ok)
        .map(|destination| format!("`{}`", destination.destination))
        .collect();
    if failed.is_empty() {
        return Ok(());
    }
    Err(Reported(format!("no message would reach {}", failed.join(", "))).into())
}

impl CheckedDestination {
    pub(crate) fn text(&self) -> String {
        let mut text = format!("{}: {}\n", self.destination, self.address);
        for step in &self.steps {
            let mark = match step.state {
                CheckState::Ok => '✓',
                CheckState::Warning => '!',
                CheckState::Failed => '✗',
                CheckState::Skipped => '-',
            };
            text += &format!("  {mark} {}: {}\n", step.step.replace('_', " "), step.text);
            if let Some(hint) = &step.hint {
                text += &format!("      {hint}\n");
            }
        }
        text
    }
}

/// Returns a destination by its name.
pub(crate) fn destination(project: &Project, name: &str) -> anyhow::Result<Destination> {
    let mut all = project.destinations();
    if let Some(at) = all.iter().position(|(known, _)| known == name) {
        return Ok(all.swap_remove(at).1);
    }
    let names = all.iter().map(|(name, _)| name.as_str());
    let hint = match closest(name, names.clone()) {
        Some(meant) => format!("; did you mean `{meant}`?"),
        None if all.is_empty() => "; it has no destinations".to_owned(),
        None => format!(
            "; its destinations are {}",
            names.collect::<Vec<_>>().join(", ")
        ),
    };
    bail!("muster.yaml has no destination `{name}`{hint}")
}
