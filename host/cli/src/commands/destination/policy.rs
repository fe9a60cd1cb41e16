//! `muster destination policy`: the role and the policies that a Kinesis destination needs.

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use muster_aws::Access;
use muster_publish::Destination;

use super::check::destination;
use crate::commands::aws_policy::PolicyOptions;
use crate::load;
use crate::output::Output;

/// Print the AWS role and policies that a destination needs
///
/// The role trusts Muster's identity under an external id, which is made anew if muster.yaml has
/// none. It may write to the one stream and simulate its own permissions. Nothing is changed, in
/// AWS or here.
#[derive(Debug, Args)]
#[command(
    after_help = "Then set `role_arn` and `external_id` of the destination, and run `muster destination check`.\n\n\
                  Example: muster destination policy growth --format cloudformation > growth.yaml"
)]
pub(crate) struct DestinationPolicyCommand {
    /// The destination, by its name in muster.yaml
    name: String,
    #[command(flatten)]
    options: PolicyOptions,
    /// The project's folder
    #[arg(long, value_name = "DIR", default_value = ".")]
    project: PathBuf,
}

impl DestinationPolicyCommand {
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<()> {
        let project = load::load_settings(&self.project, output)?;
        let Destination::Kinesis(stream) = destination(&project, &self.name)? else {
            bail!(
                "destination `{}` is no Kinesis stream, so it needs no role",
                self.name
            );
        };
        self.options
            .print(&self.name, &stream, Access::Write, output)
    }
}
