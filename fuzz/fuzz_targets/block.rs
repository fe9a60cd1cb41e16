//! Checks that any block is read, or refused. Rows that were read are written as a block, and read
//! again to the same.
#![no_main]

mod seeds;

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use muster_model::{Scalar, Value};
use muster_store::fuzzing::{read_block, write_block};

/// The longest block, in bytes. Reading every column takes the square of their number.
const LONGEST: usize = 8 << 10;

/// The most rows that are read. Equal times take no bits, so a few bytes may claim many rows.
const ROWS: u32 = 1 << 10;

fuzz_target!(init: seeds::write(inputs()), |bytes: &[u8]| {
    if bytes.len() > LONGEST {
        return;
    }
    let Ok(mut users) = read_block(bytes, ROWS) else {
        return;
    };
    users.retain(|_, rows| !rows.is_empty());
    let mut cells = users.values().flatten().flat_map(|(_, _, cells)| cells.values());
    if users.is_empty() || !cells.all(is_storable) {
        return;
    }
    let written = write_block(&users).expect("the rows fit");
    assert_eq!(read_block(&written, ROWS).expect("it reads again"), users);
});

/// Returns true for values that the store writes: it never writes -0 and numbers that are not
/// finite.
fn is_storable(value: &Value) -> bool {
    value.scalars().iter().all(|scalar| match scalar {
        Scalar::Number(number) => {
            number.is_finite() && (*number != 0.0 || number.is_sign_positive())
        }
        Scalar::Text(_) | Scalar::Flag(_) => true,
    })
}

/// Returns blocks with few rows and with many users, with every way to write a column.
fn inputs() -> Vec<(String, Vec<u8>)> {
    let number = |number: f64| Scalar::Number(number);
    let columns = |row: i64| {
        let text = Scalar::Text(format!("t{}", row % 3).into());
        let mixed = match row % 2 {
            0 => Value::List(vec![text.clone(), Scalar::Flag(true)]),
            _ => Value::One(number(1.5)),
        };
        let mut cells = BTreeMap::from([
            (1, Value::One(number(row as f64 / 4.0))),
            (2, Value::One(number(1.0 / (row + 3) as f64))),
            (3, Value::One(Scalar::Flag(row % 2 == 0))),
            (4, Value::One(text)),
            (5, mixed),
        ]);
        if row % 7 == 0 {
            cells.insert(9, Value::One(number(7.0)));
        }
        if row % 3 > 0 {
            cells.insert(10, Value::One(number(7.0)));
        }
        cells
    };
    let block = |users: u8, rows: i64| {
        let rows = |user: u8| {
            let rows = (0..rows).map(|row| (1_000 * row, row as u64, columns(row)));
            (user, rows.collect())
        };
        write_block(&(0..users).map(rows).collect()).expect("the rows fit")
    };
    [(1, 1), (1, 40), (3, 9), (60, 1)]
        .map(|(users, rows)| (format!("{users}-{rows}"), block(users, rows)))
        .into()
}
