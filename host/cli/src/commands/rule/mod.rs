//! `muster rule`: makes, builds, inspects and measures hand-written rules.

mod bench;
mod build;
mod generate;
mod inspect;
mod language;
mod load;
mod new;
mod template;

use clap::{Args, Subcommand};

use crate::output::Output;

/// Make, build, inspect and measure rules written by hand
#[derive(Debug, Args)]
pub(crate) struct RuleCommand {
    #[command(subcommand)]
    command: RuleSubcommand,
}

#[derive(Debug, Subcommand)]
enum RuleSubcommand {
    New(new::NewCommand),
    Build(build::BuildRuleCommand),
    Inspect(inspect::InspectCommand),
    Bench(bench::BenchCommand),
}

impl RuleCommand {
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<()> {
        match self.command {
            RuleSubcommand::New(command) => command.run(output),
            RuleSubcommand::Build(command) => command.run(output),
            RuleSubcommand::Inspect(command) => command.run(output),
            RuleSubcommand::Bench(command) => command.run(output),
        }
    }
}
