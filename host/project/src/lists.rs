//! The static lists of a project (`members: ./vip.csv`): their reading, their names by content, and
//! their form for the engine.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use muster_definition::{Body, Definition, MemberList};
use muster_document::{Diagnostics, SourceFile};
use muster_engine::StaticLists;
use muster_model::{CohortId, to_hex};
use muster_store::{Snapshot, StoreError};
use sha2::{Digest, Sha256};

use crate::files::{beside, shown, unreadable};

/// The largest list file, in bytes: a million ids (`limits::MEMBERS` of `muster_definition`) of 64
/// bytes, four times over.
const MAX_BYTES: u64 = 256 << 20;

/// The lists of all cohorts that have one.
#[derive(Default)]
pub struct MemberLists {
    lists: BTreeMap<CohortId, StaticList>,
}

struct StaticList {
    /// The file, as messages show it.
    path: String,
    /// The cohort's id and a digest of the user ids. A list of other users has another name, so the
    /// module that reads it has another digest.
    name: String,
    ids: BTreeSet<Box<str>>,
}

impl MemberLists {
    /// Reads the lists that definitions name. Returns the faults and warnings of each list with the
    /// path of its definition.
    pub fn read(definitions: &[Definition]) -> (Self, Vec<(String, Diagnostics)>) {
        let mut lists = Self::default();
        let mut faults = Vec::new();
        for definition in definitions {
            let Body::Members(path) = &definition.body else {
                continue;
            };
            let path = beside(definition, path);
            let problems = match list(&path) {
                Ok(MemberList { ids, warnings }) => {
                    let list = StaticList {
                        path: shown(&path),
                        name: name(&definition.id, &ids),
                        ids,
                    };
                    lists.lists.insert(definition.id.clone(), list);
                    warnings
                }
                Err(diagnostics) => diagnostics,
            };
            if !problems.is_empty() {
                faults.push((definition.source.path().to_owned(), problems));
            }
        }
        (lists, faults)
    }

    /// Returns the name of a cohort's list.
    pub fn name(&self, cohort: &CohortId) -> String {
        self.lists
            .get(cohort)
            .map_or_else(|| cohort.to_string(), |list| list.name.clone())
    }

    /// Returns the lists in the engine's form.
    pub fn for_engine(&self) -> StaticLists {
        let mut lists = StaticLists::default();
        for list in self.lists.values() {
            let ids = list.ids.iter().map(|id| id.to_string()).collect();
            lists.insert(list.name.clone(), ids);
        }
        lists
    }

    /// Returns the lists that have ids, none of which a store knows: the files, and the numbers of
    /// ids.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn unknown(&self, snapshot: &Snapshot) -> Result<Vec<(&str, usize)>, StoreError> {
        let mut unknown = Vec::new();
        'lists: for list in self.lists.values().filter(|list| !list.ids.is_empty()) {
            for id in &list.ids {
                if snapshot.user_key(id)?.is_some() {
                    continue 'lists;
                }
            }
            unknown.push((&*list.path, list.ids.len()));
        }
        Ok(unknown)
    }

    /// Returns the cohorts whose list contains a user.
    pub fn of_user(&self, user: &str) -> BTreeSet<CohortId> {
        let has = |(cohort, list): (&CohortId, &StaticList)| {
            list.ids.contains(user).then(|| cohort.clone())
        };
        self.lists.iter().filter_map(has).collect()
    }
}

fn list(path: &Path) -> Result<MemberList, Diagnostics> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.len() > MAX_BYTES => {
            let error = format!("it has over {} MiB", MAX_BYTES >> 20);
            return Err(unreadable(path, error));
        }
        Ok(_) => {}
        Err(error) => return Err(unreadable(path, error)),
    }
    match std::fs::read_to_string(path) {
        Ok(text) => muster_definition::members(&SourceFile::new(&shown(path), &text)),
        Err(error) => Err(unreadable(path, error)),
    }
}

fn name(cohort: &CohortId, ids: &BTreeSet<Box<str>>) -> String {
    let mut digest = Sha256::new();
    for id in ids {
        digest.update((id.len() as u64).to_le_bytes());
        digest.update(id.as_bytes());
    }
    let digest = digest.finalize();
    format!("{cohort}-{}", to_hex(digest.iter().take(16)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_named_by_its_ids() {
        let cohort = CohortId::new("vip").unwrap();
        let ids = |ids: &[&str]| ids.iter().map(|id| Box::from(*id)).collect();
        assert_eq!(
            name(&cohort, &ids(&["a", "b"])),
            name(&cohort, &ids(&["b", "a"]))
        );
        assert_ne!(
            name(&cohort, &ids(&["a", "b"])),
            name(&cohort, &ids(&["ab"]))
        );
        assert!(name(&cohort, &ids(&[])).starts_with("vip-"));
    }
}
