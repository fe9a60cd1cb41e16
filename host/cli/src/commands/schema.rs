//! `muster schema`: prints the JSON Schemas of cohort definitions and `muster.yaml`.

use clap::Args;
use muster_project::config;
use serde_json::json;

use crate::limits;
use crate::output::Output;

/// The schema's file name in a project. The definitions of a new project name it in their first
/// line.
pub(super) const FILE: &str = "cohort.schema.json";

/// Print the JSON Schema of cohort definitions
///
/// Editors complete and check definitions by this schema. `muster schema > cohort.schema.json`
/// writes it into a project. A definition in cohorts/ then begins with the line `#
/// yaml-language-server: $schema=../cohort.schema.json`. For muster.yaml, use `muster schema
/// --config > muster.schema.json` and `$schema=muster.schema.json`.
#[derive(Debug, Args)]
pub(crate) struct SchemaCommand {
    /// Print the schema of muster.yaml
    #[arg(long)]
    config: bool,
    /// Print the reference of muster.yaml, in Markdown
    #[arg(long, requires = "config")]
    markdown: bool,
    /// Print all limits, in Markdown
    #[arg(long, conflicts_with = "config")]
    limits: bool,
    /// Print the description of the control API (OpenAPI)
    #[arg(long, conflicts_with_all = ["config", "limits"])]
    api: bool,
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
        let text = match (self.api, self.config) {
            (true, _) => muster_service::control::openapi(),
            (false, true) => config::schema(),
            (false, false) => muster_definition::schema(),
        };
        output.result(&serde_json::from_str::<serde_json::Value>(&text)?, &text)
    }
}
