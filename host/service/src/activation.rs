//! The activation of definitions: groups begin and end, and the data of earlier definitions is
//! removed from the store.

use std::sync::Arc;

use muster_engine::{Cohort, DestinationAddress, EngineError};
use muster_model::CohortId;
use muster_project::{LoadedModule, Project};
use muster_tasks::blocking;
use tokio::sync::mpsc;

use super::group::CohortGroup;
use super::logs;
use super::phase::Phase;
use super::service::Service;
use crate::queries::RunningCohort;
use crate::requests::end_removed;

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
            let known: &mut RunningCohort = active.cohorts.entry(cohort.id.clone()).or_default();
            known.cadence = cohort.cadence.to_string();
            self.state.metrics.added(&cohort.id);
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
                tracing::error!("cannot remove the data of earlier definitions: {error}");
            }
        });
    }

    /// Deletes the modules of removed definitions, and ends cohorts with `on_remove: exit`. Does
    /// nothing if other definitions are active by now: their activation cleans up itself.
    async fn clean_up(self: &Arc<Self>, activations: u64) -> Result<(), EngineError> {
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
            end_removed(&project, &state.store, state.clock.now())
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
}
