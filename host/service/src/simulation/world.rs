//! The parts that outlive a process of the service: the project's folder, the consumers, the truth.

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

/// A file system in memory, where there is one: a commit then waits for no disk.
const MEMORY: &str = "/dev/shm";

/// The instant when lives begin: 2026-03-01T00:00:00Z.
const BEGIN: i64 = 1_772_323_200_000;

pub(super) struct Simulation {
    pub(super) directory: TempDir,
    pub(super) life: Scenario,
    pub(super) steps: VecDeque<ScenarioStep>,
    pub(super) files: ProjectFiles,
    /// The definitions of the latest activation.
    pub(super) active: BTreeMap<usize, Chosen>,
    /// The definitions that were active when they were removed.
    pub(super) removed: BTreeMap<usize, Chosen>,
    pub(super) shared: Arc<SimulationShared>,
    /// The clock at which the next process starts.
    pub(super) clock: Millis,
    /// The latest time of any clock so far.
    pub(super) latest: Millis,
    /// The instants at which a process started or definitions were activated. A scheduled run may
    /// also begin at these instants.
    pub(super) begun: Vec<Millis>,
    /// The steps back of the clock: the new time and the old time. The clock passes the times
    /// between them twice.
    pub(super) set_back: Vec<(Millis, Millis)>,
    /// All steps are done, and the last process was started for the end.
    pub(super) ending: bool,
}

/// State that tasks of the service and the test share.
pub(super) struct SimulationShared {
    pub(super) truth: Mutex<Truth>,
    /// All rows that arrived, in order.
    pub(super) rows: Mutex<Vec<Arrived>>,
    pub(super) inboxes: [Arc<Inbox>; DESTINATIONS.len()],
    /// The number of commits that are left before the process is dead.
    pub(super) commits: Arc<AtomicU64>,
    pub(super) pauses: Arc<Pauses>,
    /// The log of the life, if the test wants one.
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
            active: BTreeMap::new(),
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

    /// Lets time pass without a process, and changes the files.
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

    /// Notes that the definitions in the files are active from now on.
    pub(super) fn activate(&mut self, at: Millis) {
        self.begun.push(at);
        let before = std::mem::replace(&mut self.active, self.files.definitions.clone());
        for (cohort, chosen) in before {
            if !self.active.contains_key(&cohort) {
                self.removed.insert(cohort, chosen);
            }
        }
        let active = &self.active;
        self.removed
            .retain(|cohort, _| !active.contains_key(cohort));
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

    /// Returns true if the process is dead: none of its later commits succeeds.
    pub(super) fn dead(&self) -> bool {
        self.commits.load(Ordering::Relaxed) == 0
    }

    /// Returns the rows of a step that arrive now.
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
