//! What outlives a process of the service: the project's folder, the consumers, the truth.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use muster_model::Millis;
use tempfile::TempDir;

use super::files::ProjectFiles;
use super::inbox::Inbox;
use super::life::{ArrivingRow, Down, Scenario, ScenarioStep};
use super::pauses::Pauses;
use super::pool::{Chosen, DESTINATIONS};
use super::truth::{Arrived, Truth};

/// Memory, where there is a file system of it: a commit waits for no disk.
const MEMORY: &str = "/dev/shm";

/// 2026-03-01T00:00:00Z, when lives begin.
const BEGIN: i64 = 1_772_323_200_000;

pub(super) struct Simulation {
    pub(super) directory: TempDir,
    pub(super) life: Scenario,
    pub(super) steps: VecDeque<ScenarioStep>,
    pub(super) files: ProjectFiles,
    /// The definitions that were put in force last.
    pub(super) in_force: BTreeMap<usize, Chosen>,
    /// The definitions that were in force when they were taken away.
    pub(super) removed: BTreeMap<usize, Chosen>,
    pub(super) shared: Arc<SimulationShared>,
    /// The clock at which the next process starts.
    pub(super) clock: Millis,
    /// The latest clock that there was.
    pub(super) latest: Millis,
    /// When a process started, or definitions were put in force: a scheduled run may come at that
    /// moment, too.
    pub(super) begun: Vec<Millis>,
    /// Where the clock was set back: to, and from. It comes to what lies between twice.
    pub(super) set_back: Vec<(Millis, Millis)>,
    /// All steps are done, and the last process was started for the end.
    pub(super) ending: bool,
}

/// What tasks of the service and the test share.
pub(super) struct SimulationShared {
    pub(super) truth: Mutex<Truth>,
    /// All rows that arrived, in order.
    pub(super) rows: Mutex<Vec<Arrived>>,
    pub(super) inboxes: [Arc<Inbox>; DESTINATIONS.len()],
    /// Commits that are left before the process is dead.
    pub(super) commits: Arc<AtomicU64>,
    pub(super) pauses: Arc<Pauses>,
    /// What happened, for people.
    log: Option<Mutex<Vec<String>>>,
}

impl Simulation {
    pub(super) fn new(life: &Scenario, log: bool) -> Self {
        let memory = Path::new(MEMORY);
        let directory = match memory.is_dir() {
            true => tempfile::tempdir_in(memory),
            false => tempfile::tempdir(),
        };
        let directory = directory.unwrap();
        let definitions = life.definitions.iter().cloned();
        let files = ProjectFiles {
            definitions: definitions.map(|chosen| (chosen.cohort, chosen)).collect(),
            list: life.list,
        };
        files.create(directory.path(), life.guard);
        Self {
            directory,
            life: life.clone(),
            steps: life.steps.iter().cloned().collect(),
            files,
            in_force: BTreeMap::new(),
            removed: BTreeMap::new(),
            shared: Arc::new(SimulationShared {
                truth: Mutex::default(),
                rows: Mutex::default(),
                inboxes: std::array::from_fn(|_| Arc::default()),
                commits: Arc::new(AtomicU64::new(u64::MAX)),
                pauses: Arc::default(),
                log: log.then(Mutex::default),
            }),
            clock: Millis(BEGIN),
            latest: Millis(BEGIN),
            begun: Vec::new(),
            set_back: Vec::new(),
            ending: false,
        }
    }

    /// Time passes without a process, and the files change.
    pub(super) fn down(&mut self, clock: Millis, down: &Down) {
        self.latest = self.latest.max(clock);
        self.clock = Millis(clock.0 + down.seconds * 1_000);
        if self.clock < clock {
            self.set_back.push((self.clock, clock));
        }
        for edit in &down.edits {
            if self.files.edit(edit) {
                self.shared.note(|| format!("while it is down: {edit:?}"));
            }
        }
        self.files.write(self.directory.path());
    }

    /// What the files say is in force.
    pub(super) fn put_in_force(&mut self, at: Millis) {
        self.begun.push(at);
        let before = std::mem::replace(&mut self.in_force, self.files.definitions.clone());
        for (cohort, chosen) in before {
            if !self.in_force.contains_key(&cohort) {
                self.removed.insert(cohort, chosen);
            }
        }
        let in_force = &self.in_force;
        self.removed
            .retain(|cohort, _| !in_force.contains_key(cohort));
    }
}

impl SimulationShared {
    /// Adds to the log, if there is one.
    pub(super) fn note(&self, text: impl FnOnce() -> String) {
        if let Some(log) = &self.log {
            log.lock().unwrap().push(text());
        }
    }

    pub(super) fn log(&self) -> String {
        let log = self.log.as_ref();
        log.map_or_else(String::new, |log| log.lock().unwrap().join("\n"))
    }

    /// The process is dead: none of its commits succeeds any more.
    pub(super) fn dead(&self) -> bool {
        self.commits.load(Ordering::Relaxed) == 0
    }

    /// The rows of a step that arrive now.
    pub(super) fn rows(&self, rows: &[ArrivingRow], now: Millis) -> Vec<Arrived> {
        let mut all = self.rows.lock().unwrap();
        let first = all.len();
        for row in rows {
            let row = match row {
                ArrivingRow::New {
                    user,
                    what,
                    age,
                    insert,
                } => Arrived {
                    user: *user,
                    time: now.0 - age,
                    what: *what,
                    insert: insert.then(|| format!("i{}", all.len())),
                },
                ArrivingRow::Again(back) => match all.len().checked_sub(back + 1) {
                    Some(at) => all[at].clone(),
                    None => continue,
                },
            };
            all.push(row);
        }
        all[first..].to_vec()
    }
}
