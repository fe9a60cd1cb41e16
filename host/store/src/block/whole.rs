//! Whole blocks as plain values, for tests and fuzz targets.

use std::collections::BTreeMap;

use muster_model::Value;

use super::{Block, BlockBuilder, WHAT};
use crate::StoreError;
use crate::cell::CellRef;
use crate::rows::index;

/// A row: its time, the kept bits of its insert id, and its values by column.
pub type BlockRow = (i64, u64, BTreeMap<u32, Value>);

/// The rows of each user in a block.
pub type BlockUsers = BTreeMap<u8, Vec<BlockRow>>;

/// Encodes a block.
pub(crate) fn build(users: &BlockUsers) -> Result<Vec<u8>, StoreError> {
    let mut builder = BlockBuilder::default();
    for (user, rows) in users {
        builder.user(*user, index(rows.len())?);
        for (time, insert, cells) in rows {
            let row = index(builder.rows())?;
            builder.row(*time, *insert);
            for (hint, (column, value)) in cells.iter().enumerate() {
                builder.cell(hint, *column, row, CellRef::of_value(value))?;
            }
        }
    }
    let mut bytes = Vec::new();
    builder.encode(false, &mut bytes);
    Ok(bytes)
}

/// Reads everything in a block of at most so many rows. Bytes that cannot be read give an error,
/// never a panic.
pub(crate) fn read(bytes: &[u8], most: u32) -> Result<BlockUsers, StoreError> {
    let corrupt = || StoreError::Corrupt { what: WHAT };
    let block = Block::parse(bytes)?;
    if block.rows() > most {
        return Err(corrupt());
    }
    let mut columns = Vec::new();
    for column in block.columns()? {
        columns.push((column, block.column(column)?));
    }
    let mut users = BTreeMap::new();
    let mut ranges = Vec::new();
    block.each_user(|user, range| ranges.push((user, range)));
    for (user, range) in ranges {
        if block.user(user) != range {
            return Err(corrupt());
        }
        let mut rows = Vec::new();
        for row in range {
            let mut cells = BTreeMap::new();
            for (column, values) in &columns {
                if let Some(values) = values
                    && let Some(cell) = values.cell(row)?
                {
                    let mut text = |code: u32| Ok(format!("code {code}").into());
                    cells.insert(*column, cell.to_value(&mut text)?);
                }
            }
            rows.push((block.time(row), block.insert(row), cells));
        }
        users.insert(u8::try_from(user).map_err(|_| corrupt())?, rows);
    }
    Ok(users)
}
