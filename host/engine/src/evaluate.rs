//! Many users through a rule, in batches on worker threads, over one snapshot.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use muster_model::Millis;
use muster_sandbox::{
    Batch, CalendarBounds, Column, Dictionary, EventRows, Kind, Property, Rule, Verdicts,
};
use muster_store::{Prepared, PropertyRead, Snapshot, StreamRead, UserKey};
use roaring::RoaringBitmap;

use crate::EngineError;
use crate::calendar::Window;
use crate::lists::{self, Lists};

/// About how many rows a batch has. The best is 16k to 256k events (docs/facts.md, "Wasm"): fewer, and calls cost; more, and the
/// caches no longer hold them.
pub const BATCH_ROWS: usize = 128 * 1024;

/// The most users of a batch, however few rows they have.
pub const BATCH_USERS: usize = 16 * 1024;

/// How many failed calls a tick bears before it skips the rest of its users. A failing batch is halved until the users who
/// fail stand alone, which takes 15 failed calls for one user in a full batch.
pub const FAILURE_BUDGET: usize = 64;

/// How long failed calls may take in a tick, together, before it skips the rest of its users: a rule that loops for ever
/// for everybody, each time up to its time limit of 10 s, must not hold the host for longer.
pub const FAILURE_TIME: Duration = Duration::from_secs(20);

/// The failed calls of a tick.
#[derive(Default)]
struct Failures {
    calls: AtomicUsize,
    /// What they took, in ms.
    time: AtomicU64,
    /// Why the latest failed.
    reason: Mutex<String>,
}

impl Failures {
    fn add(&self, time: Duration, reason: &str) {
        *self.reason.lock().unwrap_or_else(PoisonError::into_inner) = reason.to_owned();
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.time.fetch_add(
            u64::try_from(time.as_millis()).unwrap_or(u64::MAX),
            Ordering::Relaxed,
        );
    }

    /// Why no more calls are made.
    fn too_many(&self) -> Option<String> {
        let calls = self.calls.load(Ordering::Relaxed);
        let time = Duration::from_millis(self.time.load(Ordering::Relaxed));
        if calls < FAILURE_BUDGET && time < FAILURE_TIME {
            return None;
        }
        let reason = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = time.as_secs_f64();
        Some(format!(
            "the rule failed too often in this tick ({calls} calls, {seconds:.0} s), the last time so: {reason}"
        ))
    }
}

/// The answers for some users.
#[derive(Debug)]
pub(crate) struct Answers {
    /// Who was asked, ascending.
    pub(crate) users: Vec<UserKey>,
    /// What the rule said, or why it did not.
    pub(crate) verdicts: Result<Verdicts, String>,
}

/// Asks the rule for all users (ascending), and returns the answers in their order.
pub(crate) fn evaluate(
    snapshot: &Snapshot,
    rule: &Rule,
    reads: &Reads<'_>,
    users: &[UserKey],
    workers: NonZero<usize>,
    done: &(dyn Fn(usize) + Sync),
) -> Result<Vec<Answers>, EngineError> {
    let batches: Vec<&[UserKey]> = users.chunks(batch_users(rule, reads)).collect();
    let next = AtomicUsize::new(0);
    let failures = Failures::default();
    let results: Mutex<BTreeMap<usize, Result<Vec<Answers>, EngineError>>> =
        Mutex::new(BTreeMap::new());
    let work = || {
        while let Some((index, batch)) = take(&batches, &next) {
            let mut answers = Vec::new();
            let result =
                ask(snapshot, rule, reads, batch, &failures, &mut answers).map(|()| answers);
            done(batch.len());
            results
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(index, result);
        }
    };
    let workers = workers.get().min(batches.len());
    if workers > 1 {
        std::thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(work);
            }
        });
    } else {
        work();
    }
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut answers = Vec::new();
    for result in results.into_values() {
        answers.extend(result?);
    }
    Ok(answers)
}

fn take<'a>(batches: &[&'a [UserKey]], next: &AtomicUsize) -> Option<(usize, &'a [UserKey])> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    batches.get(index).map(|batch| (index, *batch))
}

/// Asks for one batch; one that fails is halved until the users who make it fail stand alone.
fn ask(
    snapshot: &Snapshot,
    rule: &Rule,
    reads: &Reads<'_>,
    users: &[UserKey],
    failures: &Failures,
    answers: &mut Vec<Answers>,
) -> Result<(), EngineError> {
    if let Some(reason) = failures.too_many() {
        answers.push(Answers {
            users: users.to_vec(),
            verdicts: Err(reason),
        });
        return Ok(());
    }
    let began = Instant::now();
    match call(snapshot, rule, reads, users)? {
        Ok(verdicts) => answers.push(Answers {
            users: users.to_vec(),
            verdicts: Ok(verdicts),
        }),
        Err(reason) => {
            failures.add(began.elapsed(), &reason);
            if users.len() == 1 {
                answers.push(Answers {
                    users: users.to_vec(),
                    verdicts: Err(reason),
                });
                return Ok(());
            }
            let (left, right) = users.split_at(users.len() / 2);
            ask(snapshot, rule, reads, left, failures, answers)?;
            ask(snapshot, rule, reads, right, failures, answers)?;
        }
    }
    Ok(())
}

/// What the rule reads at an instant, in the store's words, looked up in a snapshot once.
pub(crate) struct Reads<'s> {
    now: Millis,
    prepared: Prepared<'s>,
    calendars: Vec<Window>,
    user_hashes: bool,
    /// Who is on each list.
    lists: Vec<RoaringBitmap>,
}

impl<'s> Reads<'s> {
    pub(crate) fn new(
        snapshot: &'s Snapshot,
        rule: &Rule,
        now: Millis,
        lists: &Lists,
    ) -> Result<Self, EngineError> {
        let description = rule.description();
        let streams = description.streams.iter().map(|stream| StreamRead {
            names: stream.names.clone(),
            properties: properties(&stream.properties),
            reach: stream.reach,
        });
        let calendars = description
            .calendars
            .iter()
            .map(|calendar| Window::new(calendar, now));
        let lists = description
            .lists
            .iter()
            .map(|name| lists.resolve(name, snapshot));
        let prepared = snapshot.prepare(
            &streams.collect::<Vec<_>>(),
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
    let kind = |kind| match kind {
        Kind::Text => muster_store::Kind::Text,
        Kind::Number => muster_store::Kind::Number,
        Kind::Flag => muster_store::Kind::Flag,
        Kind::Instant => muster_store::Kind::Instant,
    };
    properties
        .iter()
        .map(|property| PropertyRead {
            name: property.name.clone(),
            kind: kind(property.kind),
        })
        .collect()
}

/// How many users make a batch of about [`BATCH_ROWS`] rows.
fn batch_users(rule: &Rule, reads: &Reads<'_>) -> usize {
    let rows = reads.prepared.rows_hint();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped; a hint"
    )]
    let users = (BATCH_ROWS as f64 / rows.max(1.0)) as usize;
    // Whole groups of 256 users, as the store keeps them, unless the answers of so many cohorts are too large.
    let most = usize::try_from(rule.max_users())
        .unwrap_or(BATCH_USERS)
        .max(1);
    (users.clamp(256, BATCH_USERS) / 256 * 256).min(most)
}

/// One call. The outer error is the store's, the inner one the rule's.
fn call(
    snapshot: &Snapshot,
    rule: &Rule,
    reads: &Reads<'_>,
    users: &[UserKey],
) -> Result<Result<Verdicts, String>, EngineError> {
    let history = reads.prepared.read(users, reads.now)?;
    let mut user_hash = Vec::new();
    if reads.user_hashes {
        for user in users {
            user_hash.push(
                snapshot
                    .user_id(*user)?
                    .map_or(0, |id| muster_model::user_hash(&id)),
            );
        }
    }
    let user_properties: Vec<_> = history.user_properties.iter().map(column).collect();
    let histories = RowColumns::of(&history.property_histories);
    let streams = RowColumns::of(&history.streams);
    let calendars: Vec<CalendarBounds<'_>> = reads.calendars.iter().map(Window::bounds).collect();
    let lists = lists::bitmaps(&reads.lists, users);
    let batch = Batch {
        now: reads.now.0,
        users: u32::try_from(users.len()).unwrap_or(u32::MAX),
        dictionary: Dictionary {
            offsets: &history.dictionary.offsets,
            bytes: &history.dictionary.bytes,
        },
        first_seen: &history.first_seen,
        user_hash: &user_hash,
        user_properties: &user_properties,
        property_histories: &histories.rows(&history.property_histories),
        streams: &streams.rows(&history.streams),
        calendars: &calendars,
        lists: &lists.iter().map(Vec::as_slice).collect::<Vec<_>>(),
    };
    match rule.classify(&batch) {
        Ok(mut verdicts) => {
            // Rows later than the clock were held back: the answer stands no longer than until the first of them.
            for (until, next) in verdicts.until.iter_mut().zip(&history.next_row) {
                *until = (*until).min(*next);
            }
            Ok(Ok(verdicts))
        }
        Err(error) => Ok(Err(error.to_string())),
    }
}

/// The columns of several streams, borrowed in the contract's shape.
struct RowColumns<'a>(Vec<Vec<Column<'a>>>);

impl<'a> RowColumns<'a> {
    fn of(streams: &'a [muster_store::EventRows]) -> Self {
        Self(
            streams
                .iter()
                .map(|rows| rows.columns.iter().map(column).collect())
                .collect(),
        )
    }

    fn rows<'b>(&'b self, streams: &'b [muster_store::EventRows]) -> Vec<EventRows<'b>> {
        let rows = streams.iter().zip(&self.0);
        rows.map(|(rows, columns)| EventRows {
            starts: &rows.starts,
            times: &rows.times,
            columns,
        })
        .collect()
    }
}

fn column(column: &muster_store::Column) -> Column<'_> {
    match column {
        muster_store::Column::Number(values) => Column::Number(values),
        muster_store::Column::Flag(values) => Column::Flag(values),
        muster_store::Column::Text(codes) => Column::Text(codes),
        muster_store::Column::Texts { starts, codes } => {
            Column::Texts(muster_sandbox::TextLists { starts, codes })
        }
    }
}
