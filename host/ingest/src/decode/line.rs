//! Reads the keys of a line (docs/facts.md, "Export files" and "HTTP V2") and checks their values.

use std::borrow::Cow;
use std::fmt;

use muster_model::{Millis, Operator, Scalar, TimeError, WrittenTime};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use super::event_builder::{EventBuilder, WHOLE};
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
                "device_id" => builder.device = id(builder, "device_id", &mut map)?.is_some(),
                "event_type" => builder.name = id(builder, "event_type", &mut map)?,
                "$insert_id" => builder.insert_id = id(builder, "$insert_id", &mut map)?,
                "insert_id" => {
                    let id = id(builder, "insert_id", &mut map)?;
                    builder.insert_id = builder.insert_id.take().or(id);
                }
                "uuid" => builder.uuid = id(builder, "uuid", &mut map)?,
                // In order of trust: first the time of the sender's clock, then the times at which
                // servers received the event.
                "event_time" => time(builder, 0, "event_time", &mut map)?,
                "client_event_time" => time(builder, 1, "client_event_time", &mut map)?,
                "time" => time(builder, 2, "time", &mut map)?,
                "server_received_time" => time(builder, 3, "server_received_time", &mut map)?,
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
                _ => {
                    builder.field = WHOLE;
                    map.next_value::<IgnoredAny>()?;
                }
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
    map.next_value_seed(IdSeed(key))
}

fn time<'de, A: MapAccess<'de>>(
    builder: &mut EventBuilder<'de>,
    rank: u8,
    key: &'static str,
    map: &mut A,
) -> Result<(), A::Error> {
    builder.field = key;
    if let Some(time) = map.next_value_seed(TimeSeed(key))?
        && builder.time.is_none_or(|(held, _)| rank <= held)
    {
        builder.time = Some((rank, time));
    }
    Ok(())
}

/// A reader of an id: a text, or a whole number as its digits. Null and the empty text are no id.
struct IdSeed(&'static str);

impl<'de> DeserializeSeed<'de> for IdSeed {
    type Value = Option<Cow<'de, str>>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for IdSeed {
    type Value = Option<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a text for `{}`", self.0)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
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

/// A reader of an event's time, as [`WrittenTime`] defines it. Null and the empty text are no
/// instant.
struct TimeSeed(&'static str);

impl TimeSeed {
    fn time<E: Error>(
        &self,
        written: Result<WrittenTime, TimeError>,
        shown: impl fmt::Display,
    ) -> Result<Option<Millis>, E> {
        let key = self.0;
        let reason = match written.map(WrittenTime::of_event) {
            Ok(Some(time)) => return Ok(Some(time)),
            Ok(None) | Err(TimeError::OutOfRange(_)) => "is out of range",
            Err(TimeError::Seconds(_)) => "is probably in seconds: write it in milliseconds",
            Err(TimeError::Microseconds(_)) => {
                "is probably in microseconds: write it in milliseconds"
            }
            Err(error @ TimeError::NoInstant(_)) => {
                return Err(E::custom(format!("`{key}`: {error}")));
            }
        };
        Err(E::custom(format!("`{key}` {shown} {reason}")))
    }
}

impl<'de> DeserializeSeed<'de> for TimeSeed {
    type Value = Option<Millis>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for TimeSeed {
    type Value = Option<Millis>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an instant for `{}`", self.0)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        if text.is_empty() {
            return Ok(None);
        }
        self.time(WrittenTime::of_text(text), text)
    }

    fn visit_i64<E: Error>(self, ms: i64) -> Result<Self::Value, E> {
        self.time(WrittenTime::of_number(ms as f64), ms)
    }

    fn visit_u64<E: Error>(self, ms: u64) -> Result<Self::Value, E> {
        self.time(WrittenTime::of_number(ms as f64), ms)
    }

    fn visit_f64<E: Error>(self, ms: f64) -> Result<Self::Value, E> {
        self.time(WrittenTime::of_number(ms), ms)
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
