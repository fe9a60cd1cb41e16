//! Static lists: users whose ids are listed one by one.

use std::collections::BTreeMap;

use muster_store::{Snapshot, UserKey};
use roaring::RoaringBitmap;

use crate::EngineError;

/// Static lists by name. A name stands for the same users for ever: a changed list gets another
/// name. The module that reads it is then another module, and its first run evaluates all users.
#[derive(Clone, Debug, Default)]
pub struct StaticLists {
    ids: BTreeMap<String, Vec<String>>,
}

impl StaticLists {
    /// An empty set of lists.
    pub const NONE: &'static Self = &Self {
        ids: BTreeMap::new(),
    };

    /// Adds a list of user ids. The store need not know them: an unknown user is not evaluated.
    pub fn insert(&mut self, name: impl Into<String>, ids: Vec<String>) {
        self.ids.insert(name.into(), ids);
    }

    /// Returns the users on a list that a snapshot knows.
    pub(crate) fn resolve(
        &self,
        name: &str,
        snapshot: &Snapshot,
    ) -> Result<RoaringBitmap, EngineError> {
        let ids = self.ids.get(name).ok_or_else(|| EngineError::List {
            name: name.to_owned(),
        })?;
        let mut users = RoaringBitmap::new();
        for id in ids {
            users.extend(snapshot.user_key(id)?.map(|user| user.0));
        }
        Ok(users)
    }
}

/// Returns the users of a batch (ascending) who are on each list, as bitmaps in the shape of the
/// contract.
pub(crate) fn bitmaps(lists: &[RoaringBitmap], users: &[UserKey]) -> Vec<Vec<u64>> {
    if lists.is_empty() {
        return Vec::new();
    }
    let batch: RoaringBitmap = users.iter().map(|user| user.0).collect();
    let bitmap = |list| {
        let mut words = vec![0; users.len().div_ceil(64)];
        let mut places = users.iter().enumerate();
        for listed in list & &batch {
            let place = places.find(|(_, user)| user.0 == listed);
            if let Some((place, word)) =
                place.and_then(|(place, _)| Some((place, words.get_mut(place / 64)?)))
            {
                *word |= 1 << (place % 64);
            }
        }
        words
    };
    lists.iter().map(bitmap).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_bit_is_set_for_each_user_on_the_list(
            users in prop::collection::btree_set(0..300_u32, 0..200),
            lists in prop::collection::vec(prop::collection::btree_set(0..300_u32, 0..200), 0..3),
        ) {
            let users: Vec<UserKey> = users.into_iter().map(UserKey).collect();
            let sets: Vec<RoaringBitmap> = lists.iter().map(|list| list.iter().copied().collect()).collect();
            let bitmaps = bitmaps(&sets, &users);
            prop_assert_eq!(bitmaps.len(), lists.len());
            for (bitmap, list) in bitmaps.iter().zip(&lists) {
                prop_assert_eq!(bitmap.len(), users.len().div_ceil(64));
                for place in 0..bitmap.len() * 64 {
                    let bit = bitmap[place / 64] >> (place % 64) & 1 == 1;
                    prop_assert_eq!(bit, users.get(place).is_some_and(|user| list.contains(&user.0)));
                }
            }
        }
    }
}
