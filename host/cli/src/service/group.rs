//! A group of cohorts that share a rule and a rhythm: one task, so that no cohort runs twice at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use muster_engine::{Cohort, EngineError, Lists, Reason, TickOptions, TickReport};
use muster_model::{CohortId, Millis, Schedule};
use muster_sandbox::Rule;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::host::{Host, LiveCohort};
use crate::rules::Loaded;

/// Ticks of a cohort in real time begin at least this far apart: `computed_time` counts seconds.
const APART: Duration = Duration::from_secs(1);

/// How long a group waits after a tick that failed, at first and at most; it doubles in between.
const RETRY: Duration = Duration::from_secs(1);
const RETRY_MOST: Duration = Duration::from_secs(60);

/// A running group.
pub(crate) struct Group {
    pub(crate) loaded: Loaded,
    commands: mpsc::Sender<Command>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// What somebody asks of one cohort.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// A run now.
    Sync {
        /// Every destination is told the whole cohort.
        full: bool,
    },
    /// Let go of what the guard holds.
    Approve,
    /// Drop what the guard holds.
    Reject,
}

struct Command {
    cohort: CohortId,
    ask: Ask,
    reply: oneshot::Sender<Result<Value, String>>,
}

impl Group {
    /// Starts the group's task; `caught_up` is dropped when what was missed is made up.
    pub(crate) fn start(
        host: Arc<Host>,
        loaded: Loaded,
        lists: Arc<Lists>,
        news: watch::Receiver<u64>,
        caught_up: mpsc::Sender<()>,
    ) -> Self {
        let (commands, inbox) = mpsc::channel(16);
        let stop = host.stopping.child_token();
        let task = match &loaded.rule {
            Ok(rule) => {
                let runner = Runner {
                    schedule: loaded.rhythm.schedule(),
                    real_time: loaded.rhythm.is_real_time(),
                    rule: rule.clone(),
                    cohorts: loaded.cohorts.clone(),
                    host,
                    lists,
                    news,
                    stop: stop.clone(),
                    failures: 0,
                };
                tokio::spawn(runner.run(inbox, caught_up))
            }
            Err(error) => {
                for cohort in &loaded.cohorts {
                    tracing::error!(cohort = %cohort.id, "not evaluated, membership kept: {error}");
                    host.live()
                        .cohorts
                        .entry(cohort.id.clone())
                        .or_default()
                        .trouble = Some(error.clone());
                }
                drop(caught_up);
                tokio::spawn(async {})
            }
        };
        Self {
            loaded,
            commands,
            stop,
            task,
        }
    }

    pub(crate) fn has(&self, cohort: &CohortId) -> bool {
        self.loaded.cohorts.iter().any(|known| known.id == *cohort)
    }

    /// Asks something of a cohort of the group; the answer comes when it is done.
    pub(crate) fn ask(
        &self,
        cohort: CohortId,
        ask: Ask,
    ) -> impl Future<Output = Result<Value, String>> + Send + use<> {
        let commands = self.commands.clone();
        async move {
            let (reply, answer) = oneshot::channel();
            let command = Command { cohort, ask, reply };
            let gone = || {
                "the cohort is just being reloaded, or its rule cannot be loaded: try again, and see `muster status`".to_owned()
            };
            commands.send(command).await.map_err(|_| gone())?;
            answer.await.map_err(|_| gone())?
        }
    }

    /// Ends the group's task, between two chunks of a tick that is on its way.
    pub(crate) async fn end(self) {
        self.stop.cancel();
        if let Err(error) = self.task.await
            && let Ok(panic) = error.try_into_panic()
        {
            std::panic::resume_unwind(panic);
        }
    }
}

struct Runner {
    host: Arc<Host>,
    rule: Rule,
    cohorts: Vec<Cohort>,
    lists: Arc<Lists>,
    schedule: Option<Schedule>,
    real_time: bool,
    news: watch::Receiver<u64>,
    stop: CancellationToken,
    /// Ticks in a row that failed.
    failures: u32,
}

/// How a tick is to be.
#[derive(Clone, Copy, Default)]
struct How {
    everybody: bool,
    resend: bool,
    unguarded: bool,
    reason: Option<Reason>,
}

impl Runner {
    async fn run(mut self, mut inbox: mpsc::Receiver<Command>, caught_up: mpsc::Sender<()>) {
        let mut news = self.news.clone();
        self.catch_up().await;
        drop(caught_up);
        let mut not_before = Instant::now();
        // In real time: whether there may be somebody to ask, whatever the time.
        let mut wanted = self.real_time;
        loop {
            let next = match self.next(wanted).await {
                Ok(next) => next,
                Err(error) => {
                    self.failed(&error);
                    not_before = Instant::now() + self.patience();
                    wanted = true;
                    None
                }
            };
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                command = inbox.recv() => match command {
                    Some(command) => {
                        let answer = self.obey(&command).await;
                        // Whoever asked may be gone by now.
                        let _ = command.reply.send(answer);
                        continue;
                    }
                    None => return,
                },
                () = self.wait(next, not_before, wanted) => {}
                changed = news.changed(), if self.real_time && !wanted => {
                    if changed.is_err() {
                        return;
                    }
                    wanted = true;
                    continue;
                }
            }
            let begun = Instant::now();
            // What comes in from here on is for the next tick.
            news.mark_unchanged();
            match self.tick(self.cohorts.clone(), How::default()).await {
                Ok(_) => {
                    self.failures = 0;
                    wanted = news.has_changed().unwrap_or(false);
                    not_before = if self.real_time { begun + APART } else { begun };
                }
                Err(EngineError::Stopped) => return,
                Err(error) => {
                    self.failed(&error);
                    wanted = true;
                    not_before = Instant::now() + self.patience();
                }
            }
        }
    }

    /// Sleeps until the next tick is to begin.
    async fn wait(&self, next: Option<Millis>, not_before: Instant, wanted: bool) {
        match next {
            _ if wanted => {}
            Some(next) => self.host.clock.sleep_until(next).await,
            None => std::future::pending().await,
        }
        tokio::time::sleep_until(not_before).await;
    }

    /// When the group is to be asked again though nothing happens, which it notes.
    async fn next(&self, wanted: bool) -> Result<Option<Millis>, EngineError> {
        if wanted {
            return Ok(None);
        }
        let next = match &self.schedule {
            Some(schedule) => schedule.next(self.host.clock.now()),
            None => None,
        };
        let next = match next {
            Some(next) => Some(next),
            None => {
                let (host, rule, cohorts) = (
                    Arc::clone(&self.host),
                    self.rule.clone(),
                    self.cohorts.clone(),
                );
                blocking(move || muster_engine::next_due(&host.store.snapshot()?, &rule, &cohorts))
                    .await?
            }
        };
        let mut live = self.host.live();
        for cohort in &self.cohorts {
            live.cohorts.entry(cohort.id.clone()).or_default().next = next;
        }
        Ok(next)
    }

    /// Runs what is new at once, and makes up for what was missed while nobody was there, with one tick.
    async fn catch_up(&mut self) {
        if self.real_time {
            return;
        }
        let mut wait = RETRY;
        loop {
            match self.missed().await {
                Ok(()) => return,
                Err(EngineError::Stopped) => return,
                Err(error) => self.failed(&error),
            }
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
            wait = (wait * 2).min(RETRY_MOST);
        }
    }

    async fn missed(&mut self) -> Result<(), EngineError> {
        let mut new = Vec::new();
        let mut missed = false;
        let latest =
            (self.schedule.as_ref()).and_then(|schedule| schedule.latest(self.host.clock.now()));
        let snapshot = self.host.store.snapshot()?;
        for cohort in &self.cohorts {
            let status = muster_engine::status(&snapshot, &cohort.id)?;
            match status.ran {
                None => new.push(cohort.clone()),
                Some(ran) => {
                    missed |= latest.is_some_and(|latest| ran < latest);
                    self.host
                        .live()
                        .cohorts
                        .entry(cohort.id.clone())
                        .or_default()
                        .last = Some(ran);
                }
            }
        }
        drop(snapshot);
        let all_new = new.len() == self.cohorts.len();
        if !new.is_empty() {
            self.tick(new, How::default()).await?;
        }
        if missed && !all_new {
            let how = How {
                reason: Some(Reason::Missed),
                ..How::default()
            };
            self.tick(self.cohorts.clone(), how).await?;
        }
        Ok(())
    }

    async fn obey(&mut self, command: &Command) -> Result<Value, String> {
        let id = &command.cohort;
        let Some(cohort) = self.cohorts.iter().find(|cohort| cohort.id == *id).cloned() else {
            return Err(format!("no cohort has the id `{id}`"));
        };
        let held = self.host.store.snapshot().map_err(EngineError::from);
        let held = held.and_then(|snapshot| muster_engine::status(&snapshot, id));
        let held = held.map_err(|error| error.to_string())?.held;
        let how = match command.ask {
            Ask::Sync { .. } if held.is_some() => {
                return Err(format!(
                    "a run of `{id}` is held: first let it go with `muster approve {id}` or drop it with `muster reject {id}`"
                ));
            }
            Ask::Sync { full } => How {
                resend: full,
                reason: Some(Reason::Requested),
                ..How::default()
            },
            Ask::Approve | Ask::Reject if held.is_none() => {
                return Err(format!("no run of `{id}` is held"));
            }
            Ask::Approve => How {
                everybody: true,
                unguarded: true,
                reason: Some(Reason::Approved),
                ..How::default()
            },
            Ask::Reject => {
                let (host, id) = (Arc::clone(&self.host), id.clone());
                let now = host.clock.now();
                let held = blocking(move || muster_engine::reject(&host.store, &id, now)).await;
                return Ok(json!({ "rejected": held.map_err(|error| error.to_string())? }));
            }
        };
        let report = self.tick(vec![cohort], how).await;
        let report = report.map_err(|error| error.to_string())?;
        Ok(crate::told::run(&report))
    }

    /// One tick of some or all of the group's cohorts.
    async fn tick(&self, cohorts: Vec<Cohort>, how: How) -> Result<TickReport, EngineError> {
        let _permit = match self.real_time {
            true => None,
            false => self.host.ticks.acquire().await.ok(),
        };
        let _ticking = self.host.ticking.read().await;
        let now = self.host.clock.now();
        let stop = Arc::new(AtomicBool::new(self.stop.is_cancelled()));
        let part = cohorts.len() < self.cohorts.len();
        let work = {
            let (host, rule, lists) = (
                Arc::clone(&self.host),
                self.rule.clone(),
                Arc::clone(&self.lists),
            );
            let stop = Arc::clone(&stop);
            blocking(move || -> Result<TickReport, EngineError> {
                let report = muster_engine::tick(
                    &host.store,
                    &rule,
                    &cohorts,
                    &TickOptions {
                        lists: &lists,
                        everybody: how.everybody,
                        resend: how.resend,
                        alone: part,
                        reason: how.reason,
                        guard: host.guard.filter(|_| !how.unguarded),
                        stop: Some(&stop),
                        ..host.runs.at(now)
                    },
                )?;
                if part {
                    muster_engine::forget_rule(&host.store, &rule, &cohorts)?;
                }
                Ok(report)
            })
        };
        tokio::pin!(work);
        let report = tokio::select! {
            report = &mut work => report,
            () = self.stop.cancelled() => {
                stop.store(true, Ordering::Relaxed);
                work.await
            }
        }?;
        self.done(&report);
        Ok(report)
    }

    fn done(&self, report: &TickReport) {
        let mut live = self.host.live();
        for cohort in &report.cohorts {
            let known = live.cohorts.entry(cohort.id.clone()).or_default();
            known.last = Some(report.now);
            known.trouble = None;
            if let Some(held) = &cohort.held
                && held.at == report.now.to_string()
            {
                tracing::warn!(
                    cohort = %cohort.id, members = held.members, entered = held.entered, exited = held.exited,
                    "the guard holds a run that would move much: `muster approve {id}` lets it go, `muster reject {id}` drops it", id = cohort.id
                );
            } else if cohort.entered + cohort.exited > 0 || cohort.reason != Reason::Scheduled {
                tracing::info!(
                    cohort = %cohort.id, reason = cohort.reason.as_str(), members = cohort.members, entered = cohort.entered,
                    exited = cohort.exited, messages = cohort.messages, "ran"
                );
            }
        }
        drop(live);
        for skipped in &report.skipped {
            let cohort = self.cohorts.first().map_or("", |cohort| cohort.id.as_str());
            tracing::warn!(
                cohort,
                users = skipped.users,
                "not evaluated, membership kept: {}",
                skipped.reason
            );
        }
        self.host.metrics.ticked(report);
        if report.cohorts.iter().any(|cohort| cohort.messages > 0) {
            self.host.wake_destinations();
        }
    }

    fn failed(&mut self, error: &EngineError) {
        self.failures = self.failures.saturating_add(1);
        let mut live = self.host.live();
        for cohort in &self.cohorts {
            tracing::error!(cohort = %cohort.id, "not evaluated, membership kept: {error}");
            let known: &mut LiveCohort = live.cohorts.entry(cohort.id.clone()).or_default();
            known.trouble = Some(error.to_string());
        }
        drop(live);
        self.host
            .metrics
            .failed(self.cohorts.iter().map(|cohort| &cohort.id));
    }

    /// How long to wait after so many failures.
    fn patience(&self) -> Duration {
        RETRY
            .saturating_mul(1 << self.failures.min(6))
            .min(RETRY_MOST)
    }
}

/// Runs what waits for a disk or keeps a processor busy on a thread of its own.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is ending, and nobody looks at the result any more.
            Err(_) => std::future::pending().await,
        },
    }
}
