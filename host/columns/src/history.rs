//! The history of a batch of users as plain columns, in the shapes of the contract
//! (`wit/cohort.wit`), and what to read of it.

use muster_model::ValueForm;

/// The form in which a module reads a property's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValueKind {
    /// The canonical text of a text, a number or a flag. For a list, the canonical text of each
    /// element.
    Text,
    /// A number, or a text that is one. Lists and flags count as absent.
    Number,
    /// A flag, or a text that is `true` or `false`. Lists and numbers count as absent.
    Flag,
    /// An instant in ms since the Unix epoch, in a [`Column::Number`]: the value that
    /// [`muster_model::Scalar::as_instant`] reads in UTC.
    Instant,
}

impl ValueKind {
    /// Returns the bytes of a row of a column. The elements of a list of texts are extra.
    #[must_use]
    #[inline]
    pub const fn width(self) -> usize {
        match self {
            Self::Number | Self::Instant => size_of::<f64>(),
            Self::Flag => size_of::<u8>(),
            Self::Text => size_of::<u32>(),
        }
    }
}

/// A column: one value per row.
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    /// Numbers; NaN means absent. Other values are finite; instants are whole.
    Number(Vec<f64>),
    /// Flags: 0, 1, or 2 for absent.
    Flag(Vec<u8>),
    /// Codes of the batch's dictionary; 0 means absent.
    Text(Vec<u32>),
    /// Texts, where some row of the batch holds a list. The values of row r are
    /// `codes[starts[r]..starts[r + 1]]`; an empty range means absent.
    Texts {
        /// The start of each row, and the end of the last; ascending from 0.
        starts: Vec<u32>,
        /// Codes of the batch's dictionary, never 0.
        codes: Vec<u32>,
    },
}

impl Column {
    /// Returns the number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Number(values) => values.len(),
            Self::Flag(values) => values.len(),
            Self::Text(codes) => codes.len(),
            Self::Texts { starts, .. } => starts.len().saturating_sub(1),
        }
    }

    /// Returns true if the column has no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Rows of all users of a batch. The rows of user u are `starts[u]..starts[u + 1]`, in order of
/// time. Rows of one instant are in order of event name, then of arrival.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventRows {
    /// The start of each user's rows, and the end of the last; ascending from 0.
    pub starts: Vec<u32>,
    /// The time of each row, in ms since the Unix epoch.
    pub times: Vec<i64>,
    /// One column per requested property.
    pub columns: Vec<Column>,
}

/// The texts of a batch, each once. Equal texts have equal codes.
#[derive(Clone, Debug, PartialEq)]
pub struct Dictionary {
    /// The bounds of the texts. Code k is `bytes[offsets[k - 1]..offsets[k]]`. There is one more
    /// offset than texts; they ascend from 0.
    pub offsets: Vec<u32>,
    /// The texts in UTF-8.
    pub bytes: Vec<u8>,
}

impl Default for Dictionary {
    fn default() -> Self {
        Self {
            offsets: vec![0],
            bytes: Vec::new(),
        }
    }
}

impl Dictionary {
    /// Returns the text of a code. Returns `None` for 0 and for codes that the dictionary does not
    /// contain.
    #[must_use]
    pub fn text(&self, code: u32) -> Option<&str> {
        let code = code as usize;
        let start = *self.offsets.get(code.checked_sub(1)?)? as usize;
        let end = *self.offsets.get(code)? as usize;
        std::str::from_utf8(self.bytes.get(start..end)?).ok()
    }

    /// Returns the number of texts.
    #[must_use]
    pub fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// Returns true if the dictionary has no texts.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A property to read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PropertyRead {
    /// The name of the property. Where the kind makes numbers, a form may stand behind it
    /// ([`ValueForm::split`]).
    pub name: String,
    /// The form of its values.
    pub kind: ValueKind,
}

impl PropertyRead {
    /// Returns the name of the property, and the form of its numbers if there is one.
    #[must_use]
    pub fn split(&self) -> (&str, Option<ValueForm>) {
        match self.kind {
            ValueKind::Number | ValueKind::Instant => {
                ValueForm::split(&self.name).unwrap_or((&self.name, None))
            }
            ValueKind::Text | ValueKind::Flag => (&self.name, None),
        }
    }
}

/// A stream to read: the events of a user whose name matches one of `names`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StreamRead {
    /// Event names; `*` stands for any sequence of characters.
    pub names: Vec<String>,
    /// The event properties that become columns, in this order. The empty name, as
    /// [`ValueKind::Text`], is the event's own name.
    pub properties: Vec<PropertyRead>,
    /// The lookback in ms: rows with time > now − lookback are read. `None` means all history.
    pub lookback: Option<u64>,
}

/// The history of a batch of users.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// The texts that columns refer to.
    pub dictionary: Dictionary,
    /// The time of each user's first event; `i64::MAX` if there is none up to now.
    pub first_seen: Vec<i64>,
    /// One column per requested user property, with one value per user.
    pub user_properties: Vec<Column>,
    /// The changes of each requested property, with one column. From a row's time on, the property
    /// holds the row's value (absent: no value) until the next row. All changes of one instant are
    /// rows, in order of arrival, whatever the kind.
    pub property_histories: Vec<EventRows>,
    /// The events of each requested stream.
    pub streams: Vec<EventRows>,
    /// The time of each user's first hidden later row of the requested data, or of the hidden first
    /// event; `i64::MAX` if there is none.
    pub next_row: Vec<i64>,
}
