//! `muster source`: what a source needs in AWS.

use std::path::PathBuf;

use anyhow::bail;
use clap::{Args, Subcommand};
use muster_aws::Access;
use muster_project::config::SourceConfig;

use crate::commands::aws_policy::PolicyOptions;
use crate::load;
use crate::output::Output;

/// Set up a source
#[derive(Debug, Args)]
pub(crate) struct SourceCommand {
    #[command(subcommand)]
    command: SourceChore,
}

#[derive(Debug, Subcommand)]
enum SourceChore {
    Policy(SourcePolicyCommand),
}

/// Print the AWS role and policies that a Kinesis source needs
///
/// The role trusts Muster's identity under an external id, which is made anew if muster.yaml has
/// none. It may read the one stream. Nothing is changed, in AWS or here.
#[derive(Debug, Args)]
#[command(after_help = "Example: muster source policy events --format terraform > events.tf")]
struct SourcePolicyCommand {
    /// The stream, by its `stream_name` in muster.yaml or as `muster status` names it
    stream: String,
    #[command(flatten)]
    options: PolicyOptions,
    /// The project's folder
    #[arg(long, value_name = "DIR", default_value = ".")]
    project: PathBuf,
}

impl SourceCommand {
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<()> {
        let SourceChore::Policy(command) = self.command;
        command.run(output)
    }
}

impl SourcePolicyCommand {
    fn run(self, output: &Output) -> anyhow::Result<()> {
        let project = load::load_settings(&self.project, output)?;
        let name = self.stream.strip_prefix("kinesis:").unwrap_or(&self.stream);
        let streams = project
            .config
            .sources
            .iter()
            .filter_map(|source| match source {
                SourceConfig::Kinesis(source) => Some(&source.stream),
                SourceConfig::Files(_) | SourceConfig::Http(_) => None,
            });
        let mut known = streams
            .clone()
            .filter(|stream| stream.stream_name.as_str() == name);
        let Some(stream) = known.next() else {
            let names: Vec<_> = streams.map(|stream| stream.stream_name.as_str()).collect();
            let hint = match names.as_slice() {
                [] => "it has no `kinesis` source".to_owned(),
                names => format!("its `kinesis` sources are {}", names.join(", ")),
            };
            bail!("muster.yaml has no source with the stream `{name}`; {hint}");
        };
        self.options.print(name, stream, Access::Read, output)
    }
}
