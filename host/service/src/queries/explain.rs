//! Why a user is in a cohort, or is not.

use muster_definition::interpreter::{Trace, known, trace};
use muster_definition::{Clause, Definition, DefinitionReads};
use muster_document::{closest, quote};
use muster_engine::RunRecord;
use muster_model::{Event, Millis, UserHistory, Value, count};
use muster_project::Project;
use muster_store::{Snapshot, UserKey};

use crate::api::{ApiError, Explanation, Membership, PropertyAtInstant, StoredMembership};

/// The number of events that are shown: the latest.
pub const SHOWN_EVENTS: usize = 10;

/// The number of users up to which a mistyped id is compared with all ids. Reading that many ids
/// takes about a tenth of a second.
const COMPARED_USERS: u32 = 100_000;

fn find_user(snapshot: &Snapshot, id: &str) -> Result<UserKey, ApiError> {
    if let Some(user) = snapshot.user_key(id)? {
        return Ok(user);
    }
    let users = snapshot.users();
    let unknown = format!("no user has the id {}", quote(id));
    let mut ids = Vec::new();
    if users <= COMPARED_USERS {
        for user in 0..users {
            ids.extend(snapshot.user_id(UserKey(user))?);
        }
    }
    match closest(id, ids.iter().map(String::as_str)) {
        Some(meant) => Err(ApiError::unknown(format!(
            "{unknown}: did you mean {}?",
            quote(meant)
        ))),
        None => Err(ApiError::unknown(format!(
            "{unknown}: the store has {}; `muster status` shows what was imported",
            count(users.into(), "user")
        ))),
    }
}

/// The value of a user property at the instant of the answer.
pub struct PropertyState<'a> {
    /// The property's name.
    pub property: &'a str,
    /// Its value; `None`: it has none.
    pub value: Option<&'a Value>,
    /// The property's last change.
    pub since: Option<Millis>,
}

/// All facts that the answer shows of a user and a cohort.
pub struct Explained<'a> {
    /// The cohort's definition.
    pub definition: &'a Definition,
    /// The user's id.
    pub user: &'a str,
    /// The instant of the answer.
    pub at: Millis,
    /// The user exists at that instant.
    pub known: bool,
    /// The instant of the user's first event or operation, if that is later.
    pub known_from: Option<Millis>,
    /// The trace of the clauses and the events and properties that they read; `None`: a
    /// hand-written rule decides.
    pub decided: Option<(Trace, DefinitionReads<'a>)>,
    history: UserHistory,
    /// The user is a member as of the last run.
    pub stored: bool,
    /// The cohort's last run.
    pub run: Option<RunRecord>,
}

impl<'a> Explained<'a> {
    /// Finds out why a user is in a cohort of a project at an instant. `clause` is the one that
    /// decides ([`muster_project::clause`]).
    ///
    /// # Errors
    /// If the store does not know the user, or fails.
    pub fn of(
        project: &Project,
        snapshot: &Snapshot,
        definition: &'a Definition,
        clause: Option<&'a Clause>,
        user: &'a str,
        at: Millis,
    ) -> Result<Self, ApiError> {
        let key = find_user(snapshot, user)?;
        let history = UserHistory {
            lists: project.lists.of_user(user),
            ..snapshot.history(key, at)?
        };
        let later = snapshot.known_later(at)?.into_iter();
        let decided =
            clause.map(|clause| (trace(clause, &history, at), DefinitionReads::of(clause)));
        Ok(Self {
            definition,
            user,
            at,
            known: known(&history, at),
            known_from: later
                .into_iter()
                .find_map(|(other, from)| (other == key).then_some(from)),
            decided,
            history,
            stored: snapshot.members(&definition.id)?.contains(key.0),
            run: muster_engine::records(snapshot, &definition.id, 1)?.pop(),
        })
    }

    /// Returns true if the user is in the cohort; `None`: only the hand-written rule knows.
    #[must_use]
    pub fn member(&self) -> Option<bool> {
        let (trace, _) = self.decided.as_ref()?;
        Some(self.known && trace.holds)
    }

    /// Returns the instant at which the answer changes without new events.
    #[must_use]
    pub fn until(&self) -> Option<Millis> {
        let (trace, _) = self.decided.as_ref()?;
        trace.until.filter(|_| self.known)
    }

    /// Returns the reason why the stored membership differs from the answer, if it does.
    #[must_use]
    pub fn differs(&self) -> Option<String> {
        if self.member()? == self.stored {
            return None;
        }
        let Some(run) = &self.run else {
            return Some("the cohort has not been run yet".to_owned());
        };
        let ran: Millis = run.at.parse().ok()?;
        let at = &run.at;
        Some(match ran.cmp(&self.at) {
            std::cmp::Ordering::Less => {
                format!("it is that of the last run, at {at}; the next run will change it")
            }
            std::cmp::Ordering::Equal => format!(
                "it is that of the last run, at {at}; since then events arrived or the definition changed, and the next run will change it"
            ),
            std::cmp::Ordering::Greater => {
                format!(
                    "it is that of the last run, at {at}, which is later than {}",
                    self.at
                )
            }
        })
    }

    /// Returns the events that some clause reads, or all events if a hand-written rule decides: the
    /// newest first.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        let relevant = |event: &&Event| match &self.decided {
            Some((_, reads)) => reads.event(&event.name),
            None => true,
        };
        self.history.events.iter().rev().filter(relevant)
    }

    /// Returns the user properties that a clause reads.
    #[must_use]
    pub fn properties(&self) -> Vec<PropertyState<'_>> {
        let read = self
            .decided
            .iter()
            .flat_map(|(_, reads)| &reads.user_properties);
        let held = |name: &&'a str| {
            let changes = self.history.properties.get(*name).into_iter().flatten();
            let last = changes.take_while(|(since, _)| *since <= self.at).last();
            PropertyState {
                property: name,
                value: last.and_then(|(_, value)| value.as_ref()),
                since: last.map(|(since, _)| *since),
            }
        };
        read.map(held).collect()
    }

    /// Returns the answer as a document.
    #[must_use]
    pub fn document(&self) -> Explanation {
        let property = |held: &PropertyState<'_>| PropertyAtInstant {
            property: held.property.to_owned(),
            value: held.value.map(Into::into),
            since: held.since,
        };
        let member = self.member();
        let then = member.filter(|_| self.until().is_some());
        Explanation {
            cohort: self.definition.id.to_string(),
            name: self.definition.name.clone(),
            user: self.user.to_owned(),
            at: self.at,
            known: self.known,
            is: member.map(Membership::of),
            until: self.until(),
            then: then.map(|member| Membership::of(!member)),
            stored: StoredMembership {
                is: Membership::of(self.stored),
                last_run: self.run.as_ref().and_then(|run| run.at.parse().ok()),
                differs: self.differs(),
            },
            clauses: self.decided.as_ref().map(|(trace, _)| trace.into()),
            events: self.events().take(SHOWN_EVENTS).map(Into::into).collect(),
            user_properties: self.properties().iter().map(property).collect(),
        }
    }
}
