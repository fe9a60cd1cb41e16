//! The commits of a chunk: members, expiries and messages, and at the end of a run its records.

use muster_store::{ModuleCommit, RunCommit, Snapshot};

use super::cohort_run::CohortRun;
use super::module_run::ModuleRun;
use super::recording;
use super::sending::EvaluatedChunk;
use crate::bodies::Bodies;
use crate::cohort::Cohort;
use crate::report::RunRecord;
use crate::state::{ModuleState, RunCounts, UnfinishedRun};
use crate::{EngineError, encoding, payload};

impl ModuleRun<'_> {
    /// Commits a chunk: members, expiries and messages, and with the last chunk the run records.
    /// Returns the bytes of its messages.
    pub(super) fn commit(
        &mut self,
        mut chunk: EvaluatedChunk<'_>,
        state: &mut ModuleState,
        open: &mut UnfinishedRun,
        running: &mut [CohortRun],
    ) -> Result<u64, EngineError> {
        let answers = &mut chunk.answers;
        answers.expiries.sort_unstable_by_key(|(user, _)| *user);
        let mut expiries = std::mem::take(&mut answers.expiries).into_iter().peekable();
        answers.failures.sort_unstable_by_key(|(user, _)| *user);
        let mut failures = std::mem::take(&mut answers.failures).into_iter().peekable();
        let diff = chunk.diff(self.cohorts, running)?;
        let mut cuts = chunk.cuts(self.cohorts, running, &diff)?;
        let mut total = 0;
        while let Some(range) = cuts.next() {
            let last = chunk.answers.last && range.end() == chunk.answers.range.end();
            open.next_user = range.end().saturating_add(1);
            state.open = (!last).then(|| open.clone());
            if last {
                state.sequence = open.sequence;
                state.now = open.now;
            }
            let mut commit = RunCommit {
                module: Some(ModuleCommit {
                    key: self.key,
                    state: encoding::encode(state)?,
                    sequence: if last { state.sequence } else { 0 },
                    expiries: std::iter::from_fn(|| {
                        expiries.next_if(|(user, _)| user.0 <= *range.end())
                    })
                    .collect(),
                    failures: Some(
                        self.failures.changes(
                            std::iter::from_fn(|| {
                                failures.next_if(|(user, _)| user.0 <= *range.end())
                            })
                            .collect(),
                            chunk.answers.reason.clone(),
                        ),
                    ),
                }),
                ..RunCommit::default()
            };
            let mut bodies = Bodies::new(chunk.snapshot, open.now());
            let mut users = 0;
            for (index, (running, diff)) in running.iter_mut().zip(&diff).enumerate() {
                let Some(cohort) = self.cohorts.get(index) else {
                    continue;
                };
                let before = commit.messages.len();
                if running.state.held.is_none() {
                    let part = diff.within(&range);
                    let counts = &mut running.state.counts;
                    counts.entered += part.entered.len();
                    counts.exited += part.exited.len();
                    if let Some(report) = self.report.cohorts.get_mut::<usize>(index) {
                        report.entered += part.entered.len();
                        report.exited += part.exited.len();
                    }
                    let snapshot = chunk.snapshot;
                    users +=
                        running.send(snapshot, cohort, &range, part, &mut bodies, &mut commit)?;
                }
                let messages = (commit.messages.len() - before) as u64;
                running.state.counts.messages += messages;
                if let Some(report) = self.report.cohorts.get_mut::<usize>(index) {
                    report.messages += messages;
                    report.members = running.members.len();
                    report.held.clone_from(&running.state.held);
                }
                if last {
                    if !running.was_held {
                        let snapshot = chunk.snapshot;
                        let record = self.record(snapshot, cohort, running, open);
                        let record = recording::record(snapshot, cohort, open.now(), record)?;
                        commit.records.extend(record);
                    }
                    running.close(cohort, open.now());
                }
                if let Some(state) = running.changed()? {
                    commit.cohort_states.push((cohort.id.clone(), state));
                }
            }
            let bytes = commit
                .messages
                .iter()
                .map(|message| message.body.len() as u64);
            let bytes = bytes.sum();
            cuts.took(users, bytes);
            total += bytes;
            self.store.commit_run(&commit)?;
        }
        Ok(total)
    }

    /// Returns the record of a run that has ended.
    fn record(
        &self,
        snapshot: &Snapshot,
        cohort: &Cohort,
        running: &CohortRun,
        open: &UnfinishedRun,
    ) -> RunRecord {
        let duration = self.started.elapsed().as_millis();
        let RunCounts {
            entered,
            exited,
            messages,
        } = running.state.counts;
        RunRecord {
            cadence: cohort.cadence.to_string(),
            candidates: open.candidates,
            evaluated: open.evaluated,
            skipped: open.skipped.clone(),
            members: running.members.len(),
            entered,
            exited,
            messages,
            run_id: (running.state.batch > 0)
                .then(|| payload::run_id(&cohort.id, running.state.second, snapshot.identity())),
            duration_ms: u64::try_from(duration).unwrap_or(u64::MAX),
            held: running.state.held.clone(),
            ..RunRecord::begun(running.state.reason, open.now())
        }
    }
}
