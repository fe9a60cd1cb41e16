//! The whole cohort language, from event files to messages, against `tests/oracle/language.py`, which shares no code with
//! Muster. The definitions are in `language/`; the events are those of the example and some that are made here, with what the
//! example lacks: instants and lists as values, many events at one instant, values of the wrong kind, late files.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::{Value, json};

use crate::consumer::{Consumer, Members};
use crate::project::{Project, copy, python, root};

/// The example's events, and the definitions of `language/`.
fn project() -> Project {
    let project = Project::new();
    copy(&root().join("tests/e2e/language"), project.path());
    copy(
        &root().join("examples/shop/events"),
        &project.path().join("events"),
    );
    project
}

/// The members by the oracle, which reads the same files, and all known users.
fn oracle(project: &Project, now: &str) -> (Members, BTreeSet<String>) {
    let output = Command::new(python())
        .arg("-B")
        .arg(root().join("tests/oracle/language.py"))
        .arg(project.path())
        .arg(now)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut members: Members = serde_json::from_slice(&output.stdout).unwrap();
    let everyone = members.remove("").unwrap();
    (members, everyone)
}

/// The members that a consumer of the one destination holds.
fn received(project: &Project) -> Members {
    let mut consumer = Consumer::default();
    consumer.take(&project.read("out/all.ndjson"));
    consumer.members()
}

/// Who is in a cohort by one and not by the other.
fn differences(received: &Members, wanted: &Members) -> Vec<String> {
    let nobody = BTreeSet::new();
    let mut differences = Vec::new();
    for (cohort, users) in wanted {
        let received = received.get(cohort).unwrap_or(&nobody);
        let missing: Vec<_> = users.difference(received).take(5).collect();
        let extra: Vec<_> = received.difference(users).take(5).collect();
        if received != users {
            differences.push(format!(
                "{cohort}: {} received, {} wanted; missing {missing:?}, too many {extra:?}",
                received.len(),
                users.len()
            ));
        }
    }
    differences
}

/// Runs the project at a clock, twice, and compares what was received with the oracle's answer.
fn assert_at(project: &Project, now: &str) -> (Members, BTreeSet<String>) {
    project.json(&["run", "--once", "--now", now]);
    let (wanted, everyone) = oracle(project, now);
    let differences = differences(&received(project), &wanted);
    assert!(
        differences.is_empty(),
        "at {now}:\n{}",
        differences.join("\n")
    );

    let sent = project.read("out/all.ndjson");
    let again = project.json(&["run", "--once", "--now", now]);
    let cohorts = again["cohorts"].as_array().unwrap();
    assert_eq!(cohorts.len(), wanted.len(), "the oracle knows every cohort");
    for cohort in cohorts {
        assert_eq!(cohort["messages"], 0, "{cohort}");
        let id = cohort["id"].as_str().unwrap();
        assert_eq!(cohort["members"], wanted[id].len(), "{cohort}");
    }
    assert_eq!(project.read("out/all.ndjson"), sent, "nothing has changed");
    (wanted, everyone)
}

#[test]
fn all_of_the_language_says_what_the_oracle_says_as_the_clock_moves() {
    let project = project();
    let lines = own_lines();
    // Every third line is late: it comes with the second file, wherever its time lies.
    let file = |late: bool| -> String {
        let lines = lines.iter().enumerate();
        let chosen = lines.filter(|(at, _)| (at % 3 == 2) == late);
        chosen.map(|(_, line)| format!("{line}\n")).collect()
    };
    project.write("own/1.ndjson", &file(false));

    let mut told = BTreeSet::new();
    let mut seen = Vec::new();
    for now in [
        // The last instant of a day in Los Angeles, and the first of the next.
        "2026-02-17T07:59:59.999Z",
        "2026-02-17T08:00:00Z",
        "2026-02-22T18:30:00Z",
        "2026-03-01T00:00:00Z",
        // The clocks have gone forward, in Havana at midnight.
        "2026-03-09T06:59:59Z",
        // And back in time.
        "2026-02-20T12:00:00Z",
    ] {
        if now == "2026-03-01T00:00:00Z" {
            project.write("own/2.ndjson", &file(true));
        }
        let (members, everyone) = assert_at(&project, now);
        let telling = |users: &BTreeSet<String>| !users.is_empty() && users.len() < everyone.len();
        let telling = members.iter().filter(|(_, users)| telling(users));
        told.extend(telling.map(|(cohort, _)| cohort.clone()));
        seen.push(members);
    }
    for cohort in seen[0].keys() {
        assert!(
            told.contains(cohort),
            "{cohort} has nobody or everybody at all times, and shows nothing"
        );
        let moves = seen
            .iter()
            .any(|members| members[cohort] != seen[0][cohort]);
        assert!(moves || cohort == "vip", "{cohort} never changes");
    }
}

/// Chance that is the same on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        usize::try_from(mixed >> 33).unwrap() % bound
    }

    fn one_of(&mut self, values: &Value) -> Value {
        let values = values.as_array().unwrap();
        values[self.below(values.len())].clone()
    }
}

const MINUTE: i64 = 60_000;
const DAY: i64 = 1440 * MINUTE;
/// 2026-01-20T08:00:00Z, a midnight in Los Angeles; the events end in the evening of 8 March.
const BEGIN: i64 = 1_768_896_000_000;
const DAYS: usize = 48;

/// Events of 150 users, who are none of the example's.
fn own_lines() -> Vec<String> {
    let keys = json!([
        "a",
        "a",
        "b",
        "c",
        1,
        1.0,
        "1",
        true,
        ["a", "b"],
        ["c", 1, null],
        [],
        null
    ]);
    let amounts = json!([10, 25, 50, 75.5, "50.0", "1e2", -5, 0, " 5", "n/a", true, [10, 20], {"net": 9}, null]);
    let instants = json!([
        "2026-02-20",
        "2026-02-21T10:00:00Z",
        "2026-02-22 12:00:00.000000",
        "2026-02-22T03:59:59.999999-08:00",
        1_771_300_800_000_i64,
        "1771300800000",
        1_771_300_799_999.75,
        "2026-01-15T00:00:00",
        "2026-02-16T20:00:00+12:00",
        "2026-03-15",
        "2026-03-02T00:00:00Z",
        1_768_000_000_000_i64,
        "2026-02-14",
        "2026-02-30",
        "soon",
        -1,
        true,
        ["2026-02-21"],
        "",
        null
    ]);
    let texts = json!([
        "Order 12",
        "order 12",
        "Zoë 999 ",
        "Straße 7 café",
        "STRASSE CAFÉ",
        "strasse, cafÉ",
        "Strasse 12",
        "ΛΌΓΟΣ",
        "κόσμος",
        "Kos\u{3c3}",
        "50",
        50,
        true,
        "banana",
        "Order 1\n",
        ["Order 77", "x"],
        "",
        null
    ]);
    let few_keys = json!(["a", "b", 1, "1", ["a", "b"], ["b", 1], ["a", 1]]);
    let steps = json!(["Open", "Open", "Step", "Close", "Close", "Cancel"]);
    let mut random = Random(7);
    let mut lines = Vec::new();
    for user in 0..150 {
        // For steps in order: a busy morning (to some the next day) in which much happens at once.
        let morning = BEGIN + (27 + i64::from(user % 3)) * DAY;
        for event in 0..8 {
            let time = morning + i64::try_from(random.below(12)).unwrap() * 10 * MINUTE;
            let step = random.one_of(&steps);
            let key = random.one_of(&few_keys);
            lines.push(line(
                user,
                &format!("step-{event}"),
                time,
                step.as_str().unwrap(),
                &json!({"key": key}),
                &json!({}),
            ));
        }
        let mut time = BEGIN;
        for event in 0..45 {
            time = match random.below(10) {
                // At the same instant as the one before.
                0..=2 => time,
                // A midnight in Los Angeles (or, in winter, three hours from that in Havana), or a moment before.
                3 => BEGIN + days(&mut random) * DAY - i64::from(random.below(2) == 0),
                4 => {
                    BEGIN + 47 * DAY + i64::try_from(random.below(60)).unwrap() * 20 * MINUTE
                        - 3 * 60 * MINUTE
                }
                // Ten to forty minutes later.
                5..=7 => time + (1 + i64::try_from(random.below(4)).unwrap()) * 10 * MINUTE,
                _ => {
                    BEGIN
                        + days(&mut random) * DAY
                        + i64::try_from(random.below(1440)).unwrap() * MINUTE
                }
            };
            let (name, properties) = match random.below(20) {
                0..=5 => ("Tap", json!({"key": random.one_of(&keys)})),
                6..=8 => ("Hold", json!({"key": random.one_of(&keys)})),
                9 => ("Swipe", json!({"key": random.one_of(&keys)})),
                10..=12 => (
                    "Booked",
                    json!({"slot": random.one_of(&instants), "amount": random.one_of(&amounts)}),
                ),
                13..=15 => (
                    "Note",
                    json!({"text": random.one_of(&texts), "key": random.one_of(&keys)}),
                ),
                _ => ("$identify", json!({})),
            };
            let changes = match random.below(12) {
                _ if name != "$identify" && random.below(3) > 0 => json!({}),
                0..=2 => {
                    json!({"$set": {"level": random.one_of(&json!(["gold", "silver", 1, "1", true, ["a", "gold"]]))}})
                }
                3 | 4 => json!({"$unset": {"level": "-"}}),
                5 | 6 => json!({"renews": random.one_of(&instants)}),
                7 => json!({"$unset": {"renews": "-", "referrer": "-"}}),
                8 | 9 => {
                    json!({"$append": {"favourites": random.one_of(&json!(["a", "b", "c", 1, ["gold", 1]]))}})
                }
                10 => json!({"$set": {"favourites": random.one_of(&keys)}}),
                _ if random.below(4) == 0 => json!({"$clearAll": "-"}),
                _ => json!({"$setOnce": {"referrer": "friend"}, "$add": {"visits": 1}}),
            };
            let line = line(user, &event.to_string(), time, name, &properties, &changes);
            // Now and then a line is sent twice.
            if random.below(50) == 0 {
                lines.push(line.clone());
            }
            lines.push(line);
        }
    }
    lines
}

/// A line as the vendor exports it.
fn line(
    user: i32,
    insert: &str,
    time: i64,
    name: &str,
    properties: &Value,
    changes: &Value,
) -> String {
    let time = muster_model::Millis(time).to_string();
    json!({
        "$insert_id": format!("own-{user}-{insert}"),
        "user_id": format!("x{user:02}"),
        "event_type": name,
        "event_time": time.trim_end_matches('Z').replace('T', " "),
        "event_properties": properties,
        "user_properties": changes,
    })
    .to_string()
}

fn days(random: &mut Random) -> i64 {
    i64::try_from(random.below(DAYS)).unwrap()
}
