//! `muster prune`: drops events that are older than the retention.

use std::path::PathBuf;

use clap::Args;
use muster_model::count;
use muster_service::api::PruneRequest;
use muster_service::logs::refused_prune;
use muster_service::requests;

use crate::commands::ask;
use crate::output::Output;

/// Drop the events that are older than `retention:`
#[derive(Debug, Args)]
#[command(
    after_help = "The service does this every hour. It refuses to drop more than a fifth of all events at once, because a wrong clock \
                  could be the reason; `muster status` shows the refusal. With --anyway the events are dropped. Files whose events were \
                  dropped can be imported again with `muster import --again`."
)]
pub(crate) struct PruneCommand {
    /// The project's folder
    #[arg(default_value = ".")]
    project: PathBuf,
    /// Drop the events even if they are more than a fifth of all
    #[arg(long)]
    anyway: bool,
}

impl PruneCommand {
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<()> {
        let anyway = self.anyway;
        let answer = ask::ask(
            &self.project,
            output,
            |client| client.prune(&PruneRequest { anyway }),
            |project, store, _| {
                requests::may_prune(&project.config, project.config.clock.is_none())?;
                Ok(requests::prune(store, anyway, &|| false)?)
            },
        )?;
        let answer = answer.answer;
        if let Some(refused) = &answer.refused {
            anyhow::bail!("{}", refused_prune(refused));
        }
        let text = format!("dropped {}", count(answer.dropped, "event"));
        output.result(&answer, &text)
    }
}
