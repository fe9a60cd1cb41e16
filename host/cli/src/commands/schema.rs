//! `muster schema`: the cohort language and `muster.yaml` for editors.

use clap::Args;
use serde_json::json;

use crate::config;
use crate::limits;
use crate::output::Output;

/// The schema's name in a project, which the definitions of a new project begin with.
pub(super) const FILE: &str = "cohort.schema.json";

/// Print the JSON Schema of cohort definitions, by which an editor completes and checks them
///
/// `muster schema > cohort.schema.json` writes it into a project. A definition in cohorts/ that
/// begins with the line `# yaml-language-server: $schema=../cohort.schema.json` is then completed
/// and checked while it is written. The same goes for muster.yaml with `muster schema --config >
/// muster.schema.json` and `$schema=muster.schema.json`.
#[derive(Debug, Args)]
pub(crate) struct SchemaCommand {
    /// Print that of muster.yaml
    #[arg(long)]
    config: bool,
    /// Print the reference for people, in Markdown
    #[arg(long, requires = "config")]
    markdown: bool,
    /// Print all limits, in Markdown
    #[arg(long, conflicts_with = "config")]
    limits: bool,
}

impl SchemaCommand {
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<()> {
        if self.markdown || self.limits {
            let text = match self.limits {
                true => limits::page(),
                false => config::reference(),
            };
            return output.result(&json!({ "markdown": text }), &text);
        }
        let text = match self.config {
            true => config::schema(),
            false => muster_definition::schema(),
        };
        output.result(&serde_json::from_str(&text)?, &text)
    }
}
