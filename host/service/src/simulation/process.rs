//! One process of the service, from its start to its end or death. The time is virtual: a day
//! passes at once when no task has work.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use muster_model::{CohortId, EventBuffer, Millis};
use muster_store::{Store, StoreOptions};
use muster_tasks::blocking;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::life::{ArrivingRow, Down, ScenarioStep};
use super::modules;
use super::pauses::Paused;
use super::pool::{DESTINATIONS, USERS, id};
use super::world::{Simulation, SimulationShared};
use crate::requests::CohortRequest;
use crate::service::Service;
use crate::tests::world;
use crate::{RunSettings, ServiceSettings};

/// The number of times that the runtime may poll other tasks while a run is paused. The polls let a
/// step of the life progress as far as it can.
const POLLS: usize = 50;

/// The longest time of an answer: runs retry after a minute at most.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3_600);

/// The time between two reads of the outbox by a destination that no commit wakes. This time is
/// longer than a life, so that a life shows a lost wake-up, and a day of virtual time costs little.
const POLL: Duration = Duration::from_secs(1_000_000);

/// The longest time that the end of the service may take.
const STOP_TIMEOUT: Duration = Duration::from_secs(600);

/// The end of a process.
pub(super) enum Ended {
    /// The process was killed or stopped at this clock.
    Down(Millis, Down),
    /// The life is over, and all checks passed.
    Over,
}

/// A process.
pub(super) struct Process<'a> {
    pub(super) world: &'a mut Simulation,
    pub(super) service: Arc<Service>,
    paused: UnboundedReceiver<Paused>,
    /// Steps that began in the middle of a run.
    background: Vec<JoinHandle<()>>,
    /// The time without a process and the edits that follow the death of this process.
    down: Down,
    /// The process was stopped in the middle of a run.
    stopped: Option<Down>,
    /// All steps are done.
    settling: bool,
}

impl<'a> Process<'a> {
    /// Starts the service on the world's project.
    pub(super) async fn start(world: &'a mut Simulation) -> Self {
        let shared = Arc::clone(&world.shared);
        let project = world::project(world.directory.path());
        let loaded = modules::load(&project);
        let options = StoreOptions {
            map_size: 1 << 30,
            memtable_rows: world.life.memtable_rows,
            commits_left: Some(Arc::clone(&shared.commits)),
            ..StoreOptions::default()
        };
        let store = Store::open(&project.store_directory(), &options).unwrap();
        let pauses = Arc::clone(&shared.pauses);
        let settings = ServiceSettings {
            now: Some(world.clock),
            stop_timeout: STOP_TIMEOUT,
            runs: RunSettings {
                chunk_users: world.life.chunk_users,
                workers: std::num::NonZero::<usize>::MIN,
                progress: Arc::new(move |_, _| pauses.batch()),
            },
            outbox_poll: POLL,
            ..ServiceSettings::default()
        };
        let service = Service::new(project, store, &settings, Vec::new());
        shared.note(|| format!("{}: start", world.clock));
        for (name, inbox) in DESTINATIONS.into_iter().zip(&shared.inboxes) {
            service.start_delivery(name, inbox.destination(&shared.commits));
        }
        world.activate(world.clock);
        let paused = shared.pauses.listen();
        let mut process = Self {
            world,
            service: Arc::clone(&service),
            paused,
            background: Vec::new(),
            down: Down::default(),
            stopped: None,
            settling: false,
        };
        process
            .attend(async move {
                service.note_active(&service.project(), &loaded);
                service.store_active(&loaded, Vec::new()).await;
                service.start_groups(loaded).await;
            })
            .await;
        process
    }

    /// Runs the remaining steps, up to the end of the process.
    ///
    /// # Errors
    /// Returns an error when a check fails.
    pub(super) async fn simulate(mut self) -> Result<Ended, String> {
        while !self.world.ending
            && let Some(step) = self.world.steps.pop_front()
        {
            let now = self.now();
            self.shared().note(|| format!("{now}: {step:?}"));
            if let Some(down) = self.step(step).await? {
                return Ok(self.end(down).await);
            }
            self.finish_background().await?;
            if let Some(down) = self.stopped.take() {
                return Ok(self.end(down).await);
            }
            if self.shared().dead() {
                return Ok(self.died());
            }
        }
        self.settling = true;
        self.shared().pauses.disarm();
        self.shared().commits.store(u64::MAX, Ordering::Relaxed);
        for inbox in &self.shared().inboxes {
            inbox.repair();
        }
        if self.world.life.restart && !self.world.ending {
            self.world.ending = true;
            let now = self.now();
            let latest = self.world.latest.max(now);
            let seconds = (latest.0 - now.0) / 1_000 + 90_000;
            let edits = Vec::new();
            return Ok(self.end(Down { seconds, edits }).await);
        }
        self.settle().await?;
        Ok(Ended::Over)
    }

    pub(super) fn now(&self) -> Millis {
        self.service.state.clock.now()
    }

    pub(super) fn shared(&self) -> Arc<SimulationShared> {
        Arc::clone(&self.world.shared)
    }

    /// Ends a process that is dead.
    fn died(self) -> Ended {
        let now = self.now();
        self.shared().note(|| format!("{now}: dead"));
        Ended::Down(now, self.down)
    }

    /// Ends the service as a signal does.
    async fn end(self, down: Down) -> Ended {
        let now = self.now();
        // From here on no run pauses for this process.
        self.world.shared.pauses.disarm();
        drop(self.paused);
        self.service.end().await;
        self.world.shared.note(|| format!("{now}: stopped"));
        Ended::Down(now, down)
    }

    /// Runs a step. `Some`: the step ends the process.
    async fn step(&mut self, step: ScenarioStep) -> Result<Option<Down>, String> {
        let service = Arc::clone(&self.service);
        match step {
            ScenarioStep::Events(rows) => {
                let append = append(&service, self.shared(), &rows);
                self.attend(blocking(append)).await;
            }
            ScenarioStep::Wait(pause) => self.rest(pause.duration()).await,
            ScenarioStep::Define(_) | ScenarioStep::Remove(_) | ScenarioStep::List(_) => {
                if let Some(reload) = self.edit(&step) {
                    self.answer(reload).await?;
                }
            }
            ScenarioStep::Sync { .. }
            | ScenarioStep::Approve(_)
            | ScenarioStep::Reject(_)
            | ScenarioStep::Forget(_) => {
                let asking = ask(service, self.shared(), &step);
                self.answer(asking).await?;
            }
            ScenarioStep::Merge => {
                let store = service.state.store.clone();
                let merge = move || while let Ok(true) = store.maintain() {};
                self.attend(blocking(merge)).await;
            }
            ScenarioStep::Stop(down) => return Ok(Some(down)),
            ScenarioStep::During { batches, step } => self.shared().pauses.arm(batches, *step),
            ScenarioStep::Trouble { .. } | ScenarioStep::Kill { .. } => self.arm(step),
        }
        Ok(None)
    }

    /// Prepares the faults that happen later.
    fn arm(&mut self, step: ScenarioStep) {
        match step {
            ScenarioStep::Trouble {
                destination,
                calls,
                mood,
            } => self.shared().inboxes[destination].fail(calls, mood),
            ScenarioStep::Kill { commits, down } => {
                // A dead process cannot be killed again.
                let left = self.shared().commits.fetch_min(commits, Ordering::Relaxed);
                if left > commits {
                    self.down = down;
                }
            }
            _ => {}
        }
    }

    /// Begins a step in the middle of a run. At the end of a life no further step begins.
    async fn interrupt(&mut self, paused: Paused) {
        if self.settling {
            return;
        }
        let now = self.now();
        self.shared()
            .note(|| format!("{now}: in the middle of a run: {:?}", paused.step));
        let service = Arc::clone(&self.service);
        match &paused.step {
            ScenarioStep::Events(rows) => append(&service, self.shared(), rows)(),
            ScenarioStep::Define(_) | ScenarioStep::Remove(_) | ScenarioStep::List(_) => {
                if let Some(reload) = self.edit(&paused.step) {
                    self.background.push(tokio::spawn(reload));
                }
            }
            ScenarioStep::Sync { .. }
            | ScenarioStep::Approve(_)
            | ScenarioStep::Reject(_)
            | ScenarioStep::Forget(_) => {
                let asking = ask(service, self.shared(), &paused.step);
                self.background.push(tokio::spawn(asking));
            }
            ScenarioStep::Stop(down) => {
                self.stopped = Some(down.clone());
                service.state.shutdown.begin();
            }
            other => self.arm(other.clone()),
        }
        for _ in 0..POLLS {
            tokio::task::yield_now().await;
        }
    }

    /// Changes the project's files. The returned future activates the new definitions.
    fn edit(&mut self, step: &ScenarioStep) -> Option<impl Future<Output = ()> + Send + 'static> {
        if !self.world.files.edit(step) {
            return None;
        }
        self.world.files.write(self.world.directory.path());
        let service = Arc::clone(&self.service);
        let project = service.project().reload();
        assert!(!project.problems.has_errors(), "{}", project.problems);
        let loaded = modules::load(&project);
        self.world.activate(self.now());
        Some(async move { service.activate(Arc::new(project), loaded).await })
    }

    /// Waits for a future, and meanwhile begins the steps in the middle of runs.
    async fn attend<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                Some(paused) = self.paused.recv() => self.interrupt(paused).await,
            }
        }
    }

    /// Waits for an answer of the service, unless it ends.
    pub(super) async fn answer(&mut self, asking: impl Future<Output = ()>) -> Result<(), String> {
        let mut asking = std::pin::pin!(asking);
        let until = Instant::now() + ANSWER_TIMEOUT;
        while !self.is_ending() {
            let second = tokio::time::timeout(Duration::from_secs(1), &mut asking);
            if self.attend(second).await.is_ok() {
                return Ok(());
            }
            if Instant::now() > until {
                return Err("the service does not answer".to_owned());
            }
        }
        // A request that was done has its answer, even if its last commit killed the process.
        let soon = tokio::time::timeout(Duration::from_secs(60), asking);
        let _ = self.attend(soon).await;
        Ok(())
    }

    /// Returns true if the process answers no further request.
    fn is_ending(&self) -> bool {
        self.stopped.is_some() || self.shared().dead()
    }

    /// Lets time pass, unless the service ends.
    pub(super) async fn rest(&mut self, time: Duration) {
        let until = Instant::now() + time;
        // The slices grow, so that a long wait has few checks for a dead process.
        let mut slice = Duration::from_millis(100);
        while Instant::now() < until && !self.is_ending() {
            let next = until.min(Instant::now() + slice);
            self.attend(tokio::time::sleep_until(next)).await;
            slice = (slice * 4).min(Duration::from_secs(1_800));
        }
    }

    /// Waits for the steps that began in the middle of runs.
    async fn finish_background(&mut self) -> Result<(), String> {
        while let Some(task) = self.background.pop() {
            let finished = async {
                if let Err(error) = task.await
                    && let Ok(panic) = error.try_into_panic()
                {
                    std::panic::resume_unwind(panic);
                }
            };
            self.answer(finished).await?;
        }
        Ok(())
    }
}

/// Returns a function that stores rows. The rows become part of the truth once they are
/// acknowledged.
fn append(
    service: &Arc<Service>,
    shared: Arc<SimulationShared>,
    rows: &[ArrivingRow],
) -> impl FnOnce() + Send + 'static {
    let state = Arc::clone(&service.state);
    let rows = shared.rows(rows, state.clock.now());
    move || {
        let mut buffer = EventBuffer::default();
        rows.iter().for_each(|row| row.put(&mut buffer));
        match state.store.append(&buffer, None) {
            Ok(_) => shared.truth.lock().unwrap().add(rows),
            Err(error) => shared.note(|| format!("the rows are refused: {error}")),
        }
    }
}

/// Sends a request to the service as another command would.
pub(super) fn ask(
    service: Arc<Service>,
    shared: Arc<SimulationShared>,
    step: &ScenarioStep,
) -> impl Future<Output = ()> + Send + 'static {
    let (mut requested, mut forgets) = (None, None);
    match step {
        ScenarioStep::Approve(cohort) => requested = Some((*cohort, CohortRequest::Approve)),
        ScenarioStep::Reject(cohort) => requested = Some((*cohort, CohortRequest::Reject)),
        ScenarioStep::Sync { cohort, full } => {
            requested = Some((*cohort, CohortRequest::Sync { full: *full }));
        }
        ScenarioStep::Forget(user) => forgets = Some(*user),
        _ => {}
    }
    async move {
        if let Some((cohort, request)) = requested {
            let answer = service.ask(id(cohort), request).await;
            shared.note(|| format!("  {answer:?}"));
        }
        if let Some(user) = forgets {
            let answer = service.forget(USERS[user].to_owned()).await;
            if answer.is_ok() {
                shared.truth.lock().unwrap().forget(user);
            }
            shared.note(|| format!("  {answer:?}"));
        }
    }
}

/// Returns the id of a cohort.
pub(super) fn cohort_id(cohort: usize) -> CohortId {
    CohortId::new(id(cohort)).unwrap()
}
