//! The changes that a part of a chunk makes to its cohorts: entries, exits and the messages that
//! send them.

use std::ops::RangeInclusive;

use muster_store::{MemberChange, RunCommit, SentEntries, Snapshot};
use roaring::RoaringBitmap;

use super::chunk_answers::ChunkAnswers;
use super::cohort_run::CohortRun;
use super::cuts::Cuts;
use crate::EngineError;
use crate::bodies::Bodies;
use crate::cohort::Cohort;
use crate::copy::{ChangeToSend, ToSend, unsent_change};
use crate::members::MembershipDiff;

/// A chunk that has been evaluated.
pub(super) struct EvaluatedChunk<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) answers: ChunkAnswers,
    /// The option [`super::RunOptions::commit_bytes`].
    pub(super) commit_bytes: u64,
}

impl EvaluatedChunk<'_> {
    /// Returns the entries and exits of each cohort. A held cohort has none.
    pub(super) fn diff(
        &self,
        cohorts: &[Cohort],
        running: &[CohortRun],
    ) -> Result<Vec<MembershipDiff>, EngineError> {
        let cohorts = cohorts.iter().zip(running).zip(&self.answers.members);
        cohorts
            .map(|((cohort, running), now_in)| match &running.state.held {
                Some(_) => Ok(MembershipDiff::default()),
                None => {
                    let (snapshot, evaluated) = (self.snapshot, &self.answers.answered);
                    running
                        .members
                        .diff(snapshot, &cohort.id, evaluated, now_in)
                }
            })
            .collect()
    }

    /// Returns the cuts of the chunk into commits.
    pub(super) fn cuts(
        &self,
        cohorts: &[Cohort],
        running: &[CohortRun],
        diffs: &[MembershipDiff],
    ) -> Result<Cuts, EngineError> {
        let range = &self.answers.range;
        let mut cuts = Cuts::new(range, self.commit_bytes);
        for ((cohort, running), diff) in cohorts.iter().zip(running).zip(diffs) {
            if running.state.held.is_some() {
                continue;
            }
            let copies = running.state.copies.values().filter(|copy| copy.active);
            let (whole, others): (Vec<_>, Vec<_>) = copies.partition(|copy| copy.is_sent_whole());
            cuts.count(&(&diff.entered | &diff.exited), others.len());
            if !whole.is_empty() {
                let members = running.members.within(self.snapshot, &cohort.id, range)?;
                cuts.count(&(members | &diff.entered | &diff.exited), whole.len());
            }
        }
        Ok(cuts)
    }
}

impl CohortRun {
    /// Applies the entries and exits of a part of a chunk. Adds the changes and messages to the
    /// commit. Returns the number of users that it put into messages.
    pub(super) fn send(
        &mut self,
        snapshot: &Snapshot,
        cohort: &Cohort,
        range: &RangeInclusive<u32>,
        diff: MembershipDiff,
        bodies: &mut Bodies<'_>,
        commit: &mut RunCommit,
    ) -> Result<u64, EngineError> {
        self.members.apply(&diff);
        let mut copies = std::mem::take(&mut self.state.copies);
        let lacking = |copy: &crate::copy::DestinationCopy| copy.active && !copy.is_complete();
        let members = match copies.values().any(lacking) {
            true => self.members.within(snapshot, &cohort.id, range)?,
            false => RoaringBitmap::new(),
        };
        self.members.settle();
        let change = ChangeToSend {
            snapshot,
            cohort: &cohort.id,
            range,
            entered: &diff.entered,
            exited: &diff.exited,
            members: &members,
        };
        let mut users = 0;
        let mut sent = RoaringBitmap::new();
        for (destination, copy) in &mut copies {
            let ToSend {
                entered,
                exited,
                toggled,
            } = copy.send(destination, &change)?;
            let sync = cohort
                .sync
                .iter()
                .find(|sync| sync.destination == *destination);
            if let Some(sync) = sync {
                let messages = &mut commit.messages;
                self.messages(cohort, sync, true, &entered, bodies, messages)?;
                self.messages(cohort, sync, false, &exited, bodies, messages)?;
            }
            users += entered.len() + exited.len();
            sent |= entered;
            commit
                .unsent
                .extend(unsent_change(&cohort.id, destination, toggled));
        }
        self.state.copies = copies;
        if !sent.is_empty() {
            let cohort = cohort.id.clone();
            commit.sent.push(SentEntries {
                cohort,
                users: sent,
            });
        }
        if !diff.is_empty() {
            commit.members.push(MemberChange {
                cohort: cohort.id.clone(),
                entered: diff.entered,
                exited: diff.exited,
            });
        }
        Ok(users)
    }
}
