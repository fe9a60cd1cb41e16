//! A project in a temporary folder, and its service.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use muster_engine::RunRecord;
use muster_model::{CohortId, EventBuffer, Millis, ScalarRef};
use muster_project::{Config, LoadedModule, Project, modules};
use muster_sandbox::Compile;
use muster_store::Store;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::api::{ApiError, RequestedRun, StatusDocument};
use crate::requests::{CohortAnswer, CohortRequest};
use crate::service::Service;
use crate::start::OpenService;
use crate::{RunSettings, ServiceSettings};

/// 2026-03-01T00:00:00Z.
pub(super) const START: Millis = Millis(1_772_323_200_000);

/// Longer than any wait of a test, in the test's own time.
const TIMEOUT: Duration = Duration::from_secs(600);

/// A project whose destination `out` is a file.
pub(super) struct ServiceWorld {
    directory: TempDir,
}

impl ServiceWorld {
    pub(super) fn new(settings: &str, cohorts: &[(&str, &str)]) -> Self {
        let world = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        let settings = format!("destinations: {{out: {{file: {{path: out.ndjson}}}}}}\n{settings}");
        world.write("muster.yaml", &settings);
        for (id, text) in cohorts {
            world.write(&format!("cohorts/{id}.yaml"), text);
        }
        world
    }

    pub(super) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(super) fn remove(&self, name: &str) {
        std::fs::remove_file(self.path().join(name)).unwrap();
    }

    /// Returns the messages that the destination received.
    pub(super) fn out(&self) -> String {
        std::fs::read_to_string(self.path().join("out.ndjson")).unwrap_or_default()
    }

    pub(super) fn project(&self) -> Project {
        project(self.path())
    }

    /// Opens a service without starting its parts.
    pub(super) async fn open(&self, settings: ServiceSettings) -> Opened {
        self.open_with(self.project(), settings).await
    }

    pub(super) async fn open_with(&self, project: Project, settings: ServiceSettings) -> Opened {
        let loaded = modules::load(&project, Compile::InProcess).unwrap();
        // An earlier service may still be closing the store.
        let store = loop {
            match project.open_store() {
                Ok(store) => break store,
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        };
        let (service, open) = Service::open(project, store, &settings, loaded.len())
            .await
            .unwrap();
        Opened {
            service,
            open,
            loaded,
            settings,
        }
    }

    pub(super) async fn start(&self, settings: ServiceSettings) -> RunningService {
        self.open(settings).await.run()
    }
}

/// Reads a project without environment variables.
pub(crate) fn project(directory: &Path) -> Project {
    let none = |_: &str| Err(std::env::VarError::NotPresent);
    let project = Project::read(directory, Config::parse, &none).unwrap();
    assert!(!project.problems.has_errors(), "{}", project.problems);
    project
}

/// Returns settings of a service whose clock starts at [`START`].
pub(super) fn settings() -> ServiceSettings {
    ServiceSettings {
        now: Some(START),
        ..ServiceSettings::default()
    }
}

/// Returns settings of runs whose commits cover one user each.
pub(super) fn of_one_user_a_chunk() -> RunSettings {
    RunSettings {
        chunk_users: 1,
        ..RunSettings::default()
    }
}

pub(super) struct Opened {
    pub(super) service: Arc<Service>,
    open: OpenService,
    loaded: Vec<LoadedModule>,
    settings: ServiceSettings,
}

impl Opened {
    pub(super) fn run(self) -> RunningService {
        let Self {
            service,
            open,
            loaded,
            settings,
        } = self;
        let running = Arc::clone(&service);
        let task = tokio::spawn(async move { running.run(open, loaded).await.unwrap() });
        RunningService {
            service,
            settings,
            task,
        }
    }
}

/// A service that runs.
pub(super) struct RunningService {
    pub(super) service: Arc<Service>,
    settings: ServiceSettings,
    task: JoinHandle<()>,
}

impl RunningService {
    pub(super) fn store(&self) -> &Store {
        &self.service.state.store
    }

    /// Stores a purchase of each user at the service's time.
    pub(super) fn purchase(&self, users: &[&str]) {
        purchase(self.store(), users, self.service.state.clock.now());
    }

    pub(super) async fn ask(
        &self,
        cohort: &str,
        request: CohortRequest,
    ) -> Result<CohortAnswer, ApiError> {
        self.service.ask(cohort, request).await
    }

    pub(super) async fn sync(&self, cohort: &str) -> Result<RequestedRun, ApiError> {
        let full = false;
        self.ask(cohort, CohortRequest::Sync { full }).await?.ran()
    }

    pub(super) async fn status(&self) -> StatusDocument {
        Arc::clone(&self.service).status().await.unwrap()
    }

    /// Returns the runs of a cohort that left a record, the oldest first.
    pub(super) fn runs(&self, cohort: &str) -> Vec<RunRecord> {
        runs(self.store(), cohort)
    }

    pub(super) fn members(&self, cohort: &str) -> u64 {
        let snapshot = self.store().snapshot().unwrap();
        snapshot.members_len(&id(cohort)).unwrap()
    }

    pub(super) fn metrics(&self) -> String {
        let state = &self.service.state;
        state.metrics.text(state).unwrap()
    }

    /// Waits until every cohort has had its first attempt.
    pub(super) async fn caught_up(&self) {
        until("every cohort had its first attempt", || {
            self.service.state.active().caught_up
        })
        .await;
    }

    pub(super) fn reload(&self) {
        self.settings.reload.notify_one();
    }

    pub(super) async fn stop(self) {
        self.service.end().await;
        self.task.await.unwrap();
    }
}

pub(super) fn id(cohort: &str) -> CohortId {
    CohortId::new(cohort).unwrap()
}

pub(super) fn runs(store: &Store, cohort: &str) -> Vec<RunRecord> {
    let snapshot = store.snapshot().unwrap();
    let mut runs = muster_engine::records(&snapshot, &id(cohort), 1_000).unwrap();
    runs.reverse();
    runs
}

pub(super) fn purchase(store: &Store, users: &[&str], at: Millis) {
    let mut events = EventBuffer::default();
    for user in users {
        events.event(user, "Purchase", at, None);
        events.property("amount", ScalarRef::Number(60.0));
    }
    store.append(&events, None).unwrap();
}

/// Waits until a condition holds, in the runtime's time.
pub(super) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let waited = tokio::time::timeout(TIMEOUT, waiting).await;
    assert!(waited.is_ok(), "waited in vain until {what}");
}
