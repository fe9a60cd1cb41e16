//! The state of modules and cohorts in a snapshot, as runs have left it.

use std::ops::RangeInclusive;

use muster_model::{CohortId, Millis};
use roaring::RoaringBitmap;

use crate::module_keys::module_keys;
use crate::runs::{self, StoredRun};
use crate::{
    FailureSummary, ModuleKey, Snapshot, StoreError, UserFailure, UserKey, expiries, failures,
    members, sent,
};

impl Snapshot {
    /// Returns the engine's own bytes of a module. Returns `None` if the module is not known.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn module_state(&self, module: &ModuleKey) -> Result<Option<Vec<u8>>, StoreError> {
        self.read_with(|context, _| runs::module_state(context.txn, context.tables, module))
    }

    /// Returns all modules that have state.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn module_keys(&self) -> Result<Vec<ModuleKey>, StoreError> {
        self.read_with(|context, _| module_keys(context.txn, context.tables))
    }

    /// Returns the due users: their answers expire at `now` or earlier.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn due(&self, module: &ModuleKey, now: Millis) -> Result<RoaringBitmap, StoreError> {
        self.read_with(|context, _| expiries::due(context.txn, context.tables, module, now.0))
    }

    /// Returns the earliest expiry of a user's answer. Returns `None` if all answers hold forever.
    /// The cost does not depend on the number of users.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn next_due(&self, module: &ModuleKey) -> Result<Option<Millis>, StoreError> {
        self.read_with(|context, _| {
            Ok(expiries::next(context.txn, context.tables, module)?.map(Millis))
        })
    }

    /// Returns the failures of those of the given users that have no answer from a module with
    /// these definitions.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn failures(
        &self,
        module: &ModuleKey,
        definitions: u64,
        users: &RoaringBitmap,
    ) -> Result<Vec<(UserKey, UserFailure)>, StoreError> {
        self.read_with(|context, _| {
            failures::among(context.txn, context.tables, module, definitions, users)
        })
    }

    /// Returns the number of users that have no answer from a module with these definitions. The
    /// cost does not depend on the number of users.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn failure_summary(
        &self,
        module: &ModuleKey,
        definitions: u64,
    ) -> Result<FailureSummary, StoreError> {
        self.read_with(|context, _| {
            failures::summary(context.txn, context.tables, module, definitions)
        })
    }

    /// Returns the number of users that have no answer from a module, with the definitions of its
    /// latest run.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn failures_of(&self, module: &ModuleKey) -> Result<FailureSummary, StoreError> {
        self.read_with(|context, _| failures::summary_of_any(context.txn, context.tables, module))
    }

    /// Returns the first users that have no answer from a module because they are too large.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn too_large(&self, module: &ModuleKey, most: usize) -> Result<Vec<UserKey>, StoreError> {
        self.read_with(|context, _| {
            failures::first_too_large(context.txn, context.tables, module, most)
        })
    }

    /// Returns the members of a cohort.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn members(&self, cohort: &CohortId) -> Result<RoaringBitmap, StoreError> {
        self.members_within(cohort, &(0..=u32::MAX))
    }

    /// Returns the members of a cohort within a range of users.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn members_within(
        &self,
        cohort: &CohortId,
        users: &RangeInclusive<u32>,
    ) -> Result<RoaringBitmap, StoreError> {
        self.read_with(|context, _| members::within(context.txn, context.tables, cohort, users))
    }

    /// Returns those of the given users that are members of a cohort. The cost depends on the given
    /// users only, however many members there are.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn members_among(
        &self,
        cohort: &CohortId,
        users: &RoaringBitmap,
    ) -> Result<RoaringBitmap, StoreError> {
        self.read_with(|context, _| members::among(context.txn, context.tables, cohort, users))
    }

    /// Returns the number of members of a cohort. The cost does not depend on that number.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn members_len(&self, cohort: &CohortId) -> Result<u64, StoreError> {
        self.read_with(|context, _| members::len(context.txn, context.tables, cohort))
    }

    /// Returns the users within a range whose latest entry or exit a destination was not sent
    /// ([`crate::UnsentChange`]).
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn unsent_within(
        &self,
        cohort: &CohortId,
        destination: &str,
        users: &RangeInclusive<u32>,
    ) -> Result<RoaringBitmap, StoreError> {
        self.read_with(|context, _| {
            sent::unsent_within(context.txn, context.tables, cohort, destination, users)
        })
    }

    /// Returns the users of a cohort that any destination was ever sent as an entry.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn ever_sent(&self, cohort: &CohortId) -> Result<RoaringBitmap, StoreError> {
        self.read_with(|context, _| sent::ever(context.txn, context.tables, cohort))
    }

    /// Returns the address that a destination had when it was last activated. Returns `None` if it
    /// was never activated.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn place(&self, destination: &str) -> Result<Option<String>, StoreError> {
        self.read_with(|context, _| {
            let place = (context.tables.destinations).get(context.txn, destination.as_bytes())?;
            Ok(place.map(|place| String::from_utf8_lossy(place).into_owned()))
        })
    }

    /// Returns the engine's own bytes of a cohort.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn cohort_state(&self, cohort: &CohortId) -> Result<Option<Vec<u8>>, StoreError> {
        self.read_with(|context, _| {
            let key = cohort.as_str().as_bytes();
            Ok(context
                .tables
                .cohorts
                .get(context.txn, key)?
                .map(<[u8]>::to_vec))
        })
    }

    /// Returns the cohorts that have a state, whether their definition still exists or not.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn cohorts(&self) -> Result<Vec<CohortId>, StoreError> {
        self.read_with(|context, _| {
            let mut cohorts = Vec::new();
            for entry in context.tables.cohorts.iter(context.txn)? {
                let key = std::str::from_utf8(entry?.0).ok();
                let id = key.and_then(|id| CohortId::new(id).ok());
                cohorts.push(id.ok_or(StoreError::Corrupt {
                    what: "the id of a cohort",
                })?);
            }
            Ok(cohorts)
        })
    }

    /// Returns the latest run records of a cohort, the newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn records(&self, cohort: &CohortId, limit: usize) -> Result<Vec<StoredRun>, StoreError> {
        self.records_since(cohort, Millis(i64::MIN), limit)
    }

    /// Returns the run records of a cohort from now back to the first that is older than an
    /// instant. They are at most `limit`, the newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn records_since(
        &self,
        cohort: &CohortId,
        since: Millis,
        limit: usize,
    ) -> Result<Vec<StoredRun>, StoreError> {
        self.read_with(|context, _| {
            runs::records(context.txn, context.tables, cohort, since, limit)
        })
    }
}
