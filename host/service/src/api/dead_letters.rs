//! Dead letters: messages that a destination will never accept.

use muster_model::Millis;
use muster_store::DeadLetter;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A dead letter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeadLetterSummary {
    /// The name of its destination.
    pub destination: String,
    /// Its number, unique in a destination.
    pub number: u64,
    /// Its message id.
    pub message_id: String,
    /// The reason why the destination refuses it.
    pub reason: String,
    /// The instant of the first attempt to send it.
    #[schema(value_type = String, format = DateTime)]
    pub first_attempt: Millis,
    /// The instant of the last attempt.
    #[schema(value_type = String, format = DateTime)]
    pub last_attempt: Millis,
    /// The number of its bytes.
    pub bytes: u64,
}

/// The dead letters of all destinations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeadLetterList {
    /// The dead letters, by destination and number.
    pub dead_letters: Vec<DeadLetterSummary>,
    /// True if there are more.
    pub more: bool,
}

/// A request about dead letters of a destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeadLettersRequest {
    /// The name of the destination.
    pub destination: String,
    /// The number of one dead letter. Without it, the request is about all.
    #[serde(default)]
    pub number: Option<u64>,
}

/// The dead letters that a request was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HandledDeadLetters {
    /// The number of dead letters that were put back into the outbox, or dropped.
    pub handled: u64,
}

impl From<DeadLetter> for DeadLetterSummary {
    fn from(letter: DeadLetter) -> Self {
        Self {
            destination: letter.destination,
            number: letter.sequence,
            message_id: letter.id,
            reason: letter.reason,
            first_attempt: letter.first_attempt,
            last_attempt: letter.last_attempt,
            bytes: letter.bytes,
        }
    }
}
