//! Random definitions over the whole language and random histories. They use few names, values and
//! instants, so that ties, edges of windows and changes of clocks are common.

mod clause;
mod history;
mod measure;
mod predicate;
mod window;

use muster_model::{CohortId, Millis};
use proptest::prelude::*;
use proptest::sample::select;

pub use clause::{clause, leaf, times};
pub use history::history;

const NAMES: [&str; 3] = ["View", "Cart", "Cart Again"];
const GLOBS: [&str; 8] = [
    "View",
    "View",
    "Cart",
    "Cart",
    "Cart*",
    "*a*",
    "*",
    "None Such",
];
const PROPERTIES: [&str; 3] = ["amount", "kind", "seen"];
/// The properties that a clause reads; `absent` is on no event and no user.
const READ: [&[&str]; 12] = [
    &["amount"],
    &["amount"],
    &["amount"],
    &["kind"],
    &["kind"],
    &["kind"],
    &["seen"],
    &["seen"],
    &["absent"],
    &["amount", "kind"],
    &["kind", "seen"],
    &["seen", "absent"],
];
const TEXTS: [&str; 17] = [
    "1.9",
    "1.10",
    "50.0-beta",
    "a",
    "a",
    "a",
    "b",
    "b",
    "A",
    "",
    "50",
    "50",
    "50.0",
    "true",
    "1e2",
    "ünï",
    "\u{212a}",
];
const NUMBERS: [f64; 10] = [0.2, 0.3, 0.0, 1.0, 2.0, 50.0, 50.5, -3.0, 0.1, -0.0];
const VERSIONS: [&str; 5] = ["1", "1.10.0", "50", "50.0-rc.1", "2.1"];
const LISTS: [&str; 2] = ["l1", "l2"];
const ZONES: [&str; 3] = ["UTC", "America/Los_Angeles", "America/Sao_Paulo"];

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// The number of days from an era's start in which events, changes and now lie.
const DAYS: i64 = 14;
/// Hours in UTC: midnights of UTC, São Paulo and Los Angeles in winter and summer, and some more.
const HOURS: [i64; 8] = [0, 2, 3, 7, 8, 9, 12, 23];

/// Two weeks in which clocks change, as the instant at which they begin.
#[derive(Clone, Copy, Debug)]
pub struct Era(i64);

const ERAS: [Era; 3] = [
    // From 2018-10-27: on 2018-11-04 Los Angeles has an hour twice and São Paulo skips midnight; a
    // month begins.
    Era(1_540_598_400_000),
    // From 2018-02-10: on 2018-02-17 São Paulo has the hour before midnight twice.
    Era(1_518_220_800_000),
    // From 2018-02-26: on 2018-03-11 Los Angeles skips an hour; February ends with its 28th day.
    Era(1_519_603_200_000),
];

/// Generates the two weeks of a case.
pub fn era() -> impl Strategy<Value = Era> {
    select(&ERAS[..])
}

/// Generates an instant on the grid of an era.
fn instant(era: Era) -> impl Strategy<Value = Millis> {
    (0..DAYS, select(&HOURS[..]))
        .prop_map(move |(day, hour)| Millis(era.0 + day * DAY + hour * HOUR))
}

/// Generates now: mostly on the grid, else 1 ms beside it. It is mostly late, so that there are
/// visible events.
pub fn now(era: Era) -> impl Strategy<Value = Millis> {
    let day = prop_oneof![1 => 0..DAYS, 3 => DAYS / 2..DAYS];
    let beside = prop_oneof![4 => Just(0_i64), 1 => Just(-1), 1 => Just(1)];
    (day, select(&HOURS[..]), beside)
        .prop_map(move |(day, hour, beside)| Millis(era.0 + day * DAY + hour * HOUR + beside))
}

fn list(name: &str) -> CohortId {
    CohortId::new(name).unwrap()
}
