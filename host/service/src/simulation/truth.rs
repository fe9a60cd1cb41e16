//! The true members: the test keeps the rows that the store acknowledged, and the plain interpreter
//! evaluates them.

use std::collections::{BTreeMap, BTreeSet};

use muster_definition::{Clause, interpreter};
use muster_model::{
    CohortId, Event, EventBuffer, Millis, Operator, Scalar, UserHistory, Value, user_hash,
};

use super::life::RowContent;
use super::pool::{USERS, id, listed};

/// A row that arrived.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Arrived {
    pub(super) user: usize,
    pub(super) time: i64,
    pub(super) what: RowContent,
    pub(super) insert: Option<String>,
}

impl Arrived {
    /// Adds the row to a buffer, as an event source does.
    pub(super) fn put(&self, buffer: &mut EventBuffer) {
        let (user, time, insert) = (USERS[self.user], Millis(self.time), self.insert.as_deref());
        let text = |text: &str| Value::One(Scalar::Text(text.into()));
        let mut operation = |operator, property, value: Option<&Value>| {
            buffer.operation(user, time, insert, operator, property, value);
        };
        match self.what {
            RowContent::Did(name) => buffer.event(user, name, time, insert),
            RowContent::City(city) => operation(Operator::Set, "city", Some(&text(city))),
            RowContent::Visit => operation(
                Operator::Add,
                "visits",
                Some(&Value::One(Scalar::Number(1.0))),
            ),
            RowContent::NoCity => operation(Operator::Unset, "city", None),
            RowContent::Clear => operation(Operator::ClearAll, "", None),
        }
    }
}

/// All rows that the project has received, in order of arrival.
#[derive(Default)]
pub(super) struct Truth {
    rows: Vec<Arrived>,
}

impl Truth {
    /// Adds rows that were acknowledged. An insert id counts once for each user.
    pub(super) fn add(&mut self, rows: Vec<Arrived>) {
        for row in rows {
            let known = |other: &Arrived| (other.user, &other.insert) == (row.user, &row.insert);
            if row.insert.is_none() || !self.rows.iter().any(known) {
                self.rows.push(row);
            }
        }
    }

    /// Forgets a user.
    pub(super) fn forget(&mut self, user: usize) {
        self.rows.retain(|row| row.user != user);
    }

    /// Returns the members of a cohort at an instant.
    pub(super) fn members(&self, clause: &Clause, list: usize, now: Millis) -> BTreeSet<String> {
        let is_in = |user: &usize| {
            let history = self.history(*user, list);
            interpreter::known(&history, now) && interpreter::holds(clause, &history, now)
        };
        (0..USERS.len())
            .filter(is_in)
            .map(|user| USERS[user].to_owned())
            .collect()
    }

    fn history(&self, user: usize, list: usize) -> UserHistory {
        let mut rows: Vec<_> = self.rows.iter().filter(|row| row.user == user).collect();
        // The sort is stable: of rows with one instant, the first to arrive comes first.
        rows.sort_by_key(|row| row.time);
        let mut history = UserHistory {
            hash: user_hash(USERS[user]),
            ..UserHistory::default()
        };
        if listed(list).any(|listed| listed == USERS[user]) {
            history.lists.insert(CohortId::new(id(3)).unwrap());
        }
        let mut held: BTreeMap<&str, Option<Value>> = BTreeMap::new();
        for row in &rows {
            let time = Millis(row.time);
            let visits = held.get("visits").cloned().flatten();
            let mut put = |name: &'static str, value: Option<Value>| {
                held.insert(name, value.clone());
                let changes = history.properties.entry(name.into()).or_default();
                changes.push((time, value));
            };
            match row.what {
                RowContent::Did(name) => history.events.push(Event {
                    name: name.into(),
                    time,
                    properties: BTreeMap::new(),
                }),
                RowContent::City(city) => put("city", Some(Value::One(Scalar::Text(city.into())))),
                RowContent::NoCity => put("city", None),
                RowContent::Clear => ["city", "visits"]
                    .map(|name| put(name, None))
                    .into_iter()
                    .collect(),
                RowContent::Visit => {
                    let one = Value::One(Scalar::Number(1.0));
                    put("visits", Operator::Add.apply(visits, Some(one)));
                }
            }
        }
        history
            .events
            .sort_by(|a, b| (a.time, &a.name).cmp(&(b.time, &b.name)));
        history
    }
}
