//! `muster schema`: the cohort language for editors.

use clap::Args;

use crate::output::Output;

/// The schema's name in a project, which the definitions of a new project begin with.
pub(super) const FILE: &str = "cohort.schema.json";

/// Print the JSON Schema of cohort definitions, by which an editor completes and checks them
///
/// `muster schema > cohort.schema.json` writes it into a project. A definition in cohorts/ that begins with the line
/// `# yaml-language-server: $schema=../cohort.schema.json` is then completed and checked while it is written.
#[derive(Debug, Args)]
pub(crate) struct Schema {}

impl Schema {
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<()> {
        let text = muster_definition::schema();
        output.result(&serde_json::from_str(&text)?, &text)
    }
}
