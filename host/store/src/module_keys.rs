//! The modules that the store has states of.

use crate::environment::{ReadTxn, Tables};
use crate::{ModuleKey, StoreError};

/// Returns the keys of all modules.
pub(crate) fn module_keys(
    txn: &ReadTxn<'_>,
    tables: &Tables,
) -> Result<Vec<ModuleKey>, StoreError> {
    let mut keys = Vec::new();
    for entry in tables.modules.iter(txn)? {
        let key = entry?.0.try_into().map_err(|_| StoreError::Corrupt {
            what: "the key of a module",
        })?;
        keys.push(ModuleKey(key));
    }
    Ok(keys)
}
