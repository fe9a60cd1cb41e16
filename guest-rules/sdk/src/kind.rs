//! The kinds of values that [`crate::rule!`] names: `text`, `texts`, `number`, `flag`, `instant`,
//! and
//! `event_name` for an event's own name.

#![allow(non_camel_case_types, reason = "words of `rule!`")]

use crate::bindings::muster::cohort::types::{Column, Kind as ContractKind};
use crate::columns::Texts as Dictionary;
use crate::time::Instant;

/// A kind of value: how its column is read.
pub trait Kind {
    /// The kind in the contract.
    const KIND: ContractKind;
    /// The property's name, if the kind has but one.
    const NAME: Option<&'static str> = None;
    /// The values of all rows.
    type Column<'a>: Copy + core::fmt::Debug;
    /// The value of one row.
    type Value<'a>;

    /// Reads a column of a batch.
    #[doc(hidden)]
    fn column<'a>(column: &'a Column, texts: Dictionary<'a>) -> Self::Column<'a>;

    /// Reads the value of a row.
    #[doc(hidden)]
    fn value<'a>(column: Self::Column<'a>, row: usize) -> Self::Value<'a>;
}

/// Numbers: `Option<f64>`.
#[derive(Clone, Copy, Debug)]
pub enum number {}

/// Flags: `Option<bool>`.
#[derive(Clone, Copy, Debug)]
pub enum flag {}

/// Instants: `Option<Instant>`.
#[derive(Clone, Copy, Debug)]
pub enum instant {}

/// Texts: `Option<&str>`, the first of a list.
#[derive(Clone, Copy, Debug)]
pub enum text {}

/// All texts of a list: [`Texts`].
#[derive(Clone, Copy, Debug)]
pub enum texts {}

/// The event's own name: `&str`.
#[derive(Clone, Copy, Debug)]
pub enum event_name {}

impl Kind for number {
    const KIND: ContractKind = ContractKind::Number;
    type Column<'a> = &'a [f64];
    type Value<'a> = Option<f64>;

    fn column<'a>(column: &'a Column, _texts: Dictionary<'a>) -> Self::Column<'a> {
        numbers(column)
    }

    #[inline]
    fn value<'a>(column: Self::Column<'a>, row: usize) -> Self::Value<'a> {
        let value = column[row];
        (!value.is_nan()).then_some(value)
    }
}

impl Kind for instant {
    const KIND: ContractKind = ContractKind::Instant;
    type Column<'a> = &'a [f64];
    type Value<'a> = Option<Instant>;

    fn column<'a>(column: &'a Column, _texts: Dictionary<'a>) -> Self::Column<'a> {
        numbers(column)
    }

    #[inline]
    fn value<'a>(column: Self::Column<'a>, row: usize) -> Self::Value<'a> {
        // Instants are whole and below 2^53, so nothing is lost.
        number::value(column, row).map(|ms| Instant(ms as i64))
    }
}

impl Kind for flag {
    const KIND: ContractKind = ContractKind::Flag;
    type Column<'a> = &'a [u8];
    type Value<'a> = Option<bool>;

    fn column<'a>(column: &'a Column, _texts: Dictionary<'a>) -> Self::Column<'a> {
        match column {
            Column::Flag(values) => values,
            _ => unreachable!("the host gives the kind that was declared"),
        }
    }

    #[inline]
    fn value<'a>(column: Self::Column<'a>, row: usize) -> Self::Value<'a> {
        match column[row] {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl Kind for text {
    const KIND: ContractKind = ContractKind::Text;
    type Column<'a> = TextColumn<'a>;
    type Value<'a> = Option<&'a str>;

    fn column<'a>(column: &'a Column, texts: Dictionary<'a>) -> TextColumn<'a> {
        TextColumn::new(column, texts)
    }

    #[inline]
    fn value<'a>(column: Self::Column<'a>, row: usize) -> Self::Value<'a> {
        column.row(row).next()
    }
}

impl Kind for texts {
    const KIND: ContractKind = ContractKind::Text;
    type Column<'a> = TextColumn<'a>;
    type Value<'a> = Texts<'a>;

    fn column<'a>(column: &'a Column, texts: Dictionary<'a>) -> TextColumn<'a> {
        TextColumn::new(column, texts)
    }

    #[inline]
    fn value<'a>(column: Self::Column<'a>, row: usize) -> Self::Value<'a> {
        column.row(row)
    }
}

impl Kind for event_name {
    const KIND: ContractKind = ContractKind::Text;
    const NAME: Option<&'static str> = Some("");
    type Column<'a> = TextColumn<'a>;
    type Value<'a> = &'a str;

    fn column<'a>(column: &'a Column, texts: Dictionary<'a>) -> TextColumn<'a> {
        TextColumn::new(column, texts)
    }

    #[inline]
    fn value<'a>(column: Self::Column<'a>, row: usize) -> Self::Value<'a> {
        column.row(row).next().unwrap_or_default()
    }
}

fn numbers(column: &Column) -> &[f64] {
    match column {
        Column::Number(values) => values,
        _ => unreachable!("the host gives the kind that was declared"),
    }
}

/// A column of texts, in either form.
#[derive(Clone, Copy, Debug)]
pub struct TextColumn<'a> {
    /// The start of each row in `codes`; empty: each row has one code.
    starts: &'a [u32],
    codes: &'a [u32],
    dictionary: Dictionary<'a>,
}

/// The texts of one row: a list's elements, or one text, or none.
#[derive(Clone, Debug)]
pub struct Texts<'a> {
    codes: core::slice::Iter<'a, u32>,
    dictionary: Dictionary<'a>,
}

impl<'a> TextColumn<'a> {
    fn new(column: &'a Column, dictionary: Dictionary<'a>) -> Self {
        let (starts, codes) = match column {
            Column::Text(codes) => (&[][..], codes),
            Column::Texts(lists) => (&lists.starts[..], &lists.codes),
            _ => unreachable!("the host gives the kind that was declared"),
        };
        Self {
            starts,
            codes,
            dictionary,
        }
    }

    #[inline]
    fn row(self, row: usize) -> Texts<'a> {
        let codes = match self.starts {
            [] => &self.codes[row..=row],
            starts => &self.codes[starts[row] as usize..starts[row + 1] as usize],
        };
        Texts {
            codes: codes.iter(),
            dictionary: self.dictionary,
        }
    }
}

impl Texts<'_> {
    /// Returns true if one of them is this text.
    #[must_use]
    pub fn contains(&self, text: &str) -> bool {
        self.clone().any(|known| known == text)
    }
}

impl<'a> Iterator for Texts<'a> {
    type Item = &'a str;

    #[inline]
    fn next(&mut self) -> Option<&'a str> {
        loop {
            let code = *self.codes.next()? as usize;
            if code > 0 {
                return Some(self.dictionary[code]);
            }
        }
    }
}
