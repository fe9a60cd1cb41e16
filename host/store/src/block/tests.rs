use proptest::prelude::*;

use super::whole::{BlockRow, BlockUsers};
use super::*;
use crate::cell::{CellRef, StoredListRef};
use muster_model::{Scalar, Value};

fn scalar() -> impl Strategy<Value = Scalar> {
    prop_oneof![
        "[a-c]{0,3}".prop_map(|text| Scalar::Text(text.into())),
        any::<f64>()
            .prop_filter("finite", |number| number.is_finite())
            .prop_map(|number| Scalar::Number(number + 0.0)),
        (-1000..1000_i32).prop_map(|number| Scalar::Number(f64::from(number) / 100.0)),
        any::<bool>().prop_map(Scalar::Flag),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => scalar().prop_map(Value::One),
        1 => prop::collection::vec(scalar(), 1..4).prop_map(Value::List),
    ]
}

fn row() -> impl Strategy<Value = BlockRow> {
    let time = prop_oneof![0..5_000_i64, 0..muster_model::Millis::MAX.0];
    // Columns 0 to 3 hold any values, the others one kind of value each, as real columns do.
    let mixed = prop::collection::btree_map(0..3_u32, value(), 0..3);
    let number = prop::option::of((0..100_000_i32).prop_map(|n| f64::from(n) / 100.0));
    (time, prop_oneof![Just(0), 1..1_u64 << 48], mixed, number).prop_map(
        |(time, insert, mut cells, number)| {
            if let Some(number) = number {
                cells.insert(7, Value::One(Scalar::Number(number)));
            }
            cells.insert(9, Value::One(Scalar::Flag(time % 2 == 0)));
            (time, insert, cells)
        },
    )
}

fn build(users: &BlockUsers) -> Vec<u8> {
    super::whole::build(users).unwrap()
}

fn read(bytes: &[u8]) -> Result<BlockUsers, StoreError> {
    super::whole::read(bytes, 1 << 16)
}

proptest! {
    #[test]
    fn a_block_reads_back(users in prop::collection::btree_map(any::<u8>(), prop::collection::vec(row(), 1..6), 1..80)) {
        let bytes = build(&users);
        prop_assert_eq!(read(&bytes).unwrap(), users);
    }

    #[test]
    fn damaged_blocks_do_not_panic(
        users in prop::collection::btree_map(any::<u8>(), prop::collection::vec(row(), 1..4), 1..40),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        length in any::<prop::sample::Index>(),
    ) {
        let mut bytes = build(&users);
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = read(&bytes);
        bytes.truncate(length.index(bytes.len()));
        let _ = read(&bytes);
    }

    #[test]
    fn random_bytes_do_not_panic(bytes: Vec<u8>) {
        let _ = read(&bytes);
    }
}

#[test]
fn absent_columns_take_no_space_and_numbers_are_packed() {
    let mut builder = BlockBuilder::default();
    builder.user(0, 1000);
    for row in 0..1000 {
        builder.row(i64::from(row), 0);
        let amount = f64::from(row % 100) / 4.0;
        builder.cell(0, 5, row, CellRef::Number(amount)).unwrap();
    }
    let mut bytes = Vec::new();
    builder.encode(false, &mut bytes);
    // 10 bits per time, 12 bits per amount (0 to 2475 hundredths), and the head.
    assert!(bytes.len() < 1000 * 22 / 8 + 40, "{}", bytes.len());
    let list = [Scalar::Flag(true)];
    assert!(
        CellRef::List(StoredListRef::Scalars(&list))
            .to_value(&mut |_| Ok("".into()))
            .is_ok()
    );
}

#[test]
fn texts_without_a_number_are_written_once_each() {
    let mut builder = BlockBuilder::default();
    builder.user(0, 1000);
    for row in 0..1000 {
        builder.row(i64::from(row), 0);
        let text = format!("text number {}", row % 16);
        let cell = match row % 16 {
            number @ 0..8 => CellRef::Code(number + 1),
            _ => CellRef::Text(&text),
        };
        builder.cell(0, 5, row, cell).unwrap();
    }
    let mut bytes = Vec::new();
    builder.encode(false, &mut bytes);
    // 10 bits per time, 8 bits for the text's number, and sixteen values of at most 17 bytes.
    assert!(
        bytes.len() < 1000 * 18 / 8 + 16 * 17 + 40,
        "{}",
        bytes.len()
    );
    let block = Block::parse(&bytes).unwrap();
    let column = block.column(5).unwrap().unwrap();
    for row in 0..1000 {
        let expected = format!("text number {}", row % 16);
        match column.cell(row).unwrap().unwrap() {
            CellRef::Code(code) => assert_eq!(code, row % 16 + 1),
            CellRef::Text(text) => assert_eq!(text, expected),
            _ => panic!("no text"),
        }
    }
}

#[test]
fn damaged_counts_of_rows_do_not_overflow() {
    // Two rows, of the users 0 and 1, whose counts take 64 bits each.
    let mut bytes = vec![2 << 1, 1, 0, 1, 64];
    bytes.extend([0xff; 16]);
    // The times, no insert ids, no columns.
    bytes.extend([0, 0, 0, 0, 0]);
    bytes.extend([0; bits::PADDING]);
    let block = Block::parse(&bytes).unwrap();
    assert_eq!((block.user(0), block.user(1)), (0..2, 2..2));
}
