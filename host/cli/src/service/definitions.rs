//! Definitions that change while the service runs: checked and compiled aside, then put in force.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use muster_definition::Body;
use tokio::signal::unix::{SignalKind, signal};

use super::Service;
use super::group::blocking;
use super::logs;
use crate::config;
use crate::output::Output;
use crate::project::{beside, find_definitions};
use crate::{retention, rules};

/// How often the files are looked at. A change is noticed within two looks, since it has to be over: an editor may write a file in
/// pieces.
const EVERY: Duration = Duration::from_secs(1);

/// What a file looks like from outside: its length, and when it was changed; `None`: it is not there.
type Look = Option<(u64, Option<SystemTime>)>;

/// Each file that the cohorts depend on.
type Files = BTreeMap<PathBuf, Look>;

/// Looks at the files, or waits for SIGHUP, until the service stops.
pub(super) async fn watch(service: Arc<Service>) {
    let host = Arc::clone(&service.host);
    let mut hangup = match signal(SignalKind::hangup()) {
        Ok(hangup) => hangup,
        Err(error) => return tracing::error!("definitions are not watched: {error}"),
    };
    let mut in_force = look(&service).await;
    let mut last = in_force.clone();
    loop {
        let asked = tokio::select! {
            () = host.stopping.cancelled() => return,
            _ = hangup.recv() => true,
            () = tokio::time::sleep(EVERY) => false,
        };
        let now = look(&service).await;
        let over = now == last && now != in_force;
        last.clone_from(&now);
        if asked || over {
            let settings = |files: &Files| files.get(&host.directory.join(config::FILE)).copied();
            if settings(&now) != settings(&in_force) {
                tracing::warn!(
                    "{} changed: sources, destinations and settings take effect at the next start",
                    config::FILE
                );
            }
            reload(&service).await;
            // What a new definition depends on belongs to the look that the next one is compared with.
            in_force = look(&service).await;
            last.clone_from(&in_force);
        }
    }
}

async fn look(service: &Arc<Service>) -> Files {
    let service = Arc::clone(service);
    blocking(move || {
        let project = service.project();
        let mut files = Files::new();
        let mut add = |path: PathBuf| {
            let metadata = std::fs::metadata(&path).ok();
            files.insert(
                path,
                metadata.map(|file| (file.len(), file.modified().ok())),
            );
        };
        add(project.directory.join(config::FILE));
        for pattern in &project.config.cohorts {
            find_definitions(pattern, &project.directory)
                .into_iter()
                .for_each(&mut add);
        }
        for definition in &project.definitions {
            if let Body::Rule(path) | Body::Members(path) = &definition.body {
                add(beside(definition, path));
            }
        }
        files
    })
    .await
}

/// Reads and compiles everything; what is wrong leaves all as it is.
async fn reload(service: &Arc<Service>) {
    let old = service.project();
    let loading = blocking(move || {
        let (project, mut warnings) = old.reload(&Output::new(false))?;
        let loaded = rules::load(&project)?;
        warnings.append(retention::of_rules(&project, &loaded));
        logs::warn(&warnings);
        anyhow::Ok((project, loaded))
    });
    match loading.await {
        Ok((project, loaded)) => {
            let ids: BTreeSet<_> = project
                .definitions
                .iter()
                .map(|definition| definition.id.clone())
                .collect();
            tracing::info!(cohorts = ids.len(), "definitions read again");
            service.host.live().definitions = None;
            service.put_in_force(project, loaded).await;
        }
        Err(error) => {
            let error = format!("{error:#}");
            tracing::error!(
                "the definitions on disk are wrong, the old ones stay in force:\n{error}"
            );
            service.host.live().definitions = Some(error);
        }
    }
}
