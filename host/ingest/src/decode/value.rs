//! Reads property values. Nested objects become dotted names, lists become lists, and null is
//! nothing.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use muster_model::{Operator, Scalar};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::event_builder::{BuilderScalar, EventBuilder};
use super::limits::{MAX_DEPTH, MAX_PROPERTY_NAME};

/// A reader of a key, borrowed from the line unless it has escapes.
pub(super) struct KeySeed;

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Cow<'de, str>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for KeySeed {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

/// A reader of an object of properties: `event_properties`, or the operand of an operator.
pub(super) struct PropertyObject<'d, 'de> {
    pub(super) builder: &'d mut EventBuilder<'de>,
    /// The key of the object, for errors.
    pub(super) key: &'static str,
    pub(super) operator: Option<Operator>,
}

impl<'de> DeserializeSeed<'de> for PropertyObject<'_, 'de> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for PropertyObject<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object for `{}`", self.key)
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(KeySeed)? {
            if self.operator == Some(Operator::Unset) {
                // In the vendor's `{"name": "-"}` only the name counts, even if the value is null.
                map.next_value::<IgnoredAny>()?;
                self.builder.bare(Operator::Unset, key);
            } else {
                map.next_value_seed(property(self.builder, self.operator, key))?;
            }
        }
        Ok(())
    }
}

/// Returns a reader of one property's value, which adds the value to the builder under its name.
pub(super) fn property<'d, 'de>(
    builder: &'d mut EventBuilder<'de>,
    operator: Option<Operator>,
    name: Cow<'de, str>,
) -> ValueSeed<'d, 'de> {
    ValueSeed {
        builder,
        operator,
        name,
        depth: 0,
    }
}

/// A reader of a value outside of lists.
pub(super) struct ValueSeed<'d, 'de> {
    builder: &'d mut EventBuilder<'de>,
    operator: Option<Operator>,
    name: Cow<'de, str>,
    depth: usize,
}

impl<'de> ValueSeed<'_, 'de> {
    fn one<E>(self, value: BuilderScalar<'de>) -> Result<(), E> {
        self.builder.one(self.operator, self.name, value);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_, 'de> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, flag: bool) -> Result<(), E> {
        self.one(BuilderScalar::Flag(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.one(signed(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.one(unsigned(number))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        let number = float(number)?;
        self.one(number)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<(), E> {
        self.one(BuilderScalar::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.one(BuilderScalar::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let depth = deeper(self.depth)?;
        if self.name.len() > MAX_PROPERTY_NAME {
            self.builder.left_out += 1;
            return skip(map);
        }
        while let Some(key) = map.next_key_seed(KeySeed)? {
            map.next_value_seed(ValueSeed {
                builder: &mut *self.builder,
                operator: self.operator,
                name: Cow::Owned(joined(&self.name, &key)),
                depth,
            })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let depth = deeper(self.depth)?;
        let mut lists = ListValues {
            plain: std::mem::take(&mut self.builder.spare),
            ..ListValues::default()
        };
        while let Some(()) = seq.next_element_seed(Element {
            lists: &mut lists,
            path: None,
            depth,
        })? {}
        self.builder.left_out += lists.left_out;
        for (path, mut values) in lists.named {
            let name = Cow::Owned(joined(&self.name, &path));
            self.builder.list(self.operator, name, &mut values);
        }
        self.builder
            .list(self.operator, self.name, &mut lists.plain);
        self.builder.spare = lists.plain;
        Ok(())
    }
}

/// The contents of a list: its scalars, and one list per dotted name for the objects in it. Lists
/// inside a list are joined into one.
#[derive(Default)]
struct ListValues<'de> {
    plain: Vec<BuilderScalar<'de>>,
    named: Vec<(String, Vec<BuilderScalar<'de>>)>,
    places: HashMap<String, usize>,
    left_out: u64,
}

impl<'de> ListValues<'de> {
    fn push<E>(&mut self, path: Option<&str>, value: BuilderScalar<'de>) -> Result<(), E> {
        let Some(path) = path else {
            self.plain.push(value);
            return Ok(());
        };
        if let Some(place) = self.places.get(path) {
            if let Some((_, values)) = self.named.get_mut(*place) {
                values.push(value);
            }
        } else {
            self.places.insert(path.to_owned(), self.named.len());
            self.named.push((path.to_owned(), vec![value]));
        }
        Ok(())
    }
}

/// A reader of a value inside a list.
struct Element<'l, 'de> {
    lists: &'l mut ListValues<'de>,
    /// The keys between the list and the value; `None` if the value is in the list itself.
    path: Option<&'l str>,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Element<'_, 'de> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Element<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, flag: bool) -> Result<(), E> {
        self.lists.push(self.path, BuilderScalar::Flag(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.lists.push(self.path, signed(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.lists.push(self.path, unsigned(number))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        self.lists.push(self.path, float(number)?)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<(), E> {
        self.lists
            .push(self.path, BuilderScalar::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.lists
            .push(self.path, BuilderScalar::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let depth = deeper(self.depth)?;
        if self.path.is_some_and(|path| path.len() > MAX_PROPERTY_NAME) {
            self.lists.left_out += 1;
            return skip(map);
        }
        while let Some(key) = map.next_key_seed(KeySeed)? {
            let path = match self.path {
                None => key,
                Some(path) => Cow::Owned(joined(path, &key)),
            };
            map.next_value_seed(Element {
                lists: &mut *self.lists,
                path: Some(&path),
                depth,
            })?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let depth = deeper(self.depth)?;
        while let Some(()) = seq.next_element_seed(Element {
            lists: &mut *self.lists,
            path: self.path,
            depth,
        })? {}
        Ok(())
    }
}

/// Returns the next depth.
fn deeper<E: Error>(depth: usize) -> Result<usize, E> {
    if depth < MAX_DEPTH {
        Ok(depth + 1)
    } else {
        let message = format!("properties are nested deeper than {MAX_DEPTH} levels");
        Err(E::custom(message))
    }
}

/// Skips the rest of an object. The names of its properties would be too long, and building them
/// would take time quadratic in the line's length.
fn skip<'de, A: MapAccess<'de>>(mut map: A) -> Result<(), A::Error> {
    while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(())
}

fn joined(path: &str, key: &str) -> String {
    let mut name = String::with_capacity(path.len() + 1 + key.len());
    name.push_str(path);
    name.push('.');
    name.push_str(key);
    name
}

/// Converts a whole number by the rule of [`Scalar::from_written`].
fn signed<'a>(number: i64) -> BuilderScalar<'a> {
    if number.unsigned_abs() <= Scalar::EXACT {
        BuilderScalar::Number(number as f64)
    } else {
        BuilderScalar::Text(Cow::Owned(number.to_string()))
    }
}

fn unsigned<'a>(number: u64) -> BuilderScalar<'a> {
    if number <= Scalar::EXACT {
        BuilderScalar::Number(number as f64)
    } else {
        BuilderScalar::Text(Cow::Owned(number.to_string()))
    }
}

fn float<'a, E: Error>(number: f64) -> Result<BuilderScalar<'a>, E> {
    if number.is_finite() {
        Ok(BuilderScalar::Number(number))
    } else {
        Err(E::custom("a number is out of range"))
    }
}
