//! Reads the keys of a line (docs/facts.md, "Export files" and "HTTP V2") and checks their values.

use std::borrow::Cow;
use std::fmt;

use muster_model::{Operator, Scalar};
use serde::de::{
    DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor,
};

use super::event_builder::{EventBuilder, WHOLE};
use super::fields::{PropertyField, property_field};
use super::times::TimeSeed;
use super::value::{KeySeed, PropertyObject, property};

/// A reader of one line's object into a builder.
pub(super) struct LineSeed<'d, 'de>(pub(super) &'d mut EventBuilder<'de>);

impl<'de> DeserializeSeed<'de> for LineSeed<'_, 'de> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for LineSeed<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event, a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let builder = self.0;
        while let Some(key) = map.next_key_seed(KeySeed)? {
            match &*key {
                "user_id" => builder.user = id(builder, "user_id", &mut map)?,
                "device_id" => builder.device = other_id(builder, "device_id", &mut map)?,
                "event_type" => builder.name = id(builder, "event_type", &mut map)?,
                "$insert_id" => builder.insert_id = id(builder, "$insert_id", &mut map)?,
                "insert_id" => {
                    let id = id(builder, "insert_id", &mut map)?;
                    builder.insert_id = builder.insert_id.take().or(id);
                }
                "uuid" => builder.uuid = other_id(builder, "uuid", &mut map)?,
                "event_time" => time(builder, "event_time", &mut map)?,
                "client_event_time" => time(builder, "client_event_time", &mut map)?,
                "time" => time(builder, "time", &mut map)?,
                "server_received_time" => time(builder, "server_received_time", &mut map)?,
                "client_upload_time" => time(builder, "client_upload_time", &mut map)?,
                "event_properties" => {
                    builder.field = "event_properties";
                    map.next_value_seed(PropertyObject {
                        builder,
                        key: "event_properties",
                        operator: None,
                    })?;
                }
                "user_properties" => {
                    builder.field = "user_properties";
                    map.next_value_seed(UserProperties(builder))?;
                }
                key => match property_field(key) {
                    Some(field) => {
                        let (name, operator) = match field {
                            PropertyField::Event(name) => (name, None),
                            PropertyField::User(name) => (name, Some(Operator::Set)),
                        };
                        builder.field = name;
                        builder.in_field = true;
                        let name = Cow::Borrowed(name);
                        map.next_value_seed(property(builder, operator, name))?;
                        builder.in_field = false;
                    }
                    None => {
                        builder.field = WHOLE;
                        map.next_value::<IgnoredAny>()?;
                    }
                },
            }
        }
        Ok(())
    }
}

fn id<'de, A: MapAccess<'de>>(
    builder: &mut EventBuilder<'de>,
    key: &'static str,
    map: &mut A,
) -> Result<Option<Cow<'de, str>>, A::Error> {
    builder.field = key;
    map.next_value_seed(IdSeed { key, needed: true })
}

/// Reads an id of a line that has another one: a value that is none is as if it were absent.
fn other_id<'de, A: MapAccess<'de>>(
    builder: &mut EventBuilder<'de>,
    key: &'static str,
    map: &mut A,
) -> Result<Option<Cow<'de, str>>, A::Error> {
    builder.field = key;
    map.next_value_seed(IdSeed { key, needed: false })
}

fn time<'de, A: MapAccess<'de>>(
    builder: &mut EventBuilder<'de>,
    key: &'static str,
    map: &mut A,
) -> Result<(), A::Error> {
    builder.field = key;
    let read = map.next_value_seed(TimeSeed)?;
    builder.times.note(key, read);
    Ok(())
}

/// A reader of an id: a text, or a whole number as its digits. Null and the empty text are no id.
struct IdSeed {
    key: &'static str,
    /// Makes a value of another kind an error, not an absent id.
    needed: bool,
}

impl IdSeed {
    fn other<T, E: Error>(&self, kind: Unexpected<'_>) -> Result<Option<T>, E> {
        match self.needed {
            true => Err(E::invalid_type(kind, self)),
            false => Ok(None),
        }
    }
}

impl<'de> DeserializeSeed<'de> for IdSeed {
    type Value = Option<Cow<'de, str>>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for IdSeed {
    type Value = Option<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a text for `{}`", self.key)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Self::Value, E> {
        self.other(Unexpected::Bool(flag))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        self.other(Unexpected::Map)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        self.other(Unexpected::Seq)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok((!text.is_empty()).then_some(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok((!text.is_empty()).then(|| Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(number.to_string())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(number.to_string())))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        let text = Scalar::Number(number).canonical_text().into_owned();
        Ok(Some(Cow::Owned(text)))
    }
}

/// A reader of `user_properties`: keys that are operators hold operations; other properties are
/// set.
struct UserProperties<'d, 'de>(&'d mut EventBuilder<'de>);

impl<'de> DeserializeSeed<'de> for UserProperties<'_, 'de> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for UserProperties<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object for `user_properties`")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let builder = self.0;
        while let Some(key) = map.next_key_seed(KeySeed)? {
            let operator = if key.starts_with('$') {
                Operator::from_key(&key)
            } else {
                None
            };
            match operator {
                None => map.next_value_seed(property(builder, Some(Operator::Set), key))?,
                // The value of `$clearAll` is only a "-".
                Some(operator @ Operator::ClearAll) => {
                    map.next_value::<IgnoredAny>()?;
                    builder.bare(operator, Cow::Borrowed(""));
                }
                Some(operator) => map.next_value_seed(PropertyObject {
                    builder,
                    key: operator.key(),
                    operator: Some(operator),
                })?,
            }
        }
        Ok(())
    }
}
