//! The commands of `muster`, one file each.

mod approve;
mod ask;
mod aws_policy;
mod backup;
mod build;
mod check;
pub(crate) mod compile_rule;
mod completions;
mod dead_letters;
pub(crate) mod deliver;
pub(crate) mod destination;
mod explain;
mod fmt;
mod forget;
mod history;
mod import;
mod init;
mod lock;
mod man;
mod members;
mod plan;
mod prune;
pub(crate) mod reconcile;
mod reject;
mod rule;
mod run;
mod schema;
mod source;
mod status;
mod sync;
mod test;

use clap::Subcommand;

use crate::output::Output;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Init(init::InitCommand),
    Check(check::CheckCommand),
    Build(build::BuildCommand),
    Import(import::ImportCommand),
    Plan(plan::PlanCommand),
    Run(run::RunCommand),
    Status(status::StatusCommand),
    Destination(destination::DestinationCommand),
    Source(source::SourceCommand),
    History(history::HistoryCommand),
    Members(members::MembersCommand),
    Sync(sync::SyncCommand),
    Approve(approve::ApproveCommand),
    Reconcile(reconcile::ReconcileCommand),
    Reject(reject::RejectCommand),
    Forget(forget::ForgetCommand),
    DeadLetters(dead_letters::DeadLettersCommand),
    Prune(prune::PruneCommand),
    Backup(backup::BackupCommand),
    Explain(explain::ExplainCommand),
    Test(test::TestCommand),
    Rule(rule::RuleCommand),
    Lock(lock::LockCommand),
    Fmt(fmt::FmtCommand),
    Schema(schema::SchemaCommand),
    Completions(completions::CompletionsCommand),
    Man(man::ManCommand),
    CompileRule(compile_rule::CompileRuleCommand),
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
            Self::Destination(command) => command.run(output),
            Self::Source(command) => command.run(output),
            Self::History(command) => command.run(output),
            Self::Members(command) => command.run(output),
            Self::Sync(command) => command.run(output),
            Self::Approve(command) => command.run(output),
            Self::Reconcile(command) => command.run(output),
            Self::Reject(command) => command.run(output),
            Self::Forget(command) => command.run(output),
            Self::DeadLetters(command) => command.run(output),
            Self::Prune(command) => command.run(output),
            Self::Backup(command) => command.run(output),
            Self::Explain(command) => command.run(output),
            Self::Test(command) => command.run(output),
            Self::Rule(command) => command.run(output),
            Self::Lock(command) => command.run(output),
            Self::Fmt(command) => command.run(output),
            Self::Schema(command) => command.run(output),
            Self::Completions(command) => command.run(output),
            Self::Man(command) => command.run(output),
            Self::CompileRule(command) => command.run(),
        }
    }
}
