//! The activation of definitions: groups begin and end, and the data of earlier definitions is
//! removed from the store.

use std::sync::Arc;
use std::time::Duration;

use muster_definition::Definition;
use muster_engine::{Cohort, DestinationAddress};
use muster_model::CohortId;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::Service;
use super::active::ActiveCohort;
use super::blocking::blocking;
use super::group::{CohortGroup, CohortRequest, GroupReply};
use super::logs;
use crate::held_removal;
use crate::modules::{self, LoadedModule};
use crate::project::Project;

/// The state of the activation of definitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The files that exist are being imported, and no cohort is evaluated yet.
    Starting,
    /// Some groups end and others begin.
    Changing,
    /// The definitions are active. The number counts the activations.
    Active(u64),
}

impl Service {
    /// Activates a project's definitions in place of the old ones. Groups that stay the same
    /// continue undisturbed.
    pub(super) async fn activate(
        self: &Arc<Self>,
        project: Arc<Project>,
        mut loaded: Vec<LoadedModule>,
    ) {
        let changing = self.changing.lock().await;
        let activations = self.activations();
        self.phase.send_replace(Phase::Changing);
        let (mut kept, mut ended) = (Vec::new(), Vec::new());
        for group in self.groups.lock().await.drain(..) {
            match loaded
                .iter()
                .position(|loaded| loaded.is_same(&group.loaded))
            {
                Some(at) => {
                    loaded.swap_remove(at);
                    kept.push(group);
                }
                None => ended.push(group),
            }
        }
        // All old groups end before a new one begins, because a cohort may move from one group to
        // another.
        for group in ended {
            group.end().await;
        }
        let all: Vec<_> = (kept.iter().map(|group| &group.loaded).chain(&loaded))
            .cloned()
            .collect();
        self.note_active(&project, &all);
        // The store knows the groups that stay, and their runs write to it meanwhile.
        self.store_active(&loaded, Vec::new()).await;
        *self.groups.lock().await = kept;
        *self.project.lock() = project;
        self.begin_groups(loaded, activations + 1).await;
        drop(changing);
    }

    /// Starts the groups of the first definitions.
    pub(super) async fn start_groups(self: &Arc<Self>, loaded: Vec<LoadedModule>) {
        let _changing = self.changing.lock().await;
        self.begin_groups(loaded, 1).await;
    }

    /// Notes the cohorts of a project before any group of them begins.
    pub(super) fn note_active(&self, project: &Project, loaded: &[LoadedModule]) {
        let mut active = self.state.active();
        let defined = |id: &CohortId| project.definitions.iter().any(|known| known.id == *id);
        let gone: Vec<_> = (active.cohorts.keys())
            .filter(|id| !defined(id))
            .cloned()
            .collect();
        for id in &gone {
            active.cohorts.remove(id);
            self.state.metrics.removed(id);
        }
        for cohort in loaded.iter().flat_map(|loaded| &loaded.cohorts) {
            let known: &mut ActiveCohort = active.cohorts.entry(cohort.id.clone()).or_default();
            known.cadence = cohort.cadence.to_string();
        }
    }

    /// Stores the active definitions: names, what happens at a cohort's removal, the addresses of
    /// destinations. No run of these cohorts may be under way.
    pub(super) async fn store_active(
        &self,
        loaded: &[LoadedModule],
        addresses: Vec<DestinationAddress>,
    ) {
        let cohorts: Vec<Cohort> = loaded
            .iter()
            .flat_map(|loaded| loaded.cohorts.clone())
            .collect();
        let state = Arc::clone(&self.state);
        let outside_runs = Arc::clone(&state.locks.outside_runs).lock_owned().await;
        let put = blocking(move || {
            let _outside_runs = outside_runs;
            muster_engine::activate(&state.store, cohorts.iter(), &addresses)
        });
        match put.await {
            Ok(moved) => moved.iter().for_each(logs::address_changed),
            Err(error) => tracing::error!("cannot store the active definitions: {error}"),
        }
    }

    fn activations(&self) -> u64 {
        match *self.phase.borrow() {
            Phase::Active(activations) => activations,
            Phase::Starting | Phase::Changing => 0,
        }
    }

    /// Starts groups. Cleans up after the earlier groups once every cohort has had its first
    /// attempt.
    async fn begin_groups(self: &Arc<Self>, loaded: Vec<LoadedModule>, activations: u64) {
        let lists = Arc::new(self.project().lists.for_engine());
        let (attempt, mut attempts) = mpsc::channel::<()>(1);
        let mut groups = self.groups.lock().await;
        for loaded in loaded {
            let (lists, changes) = (Arc::clone(&lists), self.changes.clone());
            let attempt = attempt.clone();
            groups.push(CohortGroup::start(
                &self.state,
                &self.work,
                loaded,
                lists,
                changes,
                attempt,
            ));
        }
        drop((groups, attempt));
        self.phase.send_replace(Phase::Active(activations));
        let service = Arc::clone(self);
        self.work.once("clean-up", async move {
            let clearing = async {
                // The channel is closed when every group has dropped its sender.
                attempts.recv().await;
                service.clean_up(activations).await
            };
            let cleared = tokio::select! {
                // Work that still runs on a thread of its own is crash-safe, and the next start
                // continues it.
                () = service.state.shutdown.begun() => return,
                cleared = clearing => cleared,
            };
            if let Err(error) = cleared {
                tracing::error!("cannot remove the data of earlier definitions: {error:#}");
            }
        });
    }

    /// Deletes the modules of removed definitions, and ends cohorts with `on_remove: exit`. Does
    /// nothing if other definitions are active by now: their activation cleans up itself.
    async fn clean_up(self: &Arc<Self>, activations: u64) -> anyhow::Result<()> {
        if self.activations() == activations {
            self.state.active().caught_up = true;
        }
        // Runs of whole modules continue meanwhile: their modules stay, and no removed cohort is in
        // them. These locks may take as long as a run, so they come before the lock that reloads
        // wait for.
        let modules = Arc::clone(&self.state.locks.modules).write_owned().await;
        let _changing = self.changing.lock().await;
        let outside_runs = Arc::clone(&self.state.locks.outside_runs)
            .lock_owned()
            .await;
        if self.activations() != activations {
            return Ok(());
        }
        let loaded: Vec<LoadedModule> = {
            let groups = self.groups.lock().await;
            groups.iter().map(|group| group.loaded.clone()).collect()
        };
        let (state, project) = (Arc::clone(&self.state), self.project());
        let removed = blocking(move || {
            // The thread holds the locks, because it may outlive the task that waits for it.
            let _locks = (modules, outside_runs);
            let modules = loaded.iter().filter_map(|loaded| {
                Some((loaded.module.as_ref().ok()?, loaded.cohorts.as_slice()))
            });
            muster_engine::forget_other_modules(&state.store, &modules.collect::<Vec<_>>())?;
            modules::end_removed(&project, &state.store, state.clock.now())
        });
        for (cohort, record) in removed.await? {
            match record.held {
                None => {
                    tracing::info!(%cohort, exited = record.exited, "the definition is gone, and all members exited (`on_remove: exit`)");
                }
                Some(held) => tracing::warn!(
                    %cohort, members = held.members,
                    "the definition is gone (`on_remove: exit`), and the guard holds the exit of all members: \
                     approve it with `muster approve {cohort}`, or keep the members with `muster reject {cohort}`"
                ),
            }
        }
        Ok(())
    }

    /// Deletes a user's history and memberships.
    pub(super) async fn forget(&self, user: String) -> Result<Value, String> {
        let _states = self.state.locks.all_states().await;
        let _outside_runs = self.state.locks.outside_runs.lock().await;
        let state = Arc::clone(&self.state);
        let forgotten =
            blocking(move || muster_engine::forget(&state.store, &user, state.clock.now())).await;
        forgotten
            .map(|forgotten| crate::output_json::forgotten(&forgotten))
            .map_err(|error| error.to_string())
    }

    /// Sends a request about a cohort to the group that has it. If a reload ends that group first,
    /// the request goes to the next group.
    pub(super) async fn ask(&self, cohort: &str, request: CohortRequest) -> Result<Value, String> {
        let id = CohortId::new(cohort).map_err(|_| self.unknown(cohort))?;
        let mut phase = self.phase.subscribe();
        loop {
            let ready = phase.wait_for(|phase| matches!(phase, Phase::Active(_)));
            let settled = tokio::select! {
                () = self.state.shutdown.begun() => return Err(STOPPING.to_owned()),
                settled = ready => settled.map_or(Phase::Starting, |phase| *phase),
                () = self.import_takes_long() => return Err(STARTING.to_owned()),
            };
            let asking = {
                let groups = self.groups.lock().await;
                let group = groups.iter().find(|group| group.has(&id));
                group.map(|group| group.ask(id.clone(), request.clone()))
            };
            let reply = match asking {
                Some(asking) => Some(asking.await),
                None => None,
            };
            let changed = *self.phase.borrow() != settled;
            match reply {
                Some(GroupReply::Answer(answer)) => return answer,
                Some(GroupReply::Ended) if self.state.shutdown.has_begun() => {
                    return Err(STOPPING.to_owned());
                }
                _ if changed => {}
                Some(GroupReply::Ended) => return Err(FAILED.to_owned()),
                None => {
                    return match self.ask_about_removal(&id, &request).await {
                        Some(answer) => answer,
                        None => Err(self.unknown(cohort)),
                    };
                }
            }
        }
    }

    /// Approves or rejects the removal of a cohort whose definition is gone, if the guard holds it.
    /// `None`: the guard holds no such removal, or the request is another.
    async fn ask_about_removal(
        &self,
        id: &CohortId,
        request: &CohortRequest,
    ) -> Option<Result<Value, String>> {
        let approved = match request {
            CohortRequest::Approve => true,
            CohortRequest::Reject => false,
            CohortRequest::Sync { .. } | CohortRequest::Reconcile { .. } => return None,
        };
        let _changing = self.changing.lock().await;
        let outside_runs = Arc::clone(&self.state.locks.outside_runs)
            .lock_owned()
            .await;
        let (state, id) = (Arc::clone(&self.state), id.clone());
        let done = blocking(move || {
            let _outside_runs = outside_runs;
            held_removal::decide(&state.store, &id, approved, state.clock.now())
        });
        let done = done.await.map_err(|error| error.to_string());
        done.transpose()
    }

    /// Waits until the import of files has taken so long that an error is better for the sender of
    /// a request than a longer wait.
    async fn import_takes_long(&self) {
        tokio::time::sleep(IMPORT_TIMEOUT).await;
        if *self.phase.borrow() != Phase::Starting {
            std::future::pending::<()>().await;
        }
    }

    /// Returns the files of the active definitions, as they were read. Paths are absolute, because
    /// the client may run in another folder.
    pub(super) fn definitions(&self) -> Value {
        let project = self.project();
        let file = |definition: &Definition| {
            let path = std::path::absolute(definition.source.path()).unwrap_or_default();
            json!({ "path": path.to_string_lossy(), "text": definition.source.text() })
        };
        project.definitions.iter().map(file).collect()
    }

    fn unknown(&self, cohort: &str) -> String {
        match self.project().cohort(cohort) {
            Err(error) => format!("in the active definitions, {error:#}"),
            Ok(_) => format!("the running service has no cohort `{cohort}`"),
        }
    }
}

/// The longest time that a request waits for the first import of files.
const IMPORT_TIMEOUT: Duration = Duration::from_secs(5);

const STOPPING: &str = "the service is stopping: try again after the next start";

const STARTING: &str = "the service is starting: it evaluates no cohort before the files of `sources:` are imported; try again later";

const FAILED: &str = "the run failed unexpectedly: `muster status` and the service's log say more";
