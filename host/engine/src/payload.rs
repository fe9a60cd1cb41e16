//! Messages: the exact JSON of the vendor's Kinesis cohort page (docs/facts.md, "The payload we
//! must produce").

use muster_model::{CohortId, Millis, Scalar, Value};
use muster_store::{Identity, Snapshot, UserKey};
use serde_json::{Map, Value as Json};

use crate::EngineError;

/// The most bytes of a message with more than one user. Kinesis bills in units of 25 KB, the
/// record's key included. Larger messages save nothing, and Kinesis throttles them in larger pieces
/// (docs/facts.md, "Kinesis, STS, IAM").
pub const MESSAGE_SIZE: usize = 24 * 1024;

/// The fields that all messages of one run of one cohort share.
#[derive(Clone, Debug)]
pub struct RunEnvelope<'a> {
    /// `cohort_id`.
    pub cohort: &'a CohortId,
    /// `cohort_name`.
    pub name: &'a str,
    /// `computed_time`, in seconds since the epoch.
    pub second: i64,
    /// The store's identity. It distinguishes hosts that send the same cohort to one stream.
    pub identity: Identity,
}

/// A message with its final bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedMessage {
    /// `message_id`.
    pub id: String,
    /// The JSON.
    pub body: Vec<u8>,
}

/// Returns the first part of the message ids of a run. A cohort's runs have strictly increasing
/// seconds, so no two runs of a store share it. The last part distinguishes stores (32 bits of the
/// identity: among a hundred hosts, two agree once in a million times).
#[must_use]
pub fn run_id(cohort: &CohortId, second: i64, identity: Identity) -> String {
    format!("{cohort}-{second}-{:08x}", identity.0 & 0xffff_ffff)
}

/// Returns one element of `users`: the JSON of a user.
#[must_use]
pub fn user(user_id: &str, properties: &[(String, Value)]) -> Vec<u8> {
    let mut object = Map::new();
    object.insert("user_id".to_owned(), user_id.into());
    if !properties.is_empty() {
        let chosen = properties
            .iter()
            .map(|(name, value)| (name.clone(), json(value)))
            .collect::<Map<_, _>>();
        object.insert("user_properties".to_owned(), Json::Object(chosen));
    }
    Json::Object(object).to_string().into_bytes()
}

/// Returns the JSON of each user, with the chosen user properties as they are at `now`; `None` for
/// a user without an id, who was forgotten.
pub(crate) fn users(
    snapshot: &Snapshot,
    users: &[UserKey],
    properties: &[String],
    now: Millis,
) -> Result<Vec<Option<Vec<u8>>>, EngineError> {
    let values = match properties {
        [] => Vec::new(),
        _ => snapshot.values(users, properties, now)?,
    };
    let mut bodies = Vec::with_capacity(users.len());
    for (index, key) in users.iter().enumerate() {
        let Some(id) = snapshot.user_id(*key)? else {
            bodies.push(None);
            continue;
        };
        let values = values.get(index).into_iter().flatten();
        let chosen: Vec<_> = properties
            .iter()
            .zip(values)
            .filter_map(|(name, value)| Some((name.clone(), value.clone()?)))
            .collect();
        bodies.push(Some(user(&id, &chosen)));
    }
    Ok(bodies)
}

/// Packs users who enter, or users who exit, into messages. Batch numbers count on from `batch`.
#[must_use]
pub fn pack(
    envelope: &RunEnvelope<'_>,
    in_cohort: bool,
    users: &[impl AsRef<[u8]>],
    batch: &mut u64,
) -> Vec<EncodedMessage> {
    let mut messages = Vec::new();
    let mut rest = users;
    while !rest.is_empty() {
        let id = format!(
            "{}:{batch}",
            run_id(envelope.cohort, envelope.second, envelope.identity)
        );
        let mut body = head(envelope, in_cohort, &id);
        let mut taken = 0;
        for user in rest.iter().map(AsRef::as_ref) {
            // The user, a comma, and the closing brackets.
            if taken > 0 && body.len() + user.len() + 3 > MESSAGE_SIZE {
                break;
            }
            if taken > 0 {
                body.push(b',');
            }
            body.extend_from_slice(user);
            taken += 1;
        }
        body.extend_from_slice(b"]}");
        messages.push(EncodedMessage { id, body });
        *batch += 1;
        rest = rest.get(taken..).unwrap_or_default();
    }
    messages
}

/// Returns the message up to its first user. The keys are in the order of the vendor's page.
fn head(envelope: &RunEnvelope<'_>, in_cohort: bool, id: &str) -> Vec<u8> {
    let name = Json::from(envelope.name);
    let (cohort, second) = (envelope.cohort, envelope.second);
    format!(
        r#"{{"cohort_name":{name},"cohort_id":"{cohort}","in_cohort":{in_cohort},"computed_time":"{second}","message_id":"{id}","users":["#
    )
    .into_bytes()
}

fn json(value: &Value) -> Json {
    match value {
        Value::One(scalar) => json_scalar(scalar),
        Value::List(list) => list.iter().map(json_scalar).collect(),
    }
}

fn json_scalar(scalar: &Scalar) -> Json {
    /// Whole numbers up to here are exact as an `f64`, so they are printed as they were written: 5,
    /// not 5.0.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match scalar {
        Scalar::Text(text) => Json::from(&**text),
        Scalar::Flag(flag) => Json::from(*flag),
        #[expect(
            clippy::cast_possible_truncation,
            reason = "whole and within the exact range"
        )]
        Scalar::Number(number) if number.fract() == 0.0 && number.abs() <= EXACT => {
            Json::from(*number as i64)
        }
        Scalar::Number(number) => Json::from(*number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(users: &[(&str, &[(&str, Value)])]) -> Vec<Vec<u8>> {
        users
            .iter()
            .map(|(id, properties)| {
                let properties: Vec<_> = properties
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), value.clone()))
                    .collect();
                user(id, &properties)
            })
            .collect()
    }

    #[test]
    fn the_payload_is_the_vendors_to_the_byte() {
        let cohort = CohortId::new("gs72ns").unwrap();
        let envelope = RunEnvelope {
            cohort: &cohort,
            name: "Test Cohort",
            second: 1_685_748_245,
            identity: Identity(0x7a3f_19c2),
        };
        let text = |text: &str| Value::One(Scalar::Text(text.into()));
        let users = texts(&[(
            "user1@amplitude.com",
            &[("city", text("San Francisco")), ("fav_animal", text("Bat"))],
        )]);
        let mut batch = 54;
        let messages = pack(&envelope, true, &users, &mut batch);
        assert_eq!(
            String::from_utf8(messages[0].body.clone()).unwrap(),
            r#"{"cohort_name":"Test Cohort","cohort_id":"gs72ns","in_cohort":true,"computed_time":"1685748245","message_id":"gs72ns-1685748245-7a3f19c2:54","users":[{"user_id":"user1@amplitude.com","user_properties":{"city":"San Francisco","fav_animal":"Bat"}}]}"#
        );
        assert_eq!(batch, 55);
    }

    #[test]
    fn names_and_values_are_escaped_and_numbers_keep_their_form() {
        let cohort = CohortId::new("c").unwrap();
        let envelope = RunEnvelope {
            cohort: &cohort,
            name: "\"quoted\"\n",
            second: 1,
            identity: Identity(0),
        };
        let list = Value::List(vec![
            Scalar::Number(5.0),
            Scalar::Number(0.5),
            Scalar::Flag(true),
        ]);
        let users = texts(&[("a\"b", &[("list", list)]), ("plain", &[])]);
        let message = pack(&envelope, false, &users, &mut 0).remove(0);
        let json: Json = serde_json::from_slice(&message.body).unwrap();
        assert_eq!(json["cohort_name"], "\"quoted\"\n");
        assert_eq!(
            json["users"][0]["user_properties"]["list"].to_string(),
            "[5,0.5,true]"
        );
        assert_eq!(json["users"][1].to_string(), r#"{"user_id":"plain"}"#);
    }

    #[test]
    fn messages_are_filled_to_24_kib_and_no_further() {
        let cohort = CohortId::new("c").unwrap();
        let envelope = RunEnvelope {
            cohort: &cohort,
            name: "n",
            second: 1,
            identity: Identity(0),
        };
        let users: Vec<_> = (0..5000)
            .map(|number| user(&format!("user-{number}"), &[]))
            .collect();
        let mut batch = 0;
        let messages = pack(&envelope, true, &users, &mut batch);
        let longest = users.iter().map(Vec::len).max().unwrap();
        for message in &messages {
            assert!(message.body.len() <= MESSAGE_SIZE);
        }
        for message in &messages[..messages.len() - 1] {
            assert!(
                message.body.len() + longest + 1 > MESSAGE_SIZE,
                "another user would have fitted"
            );
        }
        let packed: usize = messages
            .iter()
            .map(|message| {
                serde_json::from_slice::<Json>(&message.body).unwrap()["users"]
                    .as_array()
                    .unwrap()
                    .len()
            })
            .sum();
        assert_eq!((packed, batch), (5000, messages.len() as u64));
    }

    #[test]
    fn a_large_user_has_a_message_alone_and_the_others_go_on() {
        let cohort = CohortId::new("c").unwrap();
        let envelope = RunEnvelope {
            cohort: &cohort,
            name: "n",
            second: 1,
            identity: Identity(0),
        };
        // Larger than any record of Kinesis: the destination makes it a dead letter.
        let bio = Value::One(Scalar::Text("x".repeat(2 << 20).into()));
        let users = [
            user("ann", &[]),
            user("bob", &[("bio".to_owned(), bio)]),
            user("cid", &[]),
        ];
        let messages = pack(&envelope, true, &users, &mut 0);
        let ids = messages.iter().map(|message| {
            let json: Json = serde_json::from_slice(&message.body).unwrap();
            let users = json["users"].as_array().unwrap().clone();
            users
                .iter()
                .map(|user| user["user_id"].to_string())
                .collect::<String>()
        });
        assert_eq!(ids.collect::<Vec<_>>(), ["\"ann\"", "\"bob\"", "\"cid\""]);
    }

    proptest::proptest! {
        #[test]
        fn every_user_is_in_one_message_in_order(ids in proptest::collection::vec("\\PC{0,40}", 0..200)) {
            let cohort = CohortId::new("c").unwrap();
            let envelope = RunEnvelope { cohort: &cohort, name: "n", second: 1, identity: Identity(0) };
            let users: Vec<_> = ids.iter().map(|id| user(id, &[])).collect();
            let mut packed = Vec::new();
            for message in pack(&envelope, true, &users, &mut 0) {
                let json: Json = serde_json::from_slice(&message.body).unwrap();
                for user in json["users"].as_array().unwrap() {
                    packed.push(user["user_id"].as_str().unwrap().to_owned());
                }
            }
            proptest::prop_assert_eq!(packed, ids);
        }
    }
}
