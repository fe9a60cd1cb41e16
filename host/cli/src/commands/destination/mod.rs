//! `muster destination`: what a destination needs in AWS, and whether messages reach it.

pub(crate) mod check;
mod policy;

use clap::{Args, Subcommand};

use crate::output::Output;

/// Set up and check a destination
#[derive(Debug, Args)]
pub(crate) struct DestinationCommand {
    #[command(subcommand)]
    command: DestinationChore,
}

#[derive(Debug, Subcommand)]
enum DestinationChore {
    Check(check::DestinationCheckCommand),
    Policy(policy::DestinationPolicyCommand),
}

impl DestinationCommand {
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<()> {
        match self.command {
            DestinationChore::Check(command) => command.run(output),
            DestinationChore::Policy(command) => command.run(output),
        }
    }
}
