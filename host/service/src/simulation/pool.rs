//! The pool of definitions for all lives. The pool is small, so that its modules stay compiled. Its
//! windows are short, so that the clock alone changes memberships.

use std::fmt;

use fastrand::Rng;

/// The cohorts of every project.
pub(super) const COHORTS: usize = 4;

/// The destinations of every project.
pub(super) const DESTINATIONS: [&str; 3] = ["x", "y", "z"];

/// The ids of all users. Some ids resemble others, but all are different.
pub(super) const USERS: [&str; 10] = [
    "u1", "u2", "U1", "u10", "u1 ", "\"u\"", "ü", "3", "u,4", "uu",
];

/// The users of each version of the static list, as numbers of [`USERS`].
const LISTS: [&[usize]; 4] = [&[0, 1], &[1, 2, 3], &[0, 2], &[1, 4, 5]];

/// The possible definitions of a cohort.
struct CohortKind {
    id: &'static str,
    cadences: &'static [&'static str],
    bodies: &'static [&'static str],
}

const KINDS: [CohortKind; COHORTS] = [
    CohortKind {
        id: "a",
        cadences: &["real_time", "real_time", "real_time", "hourly"],
        bodies: &[
            "where: {did: A, in_last: 10 minutes}",
            "where: {did: A, times: {at_least: 2}, in_last: 2 hours}",
            "where: {all: [{did: A, in_last: 1 day}, {not: {did: B, in_last: 30 minutes}}]}",
            "where: {user: {city: Rome}}",
            "where: {any: [{sample: {percent: 40, seed: s}}, {did: B, in_last: 20 minutes}]}",
        ],
    },
    CohortKind {
        id: "b",
        cadences: &["hourly", "hourly", "{hourly: {at: 30}}", "real_time"],
        bodies: &[
            "where: {did: A, in_last: 90 minutes}",
            "where: {did_not: B, in_last: 3 hours}",
            "where: {any: [{user: {visits: {at_least: 2}}}, {did: B, in_last: 45 minutes}]}",
        ],
    },
    CohortKind {
        id: "d",
        cadences: &["daily", "daily", "{daily: {at: \"06:00\"}}", "hourly"],
        bodies: &[
            "where: {did: A, in_last: 20 hours}",
            "where: {in_cohort: a}",
            "where: {any: [{in_cohort: l}, {did: A, in_last: 2 days}]}",
            "where: {not: {in_cohort: b}}",
        ],
    },
    CohortKind {
        id: "l",
        cadences: &["real_time", "hourly", "daily"],
        bodies: &["members: ../l.csv"],
    },
];

/// Returns the id of a cohort.
pub(super) fn id(cohort: usize) -> &'static str {
    KINDS[cohort].id
}

/// A definition.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) cohort: usize,
    pub(super) body: usize,
    pub(super) cadence: usize,
    /// For each destination, whether the cohort syncs to it.
    pub(super) sync: [bool; DESTINATIONS.len()],
    pub(super) exit_on_remove: bool,
}

impl Chosen {
    pub(super) fn random(random: &mut Rng, cohort: usize) -> Self {
        let CohortKind {
            bodies, cadences, ..
        } = KINDS[cohort];
        Self {
            cohort,
            body: random.usize(..bodies.len()),
            cadence: random.usize(..cadences.len()),
            sync: DESTINATIONS.map(|_| random.u8(..3) > 0),
            exit_on_remove: random.bool(),
        }
    }

    /// Returns the definition after an edit, which changes it in one respect.
    pub(super) fn edited(&self, random: &mut Rng) -> Self {
        let mut edited = self.clone();
        let other = Self::random(random, self.cohort);
        match random.u8(..8) {
            0..3 => edited.body = other.body,
            3..6 => {
                let at = random.usize(..DESTINATIONS.len());
                edited.sync[at] = !edited.sync[at];
            }
            6 => edited.cadence = other.cadence,
            _ => edited.exit_on_remove = !edited.exit_on_remove,
        }
        edited
    }

    /// Returns the cohorts that the definition refers to.
    pub(super) fn uses(&self) -> impl Iterator<Item = usize> {
        let body = KINDS[self.cohort].bodies[self.body];
        (0..COHORTS).filter(move |other| body.contains(&format!("in_cohort: {}", id(*other))))
    }

    pub(super) fn yaml(&self) -> String {
        let CohortKind {
            id,
            cadences,
            bodies,
        } = KINDS[self.cohort];
        let (cadence, body) = (cadences[self.cadence], bodies[self.body]);
        let sync: Vec<_> = self.destinations().collect();
        let sync = match sync.is_empty() {
            true => String::new(),
            false => format!("sync: [{}]\n", sync.join(", ")),
        };
        let on_remove = if self.exit_on_remove { "exit" } else { "keep" };
        format!("id: {id}\ncadence: {cadence}\n{sync}on_remove: {on_remove}\n{body}\n")
    }

    /// Returns the destinations that the cohort syncs to.
    pub(super) fn destinations(&self) -> impl Iterator<Item = &'static str> + use<> {
        let sync = self.sync;
        DESTINATIONS
            .into_iter()
            .zip(sync)
            .filter_map(|(name, synced)| synced.then_some(name))
    }
}

impl fmt::Debug for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.yaml().trim_end().replace('\n', "; "))
    }
}

/// The number of versions of the static list.
pub(super) const VERSIONS: usize = LISTS.len();

/// Returns the users on a version of the static list.
pub(super) fn listed(version: usize) -> impl Iterator<Item = &'static str> {
    LISTS[version].iter().map(|user| USERS[*user])
}

/// Returns the file of a version of the static list.
pub(super) fn list_file(version: usize) -> String {
    let quoted = |user: &str| format!("\"{}\"\n", user.replace('"', "\"\""));
    listed(version).map(quoted).collect()
}
