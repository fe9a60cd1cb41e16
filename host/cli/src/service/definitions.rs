//! Definitions that change while the service runs: checked and compiled aside, then put in force.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::Service;
use super::blocking::blocking;
use super::live::Faults;
use super::logs;
use crate::config;
use crate::look::Look;
use crate::output::Output;
use crate::project::Project;
use crate::retention;
use crate::rules::{self, Loaded};

/// How often the files are looked at. A change is noticed within two looks, since it has to be over: an editor may write a file in
/// pieces.
const EVERY: Duration = Duration::from_secs(1);

/// Looks at the files, or waits to be told, until the service stops. What is compared is always the look that was taken before the
/// files were read, so an edit during a reload or a start is noticed.
pub(super) async fn watch(service: Arc<Service>, reload: Arc<Notify>) {
    let host = Arc::clone(&service.host);
    let mut known = service.project();
    let mut last = known.look.clone();
    loop {
        let asked = tokio::select! {
            () = host.stopping.cancelled() => return,
            () = reload.notified() => true,
            () = tokio::time::sleep(EVERY) => false,
        };
        let now = look(&known).await;
        let over = now == last && now != known.look;
        last.clone_from(&now);
        if asked || over {
            let settings = host.directory.join(config::FILE);
            if now.of(&settings) != known.look.of(&settings) {
                tracing::warn!(
                    "{} changed: sources, destinations and settings take effect at the next start",
                    config::FILE
                );
            }
            known = tokio::select! {
                // Compiling may take longer than the end may.
                () = host.stopping.cancelled() => return,
                read = read(&service) => read,
            };
            last.clone_from(&known.look);
        }
    }
}

async fn look(project: &Arc<Project>) -> Look {
    let project = Arc::clone(project);
    blocking(move || project.look_again()).await
}

/// Reads and compiles everything, and puts it in force. What is wrong leaves all as it is. Returns what was read.
async fn read(service: &Arc<Service>) -> Arc<Project> {
    let old = service.project();
    let (project, loaded) = blocking(move || {
        let project = old.reload();
        let loaded = load(&project);
        (Arc::new(project), loaded)
    })
    .await;
    match loaded {
        Ok(loaded) => {
            let cohorts = project.definitions.len();
            tracing::info!(cohorts, "definitions read again");
            service.host.live().definitions = None;
            service.put_in_force(Arc::clone(&project), loaded).await;
        }
        Err(faults) => {
            tracing::error!(
                "the definitions on disk are wrong; what was in force before stays so:\n{}",
                faults.text
            );
            service.host.live().definitions = Some(faults);
        }
    }
    project
}

fn load(project: &Project) -> Result<Vec<Loaded>, Faults> {
    if project.problems.has_errors() {
        return Err(Faults {
            text: Output::new(false).diagnostics(&project.problems),
            lines: project.fault_lines(),
        });
    }
    let loaded = rules::load(project).map_err(|error| Faults {
        text: format!("{error:#}"),
        lines: vec![format!("{error:#}")],
    })?;
    if let Some(faults) = Faults::of_modules(&loaded) {
        return Err(faults);
    }
    let mut warnings = project.problems.clone();
    warnings.append(retention::of_rules(project, &loaded));
    logs::warn(&warnings);
    Ok(loaded)
}
