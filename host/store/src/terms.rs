//! The numbers of user ids, event names, properties and common texts.

use heed::{PutFlags, RwTxn};
use muster_model::Operator;

use crate::codec::ByteReader;
use crate::environment::{ReadTxn, Tables};
use crate::interner::Interner;
use crate::keys::within;
use crate::{StoreError, StoreOptions};

/// The number under which identify operations are stored. Event names are numbered from 1.
pub(crate) const OPERATIONS: u32 = 0;

/// The longest user id, event name and property name, in bytes. LMDB: a value may be 4 GiB. These
/// texts are read into memory as a whole, and the vendor accepts at most 1,024 characters.
pub const MAX_NAME: usize = 4096;

/// The largest number of distinct event names. The vendor accepts 2,000 for a whole project. Each
/// takes about 20 bytes in each segment, and a read of all names searches each segment for each of
/// them. At ten segments 16,384 names are 3 MB and 160,000 searches per group of users.
pub const MAX_EVENT_NAMES: u32 = 1 << 14;
/// The largest number of distinct names of event properties. The vendor accepts 2,000 for a whole
/// project. A name with a property takes 3 to 6 bytes in each segment: at ten segments 16,384
/// properties of one event name are 1 MB.
pub const MAX_EVENT_PROPERTIES: u32 = 1 << 14;
/// The largest number of distinct pairs of an operator and a user property. These are the columns
/// of operations, as in [`MAX_EVENT_PROPERTIES`]. The vendor accepts 1,000 properties; with all ten
/// operators on each that is 10,000.
pub const MAX_USER_PROPERTIES: u32 = 1 << 14;

/// The largest number of distinct texts of one property that get a number. A property with more
/// holds ids or free text. Its further texts are stored in place, so memory stays bounded, at the
/// cost of disk space. 65,536 texts of 128 bytes are 8 MiB per property.
pub const MAX_TEXTS_PER_PROPERTY: u32 = 1 << 16;
/// The largest number of texts of all properties together that get a number. They take at most 1 Mi
/// · (128 + 10) bytes = 138 MiB of memory.
pub const MAX_TEXTS: u32 = 1 << 20;
/// The longest text that gets a number, in bytes. Longer texts are stored in place: they seldom
/// repeat.
pub const MAX_TEXT: usize = 128;

/// Kinds of term in the table `terms`.
const NAME: u8 = 0;
const PROPERTY: u8 = 1;
const OPERATION: u8 = 2;
const TEXT: u8 = 3;

/// All numbers that were given so far.
pub(crate) struct Terms {
    pub(crate) users: Interner,
    /// The event names; the number of the first is 1.
    names: Interner,
    pub(crate) properties: Interner,
    /// An operator's letter and the user property.
    operations: Interner,
    texts: Interner,
    /// For each text, the column that brought it.
    origins: Vec<u32>,
    /// For each event property, and for each operation, the number of texts that it brought.
    brought: [Vec<u32>; 2],
    limits: TermLimits,
}

/// The largest numbers of distinct names of each kind.
#[derive(Clone, Copy, Debug)]
struct TermLimits {
    event_names: u32,
    event_properties: u32,
    user_properties: u32,
}

/// The present numbers of distinct names of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TermCounts {
    pub(crate) users: u32,
    pub(crate) names: u32,
    pub(crate) properties: u32,
    pub(crate) operations: u32,
    pub(crate) texts: u32,
}

/// A column of rows: a property of events, or an operation on a user property.
#[derive(Clone, Copy)]
pub(crate) enum Of {
    Event,
    Operation,
}

impl Terms {
    pub(crate) fn empty() -> Self {
        Self {
            users: Interner::new(USER_IDS),
            names: Interner::new("event names"),
            properties: Interner::new("event properties"),
            operations: Interner::new("user properties"),
            texts: Interner::new("texts"),
            origins: Vec::new(),
            brought: [Vec::new(), Vec::new()],
            limits: TermLimits {
                event_names: MAX_EVENT_NAMES,
                event_properties: MAX_EVENT_PROPERTIES,
                user_properties: MAX_USER_PROPERTIES,
            },
        }
    }

    /// Limits the number of names as the options say. Existing names stay.
    pub(crate) fn limit(&mut self, options: &StoreOptions) {
        self.limits = TermLimits {
            event_names: options.event_names,
            event_properties: options.event_properties,
            user_properties: options.user_properties,
        };
    }

    pub(crate) fn counts(&self) -> TermCounts {
        TermCounts {
            users: self.users.len(),
            names: self.names.len(),
            properties: self.properties.len(),
            operations: self.operations.len(),
            texts: self.texts.len(),
        }
    }

    pub(crate) fn user(&mut self, id: &str) -> Result<u32, StoreError> {
        if let Some(user) = self.users.get(id) {
            return Ok(user);
        }
        within("a user id", id.len(), MAX_NAME)?;
        self.users.intern(id)
    }

    pub(crate) fn name(&mut self, name: &str) -> Result<u32, StoreError> {
        if let Some(code) = self.names.get(name) {
            return Ok(code + 1);
        }
        within("an event name", name.len(), MAX_NAME)?;
        let limit = self.limits.event_names;
        if self.names.len() >= limit {
            return Err(too_many_names("event type", name, limit));
        }
        Ok(self.names.intern(name)? + 1)
    }

    /// Returns the number of an event name if it has one.
    pub(crate) fn get_name(&self, name: &str) -> Option<u32> {
        self.names.get(name).map(|code| code + 1)
    }

    pub(crate) fn name_text(&self, name: u32) -> Option<&str> {
        self.names.text(name.checked_sub(1)?)
    }

    /// Returns the number of an event property. Returns `None` if the property is new and there are
    /// too many.
    pub(crate) fn property(&mut self, name: &str) -> Result<Option<u32>, StoreError> {
        if let Some(code) = self.properties.get(name) {
            return Ok(Some(code));
        }
        within("a property's name", name.len(), MAX_NAME)?;
        if self.properties.len() >= self.limits.event_properties {
            return Ok(None);
        }
        Ok(Some(self.properties.intern(name)?))
    }

    /// Returns the number of an operation on a user property. Returns `None` if the operation is
    /// new and there are too many.
    pub(crate) fn operation(
        &mut self,
        operator: Operator,
        property: &str,
    ) -> Result<Option<u32>, StoreError> {
        if property.len() > MAX_NAME {
            within("a user property's name", property.len(), MAX_NAME)?;
        }
        let term = operation_term(operator, property);
        // An operation that clears all properties names none, and is one column.
        let named = operator != Operator::ClearAll;
        if named && self.operations.len() >= self.limits.user_properties {
            return Ok(self.operations.get(&term));
        }
        Ok(Some(self.operations.intern(&term)?))
    }

    /// Reports whether new event properties, and new operations on user properties, no longer get
    /// numbers.
    pub(crate) fn full(&self) -> (bool, bool) {
        (
            self.properties.len() >= self.limits.event_properties,
            self.operations.len() >= self.limits.user_properties,
        )
    }

    /// Makes the error for an event property that gets no number.
    pub(crate) fn too_many_properties(&self, name: &str) -> StoreError {
        too_many_names("event property", name, self.limits.event_properties)
    }

    /// Makes the error for an operation on a user property that gets no number.
    pub(crate) fn too_many_operations(&self, name: &str) -> StoreError {
        too_many_names("user property", name, self.limits.user_properties)
    }

    pub(crate) fn get_operation(&self, operator: Operator, property: &str) -> Option<u32> {
        self.operations.get(&operation_term(operator, property))
    }

    /// Returns the operator and the user property of an operation column.
    pub(crate) fn operation_of(&self, code: u32) -> Option<(Operator, &str)> {
        let term = self.operations.text(code)?;
        let letter = term.chars().next()?;
        let index = u32::from(letter).checked_sub(u32::from('a'))?;
        let operator = Operator::ALL.get(index as usize)?;
        Some((*operator, term.get(1..)?))
    }

    /// Returns the number of a text, from 1. Returns `None` if the text is to be stored in place.
    pub(crate) fn text(
        &mut self,
        of: Of,
        column: u32,
        text: &str,
    ) -> Result<Option<u32>, StoreError> {
        if text.len() > MAX_TEXT {
            return Ok(None);
        }
        if let Some(code) = self.texts.get(text) {
            return Ok(Some(code + 1));
        }
        let brought = brought(&mut self.brought, of, column);
        if *brought >= MAX_TEXTS_PER_PROPERTY || self.texts.len() >= MAX_TEXTS {
            return Ok(None);
        }
        *brought += 1;
        self.origins.push(origin(of, column));
        Ok(Some(self.texts.intern(text)? + 1))
    }

    /// Returns the number of a text if it is below `count`, the number of texts that a snapshot
    /// knows.
    pub(crate) fn get_text(&self, text: &str, count: u32) -> Option<u32> {
        self.texts
            .get(text)
            .filter(|code| *code < count)
            .map(|code| code + 1)
    }

    pub(crate) fn text_of(&self, code: u32) -> Option<&str> {
        self.texts.text(code.checked_sub(1)?)
    }

    /// Writes the terms that were added after `from`.
    pub(crate) fn save(
        &self,
        txn: &mut RwTxn<'_>,
        tables: &Tables,
        from: TermCounts,
    ) -> Result<(), StoreError> {
        for user in from.users..self.users.len() {
            let id = self.users.text(user).unwrap_or_default();
            tables.users.put_with_flags(
                txn,
                PutFlags::APPEND,
                &user.to_be_bytes(),
                id.as_bytes(),
            )?;
        }
        let sorts = [
            (NAME, &self.names, from.names),
            (PROPERTY, &self.properties, from.properties),
            (OPERATION, &self.operations, from.operations),
        ];
        for (sort, interner, from) in sorts {
            for code in from..interner.len() {
                let text = interner.text(code).unwrap_or_default();
                tables
                    .terms
                    .put(txn, &term_key(sort, code), text.as_bytes())?;
            }
        }
        let mut value = Vec::new();
        for code in from.texts..self.texts.len() {
            let origin = self.origins.get(code as usize).copied().unwrap_or_default();
            value.clear();
            value.extend_from_slice(&origin.to_le_bytes());
            value.extend_from_slice(self.texts.text(code).unwrap_or_default().as_bytes());
            tables.terms.put(txn, &term_key(TEXT, code), &value)?;
        }
        Ok(())
    }

    /// Reads all terms.
    pub(crate) fn load(txn: &ReadTxn<'_>, tables: &Tables) -> Result<Self, StoreError> {
        let mut terms = Self::load_without_users(txn, tables)?;
        terms.users = load_users(txn, tables)?;
        Ok(terms)
    }

    /// Reads all terms except the user ids, which are by far the most.
    pub(crate) fn load_without_users(
        txn: &ReadTxn<'_>,
        tables: &Tables,
    ) -> Result<Self, StoreError> {
        let mut terms = Self::empty();
        for entry in tables.terms.iter(txn)? {
            let (key, value) = entry?;
            let (sort, code) = key.split_first().ok_or(CORRUPT)?;
            let columns = terms.properties.len().max(terms.operations.len());
            let interner = match *sort {
                NAME => &mut terms.names,
                PROPERTY => &mut terms.properties,
                OPERATION => &mut terms.operations,
                TEXT => &mut terms.texts,
                _ => return Err(CORRUPT),
            };
            expect_next(code, interner.len())?;
            let mut value = ByteReader::new(value, "a term");
            if *sort == TEXT {
                let origin = value.u32()?;
                terms.origins.push(origin);
                let of = if origin & 1 == 0 {
                    Of::Event
                } else {
                    Of::Operation
                };
                if origin >> 1 < columns {
                    *brought(&mut terms.brought, of, origin >> 1) += 1;
                }
            }
            interner.intern(utf8(value.rest())?)?;
        }
        Ok(terms)
    }
}

/// Reads all user ids.
pub(crate) fn load_users(txn: &ReadTxn<'_>, tables: &Tables) -> Result<Interner, StoreError> {
    let mut users = Interner::new(USER_IDS);
    for entry in tables.users.iter(txn)? {
        let (key, id) = entry?;
        expect_next(key, users.len())?;
        match utf8(id)? {
            // The id of a user that was forgotten.
            "" => users.skip(),
            id => {
                users.intern(id)?;
            }
        }
    }
    Ok(users)
}

/// Returns the number of users.
pub(crate) fn count_users(txn: &ReadTxn<'_>, tables: &Tables) -> Result<u32, StoreError> {
    match tables.users.last(txn)? {
        None => Ok(0),
        Some((key, _)) => {
            let last = u32::from_be_bytes(key.try_into().map_err(|_| CORRUPT)?);
            Ok(last.saturating_add(1))
        }
    }
}

const USER_IDS: &str = "user ids";
const CORRUPT: StoreError = StoreError::Corrupt { what: "a term" };

fn too_many_names(what: &'static str, name: &str, limit: u32) -> StoreError {
    StoreError::TooManyNames {
        what,
        name: name.to_owned(),
        limit,
    }
}

fn operation_term(operator: Operator, property: &str) -> String {
    let index = Operator::ALL.iter().position(|each| *each == operator);
    let letter = u8::try_from(index.unwrap_or_default()).unwrap_or_default() + b'a';
    format!("{}{property}", char::from(letter))
}

fn origin(of: Of, column: u32) -> u32 {
    column << 1
        | match of {
            Of::Event => 0,
            Of::Operation => 1,
        }
}

fn brought(brought: &mut [Vec<u32>; 2], of: Of, column: u32) -> &mut u32 {
    let [event, operation] = brought;
    let counts = match of {
        Of::Event => event,
        Of::Operation => operation,
    };
    let column = column as usize;
    if counts.len() <= column {
        counts.resize(column + 1, 0);
    }
    #[expect(clippy::indexing_slicing, reason = "just made long enough")]
    &mut counts[column]
}

fn term_key(sort: u8, code: u32) -> [u8; 5] {
    let [a, b, c, d] = code.to_be_bytes();
    [sort, a, b, c, d]
}

fn expect_next(key: &[u8], next: u32) -> Result<(), StoreError> {
    if key == next.to_be_bytes() {
        Ok(())
    } else {
        Err(CORRUPT)
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, StoreError> {
    std::str::from_utf8(bytes).map_err(|_| CORRUPT)
}
