//! A random life of a project, step by step.

use std::fmt;
use std::time::Duration;

use fastrand::Rng;

use super::pool::{COHORTS, Chosen, DESTINATIONS, USERS, VERSIONS};

/// The steps of a project, from its first start to its end. A seed always gives the same life.
#[derive(Clone, Debug)]
pub(super) struct Scenario {
    pub(super) seed: u64,
    /// The number of users that a commit of a run covers: small, so that runs have several chunks.
    pub(super) chunk_users: usize,
    /// The number of rows that the store keeps in memory.
    pub(super) memtable_rows: usize,
    /// The guard of muster.yaml: percent, members.
    pub(super) guard: Option<(u8, u8)>,
    pub(super) definitions: Vec<Chosen>,
    /// The version of the static list.
    pub(super) list: usize,
    pub(super) steps: Vec<ScenarioStep>,
    /// The checks run in a service that was started for the end; otherwise in the last service of
    /// the life.
    pub(super) restart: bool,
}

/// A step of a life.
#[derive(Clone, Debug)]
pub(super) enum ScenarioStep {
    /// Rows arrive in one commit.
    Events(Vec<ArrivingRow>),
    /// Time passes.
    Wait(WaitTime),
    /// A definition comes or changes.
    Define(Chosen),
    /// A definition is deleted.
    Remove(usize),
    /// The static list changes.
    List(usize),
    /// `muster sync`.
    Sync { cohort: usize, full: bool },
    /// `muster approve`.
    Approve(usize),
    /// `muster reject`.
    Reject(usize),
    /// `muster forget`.
    Forget(usize),
    /// Segments are merged.
    Merge,
    /// A destination's next calls go wrong.
    Trouble {
        destination: usize,
        calls: usize,
        mood: Mood,
    },
    /// A step in the middle of a run. The step begins after this number of batches, which runs
    /// evaluate from now on.
    During { batches: u32, step: Box<Self> },
    /// The process is killed after this number of commits, counted from now.
    Kill { commits: u64, down: Down },
    /// The service is stopped.
    Stop(Down),
}

/// The time between two starts.
#[derive(Clone, Debug, Default)]
pub(super) struct Down {
    /// The length of this time, in seconds. A clock that is set back makes it negative.
    pub(super) seconds: i64,
    /// The changes of the project's files.
    pub(super) edits: Vec<ScenarioStep>,
}

/// A row that arrives.
#[derive(Clone, Debug)]
pub(super) enum ArrivingRow {
    New {
        user: usize,
        what: RowContent,
        /// The age of the row, in ms; a row in the future has a negative age.
        age: i64,
        /// The row has an insert id.
        insert: bool,
    },
    /// A duplicate of the row that arrived this number of rows ago.
    Again(usize),
}

/// The content of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum RowContent {
    /// The user did something.
    Did(&'static str),
    /// The user's `city` is set.
    City(&'static str),
    /// The user's `visits` grow by one.
    Visit,
    /// The user's `city` is unset.
    NoCity,
    /// All of the user's properties are cleared.
    Clear,
}

/// The behaviour of a destination in one call.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mood {
    /// The destination takes the messages, but late.
    Slow(WaitTime),
    /// The destination takes every second message.
    Half,
    /// The destination takes the messages, and its answer is lost.
    Deaf,
    /// The call does not arrive.
    Away,
    /// The destination denies the call until an operator changes something.
    Denies,
}

/// A length of time, shown with its unit.
#[derive(Clone, Copy)]
pub(super) struct WaitTime(pub(super) u64);

impl WaitTime {
    pub(super) fn duration(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

impl fmt::Debug for WaitTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.duration())
    }
}

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

impl Scenario {
    pub(super) fn random(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let random = &mut random;
        let users = random.usize(3..=USERS.len());
        let definitions: Vec<_> = (0..COHORTS)
            .map(|cohort| Chosen::random(random, cohort))
            .collect();
        let guard = (random.u8(..3) == 0).then(|| (random.u8(20..80), random.u8(1..4)));
        let (chunk_users, memtable_rows) = (random.usize(1..=5), random.usize(4..40));
        let list = random.usize(..VERSIONS);
        let mut maker = Maker {
            users,
            definitions: definitions.clone(),
            random,
        };
        let mut steps = vec![maker.events()];
        let more = maker.random.usize(5..26);
        steps.extend((0..more).map(|_| maker.step()));
        Self {
            seed,
            chunk_users,
            memtable_rows,
            guard,
            definitions,
            list,
            steps,
            restart: random.u8(..4) > 0,
        }
    }
}

/// A maker of random steps.
struct Maker<'a> {
    random: &'a mut Rng,
    users: usize,
    /// The definitions after the steps so far.
    definitions: Vec<Chosen>,
}

impl Maker<'_> {
    fn step(&mut self) -> ScenarioStep {
        match self.random.u8(..100) {
            0..26 => self.events(),
            26..48 => ScenarioStep::Wait(self.pause()),
            48..58 => self.edit(),
            58..64 => ScenarioStep::Sync {
                cohort: self.cohort(),
                full: self.random.u8(..3) > 0,
            },
            64..67 => ScenarioStep::Approve(self.cohort()),
            67..69 => ScenarioStep::Reject(self.cohort()),
            69..72 => ScenarioStep::Forget(self.user()),
            72..74 => ScenarioStep::Merge,
            74..79 => self.fail(),
            79..87 => self.during(),
            87..96 => ScenarioStep::Kill {
                commits: self.few(),
                down: self.down(),
            },
            _ => ScenarioStep::Stop(self.down()),
        }
    }

    fn events(&mut self) -> ScenarioStep {
        let rows = self.random.usize(1..7);
        ScenarioStep::Events((0..rows).map(|_| self.row()).collect())
    }

    fn row(&mut self) -> ArrivingRow {
        if self.random.u8(..8) == 0 {
            return ArrivingRow::Again(self.random.usize(..12));
        }
        let what = match self.random.u8(..16) {
            0..7 => RowContent::Did("A"),
            7..10 => RowContent::Did("B"),
            10..13 => RowContent::City(["Rome", "Oslo"][self.random.usize(..2)]),
            13 => RowContent::Visit,
            14 => RowContent::NoCity,
            _ => RowContent::Clear,
        };
        ArrivingRow::New {
            user: self.user(),
            what,
            age: self.age(),
            insert: self.random.bool(),
        }
    }

    /// Returns the age of a row. Most rows are recent, some are late, and some are ahead of the
    /// clock.
    fn age(&mut self) -> i64 {
        let random = &mut self.random;
        match random.u8(..10) {
            0..3 => 0,
            3..5 => random.i64(0..MINUTE),
            5..7 => random.i64(0..3 * HOUR),
            7 => MINUTE * random.i64(0..30),
            8 => random.i64(0..3 * DAY),
            _ => -random.i64(0..4 * HOUR),
        }
    }

    fn pause(&mut self) -> WaitTime {
        let random = &mut self.random;
        WaitTime(match random.u8(..10) {
            0..2 => random.u64(..20),
            2..5 => random.u64(500..4_000),
            5..7 => random.u64(60_000..1_500_000),
            7..9 => random.u64(1_800_000..9_000_000),
            _ => random.u64(10_000_000..60_000_000),
        })
    }

    /// Returns a change of the project's files.
    fn edit(&mut self) -> ScenarioStep {
        if self.random.u8(..4) == 0 {
            return ScenarioStep::List(self.random.usize(..VERSIONS));
        }
        let cohort = self.cohort();
        let random = &mut *self.random;
        let at = (self.definitions.iter()).position(|chosen| chosen.cohort == cohort);
        let chosen = match at {
            Some(at) if random.u8(..6) == 0 => {
                self.definitions.remove(at);
                return ScenarioStep::Remove(cohort);
            }
            Some(at) => self.definitions.remove(at).edited(random),
            None => Chosen::random(random, cohort),
        };
        self.definitions.push(chosen.clone());
        ScenarioStep::Define(chosen)
    }

    fn fail(&mut self) -> ScenarioStep {
        let mood = match self.random.u8(..5) {
            0 => Mood::Slow(WaitTime(self.random.u64(..60_000))),
            1 => Mood::Half,
            2 => Mood::Deaf,
            3 => Mood::Away,
            _ => Mood::Denies,
        };
        ScenarioStep::Trouble {
            destination: self.random.usize(..DESTINATIONS.len()),
            calls: self.random.usize(1..6),
            mood,
        }
    }

    fn during(&mut self) -> ScenarioStep {
        let step = match self.random.u8(..10) {
            0..4 => self.events(),
            4..6 => self.edit(),
            6 => ScenarioStep::Forget(self.user()),
            7 => ScenarioStep::Kill {
                commits: self.few(),
                down: self.down(),
            },
            8 => ScenarioStep::Stop(self.down()),
            _ => ScenarioStep::Sync {
                cohort: self.cohort(),
                full: true,
            },
        };
        ScenarioStep::During {
            batches: self.random.u32(..4),
            step: Box::new(step),
        }
    }

    fn down(&mut self) -> Down {
        let edits = match self.random.u8(..3) {
            0 => self.random.usize(1..4),
            _ => 0,
        };
        let random = &mut self.random;
        let seconds = match random.u8(..12) {
            0..6 => 0,
            6..9 => random.i64(0..600),
            9..11 => random.i64(0..100_000),
            _ => -random.i64(0..30_000),
        };
        Down {
            seconds,
            edits: (0..edits).map(|_| self.edit()).collect(),
        }
    }

    fn few(&mut self) -> u64 {
        match self.random.u8(..3) {
            0 => self.random.u64(..4),
            _ => self.random.u64(..12),
        }
    }

    fn cohort(&mut self) -> usize {
        self.random.usize(..COHORTS)
    }

    fn user(&mut self) -> usize {
        self.random.usize(..self.users)
    }
}
