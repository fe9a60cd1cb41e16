//! The cost of the Rust SDK: a rule by names against the same rule by columns.

use std::time::{Duration, Instant};

use muster_sandbox::{
    Batch, Column, Dictionary, EventRows, Module, Origin, Sandbox, SandboxOptions, Verdicts,
    componentize,
};

use crate::rules::built;

/// The most that a rule by names may take, as a multiple of the rule by columns.
const MOST: f64 = 1.5;

const USERS: usize = 4_096;
const PURCHASES: usize = 24;
const DAY: i64 = 86_400_000;
const NOW: i64 = 1_772_323_200_000;

fn load(name: &str, metered: bool) -> Module {
    let rule = componentize(&std::fs::read(built(name)).unwrap()).unwrap();
    let sandbox = Sandbox::new(SandboxOptions {
        metered,
        ..SandboxOptions::default()
    });
    sandbox.unwrap().load(&rule, Origin::HandWritten).unwrap()
}

/// Calls a function with a batch of users. Most of them pass every condition but the last.
fn with_batch<T>(call: impl FnOnce(&Batch<'_>) -> T) -> T {
    let number = |at: usize| (at.wrapping_mul(2_654_435_761) >> 7) % 1_000;
    let cities: Vec<u32> = (0..USERS)
        .map(|user| 1 + u32::from(user % 8 == 0))
        .collect();
    let starts: Vec<u32> = (0..=USERS).map(|user| (user * PURCHASES) as u32).collect();
    let times: Vec<i64> = (0..USERS * PURCHASES)
        .map(|row| NOW - (PURCHASES - row % PURCHASES) as i64 * DAY)
        .collect();
    let amounts: Vec<f64> = (0..times.len())
        .map(|row| number(row) as f64 / 15.0)
        .collect();
    let refunded = |user: &usize| user % 16 == 1;
    let refund_starts: Vec<u32> = (0..=USERS)
        .map(|user| (0..user).filter(refunded).count() as u32)
        .collect();
    let refunds = vec![NOW - DAY; *refund_starts.last().unwrap() as usize];
    let amounts = [Column::Number(&amounts)];
    call(&Batch {
        now: NOW,
        users: USERS as u32,
        dictionary: Dictionary {
            offsets: &[0, 7, 13],
            bytes: b"SeattleBerlin",
        },
        first_seen: &vec![0; USERS],
        user_hash: &[],
        user_properties: &[Column::Text(&cities)],
        property_histories: &[],
        streams: &[
            EventRows {
                starts: &starts,
                times: &times,
                columns: &amounts,
            },
            EventRows {
                starts: &refund_starts,
                times: &refunds,
                columns: &[],
            },
        ],
        calendars: &[],
        lists: &[],
    })
}

/// Returns the answer and the shortest time of some calls.
fn timed(module: &Module) -> (Verdicts, Duration) {
    with_batch(|batch| {
        let calls = (0..30).map(|_| {
            let began = Instant::now();
            let verdicts = module.classify(batch).unwrap();
            (verdicts, began.elapsed())
        });
        calls.min_by_key(|(_, took)| *took).unwrap()
    })
}

#[test]
fn views_cost_at_most_half_more_than_columns() {
    let [by_names, by_columns] = ["big_spenders", "by_columns"].map(|name| {
        let metered = load(name, true);
        with_batch(|batch| metered.classify(batch).unwrap());
        let (verdicts, took) = timed(&load(name, false));
        (verdicts, metered.fuel() as f64 / USERS as f64, took)
    });
    // Both say the same, to the millisecond.
    assert_eq!(by_names.0, by_columns.0);
    let members: u32 = by_names
        .0
        .members
        .iter()
        .map(|word| word.count_ones())
        .sum();
    assert!((1_000..4_000).contains(&members), "{members}");
    let ratio = by_names.1 / by_columns.1;
    let nanoseconds = |took: Duration| took.as_nanos() / USERS as u128;
    println!(
        "a user: {:.0} fuel and {} ns by names, {:.0} fuel and {} ns by columns",
        by_names.1,
        nanoseconds(by_names.2),
        by_columns.1,
        nanoseconds(by_columns.2)
    );
    assert!(
        ratio <= MOST,
        "{ratio:.2}: {} and {} fuel a user",
        by_names.1,
        by_columns.1
    );
}
