//! A watch on the definition files: changed definitions are read, compiled and then activated.

use std::sync::Arc;
use std::time::Duration;

use muster_project::{FileFingerprints, LoadedModule, Project, config, modules, rule_warnings};
use muster_sandbox::Compile;
use muster_tasks::blocking;
use tokio::sync::Notify;

use super::active::DefinitionFaults;
use super::logs;
use super::service::Service;

/// The time between two checks of the files. A change is noticed within two checks, because it has
/// to be complete: an editor may write a file in pieces.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Checks the files and waits for reload requests until the service stops. Each comparison uses the
/// fingerprints from before the files were read, so an edit during a reload or a start is noticed.
pub(super) async fn watch(service: Arc<Service>, reload: Arc<Notify>) {
    let state = Arc::clone(&service.state);
    let mut known = service.project();
    let mut last = known.fingerprints.clone();
    loop {
        let requested = tokio::select! {
            () = state.shutdown.begun() => return,
            () = reload.notified() => true,
            () = tokio::time::sleep(CHECK_INTERVAL) => false,
        };
        let now = fingerprints(&known).await;
        let over = now == last && now != known.fingerprints;
        last.clone_from(&now);
        if requested || over {
            let settings = state.directory.join(config::FILE);
            if now.of(&settings) != known.fingerprints.of(&settings) {
                tracing::warn!(
                    "{} changed: sources, destinations and settings take effect at the next start",
                    config::FILE
                );
            }
            known = tokio::select! {
                // Compilation may take longer than the end of the service may.
                () = state.shutdown.begun() => return,
                read = read(&service) => read,
            };
            last.clone_from(&known.fingerprints);
        }
    }
}

async fn fingerprints(project: &Arc<Project>) -> FileFingerprints {
    let project = Arc::clone(project);
    blocking(move || project.fingerprint_again()).await
}

/// Reads and compiles all definitions, and activates them. If there is a fault, the earlier
/// definitions stay active. Returns the project that was read.
async fn read(service: &Arc<Service>) -> Arc<Project> {
    let old = service.project();
    let compile = service.compile.clone();
    let (project, loaded) = blocking(move || {
        let project = old.reload();
        let loaded = load(&project, compile);
        (Arc::new(project), loaded)
    })
    .await;
    match loaded {
        Ok(loaded) => {
            let cohorts = project.definitions.len();
            tracing::info!(cohorts, "definitions read again");
            service.state.active().definitions = None;
            service.activate(Arc::clone(&project), loaded).await;
        }
        Err(faults) => {
            tracing::error!(
                "the definitions on disk are wrong; the earlier definitions stay active:\n{}",
                faults.text
            );
            service.state.active().definitions = Some(faults);
        }
    }
    project
}

fn load(project: &Project, compile: Compile) -> Result<Vec<LoadedModule>, DefinitionFaults> {
    if project.problems.has_errors() {
        return Err(DefinitionFaults {
            text: project.problems.render(false),
            lines: project.fault_lines(),
        });
    }
    let loaded = modules::load(project, compile).map_err(|error| DefinitionFaults {
        text: format!("{error:#}"),
        lines: vec![format!("{error:#}")],
    })?;
    if let Some(faults) = DefinitionFaults::of_modules(&loaded) {
        return Err(faults);
    }
    let mut warnings = project.problems.clone();
    warnings.append(rule_warnings(project, &loaded));
    logs::warn_of_files(&warnings);
    Ok(loaded)
}
