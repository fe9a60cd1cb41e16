//! Requests about one user.

use std::collections::BTreeMap;

use muster_definition::interpreter::Trace;
use muster_engine::Forgotten;
use muster_model::{Event, Millis, Scalar, Value};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A request to delete a user: history, properties and memberships.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ForgetRequest {
    /// The user's id.
    pub user: String,
}

/// The effect of deleting a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ForgottenUser {
    /// False: no user had this id, and nothing was deleted.
    pub known: bool,
    /// The cohorts that the user was a member of.
    pub exited: Vec<String>,
    /// The number of messages that send the exits.
    pub messages: u64,
}

/// A request for why a user is in a cohort or is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplainRequest {
    /// The cohort's id.
    pub cohort: String,
    /// The user's id.
    pub user: String,
    /// The instant of the answer; null: now.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<Millis>,
}

/// Why a user is in a cohort or is not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Explanation {
    /// The cohort's id.
    pub cohort: String,
    /// The cohort's name.
    pub name: String,
    /// The user's id.
    pub user: String,
    /// The instant of the answer.
    #[schema(value_type = String, format = DateTime)]
    pub at: Millis,
    /// The user has an event or a property up to that instant.
    pub known: bool,
    /// The answer; null: only the hand-written rule knows.
    pub is: Option<Membership>,
    /// The instant at which the answer changes without new events; null: it does not.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Millis>,
    /// The answer from that instant on.
    pub then: Option<Membership>,
    /// The membership as of the last run.
    pub stored: StoredMembership,
    /// The clause that decides, with its answer; null: a hand-written rule decides.
    pub clauses: Option<ClauseAnswer>,
    /// The latest events that a clause reads, or the latest of all if a rule decides.
    pub events: Vec<ShownEvent>,
    /// The user properties that a clause reads, at the instant.
    pub user_properties: Vec<PropertyAtInstant>,
}

/// In a cohort or out of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Membership {
    /// A member.
    In,
    /// No member.
    Out,
}

/// The membership as of a cohort's last run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StoredMembership {
    /// The membership.
    pub is: Membership,
    /// The clock of the last run; null: there was none.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_run: Option<Millis>,
    /// The reason why it differs from the answer; null: it does not.
    pub differs: Option<String>,
}

/// A clause with its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClauseAnswer {
    /// The clause in one line; of `all`, `any` and `not` only that word, as the parts follow.
    pub clause: String,
    /// The clause holds.
    pub holds: bool,
    /// The instant at which the clause's answer changes without new events; null: it does not.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Millis>,
    /// The values that decided the clause.
    pub values: Vec<String>,
    /// The clauses that the clause consists of.
    #[schema(no_recursion)]
    pub parts: Vec<ClauseAnswer>,
}

/// An event with its properties.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ShownEvent {
    /// The event's name.
    pub event: String,
    /// Its instant.
    #[schema(value_type = String, format = DateTime)]
    pub at: Millis,
    /// Its properties.
    pub properties: BTreeMap<String, PropertyValue>,
}

/// A user property at an instant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PropertyAtInstant {
    /// The property's name.
    pub property: String,
    /// Its value; null: it has none.
    pub value: Option<PropertyValue>,
    /// Its last change; null: it never had a value.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub since: Option<Millis>,
}

/// The value of a property.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum PropertyValue {
    /// A text.
    Text(String),
    /// A number.
    Number(f64),
    /// True or false.
    Flag(bool),
    /// A list.
    #[schema(no_recursion)]
    List(Vec<PropertyValue>),
}

impl Membership {
    pub(crate) fn of(member: bool) -> Self {
        match member {
            true => Self::In,
            false => Self::Out,
        }
    }
}

impl From<&Trace> for ClauseAnswer {
    fn from(trace: &Trace) -> Self {
        Self {
            clause: trace.text.clone(),
            holds: trace.holds,
            until: trace.until,
            values: trace.values.clone(),
            parts: trace.parts.iter().map(Self::from).collect(),
        }
    }
}

impl From<&Event> for ShownEvent {
    fn from(event: &Event) -> Self {
        let properties = event.properties.iter();
        Self {
            event: event.name.to_string(),
            at: event.time,
            properties: properties
                .map(|(name, value)| (name.to_string(), value.into()))
                .collect(),
        }
    }
}

impl From<&Scalar> for PropertyValue {
    fn from(scalar: &Scalar) -> Self {
        match scalar {
            Scalar::Text(text) => Self::Text(text.to_string()),
            Scalar::Number(number) => Self::Number(*number),
            Scalar::Flag(flag) => Self::Flag(*flag),
        }
    }
}

impl From<&Value> for PropertyValue {
    fn from(value: &Value) -> Self {
        match value {
            Value::One(one) => one.into(),
            Value::List(list) => Self::List(list.iter().map(Self::from).collect()),
        }
    }
}

impl From<Forgotten> for ForgottenUser {
    fn from(forgotten: Forgotten) -> Self {
        Self {
            known: forgotten.known,
            exited: forgotten.exited.iter().map(ToString::to_string).collect(),
            messages: forgotten.messages,
        }
    }
}
