//! `muster prune`: drops events that are older than the retention.

use std::path::PathBuf;

use clap::Args;

use crate::commands::ask;
use crate::output::{Output, count};
use crate::output_json::field;
use crate::retention;
use crate::service::control::ControlRequest;

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
        let request = ControlRequest::Prune { anyway };
        let answer = ask::ask(&self.project, &request, output, |project, store, _| {
            retention::may_prune(&project.config, project.config.clock.is_none())?;
            Ok(retention::prune(store, anyway, &|| false)?)
        })?;
        let answer = answer.value;
        if let Some(refused) = retention::refused(field(&answer, "refused")) {
            anyhow::bail!("{refused}");
        }
        let dropped = field(&answer, "dropped").as_u64().unwrap_or_default();
        output.result(&answer, &format!("dropped {}", count(dropped, "event")))
    }
}
