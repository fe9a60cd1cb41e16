//! Reads one user of a batch, as slices of its columns.

use core::ops::Range;

use crate::bindings::Batch;
use crate::bindings::muster::cohort::types::{
    CalendarBounds, Column, Dictionary, EventRows, TextLists,
};

/// The data of one user. Indices are those of [`crate::Reads`]. An index that the rule does not
/// read, or reads as another kind, is a mistake in the rule and panics.
#[derive(Clone, Copy, Debug)]
pub struct User<'a> {
    batch: &'a Batch,
    index: usize,
}

/// The rows of one user, by time; none is later than now.
#[derive(Clone, Debug)]
pub struct Rows<'a> {
    rows: &'a EventRows,
    dictionary: &'a Dictionary,
    range: Range<usize>,
}

impl<'a> User<'a> {
    pub(crate) fn new(batch: &'a Batch, index: usize) -> Self {
        Self { batch, index }
    }

    /// Returns the clock, in ms since the Unix epoch.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.batch.now
    }

    /// Returns the time of the user's first event ever, if there is one.
    #[must_use]
    pub fn first_seen(&self) -> Option<i64> {
        Some(self.batch.first_seen[self.index]).filter(|time| *time != i64::MAX)
    }

    /// Returns a stable, uniform hash of the user. The rule must declare [`crate::Reads::hashes`].
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.batch.user_hash[self.index]
    }

    /// Returns the present number of user property `index`.
    #[must_use]
    pub fn number(&self, index: usize) -> Option<f64> {
        let number = numbers(&self.batch.user_properties[index])[self.index];
        (!number.is_nan()).then_some(number)
    }

    /// Returns the present flag of user property `index`.
    #[must_use]
    pub fn flag(&self, index: usize) -> Option<bool> {
        flag(flags(&self.batch.user_properties[index])[self.index])
    }

    /// Returns the present instant of user property `index`, in ms since the Unix epoch.
    #[must_use]
    pub fn instant(&self, index: usize) -> Option<i64> {
        instant(numbers(&self.batch.user_properties[index])[self.index])
    }

    /// Returns the present text of user property `index`; the first, if it holds several.
    #[must_use]
    pub fn text(&self, index: usize) -> Option<&'a str> {
        self.texts(index).next()
    }

    /// Returns all texts of user property `index`.
    pub fn texts(&self, index: usize) -> impl Iterator<Item = &'a str> + use<'a> {
        texts(
            &self.batch.user_properties[index],
            self.index,
            &self.batch.dictionary,
        )
    }

    /// Returns the events of stream `index`.
    #[must_use]
    pub fn events(&self, index: usize) -> Rows<'a> {
        self.rows(&self.batch.streams[index])
    }

    /// Returns the changes of property history `index`, as rows with one column.
    #[must_use]
    pub fn history(&self, index: usize) -> Rows<'a> {
        self.rows(&self.batch.property_histories[index])
    }

    /// Returns calendar window `index`: the beginnings of its units, the current one last, and the
    /// instant at which the window moves. It is the same for every user of a batch.
    #[must_use]
    pub fn calendar(&self, index: usize) -> &'a CalendarBounds {
        &self.batch.calendars[index]
    }

    /// Returns true if the user is on list `index`.
    #[must_use]
    pub fn listed(&self, index: usize) -> bool {
        self.batch.lists[index][self.index / 64] >> (self.index % 64) & 1 == 1
    }

    fn rows(&self, rows: &'a EventRows) -> Rows<'a> {
        Rows {
            rows,
            dictionary: &self.batch.dictionary,
            range: rows.starts[self.index] as usize..rows.starts[self.index + 1] as usize,
        }
    }
}

impl<'a> Rows<'a> {
    /// Returns the number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.range.len()
    }

    /// Returns true if there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// Returns the times of the rows, in ms since the Unix epoch, ascending.
    #[must_use]
    pub fn times(&self) -> &'a [i64] {
        &self.rows.times[self.range.clone()]
    }

    /// Returns column `column`, read as number, or as instant in ms since the Unix epoch. NaN means
    /// absent.
    #[must_use]
    pub fn numbers(&self, column: usize) -> &'a [f64] {
        &numbers(&self.rows.columns[column])[self.range.clone()]
    }

    /// Returns the instant of row `row` (from 0) in column `column`, in ms since the Unix epoch.
    #[must_use]
    pub fn instant(&self, column: usize, row: usize) -> Option<i64> {
        instant(self.numbers(column)[row])
    }

    /// Returns column `column`, read as flag; 2 means absent.
    #[must_use]
    pub fn flags(&self, column: usize) -> &'a [u8] {
        &flags(&self.rows.columns[column])[self.range.clone()]
    }

    /// Returns the text of row `row` (from 0) in column `column`; the first, if it holds several.
    #[must_use]
    pub fn text(&self, column: usize, row: usize) -> Option<&'a str> {
        self.texts(column, row).next()
    }

    /// Returns all texts of row `row` (from 0) in column `column`.
    pub fn texts(&self, column: usize, row: usize) -> impl Iterator<Item = &'a str> + use<'a> {
        let row = self.range.clone().nth(row).expect("a row of this user");
        texts(&self.rows.columns[column], row, self.dictionary)
    }
}

fn numbers(column: &Column) -> &[f64] {
    match column {
        Column::Number(values) => values,
        _ => panic!("the rule does not read the property as number or instant"),
    }
}

fn flags(column: &Column) -> &[u8] {
    match column {
        Column::Flag(values) => values,
        _ => panic!("the rule does not read the property as flag"),
    }
}

/// Converts a column's number to an instant. Instants are whole and below 2^53, so nothing is lost.
fn instant(value: f64) -> Option<i64> {
    (!value.is_nan()).then_some(value as i64)
}

fn flag(value: u8) -> Option<bool> {
    match value {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

/// Returns the texts of a row, for both forms of text columns.
fn texts<'a>(
    column: &'a Column,
    row: usize,
    dictionary: &'a Dictionary,
) -> impl Iterator<Item = &'a str> + use<'a> {
    let codes = match column {
        Column::Text(codes) => &codes[row..=row],
        Column::Texts(TextLists { starts, codes }) => {
            &codes[starts[row] as usize..starts[row + 1] as usize]
        }
        _ => panic!("the rule does not read the property as text"),
    };
    codes
        .iter()
        .filter(|code| **code != 0)
        .map(|code| entry(dictionary, *code as usize))
}

fn entry(dictionary: &Dictionary, code: usize) -> &str {
    let range = dictionary.offsets[code - 1] as usize..dictionary.offsets[code] as usize;
    core::str::from_utf8(&dictionary.bytes[range]).expect("the host hands in UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch() -> Batch {
        Batch {
            now: 100,
            users: 2,
            dictionary: Dictionary {
                offsets: vec![0, 3, 5],
                bytes: b"redbl".to_vec(),
            },
            first_seen: vec![i64::MAX, 5],
            user_hash: vec![1, 2],
            user_properties: vec![
                Column::Text(vec![0, 2]),
                Column::Number(vec![f64::NAN, 2.5]),
                Column::Flag(vec![2, 1]),
                Column::Number(vec![253_402_207_200_999.0, f64::NAN]),
            ],
            property_histories: Vec::new(),
            streams: vec![EventRows {
                starts: vec![0, 1, 3],
                times: vec![1, 2, 3],
                columns: vec![
                    Column::Texts(TextLists {
                        starts: vec![0, 0, 2, 2],
                        codes: vec![1, 2],
                    }),
                    Column::Number(vec![1.0, 2.0, 3.0]),
                    Column::Number(vec![7.0, f64::NAN, 8.0]),
                    Column::Text(vec![1, 2, 1]),
                ],
            }],
            calendars: vec![CalendarBounds {
                starts: vec![40, 90],
                moves_at: 140,
            }],
            lists: vec![vec![0b01], vec![0b10]],
        }
    }

    #[test]
    fn each_user_sees_their_own_rows() {
        let batch = batch();
        let (first, second) = (User::new(&batch, 0), User::new(&batch, 1));
        assert_eq!(
            (first.text(0), first.number(1), first.flag(2)),
            (None, None, None)
        );
        assert_eq!(
            (second.text(0), second.number(1), second.flag(2)),
            (Some("bl"), Some(2.5), Some(true))
        );
        assert_eq!((first.first_seen(), second.first_seen()), (None, Some(5)));
        let rows = second.events(0);
        assert_eq!(
            (rows.times(), rows.numbers(1)),
            (&[2, 3][..], &[2.0, 3.0][..])
        );
        assert_eq!(rows.texts(0, 0).collect::<Vec<_>>(), ["red", "bl"]);
        assert_eq!(rows.text(0, 1), None);
        assert_eq!(first.events(0).texts(0, 0).count(), 0);
    }

    #[test]
    fn instants_names_calendars_and_lists() {
        let batch = batch();
        let (first, second) = (User::new(&batch, 0), User::new(&batch, 1));
        assert_eq!(
            (first.instant(3), second.instant(3)),
            (Some(253_402_207_200_999), None)
        );
        let rows = second.events(0);
        assert_eq!((rows.instant(2, 0), rows.instant(2, 1)), (None, Some(8)));
        assert_eq!(
            (rows.text(3, 0), rows.text(3, 1)),
            (Some("bl"), Some("red"))
        );
        let window = first.calendar(0);
        assert_eq!((&*window.starts, window.moves_at), (&[40, 90][..], 140));
        assert_eq!((first.listed(0), first.listed(1)), (true, false));
        assert_eq!((second.listed(0), second.listed(1)), (false, true));
    }

    #[test]
    #[should_panic(expected = "does not read the property as flag")]
    fn reading_another_kind_panics() {
        let _ = User::new(&batch(), 0).flag(1);
    }
}
