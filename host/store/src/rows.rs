//! Rows as they arrive: names and texts are already numbers, and nothing is sorted yet.

use std::collections::HashMap;

use muster_model::{BufferedOperation, EventBuffer, Operator, PropertyRef, ScalarRef, ValueRef};

use crate::StoreError;
use crate::duplicates::{self, FewOrMany};
use crate::terms::{OPERATIONS, Of, Terms};

/// Rows in order of arrival.
#[derive(Debug, Default)]
pub(crate) struct RowBuffer {
    pub(crate) heads: Vec<Head>,
    /// The cells of row r are `cells[heads[r].cells..heads[r + 1].cells]`.
    pub(crate) cells: Vec<(u32, Cell)>,
    /// The texts that are stored in place.
    pub(crate) texts: String,
    /// The elements of lists. No element is a list.
    pub(crate) elements: Vec<Cell>,
}

/// A row without its cells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Head {
    /// The number of an event name, or [`OPERATIONS`].
    pub(crate) name: u32,
    pub(crate) user: u32,
    pub(crate) time: i64,
    /// The kept bits of the insert id ([`crate::duplicates`]); 0 means none.
    pub(crate) insert: u64,
    /// The start of its cells.
    pub(crate) cells: u32,
}

/// A value in a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cell {
    /// A text of the dictionary, numbered from 1.
    Code(u32),
    /// A text stored in place: a range of [`RowBuffer::texts`].
    Text(u32, u32),
    /// A finite number, not -0.
    Number(f64),
    /// A flag.
    Flag(bool),
    /// A list, not empty: a range of [`RowBuffer::elements`].
    List(u32, u32),
}

impl RowBuffer {
    pub(crate) fn len(&self) -> usize {
        self.heads.len()
    }

    /// Returns the memory that the rows take, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.heads.len() * size_of::<Head>()
            + self.cells.len() * size_of::<(u32, Cell)>()
            + self.texts.len()
            + self.elements.len() * size_of::<Cell>()
    }

    pub(crate) fn head(&self, row: u32) -> Head {
        self.heads.get(row as usize).copied().unwrap_or(Head {
            name: 0,
            user: 0,
            time: 0,
            insert: 0,
            cells: 0,
        })
    }

    pub(crate) fn cells_of(&self, row: u32) -> &[(u32, Cell)] {
        let row = row as usize;
        let Some(head) = self.heads.get(row) else {
            return &[];
        };
        let end = match self.heads.get(row + 1) {
            Some(next) => next.cells as usize,
            None => self.cells.len(),
        };
        self.cells.get(head.cells as usize..end).unwrap_or_default()
    }

    pub(crate) fn text(&self, start: u32, end: u32) -> &str {
        self.texts
            .get(start as usize..end as usize)
            .unwrap_or_default()
    }

    pub(crate) fn list(&self, start: u32, end: u32) -> &[Cell] {
        self.elements
            .get(start as usize..end as usize)
            .unwrap_or_default()
    }

    /// Adds the content of a buffer: first its events, then its operations. Leaves out the events
    /// of which `known` says that their user's insert id is known already. It receives the
    /// user's number and the id's hash of each event with an insert id, in order of arrival.
    pub(crate) fn push(
        &mut self,
        buffer: &EventBuffer,
        terms: &mut Terms,
        known: &mut dyn FnMut(u32, u64) -> Result<bool, StoreError>,
    ) -> Result<Pushed, StoreError> {
        let mut pushed = Pushed::default();
        let mut users = LatestText::default();
        let mut names = LatestText::default();
        let mut seen = FewOrMany::default();
        let mut duplicates = DuplicateArrivals::new(known);
        let mut identifies = buffer
            .operations()
            .filter(|operation| operation.first && operation.identify)
            .peekable();
        for event in buffer.events() {
            while let Some(earlier) = identifies.next_if(|each| each.arrival < event.arrival) {
                duplicates.check_identify(&earlier, terms)?;
            }
            let user = users.number(event.user, |id| terms.user(id))?;
            if duplicates.check(event.arrival, user, event.insert_id)? {
                pushed.duplicates += 1;
                continue;
            }
            let head = Head {
                user,
                name: names.number(event.name, |name| terms.name(name))?,
                time: event.time.0,
                insert: duplicates::kept(event.insert_id, true),
                cells: index(self.cells.len())?,
            };
            self.heads.push(head);
            for PropertyRef { name, value } in event.properties() {
                let Some(column) = terms.property(name)? else {
                    pushed.left_out += 1;
                    continue;
                };
                let cell = self.cell(value, Of::Event, column, terms)?;
                self.cells.push((column, cell));
            }
            self.keep_latest(head.cells, &mut seen);
        }
        for later in identifies {
            duplicates.check_identify(&later, terms)?;
        }
        let mut open = OpenRow::default();
        for operation in buffer.operations() {
            if duplicates.has(operation.arrival) {
                pushed.duplicates += u64::from(operation.first);
                continue;
            }
            self.push_operation(&operation, terms, &mut open)?;
        }
        pushed.left_out += open.left_out;
        Ok(pushed)
    }

    /// Adds an operation. Operations of one event share a row, unless they concern the same
    /// property or all properties. Operations of events without an insert id share a row if they
    /// have the same user and time.
    fn push_operation<'b>(
        &mut self,
        operation: &BufferedOperation<'b>,
        terms: &mut Terms,
        open: &mut OpenRow<'b>,
    ) -> Result<(), StoreError> {
        open.begun &= !operation.first;
        let needs_value = !matches!(operation.operator, Operator::Unset | Operator::ClearAll);
        if needs_value && operation.value.is_none() {
            return Ok(());
        }
        let alone = operation.operator == Operator::ClearAll;
        let property = if alone { "" } else { operation.property };
        let Some(column) = terms.operation(operation.operator, property)? else {
            open.left_out += 1;
            return Ok(());
        };
        let head = Head {
            user: terms.user(operation.user)?,
            name: OPERATIONS,
            time: operation.time.0,
            insert: duplicates::kept(operation.insert_id, !open.begun),
            cells: index(self.cells.len())?,
        };
        let together = self.heads.last().is_some_and(|last| {
            (last.name, last.user, last.time) == (head.name, head.user, head.time)
                && duplicates::joins(head.insert, last.insert)
        });
        let joins = !alone && open.shared && together && open.properties.insert(operation.property);
        if !joins {
            self.heads.push(head);
            open.shared = !alone;
            open.properties.clear();
            open.properties.insert(operation.property);
        }
        open.begun = true;
        let cell = match operation.value {
            Some(value) if needs_value => self.cell(value, Of::Operation, column, terms)?,
            _ => Cell::Flag(true),
        };
        self.cells.push((column, cell));
        Ok(())
    }

    /// Keeps the later of two cells of one column in the latest row, in the place of the earlier.
    fn keep_latest(&mut self, start: u32, seen: &mut FewOrMany<u32>) {
        let start = start as usize;
        seen.clear();
        let row = self.cells.get(start..).unwrap_or_default();
        if row.iter().all(|(column, _)| seen.insert(*column)) {
            return;
        }
        let mut places: HashMap<u32, usize> = HashMap::new();
        for (column, cell) in self.cells.split_off(start) {
            let place = *places.entry(column).or_insert(self.cells.len());
            match self.cells.get_mut(place) {
                Some(held) => *held = (column, cell),
                None => self.cells.push((column, cell)),
            }
        }
    }

    fn cell(
        &mut self,
        value: ValueRef<'_>,
        of: Of,
        column: u32,
        terms: &mut Terms,
    ) -> Result<Cell, StoreError> {
        match value {
            ValueRef::One(scalar) => self.scalar(scalar, of, column, terms),
            ValueRef::List(list) => {
                let start = index(self.elements.len())?;
                for scalar in list.iter() {
                    let cell = self.scalar(scalar, of, column, terms)?;
                    self.elements.push(cell);
                }
                Ok(Cell::List(start, index(self.elements.len())?))
            }
        }
    }

    fn scalar(
        &mut self,
        scalar: ScalarRef<'_>,
        of: Of,
        column: u32,
        terms: &mut Terms,
    ) -> Result<Cell, StoreError> {
        Ok(match scalar {
            ScalarRef::Text(text) => match terms.text(of, column, text)? {
                Some(code) => Cell::Code(code),
                None => {
                    let start = index(self.texts.len())?;
                    self.texts.push_str(text);
                    Cell::Text(start, index(self.texts.len())?)
                }
            },
            // -0 becomes 0: they have one canonical text.
            ScalarRef::Number(number) => Cell::Number(number + 0.0),
            ScalarRef::Flag(flag) => Cell::Flag(flag),
        })
    }

    /// Adds other rows, which arrived later.
    pub(crate) fn extend(&mut self, other: &Self) -> Result<(), StoreError> {
        let cells = index(self.cells.len())?;
        let texts = index(self.texts.len())?;
        let elements = index(self.elements.len())?;
        index(self.cells.len() + other.cells.len())?;
        index(self.texts.len() + other.texts.len())?;
        index(self.elements.len() + other.elements.len())?;
        let moved = |cell: Cell| match cell {
            Cell::Text(start, end) => Cell::Text(start + texts, end + texts),
            Cell::List(start, end) => Cell::List(start + elements, end + elements),
            other => other,
        };
        self.heads.extend(other.heads.iter().map(|head| Head {
            cells: head.cells + cells,
            ..*head
        }));
        self.cells.extend(
            other
                .cells
                .iter()
                .map(|(column, cell)| (*column, moved(*cell))),
        );
        self.texts.push_str(&other.texts);
        self.elements
            .extend(other.elements.iter().map(|cell| moved(*cell)));
        Ok(())
    }
}

/// The parts of a buffer that did not become rows.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pushed {
    /// The number of values that were left out, because their property is new and there are too
    /// many.
    pub(crate) left_out: u64,
    /// The number of rows of events that were left out as duplicates. The operations of an event
    /// count as one row.
    pub(crate) duplicates: u64,
}

/// The events of a buffer that are duplicates, by their numbers in order of arrival.
struct DuplicateArrivals<'a> {
    known: &'a mut dyn FnMut(u32, u64) -> Result<bool, StoreError>,
    /// Ascending.
    found: Vec<u32>,
}

impl<'a> DuplicateArrivals<'a> {
    fn new(known: &'a mut dyn FnMut(u32, u64) -> Result<bool, StoreError>) -> Self {
        Self {
            known,
            found: Vec::new(),
        }
    }

    /// Returns true if the next event is a duplicate. An event without an insert id is none.
    fn check(&mut self, arrival: u32, user: u32, insert: u64) -> Result<bool, StoreError> {
        let found = insert != 0 && (self.known)(user, insert)?;
        if found {
            self.found.push(arrival);
        }
        Ok(found)
    }

    fn check_identify(
        &mut self,
        operation: &BufferedOperation<'_>,
        terms: &mut Terms,
    ) -> Result<(), StoreError> {
        if operation.event_insert_id != 0 {
            let user = terms.user(operation.user)?;
            self.check(operation.arrival, user, operation.event_insert_id)?;
        }
        Ok(())
    }

    fn has(&self, arrival: u32) -> bool {
        self.found.binary_search(&arrival).is_ok()
    }
}

/// The row that the next operation may share.
#[derive(Default)]
struct OpenRow<'a> {
    /// True if a row of the current event was begun.
    begun: bool,
    /// True if other operations may share the row.
    shared: bool,
    /// The properties that the row changes.
    properties: FewOrMany<&'a str>,
    /// The number of operations that were left out.
    left_out: u64,
}

/// A cache of the latest text and its number: consecutive events often have the same user or name.
#[derive(Default)]
struct LatestText<'a> {
    text: Option<(&'a str, u32)>,
}

impl<'a> LatestText<'a> {
    fn number(
        &mut self,
        text: &'a str,
        number: impl FnOnce(&str) -> Result<u32, StoreError>,
    ) -> Result<u32, StoreError> {
        if let Some((latest, number)) = self.text
            && latest == text
        {
            return Ok(number);
        }
        let number = number(text)?;
        self.text = Some((text, number));
        Ok(number)
    }
}

/// Converts a length. The rows of one batch are counted in 32 bits.
pub(crate) fn index(length: usize) -> Result<u32, StoreError> {
    u32::try_from(length).map_err(|_| StoreError::TooMany {
        what: "values in one batch of events",
        limit: u64::from(u32::MAX),
    })
}
