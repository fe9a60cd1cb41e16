//! One call of a module: builds the columns that the module reads for a batch of users, from one
//! snapshot.

use std::time::Instant;

use muster_columns::{BatchInput, CalendarStarts, History, PropertyRead, StreamRead};
use muster_model::Millis;
use muster_sandbox::{Batch, Module, ModuleError, Origin, Property, Verdicts, limits};
use muster_store::{PreparedRead, Snapshot, UserKey};
use roaring::RoaringBitmap;

use crate::EngineError;
use crate::lists::{self, StaticLists};
use crate::search::{CallFault, Called, Caller};

/// The approximate rows of a batch. The best is 16k to 256k events (docs/facts.md, "Wasm"). With
/// fewer rows the calls dominate; more rows no longer fit into the processor's caches.
pub const BATCH_ROWS: usize = 128 * 1024;

/// The most users of a batch, however few rows they have.
pub const BATCH_USERS: usize = 16 * 1024;

/// A module that answers from a snapshot.
pub(crate) struct Evaluation<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) module: &'a Module,
    pub(crate) reads: &'a RunReads<'a>,
    /// Called with the number of users that no more calls are needed for.
    pub(crate) progress: &'a (dyn Fn(usize) + Sync),
}

impl Evaluation<'_> {
    /// Returns the number of users that make a batch of about [`BATCH_ROWS`] rows.
    pub(crate) fn batch_users(&self) -> usize {
        batch_users(self.module, self.reads)
    }

    /// Evaluates a batch. One user alone who is too large for a batch is evaluated as a large user.
    /// The outer error is the store's.
    fn evaluate(&self, users: &[UserKey]) -> Result<Result<Verdicts, CallFault>, EngineError> {
        let compiled = self.module.origin() == Origin::Compiled;
        let evaluated = self.call(users, limits::MAX_BATCH_BYTES, |batch| {
            self.module.classify(batch)
        })?;
        match evaluated {
            Err(CallError::TooLarge) if users.len() == 1 => self.evaluate_large(users),
            Err(CallError::TooLarge) => Ok(Err(CallFault::TooLarge)),
            Err(CallError::Module(ModuleError::OutOfMemory { .. })) if users.len() == 1 => {
                self.evaluate_large(users)
            }
            // A compiled module takes memory in proportion to its batch, so a smaller batch may do.
            // A hand-written rule may take all the memory that it can get.
            Err(CallError::Module(ModuleError::OutOfMemory { .. })) if compiled => {
                Ok(Err(CallFault::TooLarge))
            }
            Err(CallError::Module(error)) => Ok(Err(CallFault::Module(error.to_string()))),
            Ok(verdicts) => Ok(Ok(verdicts)),
        }
    }

    /// Evaluates one large user. It waits for its turn, so that no other large user is in memory.
    fn evaluate_large(&self, user: &[UserKey]) -> Result<Result<Verdicts, CallFault>, EngineError> {
        let large = self.module.large();
        let evaluated = self.call(user, large.max_batch_bytes(), |batch| large.classify(batch))?;
        Ok(evaluated.map_err(|error| match error {
            CallError::TooLarge | CallError::Module(ModuleError::OutOfMemory { .. }) => {
                CallFault::TooLarge
            }
            CallError::Module(error) => CallFault::Module(error.to_string()),
        }))
    }
}

/// The reason why a call has no answers.
enum CallError {
    /// The columns take more bytes than they may.
    TooLarge,
    Module(ModuleError),
}

impl Caller for Evaluation<'_> {
    fn call(&self, users: &[UserKey]) -> Result<Called, EngineError> {
        let began = Instant::now();
        let verdicts = self.evaluate(users)?;
        Ok(Called {
            time: began.elapsed(),
            verdicts,
        })
    }

    fn done(&self, users: usize) {
        (self.progress)(users);
    }
}

/// The reads of a module at an instant, in the store's terms, prepared in a snapshot once.
pub(crate) struct RunReads<'s> {
    now: Millis,
    prepared: PreparedRead<'s>,
    calendars: Vec<CalendarStarts>,
    user_hashes: bool,
    /// The users on each list.
    lists: Vec<RoaringBitmap>,
}

impl<'s> RunReads<'s> {
    pub(crate) fn new(
        snapshot: &'s Snapshot,
        module: &Module,
        now: Millis,
        lists: &StaticLists,
    ) -> Result<Self, EngineError> {
        let description = module.description();
        let streams: Vec<_> = description.streams.iter().map(StreamRead::from).collect();
        let calendars = description
            .calendars
            .iter()
            .map(|calendar| CalendarStarts::of(calendar, now));
        let lists = description
            .lists
            .iter()
            .map(|name| lists.resolve(name, snapshot));
        let prepared = snapshot.prepare(
            &streams,
            &properties(&description.user_properties),
            &properties(&description.property_histories),
        )?;
        Ok(Self {
            now,
            prepared,
            calendars: calendars.collect::<Result<_, _>>()?,
            user_hashes: description.user_hashes,
            lists: lists.collect::<Result<_, _>>()?,
        })
    }
}

fn properties(properties: &[Property]) -> Vec<PropertyRead> {
    properties.iter().map(PropertyRead::from).collect()
}

/// Returns the number of users that make a batch of about [`BATCH_ROWS`] rows.
fn batch_users(module: &Module, reads: &RunReads<'_>) -> usize {
    let rows = reads.prepared.rows_hint();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped; a hint"
    )]
    let users = (BATCH_ROWS as f64 / rows.max(1.0)) as usize;
    // The store keeps users in groups of 256, so a batch has whole groups. It has fewer users where
    // the answers of many cohorts would be too large.
    let most = usize::try_from(module.max_users())
        .unwrap_or(BATCH_USERS)
        .max(1);
    (users.clamp(256, BATCH_USERS) / 256 * 256).min(most)
}

impl Evaluation<'_> {
    /// Makes one call with columns of at most `bytes` bytes. The outer error is the store's.
    fn call(
        &self,
        users: &[UserKey],
        bytes: usize,
        classify: impl FnOnce(&Batch<'_>) -> Result<Verdicts, ModuleError>,
    ) -> Result<Result<Verdicts, CallError>, EngineError> {
        let reads = self.reads;
        let bytes = bytes.saturating_sub(reads.beside_history(users.len()));
        let prepared = &reads.prepared;
        let Some(history) = prepared.read_within(users, reads.now, bytes)? else {
            return Ok(Err(CallError::TooLarge));
        };
        let mut user_hash = Vec::new();
        if reads.user_hashes {
            for user in users {
                user_hash.push(
                    (self.snapshot)
                        .user_id(*user)?
                        .map_or(0, |id| muster_model::user_hash(&id)),
                );
            }
        }
        Ok(reads.classify(users, &history, &user_hash, classify))
    }
}

impl RunReads<'_> {
    /// Returns the bytes of a batch's columns that do not come from the users' histories.
    fn beside_history(&self, users: usize) -> usize {
        let calendars = self.calendars.iter().map(|window| window.starts().len());
        let words = users.div_ceil(64) * self.lists.len() + calendars.sum::<usize>();
        let hashes = if self.user_hashes { users } else { 0 };
        (words + hashes) * size_of::<u64>()
    }

    /// Builds a batch from the rows that were read, and calls the module with it.
    fn classify(
        &self,
        users: &[UserKey],
        history: &History,
        user_hash: &[u64],
        classify: impl FnOnce(&Batch<'_>) -> Result<Verdicts, ModuleError>,
    ) -> Result<Verdicts, CallError> {
        let input = BatchInput {
            now: self.now,
            users: users.len(),
            history,
            user_hash,
            calendars: &self.calendars,
            lists: &lists::bitmaps(&self.lists, users),
        };
        input.evaluate(classify).map_err(|error| match error {
            ModuleError::LargeBatch { .. } => CallError::TooLarge,
            error => CallError::Module(error),
        })
    }
}
