//! The end of a life: all work continues until it is done, and then every copy must equal the true
//! members.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use fastrand::Rng;
use muster_engine::{Reason, RunRecord};
use muster_model::{Millis, Schedule};
use muster_project::clause;

use super::consumer::Copy;
use super::life::ScenarioStep;
use super::pool::{COHORTS, DESTINATIONS, id};
use super::process::{Process, ask, cohort_id};

/// Longer than a day, so that every cohort runs without any change.
const OVER_A_DAY: Duration = Duration::from_secs(26 * 3_600);

/// The longest time in which a destination recovers after a fault, and in which a real-time cohort
/// is late.
const RECOVERY_TIME: Duration = Duration::from_secs(180);

/// The number of times that runs may be held at the end of a life and approved: each cohort a few
/// times.
const APPROVALS: usize = 4 * COHORTS;

/// The longest delay of a scheduled run, in ms.
const MAX_DELAY: i64 = 1_000;

/// The longest time between an interrupted run and the start that continues it, in ms. The run may
/// be a real-time one of a cohort that is hourly by then.
const MAX_RESUME: i64 = 10_000;

impl Process<'_> {
    /// Lets all work finish, and checks that every copy equals the true members.
    ///
    /// # Errors
    /// Returns an error when a check fails.
    pub(super) async fn settle(&mut self) -> Result<(), String> {
        if !self.world.ending {
            self.rest(OVER_A_DAY).await;
        }
        self.rest(RECOVERY_TIME).await;
        let mut approvals = 0;
        while let Some(cohort) = self.first_held() {
            self.approve(cohort).await?;
            self.rest(RECOVERY_TIME).await;
            // A run that comes meanwhile may be held again, but only a limited number of times.
            approvals += 1;
            if approvals > APPROVALS {
                return Err(format!("`{}` is held for ever", id(cohort)));
            }
        }
        let mut tries = 0;
        while self.has_recent_changes() {
            self.rest(Duration::from_secs(7)).await;
            tries += 1;
            if tries > 100 {
                return Err("memberships never stop changing".to_owned());
            }
        }
        let waiting = self.service.state.store.backlog().unwrap();
        if !waiting.is_empty() {
            return Err(format!("messages wait for ever: {waiting:?}"));
        }
        let copies = self.copies()?;
        let mut faults = Vec::new();
        for cohort in 0..COHORTS {
            faults.extend(self.check_copies(cohort, &copies));
            faults.extend(self.check_records(cohort));
        }
        match faults.is_empty() {
            true => Ok(()),
            false => Err(faults.join("\n")),
        }
    }

    async fn approve(&mut self, cohort: usize) -> Result<(), String> {
        let (service, shared) = (std::sync::Arc::clone(&self.service), self.shared());
        let asking = ask(service, shared, &ScenarioStep::Approve(cohort));
        self.answer(asking).await
    }

    /// Returns a cohort whose run or removal the guard holds. A cohort without a definition stays
    /// as it is if a run of its definition was held, because no command can approve that run.
    fn first_held(&self) -> Option<usize> {
        let snapshot = self.service.state.store.snapshot().unwrap();
        (0..COHORTS).find(|cohort| {
            let status = muster_engine::status(&snapshot, &cohort_id(*cohort)).unwrap();
            let defined = self.world.active.contains_key(cohort);
            status.held.is_some() && (defined || status.is_end)
        })
    }

    /// Returns the clock of a cohort's last run; in real time it is now.
    fn ran(&self, cohort: usize) -> Option<Millis> {
        if self.schedule(cohort).is_none() {
            return Some(self.now());
        }
        let snapshot = self.service.state.store.snapshot().unwrap();
        let status = muster_engine::status(&snapshot, &cohort_id(cohort)).unwrap();
        status.ran
    }

    /// Returns the schedule of a cohort that is defined; `None` in real time.
    fn schedule(&self, cohort: usize) -> Option<Schedule> {
        let project = self.service.project();
        let definition = project.cohort(id(cohort)).ok()?;
        let schedule = Schedule::new(definition.cadence, definition.time_zone.as_str());
        schedule.filter(|_| definition.cadence != muster_model::Cadence::RealTime)
    }

    /// Returns the true members of a cohort at an instant, by its definition.
    fn truth(&self, cohort: usize, now: Millis) -> BTreeSet<String> {
        let project = self.service.project();
        let definition = project.cohort(id(cohort)).unwrap();
        let clause = clause(definition).unwrap();
        let truth = self.world.shared.truth.lock().unwrap();
        truth.members(&clause, self.world.files.list, now)
    }

    /// Returns true if a membership of a real-time cohort changed within the last seconds: its run
    /// may not be done yet.
    fn has_recent_changes(&self) -> bool {
        let now = self.now();
        let moves = |cohort: &usize| {
            let before = Millis(now.0 - 5_000);
            self.schedule(*cohort).is_none()
                && self.truth(*cohort, before) != self.truth(*cohort, now)
        };
        self.world.active.keys().any(moves)
    }

    /// Returns the consumers' copies. Messages reach the consumers in any order, and some of them
    /// twice.
    fn copies(&self) -> Result<BTreeMap<&'static str, Copy>, String> {
        let mut random = Rng::with_seed(self.world.life.seed);
        let mut copies = BTreeMap::new();
        for (name, inbox) in DESTINATIONS.into_iter().zip(&self.world.shared.inboxes) {
            let mut messages = inbox.arrived();
            let again = random.usize(..=messages.len());
            messages.extend(messages.clone().into_iter().take(again));
            random.shuffle(&mut messages);
            let mut copy = Copy::default();
            for message in &messages {
                copy.take(message)
                    .map_err(|error| format!("at {name}: {error}"))?;
            }
            copies.insert(name, copy);
        }
        Ok(copies)
    }

    /// Returns the faults of a cohort's copies.
    fn check_copies(&self, cohort: usize, copies: &BTreeMap<&'static str, Copy>) -> Vec<String> {
        let id = id(cohort);
        let mut faults = Vec::new();
        let mut hold = |destination: &str, wanted: &BTreeSet<String>, of: &str| {
            let held = copies[destination].members(id);
            if held != *wanted {
                faults.push(format!(
                    "{destination} holds {held:?} of `{id}`, but {of} {wanted:?}"
                ));
            }
        };
        if let Some(chosen) = self.world.active.get(&cohort) {
            let Some(ran) = self.ran(cohort) else {
                return vec![format!("`{id}` never ran")];
            };
            if let Some(schedule) = self.schedule(cohort) {
                let due = schedule.latest(Millis(self.now().0 - MAX_DELAY));
                if due.is_some_and(|due| ran < due) {
                    let now = self.now();
                    return vec![format!("`{id}` ran at {ran} last, and it is {now}")];
                }
            }
            let members = self.truth(cohort, ran);
            for destination in chosen.destinations() {
                hold(destination, &members, &format!("at {ran} its members are"));
            }
            let snapshot = self.service.state.store.snapshot().unwrap();
            let stored = snapshot.members(&cohort_id(cohort)).unwrap();
            let stored: BTreeSet<_> = stored
                .iter()
                .filter_map(|user| snapshot.user_id(muster_store::UserKey(user)).unwrap())
                .collect();
            if stored != members {
                let runs = muster_engine::records(&snapshot, &cohort_id(cohort), 10).unwrap();
                faults.push(format!(
                    "the store holds {stored:?} of `{id}`, but at {ran} its members are {members:?}; its latest runs: {runs:#?}"
                ));
            }
        } else if let Some(chosen) = self.world.removed.get(&cohort)
            && chosen.exit_on_remove
            && self.ends(cohort)
        {
            for destination in chosen.destinations() {
                hold(
                    destination,
                    &BTreeSet::new(),
                    "it was removed with all members, who are",
                );
            }
        }
        faults
    }

    /// Returns true if a cohort without a definition has ended with exits, or will end so by the
    /// store's data. If a process is killed before it stores the latest definition, the earlier one
    /// stays active.
    fn ends(&self, cohort: usize) -> bool {
        let snapshot = self.service.state.store.snapshot().unwrap();
        let id = cohort_id(cohort);
        let records = muster_engine::records(&snapshot, &id, 1).unwrap();
        let is_end = |run: &RunRecord| run.reason == Reason::Removed && run.held.is_none();
        let ended = records.first().is_some_and(is_end);
        let ending = muster_engine::removed(&snapshot, &|_| false, None).unwrap();
        ended || ending.contains(&id)
    }

    /// Returns the faults of the records of a cohort's runs.
    fn check_records(&self, cohort: usize) -> Vec<String> {
        let mut faults = Vec::new();
        let id = id(cohort);
        let snapshot = self.service.state.store.snapshot().unwrap();
        let records = muster_engine::records(&snapshot, &cohort_id(cohort), usize::MAX).unwrap();
        let members = snapshot.members_len(&cohort_id(cohort)).unwrap();
        // An interrupted run that lost its definition has no record of its changes.
        if self.service.project().cohort(id).is_ok()
            && let Some(last) = records.first()
            && last.members != members
        {
            faults.push(format!(
                "the last record of `{id}` counts {} of {members} members: {:?}",
                last.members,
                records
                    .iter()
                    .take(3)
                    .map(|run| (&run.at, run.reason, run.entered, run.exited))
                    .collect::<Vec<_>>()
            ));
        }
        let Some(schedule) = self.schedule(cohort) else {
            return faults;
        };
        let cadence = self
            .service
            .project()
            .cohort(id)
            .unwrap()
            .cadence
            .to_string();
        let mut runs: BTreeMap<Millis, u64> = BTreeMap::new();
        let scheduled =
            |record: &&RunRecord| record.reason == Reason::Scheduled && record.cadence == cadence;
        for record in records.iter().filter(scheduled) {
            let at: Millis = record.at.parse().unwrap();
            let slot = schedule.latest(at).unwrap();
            // At a start or an activation, a run may replace a missed one or continue an
            // interrupted one.
            let mut begun = self.world.begun.iter();
            let mut set_back = self.world.set_back.iter();
            if begun.any(|begun| *begun >= slot && *begun <= Millis(at.0 + MAX_RESUME))
                || set_back.any(|(to, from)| (*to..=*from).contains(&slot))
            {
                continue;
            }
            if at.0 - slot.0 > MAX_DELAY {
                faults.push(format!("`{id}` ran at {at}, which is not on its schedule"));
            }
            let runs = runs.entry(slot).or_default();
            *runs += 1;
            if *runs > 1 {
                faults.push(format!("`{id}` ran {runs} times for {slot}"));
            }
        }
        faults
    }
}
