//! History in the shapes of the contract (`wit/cohort.wit`): plain columns over a batch of users.

/// How a rule wants a property's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValueKind {
    /// The canonical text of a text, a number or a flag; of each element of a list.
    Text,
    /// A number, or a text that is one. Lists and flags are absent.
    Number,
    /// A flag, or a text that is `true` or `false`. Lists and numbers are absent.
    Flag,
    /// An instant in ms since the Unix epoch, as [`Column::Number`]: what
    /// [`muster_model::Scalar::as_instant`] reads.
    Instant,
}

/// One value a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    /// NaN: absent. Other values are finite; instants are whole.
    Number(Vec<f64>),
    /// 0, 1, or 2: absent.
    Flag(Vec<u8>),
    /// Codes of the batch's dictionary; 0: absent.
    Text(Vec<u32>),
    /// Text, where some row of the batch holds a list. The values of row r are
    /// `codes[starts[r]..starts[r + 1]]`; none: absent.
    Texts {
        /// One more than there are rows; ascending from 0.
        starts: Vec<u32>,
        /// Codes of the batch's dictionary, never 0.
        codes: Vec<u32>,
    },
}

impl Column {
    /// How many rows it has.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Number(values) => values.len(),
            Self::Flag(values) => values.len(),
            Self::Text(codes) => codes.len(),
            Self::Texts { starts, .. } => starts.len().saturating_sub(1),
        }
    }

    /// Whether it has no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Rows of all users of a batch. The rows of user u are `starts[u]..starts[u + 1]`, by time; of one
/// instant by event name, and then in order of arrival.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventRows {
    /// One more than there are users; ascending from 0.
    pub starts: Vec<u32>,
    /// When each happened, in ms since the Unix epoch.
    pub times: Vec<i64>,
    /// One column a property that was asked for.
    pub columns: Vec<Column>,
}

/// Every text of a batch once. Equal texts have equal codes.
#[derive(Clone, Debug, PartialEq)]
pub struct Dictionary {
    /// Code k is `bytes[offsets[k - 1]..offsets[k]]`. One more than there are entries; ascending
    /// from 0.
    pub offsets: Vec<u32>,
    /// UTF-8.
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
    /// The text of a code; `None` for 0 and for codes it does not have.
    #[must_use]
    pub fn text(&self, code: u32) -> Option<&str> {
        let code = code as usize;
        let start = *self.offsets.get(code.checked_sub(1)?)? as usize;
        let end = *self.offsets.get(code)? as usize;
        std::str::from_utf8(self.bytes.get(start..end)?).ok()
    }

    /// How many texts it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A property as it is read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PropertyRead {
    /// Its name.
    pub name: String,
    /// How its values come.
    pub kind: ValueKind,
}

/// A stream: a user's events whose name matches one of `names`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StreamRead {
    /// Event names; `*` stands for any run of characters.
    pub names: Vec<String>,
    /// The event properties that become columns, in this order. The empty name, as
    /// [`ValueKind::Text`], is the event's own name.
    pub properties: Vec<PropertyRead>,
    /// How far back, in ms: rows with time > now − reach. `None`: all history.
    pub lookback: Option<u64>,
}

/// What is read of a batch of users.
#[derive(Clone, Copy, Debug)]
pub struct ReadRequest<'a> {
    /// Whose history, ascending, each once.
    pub users: &'a [crate::UserKey],
    /// Rows later than this are hidden.
    pub now: muster_model::Millis,
    /// The events.
    pub streams: &'a [StreamRead],
    /// User properties whose value at `now` is read.
    pub user_properties: &'a [PropertyRead],
    /// User properties whose changes up to `now` are read.
    pub property_histories: &'a [PropertyRead],
}

/// The history of a batch of users.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// The texts that columns refer to.
    pub dictionary: Dictionary,
    /// Per user the time of the first event; `i64::MAX`: none up to now.
    pub first_seen: Vec<i64>,
    /// A column a user property that was asked for, a value a user.
    pub user_properties: Vec<Column>,
    /// The changes of each property that was asked for, with one column: from that row's time on
    /// the property holds its value (absent: nothing), until the next row. Of one instant all
    /// changes are rows, in order of arrival, whatever the kind.
    pub property_histories: Vec<EventRows>,
    /// The events of each stream that was asked for.
    pub streams: Vec<EventRows>,
    /// Per user the time of the first hidden later row of what was asked for, or of the hidden
    /// first event; `i64::MAX`: none.
    pub next_row: Vec<i64>,
}
