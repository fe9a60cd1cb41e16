//! The commands, one file each.

mod build;
mod check;
mod deliver;
mod explain;
mod fmt;
mod import;
mod init;
mod plan;
mod run;
mod schema;
mod status;
mod test;

use clap::Subcommand;

use crate::output::Output;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Init(init::Init),
    Check(check::Check),
    Build(build::Build),
    Import(import::Import),
    Plan(plan::Plan),
    Run(run::Run),
    Status(status::Status),
    Explain(explain::Explain),
    Test(test::Test),
    Fmt(fmt::Fmt),
    Schema(schema::Schema),
}

impl Command {
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<()> {
        match self {
            Self::Init(command) => command.run(output),
            Self::Check(command) => command.run(output),
            Self::Build(command) => command.run(output),
            Self::Import(command) => command.run(output),
            Self::Plan(command) => command.run(output),
            Self::Run(command) => command.run(output),
            Self::Status(command) => command.run(output),
            Self::Explain(command) => command.run(output),
            Self::Test(command) => command.run(output),
            Self::Fmt(command) => command.run(output),
            Self::Schema(command) => command.run(output),
        }
    }
}
