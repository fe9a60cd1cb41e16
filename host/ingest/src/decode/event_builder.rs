//! Collects the contents of a line. Nothing reaches the buffer before the whole line has been read
//! and found right.

use std::borrow::Cow;
use std::ops::Range;

use muster_model::{EventBuffer, Millis, Operator, Scalar, ScalarRef, Value};

use super::fields::SENDERS_ADDRESS;
use super::limits::{MAX_ELEMENTS, MAX_PROPERTIES, MAX_PROPERTY_NAME, MAX_TEXT};
use super::times::EventTimes;

/// A reader's collection of one line's contents, reused from line to line. Texts are borrowed from
/// the line, except those with escapes.
#[derive(Default)]
pub(crate) struct EventBuilder<'a> {
    pub(super) user: Option<Cow<'a, str>>,
    pub(super) name: Option<Cow<'a, str>>,
    pub(super) insert_id: Option<Cow<'a, str>>,
    pub(super) uuid: Option<Cow<'a, str>>,
    pub(super) times: EventTimes,
    items: Vec<PropertyItem<'a>>,
    /// The properties that are fields of the line itself ([`super::fields`]).
    fields: Vec<PropertyItem<'a>>,
    /// Set while the value of such a field is read.
    pub(super) in_field: bool,
    elements: Vec<BuilderScalar<'a>>,
    /// An empty list with memory already allocated.
    pub(super) spare: Vec<BuilderScalar<'a>>,
    pub(super) texts_cut: u64,
    pub(super) left_out: u64,
    pub(super) device: Option<Cow<'a, str>>,
    /// The key that is being read or was read last, which says where an error happened.
    pub(super) field: &'static str,
}

/// The field of errors that concern no single key.
pub(super) const WHOLE: &str = "event";

/// An event property or, with an operator, an operation on a user property.
struct PropertyItem<'a> {
    operator: Option<Operator>,
    name: Cow<'a, str>,
    value: Option<BuilderValue<'a>>,
}

enum BuilderValue<'a> {
    One(BuilderScalar<'a>),
    List(Range<usize>),
}

/// A scalar that may own its text.
pub(super) enum BuilderScalar<'a> {
    Text(Cow<'a, str>),
    Number(f64),
    Flag(bool),
}

impl BuilderScalar<'_> {
    fn borrowed(&self) -> ScalarRef<'_> {
        match self {
            Self::Text(text) => ScalarRef::Text(text),
            Self::Number(number) => ScalarRef::Number(*number),
            Self::Flag(flag) => ScalarRef::Flag(*flag),
        }
    }
}

impl<'a> EventBuilder<'a> {
    pub(super) fn clear(&mut self) {
        self.user = None;
        self.name = None;
        self.insert_id = None;
        self.uuid = None;
        self.times = EventTimes::default();
        self.items.clear();
        self.fields.clear();
        self.in_field = false;
        self.elements.clear();
        self.texts_cut = 0;
        self.left_out = 0;
        self.device = None;
        self.field = WHOLE;
    }

    pub(super) fn one(
        &mut self,
        operator: Option<Operator>,
        name: Cow<'a, str>,
        value: BuilderScalar<'a>,
    ) {
        if self.in_field && matches!(&value, BuilderScalar::Text(text) if text == SENDERS_ADDRESS) {
            return;
        }
        let value = self.cut(value);
        self.push(operator, name, Some(BuilderValue::One(value)));
    }

    /// Adds an operation without an operand: `$unset` or `$clearAll`.
    pub(super) fn bare(&mut self, operator: Operator, name: Cow<'a, str>) {
        self.push(Some(operator), name, None);
    }

    pub(super) fn list(
        &mut self,
        operator: Option<Operator>,
        name: Cow<'a, str>,
        values: &mut Vec<BuilderScalar<'a>>,
    ) {
        let start = self.elements.len();
        self.left_out += values.len().saturating_sub(MAX_ELEMENTS) as u64;
        values.truncate(MAX_ELEMENTS);
        for value in values.drain(..) {
            let value = self.cut(value);
            self.elements.push(value);
        }
        let end = self.elements.len();
        if start < end {
            self.push(operator, name, Some(BuilderValue::List(start..end)));
        }
    }

    fn push(
        &mut self,
        operator: Option<Operator>,
        name: Cow<'a, str>,
        value: Option<BuilderValue<'a>>,
    ) {
        // Only `$clearAll` concerns no single property.
        let nameless = name.is_empty() && operator != Some(Operator::ClearAll);
        let items = match self.in_field {
            true => &mut self.fields,
            false => &mut self.items,
        };
        if nameless || items.len() == MAX_PROPERTIES || name.len() > MAX_PROPERTY_NAME {
            self.left_out += 1;
        } else {
            items.push(PropertyItem {
                operator,
                name,
                value,
            });
        }
    }

    fn cut(&mut self, value: BuilderScalar<'a>) -> BuilderScalar<'a> {
        match value {
            BuilderScalar::Text(text) if text.len() > MAX_TEXT => {
                self.texts_cut += 1;
                let end = text.floor_char_boundary(MAX_TEXT);
                BuilderScalar::Text(match text {
                    Cow::Borrowed(text) => Cow::Borrowed(text.get(..end).unwrap_or_default()),
                    Cow::Owned(mut text) => {
                        text.truncate(end);
                        Cow::Owned(text)
                    }
                })
            }
            value => value,
        }
    }

    /// Returns the names of the line's properties and operations.
    pub(super) fn names(&self) -> impl Iterator<Item = (Option<Operator>, &str)> {
        self.contents().map(|item| (item.operator, &*item.name))
    }

    /// Returns the properties and operations in the order in which they hold: fields of the line
    /// after `$clearAll`, and only those that `event_properties` or `user_properties` do not name.
    fn contents(&self) -> impl Iterator<Item = &PropertyItem<'a>> {
        let named = |field: &PropertyItem<'a>| {
            let same = |item: &PropertyItem<'a>| {
                item.name == field.name && item.operator.is_some() == field.operator.is_some()
            };
            self.items.iter().any(same)
        };
        let fields = self.fields.iter().filter(move |field| !named(field));
        self.items.iter().chain(fields)
    }

    /// Writes the line into the buffer and returns the number of its operations.
    pub(super) fn commit(
        &self,
        user: &str,
        event: Option<&str>,
        time: Millis,
        buffer: &mut EventBuffer,
    ) -> u64 {
        let insert_id = self.insert_id.as_deref().or(self.uuid.as_deref());
        match event {
            Some(name) => buffer.event(user, name, time, insert_id),
            None => buffer.identify(user, time, insert_id),
        }
        let mut operations = 0;
        for item in self.contents() {
            match item.operator {
                Some(operator) => {
                    operations += 1;
                    let value = item.value.as_ref().map(|value| self.owned(value));
                    buffer.user_property(operator, &item.name, value.as_ref());
                }
                // `$identify` is no event, so event properties in it belong to no event.
                None if event.is_none() => {}
                None => match &item.value {
                    Some(BuilderValue::One(value)) => buffer.property(&item.name, value.borrowed()),
                    Some(BuilderValue::List(range)) => {
                        let values = self.part(range).iter().map(BuilderScalar::borrowed);
                        buffer.list_property(&item.name, values);
                    }
                    None => {}
                },
            }
        }
        operations
    }

    fn owned(&self, value: &BuilderValue<'a>) -> Value {
        match value {
            BuilderValue::One(scalar) => Value::One(scalar.borrowed().to_scalar()),
            BuilderValue::List(range) => {
                let scalar =
                    |scalar: &BuilderScalar<'a>| -> Scalar { scalar.borrowed().to_scalar() };
                Value::List(self.part(range).iter().map(scalar).collect())
            }
        }
    }

    fn part(&self, range: &Range<usize>) -> &[BuilderScalar<'a>] {
        self.elements.get(range.clone()).unwrap_or_default()
    }
}
