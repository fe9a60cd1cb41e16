//! `muster build`: writes the compiled modules to files.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use muster_model::count;
use muster_project::modules;
use serde_json::json;

use crate::load;
use crate::output::{Output, bytes};

/// Compile the definitions and write the modules to files
///
/// The modules are WebAssembly components of the world in wit/cohort.wit.
#[derive(Debug, Args)]
pub(crate) struct BuildCommand {
    /// The project's folder
    #[arg(default_value = ".")]
    project: PathBuf,
    /// The folder to write to; by default `build` in the project's folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl BuildCommand {
    pub(crate) fn run(self, output: &Output) -> anyhow::Result<()> {
        let project = load::load(&self.project, output)?;
        let out = self.out.unwrap_or_else(|| project.directory.join("build"));
        std::fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
        let (mut modules, mut text) = (Vec::new(), String::new());
        let mut compiled = Vec::new();
        for (cadence, group) in modules::compile_all(&project) {
            let all = group.all()?.into_iter();
            compiled.extend(all.map(|module| (cadence.clone(), module)));
        }
        for (number, (cadence, module)) in compiled.into_iter().enumerate() {
            let path = out.join(format!("cohorts-{number}.wasm"));
            std::fs::write(&path, &module.wasm)
                .with_context(|| format!("cannot write {}", path.display()))?;
            let (size, cohorts) = (module.wasm.len() as u64, module.cohorts.len() as u64);
            text += &format!(
                "{}: {}, {}, {}\n",
                path.display(),
                count(cohorts, "cohort"),
                cadence.cadence,
                bytes(size)
            );
            let ids: Vec<_> = module.cohorts.iter().map(ToString::to_string).collect();
            modules.push(json!({ "path": path, "bytes": size, "cohorts": ids, "cadence": cadence.cadence.to_string() }));
        }
        if modules.is_empty() {
            text.push_str("no cohort has a `where:` to compile");
        }
        output.result(&json!({ "modules": modules }), &text)
    }
}
