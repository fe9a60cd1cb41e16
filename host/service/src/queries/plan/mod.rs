//! The preview of the next run.

mod files;

use std::collections::BTreeSet;

use muster_engine::{Cohort, CohortPreview, Guard, Preview, Reason, RunOptions};
use muster_model::{CohortId, count};
use muster_project::{LoadedModule, Project};
use muster_store::Snapshot;

use crate::api::{ApiError, CohortPlan, PlanRequest, RunPlan};
use files::NewFiles;

/// Plans the next run of a project's modules. `options` has the clock of the run, its progress and
/// the static lists. A `running` service waits for event files that do not exist yet.
///
/// # Errors
/// If a cohort of the request is not defined, or the store fails. A cohort that cannot be evaluated
/// is one of [`RunPlan::problems`].
pub fn plan(
    project: &Project,
    loaded: &[LoadedModule],
    snapshot: &Snapshot,
    request: &PlanRequest,
    options: &RunOptions<'_>,
    running: bool,
) -> Result<RunPlan, ApiError> {
    let mut shown = BTreeSet::new();
    for id in &request.cohorts {
        shown.insert(project.cohort(id)?.id.clone());
    }
    let files = NewFiles::find(project, snapshot, running)?;
    let mut problems = files.problems;
    if shown.is_empty() {
        let wrong = project.fault_lines().into_iter();
        problems.extend(wrong.map(|fault| format!("not in this plan: {fault}")));
    }
    let mut previews = Previews {
        shown: (!shown.is_empty()).then_some(shown),
        sample: request.sample,
        guard: project.config.guard,
        plan: RunPlan {
            now: options.now,
            new_files: files.new,
            cohorts: Vec::new(),
            problems,
        },
    };
    for loaded in loaded {
        previews.preview(snapshot, loaded, options);
    }
    Ok(previews.plan)
}

/// The previews of the runs of all modules.
struct Previews {
    /// `None`: all cohorts.
    shown: Option<BTreeSet<CohortId>>,
    sample: usize,
    guard: Option<Guard>,
    plan: RunPlan,
}

impl Previews {
    fn shows(&self, cohort: &CohortId) -> bool {
        (self.shown.as_ref()).is_none_or(|shown| shown.contains(cohort))
    }

    /// Previews the run of one module. Its cohorts are evaluated together, as in a run: if one of
    /// them is new, all users are candidates.
    fn preview(&mut self, snapshot: &Snapshot, loaded: &LoadedModule, options: &RunOptions<'_>) {
        let cohorts = &loaded.cohorts;
        if !cohorts.iter().any(|cohort| self.shows(&cohort.id)) {
            return;
        }
        let module = match &loaded.module {
            Ok(module) => module,
            Err(error) => return self.failed(cohorts, error),
        };
        // The preview ignores the guard, so that it shows what an approval would send.
        let options = RunOptions {
            guard: None,
            ..*options
        };
        match muster_engine::preview(snapshot, module, cohorts, &options, self.sample) {
            Ok(preview) => self.add(&preview),
            Err(error) => self.failed(cohorts, &error.to_string()),
        }
    }

    fn add(&mut self, preview: &Preview) {
        let shown = |cohort: &&CohortPreview| self.shows(&cohort.id);
        let cohorts: Vec<_> = preview.cohorts.iter().filter(shown).collect();
        let names: Vec<_> = cohorts.iter().map(|cohort| cohort.id.as_str()).collect();
        let names = names.join(", ");
        for skipped in &preview.skipped {
            let users = count(skipped.users, "user");
            self.plan.problems.push(format!(
                "{names}: {users} cannot be evaluated and would keep their membership: {skipped}"
            ));
        }
        for cohort in cohorts {
            let moved = cohort.entered + cohort.exited;
            let guarded = self.guard.filter(|_| cohort.reason != Reason::First);
            self.plan.cohorts.push(CohortPlan {
                id: cohort.id.to_string(),
                reason: cohort.reason,
                finishes: preview.finishes,
                candidates: preview.candidates,
                evaluated: preview.evaluated,
                skipped: preview.skipped.clone(),
                members: cohort.members,
                afterwards: cohort.afterwards,
                entered: cohort.entered,
                exited: cohort.exited,
                sample_entered: cohort.sample_entered.clone(),
                sample_exited: cohort.sample_exited.clone(),
                full_sync_to: cohort.full_sync_to.clone(),
                held: guarded.is_some_and(|guard| guard.holds(cohort.members, moved)),
            });
        }
    }

    fn failed(&mut self, cohorts: &[Cohort], error: &str) {
        for cohort in cohorts {
            if self.shows(&cohort.id) {
                self.plan.problems.push(format!(
                    "{}: cannot be evaluated, membership would be kept: {error}",
                    cohort.id
                ));
            }
        }
    }
}
