//! A buffer of decoded events, in few allocations. Readers of files and of requests fill it and
//! pass it to the store.

use std::ops::Range;

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::{Millis, Operator, Scalar, Value};

/// Decoded events and identify operations in order of arrival, with all texts in one arena. Reuse a
/// buffer with [`Self::clear`].
///
/// ```
/// use muster_model::{EventBuffer, Millis, ScalarRef};
/// let mut buffer = EventBuffer::default();
/// buffer.event("ann", "Purchase", Millis(1_000), Some("insert-1"));
/// buffer.property("amount", ScalarRef::Number(60.0));
/// let event = buffer.events().next().unwrap();
/// assert_eq!((event.user, event.name, event.properties().count()), ("ann", "Purchase", 1));
/// ```
#[derive(Clone, Debug, Default)]
pub struct EventBuffer {
    arena: String,
    events: Vec<EventHead>,
    properties: Vec<BufferProperty>,
    operations: Vec<OperationHead>,
    elements: Vec<BufferCell>,
    latest: Option<LatestEvent>,
    /// The number of events and identify events so far.
    arrivals: u32,
}

/// The event that operations are added to.
#[derive(Clone, Debug)]
struct LatestEvent {
    user: TextRange,
    /// The event type; empty for an event that consists of operations only.
    name: TextRange,
    time: Millis,
    insert_id: u64,
    arrival: u32,
    /// True if the event consists of operations only.
    identify: bool,
    /// True if the event already has an operation.
    operates: bool,
}

#[derive(Clone, Debug)]
struct EventHead {
    user: TextRange,
    name: TextRange,
    time: Millis,
    insert_id: u64,
    arrival: u32,
    properties: Range<u32>,
}

#[derive(Clone, Debug)]
struct OperationHead {
    user: TextRange,
    time: Millis,
    /// The hash of the event's insert id, and that of the id and the event's name.
    event_insert_id: u64,
    insert_id: u64,
    arrival: u32,
    /// True if the event consists of operations only.
    identify: bool,
    first: bool,
    operator: Operator,
    property: TextRange,
    value: Option<BufferCell>,
}

#[derive(Clone, Debug)]
struct BufferProperty {
    name: TextRange,
    value: BufferCell,
}

/// A range of the arena.
#[derive(Clone, Copy, Debug)]
struct TextRange {
    start: u32,
    end: u32,
}

#[derive(Clone, Debug)]
enum BufferCell {
    Text(TextRange),
    Number(f64),
    Flag(bool),
    List(Range<u32>),
}

/// A [`Scalar`] that borrows its text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ScalarRef<'a> {
    /// UTF-8 text.
    Text(&'a str),
    /// A finite number.
    Number(f64),
    /// `true` or `false`.
    Flag(bool),
}

/// A [`Value`] that borrows its texts.
#[derive(Clone, Copy, Debug)]
pub enum ValueRef<'a> {
    /// One value.
    One(ScalarRef<'a>),
    /// A list, not empty.
    List(ListRef<'a>),
}

/// The elements of a list.
#[derive(Clone, Copy, Debug)]
pub struct ListRef<'a> {
    arena: &'a str,
    elements: &'a [BufferCell],
}

/// A property of an event.
#[derive(Clone, Copy, Debug)]
pub struct PropertyRef<'a> {
    /// The name of the property.
    pub name: &'a str,
    /// The value of the property.
    pub value: ValueRef<'a>,
}

/// An event in a buffer.
#[derive(Clone, Copy, Debug)]
pub struct BufferedEvent<'a> {
    /// The id of the user who did it.
    pub user: &'a str,
    /// The event type.
    pub name: &'a str,
    /// The instant of the event.
    pub time: Millis,
    /// A hash of the `$insert_id`, by which duplicates are found. An event without one has 0 and is
    /// never a duplicate.
    pub insert_id: u64,
    /// The number of events, of both kinds, that came into the buffer before it.
    pub arrival: u32,
    buffer: &'a EventBuffer,
    properties: &'a Range<u32>,
}

/// An identify operation in a buffer.
#[derive(Clone, Copy, Debug)]
pub struct BufferedOperation<'a> {
    /// The id of the user whose property changes.
    pub user: &'a str,
    /// The instant from which the operation holds.
    pub time: Millis,
    /// A hash of the event's `$insert_id` and name, the same for all operations of the event. An
    /// event without an `$insert_id` has 0, as in [`BufferedEvent::insert_id`].
    pub insert_id: u64,
    /// The hash of the event's `$insert_id` alone: that of [`BufferedEvent::insert_id`].
    pub event_insert_id: u64,
    /// The number of its event: [`BufferedEvent::arrival`].
    pub arrival: u32,
    /// True if the event consists of operations only, so that no [`BufferedEvent`] stands for it.
    pub identify: bool,
    /// True for the first operation of an event. The event's other operations follow it.
    pub first: bool,
    /// The kind of change.
    pub operator: Operator,
    /// The user property; empty for [`Operator::ClearAll`].
    pub property: &'a str,
    /// The operand.
    pub value: Option<ValueRef<'a>>,
}

impl EventBuffer {
    /// The largest text of a buffer, in bytes; its ranges are 32 bits wide. Pass a buffer on long
    /// before this size; [`Self::size`] returns the present one. A text beyond the limit panics in
    /// debug builds and is stored as an empty text otherwise.
    pub const MAX_TEXT: usize = u32::MAX as usize;

    /// Adds an event. Add its properties next, with [`Self::property`].
    pub fn event(&mut self, user: &str, name: &str, time: Millis, insert_id: Option<&str>) {
        let (user, name) = (self.text(user), self.text(name));
        let at = index(self.properties.len());
        let insert_id = insert_id.map_or(0, hash);
        self.events.push(EventHead {
            user,
            name,
            time,
            insert_id,
            arrival: self.arrivals,
            properties: at..at,
        });
        self.latest = Some(LatestEvent {
            user,
            name,
            time,
            insert_id,
            arrival: self.next_arrival(),
            identify: false,
            operates: false,
        });
    }

    /// Adds an event that consists of operations on user properties only. Add them next, with
    /// [`Self::user_property`].
    pub fn identify(&mut self, user: &str, time: Millis, insert_id: Option<&str>) {
        let user = self.text(user);
        let name = TextRange {
            start: user.end,
            end: user.end,
        };
        self.latest = Some(LatestEvent {
            user,
            name,
            time,
            insert_id: insert_id.map_or(0, hash),
            arrival: self.next_arrival(),
            identify: true,
            operates: false,
        });
    }

    fn next_arrival(&mut self) -> u32 {
        let arrival = self.arrivals;
        self.arrivals = arrival.saturating_add(1);
        arrival
    }

    /// Adds a property to the latest event. The later one counts if two have the same name. Ignores
    /// a number that is not finite.
    pub fn property(&mut self, name: &str, value: ScalarRef<'_>) {
        let Some(value) = self.cell(value) else {
            return;
        };
        self.push_property(name, value);
    }

    /// Adds a list property to the latest event. Ignores an empty list.
    pub fn list_property<'a>(
        &mut self,
        name: &str,
        values: impl IntoIterator<Item = ScalarRef<'a>>,
    ) {
        let Some(value) = self.list(values) else {
            return;
        };
        self.push_property(name, value);
    }

    fn push_property(&mut self, name: &str, value: BufferCell) {
        let name = self.text(name);
        self.properties.push(BufferProperty { name, value });
        let end = index(self.properties.len());
        if let Some(event) = self.events.last_mut() {
            event.properties.end = end;
        }
    }

    /// Adds an event that consists of one operation: [`Self::identify`] and [`Self::user_property`]
    /// in one call.
    pub fn operation(
        &mut self,
        user: &str,
        time: Millis,
        insert_id: Option<&str>,
        operator: Operator,
        property: &str,
        value: Option<&Value>,
    ) {
        self.identify(user, time, insert_id);
        self.user_property(operator, property, value);
    }

    /// Adds an operation to the latest event. An operator whose operand is missing or empty changes
    /// nothing.
    pub fn user_property(&mut self, operator: Operator, property: &str, value: Option<&Value>) {
        let value = match value {
            Some(Value::One(scalar)) => self.cell(scalar.into()),
            Some(Value::List(list)) => self.list(list.iter().map(ScalarRef::from)),
            None => None,
        };
        let property = self.text(property);
        let Some(event) = &mut self.latest else {
            debug_assert!(false, "an operation of no event");
            return;
        };
        let first = !std::mem::replace(&mut event.operates, true);
        let insert_id = match self.operations.last() {
            Some(before) if !first => before.insert_id,
            _ => of_operations(event.insert_id, slice(&self.arena, event.name)),
        };
        self.operations.push(OperationHead {
            user: event.user,
            time: event.time,
            event_insert_id: event.insert_id,
            insert_id,
            arrival: event.arrival,
            identify: event.identify,
            first,
            operator,
            property,
            value,
        });
    }

    fn cell(&mut self, value: ScalarRef<'_>) -> Option<BufferCell> {
        match value {
            ScalarRef::Text(text) => Some(BufferCell::Text(self.text(text))),
            ScalarRef::Number(number) => number.is_finite().then_some(BufferCell::Number(number)),
            ScalarRef::Flag(flag) => Some(BufferCell::Flag(flag)),
        }
    }

    fn list<'a>(&mut self, values: impl IntoIterator<Item = ScalarRef<'a>>) -> Option<BufferCell> {
        let start = index(self.elements.len());
        for value in values {
            if let Some(cell) = self.cell(value) {
                self.elements.push(cell);
            }
        }
        let end = index(self.elements.len());
        (start < end).then_some(BufferCell::List(start..end))
    }

    fn text(&mut self, text: &str) -> TextRange {
        debug_assert!(
            self.arena.len() + text.len() <= Self::MAX_TEXT,
            "a buffer was not handed on in time"
        );
        let start = index(self.arena.len());
        self.arena.push_str(text);
        TextRange {
            start,
            end: index(self.arena.len()),
        }
    }

    /// Returns the events, in order of arrival.
    pub fn events(&self) -> impl ExactSizeIterator<Item = BufferedEvent<'_>> {
        self.events.iter().map(|event| BufferedEvent {
            user: slice(&self.arena, event.user),
            name: slice(&self.arena, event.name),
            time: event.time,
            insert_id: event.insert_id,
            arrival: event.arrival,
            buffer: self,
            properties: &event.properties,
        })
    }

    /// Returns the identify operations, in order of arrival.
    pub fn operations(&self) -> impl ExactSizeIterator<Item = BufferedOperation<'_>> {
        self.operations.iter().map(|operation| BufferedOperation {
            user: slice(&self.arena, operation.user),
            time: operation.time,
            insert_id: operation.insert_id,
            event_insert_id: operation.event_insert_id,
            arrival: operation.arrival,
            identify: operation.identify,
            first: operation.first,
            operator: operation.operator,
            property: slice(&self.arena, operation.property),
            value: operation.value.as_ref().map(|cell| self.value(cell)),
        })
    }

    fn value<'a>(&'a self, cell: &'a BufferCell) -> ValueRef<'a> {
        match cell {
            BufferCell::List(range) => ValueRef::List(ListRef {
                arena: &self.arena,
                elements: part(&self.elements, range),
            }),
            scalar => ValueRef::One(scalar_ref(&self.arena, scalar)),
        }
    }

    /// Returns the number of events and operations.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len() + self.operations.len()
    }

    /// Returns true if the buffer holds no event and no operation.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the approximate memory of the content, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.arena.len()
            + self.events.len() * size_of::<EventHead>()
            + self.properties.len() * size_of::<BufferProperty>()
            + self.operations.len() * size_of::<OperationHead>()
            + self.elements.len() * size_of::<BufferCell>()
    }

    /// Adds the content of another buffer after this buffer's own. Both together hold at most
    /// [`Self::MAX_TEXT`] bytes of text.
    pub fn append(&mut self, other: &Self) {
        debug_assert!(
            self.arena.len() + other.arena.len() <= Self::MAX_TEXT,
            "a buffer was not handed on in time"
        );
        let shift = Shift {
            text: index(self.arena.len()),
            property: index(self.properties.len()),
            element: index(self.elements.len()),
            arrival: self.arrivals,
        };
        self.arena.push_str(&other.arena);
        self.elements
            .extend(other.elements.iter().map(|cell| shift.cell(cell)));
        self.properties
            .extend(other.properties.iter().map(|property| BufferProperty {
                name: shift.text(property.name),
                value: shift.cell(&property.value),
            }));
        self.events
            .extend(other.events.iter().map(|event| EventHead {
                user: shift.text(event.user),
                name: shift.text(event.name),
                time: event.time,
                insert_id: event.insert_id,
                arrival: shift.arrival(event.arrival),
                properties: shifted(&event.properties, shift.property),
            }));
        self.operations
            .extend(other.operations.iter().map(|operation| OperationHead {
                user: shift.text(operation.user),
                time: operation.time,
                event_insert_id: operation.event_insert_id,
                insert_id: operation.insert_id,
                arrival: shift.arrival(operation.arrival),
                identify: operation.identify,
                first: operation.first,
                operator: operation.operator,
                property: shift.text(operation.property),
                value: operation.value.as_ref().map(|cell| shift.cell(cell)),
            }));
        if let Some(latest) = &other.latest {
            self.latest = Some(LatestEvent {
                user: shift.text(latest.user),
                name: shift.text(latest.name),
                arrival: shift.arrival(latest.arrival),
                ..latest.clone()
            });
        }
        self.arrivals = shift.arrival(other.arrivals);
    }

    /// Removes the content and keeps the memory.
    pub fn clear(&mut self) {
        self.arena.clear();
        self.events.clear();
        self.properties.clear();
        self.operations.clear();
        self.elements.clear();
        self.latest = None;
        self.arrivals = 0;
    }
}

/// The distances by which the parts of a buffer move when they are added to another buffer.
struct Shift {
    text: u32,
    property: u32,
    element: u32,
    arrival: u32,
}

impl Shift {
    fn arrival(&self, arrival: u32) -> u32 {
        arrival.saturating_add(self.arrival)
    }

    fn text(&self, text: TextRange) -> TextRange {
        TextRange {
            start: text.start.saturating_add(self.text),
            end: text.end.saturating_add(self.text),
        }
    }

    fn cell(&self, cell: &BufferCell) -> BufferCell {
        match cell {
            BufferCell::Text(text) => BufferCell::Text(self.text(*text)),
            BufferCell::Number(number) => BufferCell::Number(*number),
            BufferCell::Flag(flag) => BufferCell::Flag(*flag),
            BufferCell::List(range) => BufferCell::List(shifted(range, self.element)),
        }
    }
}

fn shifted(range: &Range<u32>, by: u32) -> Range<u32> {
    range.start.saturating_add(by)..range.end.saturating_add(by)
}

impl<'a> BufferedEvent<'a> {
    /// Returns the event's properties in the order in which they were added.
    pub fn properties(&self) -> impl ExactSizeIterator<Item = PropertyRef<'a>> + use<'a> {
        let buffer = self.buffer;
        part(&buffer.properties, self.properties)
            .iter()
            .map(|property| PropertyRef {
                name: slice(&buffer.arena, property.name),
                value: buffer.value(&property.value),
            })
    }
}

impl<'a> ListRef<'a> {
    /// Returns the elements, in the order of the list.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = ScalarRef<'a>> + use<'a> {
        let arena = self.arena;
        self.elements
            .iter()
            .map(move |cell| scalar_ref(arena, cell))
    }
}

impl ScalarRef<'_> {
    /// Copies the value, with a text of its own.
    #[must_use]
    pub fn to_scalar(self) -> Scalar {
        match self {
            Self::Text(text) => Scalar::Text(text.into()),
            Self::Number(number) => Scalar::Number(number),
            Self::Flag(flag) => Scalar::Flag(flag),
        }
    }
}

impl ValueRef<'_> {
    /// Copies the value, with texts of its own.
    #[must_use]
    pub fn to_value(self) -> Value {
        match self {
            Self::One(scalar) => Value::One(scalar.to_scalar()),
            Self::List(list) => Value::List(list.iter().map(ScalarRef::to_scalar).collect()),
        }
    }
}

impl<'a> From<&'a Scalar> for ScalarRef<'a> {
    fn from(scalar: &'a Scalar) -> Self {
        match scalar {
            Scalar::Text(text) => Self::Text(text),
            Scalar::Number(number) => Self::Number(*number),
            Scalar::Flag(flag) => Self::Flag(*flag),
        }
    }
}

fn scalar_ref<'a>(arena: &'a str, cell: &BufferCell) -> ScalarRef<'a> {
    match cell {
        BufferCell::Text(text) => ScalarRef::Text(slice(arena, *text)),
        BufferCell::Number(number) => ScalarRef::Number(*number),
        BufferCell::Flag(flag) => ScalarRef::Flag(*flag),
        // A list holds no lists: `list` takes scalars only.
        BufferCell::List(_) => ScalarRef::Text(""),
    }
}

fn slice(arena: &str, text: TextRange) -> &str {
    arena
        .get(text.start as usize..text.end as usize)
        .unwrap_or_default()
}

fn part<'a, T>(all: &'a [T], range: &Range<u32>) -> &'a [T] {
    all.get(range.start as usize..range.end as usize)
        .unwrap_or_default()
}

fn index(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Hashes an `$insert_id`. Only ids of one user are compared, so 64 bits make a false match
/// practically impossible.
fn hash(insert_id: &str) -> u64 {
    xxh3_64(insert_id.as_bytes()).max(1)
}

/// Hashes the id with the event's name: two events are different if their ids or their names are,
/// and so are their operations.
fn of_operations(insert_id: u64, name: &str) -> u64 {
    if insert_id == 0 {
        return 0;
    }
    xxh3_64_with_seed(name.as_bytes(), insert_id).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_and_operations_read_back() {
        let mut buffer = EventBuffer::default();
        buffer.event("ann", "Purchase", Millis(5), Some("i1"));
        buffer.property("amount", ScalarRef::Number(60.0));
        buffer.property("nonsense", ScalarRef::Number(f64::NAN));
        buffer.list_property("tags", [ScalarRef::Text("a"), ScalarRef::Flag(true)]);
        buffer.list_property("none", []);
        buffer.event("bob", "View", Millis(6), None);
        buffer.operation(
            "bob",
            Millis(6),
            None,
            Operator::Add,
            "visits",
            Some(&Value::One(Scalar::Number(1.0))),
        );
        buffer.operation("bob", Millis(7), None, Operator::ClearAll, "", None);

        let events: Vec<_> = buffer.events().collect();
        assert_eq!(
            (events[0].user, events[0].name, events[0].time),
            ("ann", "Purchase", Millis(5))
        );
        assert_ne!(events[0].insert_id, 0);
        assert_eq!(events[1].insert_id, 0);
        let properties: Vec<_> = events[0]
            .properties()
            .map(|property| (property.name, property.value.to_value()))
            .collect();
        let tags = Value::List(vec![Scalar::Text("a".into()), Scalar::Flag(true)]);
        assert_eq!(
            properties,
            [("amount", Value::One(Scalar::Number(60.0))), ("tags", tags)]
        );
        assert_eq!(events[1].properties().count(), 0);

        let operations: Vec<_> = buffer.operations().collect();
        assert_eq!(
            (
                operations[0].user,
                operations[0].property,
                operations[0].operator
            ),
            ("bob", "visits", Operator::Add)
        );
        assert_eq!(
            operations[0].value.unwrap().to_value(),
            Value::One(Scalar::Number(1.0))
        );
        assert!(operations[1].value.is_none());
        assert_eq!(buffer.len(), 4);
        buffer.clear();
        assert!(buffer.is_empty() && buffer.size() == 0);
    }

    /// Adds rows of every kind, with `mark` in their texts.
    fn fill(buffer: &mut EventBuffer, mark: &str) {
        buffer.event(mark, "Purchase", Millis(5), Some(mark));
        buffer.property("amount", ScalarRef::Number(60.0));
        buffer.property("city", ScalarRef::Text(mark));
        buffer.list_property("tags", [ScalarRef::Text(mark), ScalarRef::Flag(true)]);
        buffer.event(mark, "View", Millis(6), None);
        let list = Value::List(vec![Scalar::Text(mark.into()), Scalar::Number(2.0)]);
        for value in [Some(&list), None] {
            buffer.operation(mark, Millis(7), None, Operator::Append, "seen", value);
        }
    }

    #[test]
    fn operations_belong_to_the_event_before_them() {
        let mut buffer = EventBuffer::default();
        let one = Value::One(Scalar::Number(1.0));
        let both = |buffer: &mut EventBuffer| {
            buffer.user_property(Operator::Set, "n", Some(&one));
            buffer.user_property(Operator::Add, "n", Some(&one));
        };
        buffer.event("ann", "View", Millis(5), Some("i1"));
        both(&mut buffer);
        // A duplicate, another event with the same id, and an event that consists of operations
        // only.
        buffer.event("ann", "View", Millis(5), Some("i1"));
        both(&mut buffer);
        buffer.event("ann", "Buy", Millis(5), Some("i1"));
        both(&mut buffer);
        buffer.identify("ann", Millis(5), Some("i1"));
        both(&mut buffer);
        buffer.operation("ann", Millis(5), None, Operator::Set, "n", Some(&one));
        let first: Vec<bool> = buffer.operations().map(|each| each.first).collect();
        let twice = [true, false];
        assert_eq!(
            first,
            [&twice[..], &twice, &twice, &twice, &[true]].concat()
        );
        let ids: Vec<u64> = buffer.operations().map(|each| each.insert_id).collect();
        assert!(ids[..4].iter().all(|id| *id == ids[0]));
        assert!(ids[0] != ids[4] && ids[0] != ids[6] && ids[4] != ids[6]);
        assert_eq!((ids[4], ids[6], ids[8]), (ids[5], ids[7], 0));
    }

    #[test]
    fn appending_a_buffer_equals_filling_one_buffer() {
        let (mut one, mut whole) = (EventBuffer::default(), EventBuffer::default());
        for mark in ["ann", "b\u{e4}rbel", "carl"] {
            let mut other = EventBuffer::default();
            fill(&mut other, mark);
            one.append(&other);
            one.append(&EventBuffer::default());
            fill(&mut whole, mark);
        }
        assert_eq!(format!("{one:?}"), format!("{whole:?}"));
        assert_eq!(one.size(), whole.size());
    }
}
