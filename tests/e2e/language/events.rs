//! Events with cases that the example lacks: instants and lists as values, values of the wrong
//! kind, many events at one instant, removed user properties, midnights.

use serde_json::{Value, json};

const MINUTE: i64 = 60_000;
const DAY: i64 = 1440 * MINUTE;
/// 2026-01-20T08:00:00Z, a midnight in Los Angeles.
const BEGIN: i64 = 1_768_896_000_000;
/// The last day is 8 March.
const DAYS: i64 = 48;

const KEYS: &str =
    r#"["a", "a", "b", "c", 1, 1.0, "1", true, ["a", "b"], ["c", 1, null], [], null]"#;
const FEW_KEYS: &str = r#"["a", "b", 1, "1", ["a", "b"], ["b", 1], ["a", 1]]"#;
const AMOUNTS: &str =
    r#"[10, 25, 50, 75.5, "50.0", "1e2", -5, 0, " 5", "n/a", true, [10, 20], {"net": 9}, null]"#;
const LEVELS: &str = r#"["gold", "silver", 1, "1", true, ["a", "gold"]]"#;
const FAVOURITES: &str = r#"["a", "b", "c", 1, ["gold", 1]]"#;
const INSTANTS: &str = r#"[
    "2026-02-20", "2026-02-14", "2026-03-15", "2026-02-30", "2026-01-15T00:00:00", "2026-02-21T10:00:00Z",
    "2026-02-22 12:00:00.000000", "2026-02-22T03:59:59.999999-08:00", "2026-02-16T20:00:00+12:00", "2026-03-02T00:00:00Z",
    1771300800000, "1771300800000", 1771300799999.75, 1768000000000, -1, true, "soon", ["2026-02-21"], "", null
]"#;
const TEXTS: &str = r#"[
    "Order 12", "order 12", "Order 1\n", ["Order 77", "x"], "Zoë 999 ", "Straße 7 café", "STRASSE CAFÉ", "strasse, cafÉ",
    "Strasse 12", "ΛΌΓΟΣ", "κόσμος", "Kosσ", "banana", "50", 50, true, "", null
]"#;

/// Returns events of 150 users, all new to the example, as lines of an export.
pub(super) fn lines() -> Vec<String> {
    let mut random = SplitMix(7);
    let mut lines = Vec::new();
    for user in 0..150 {
        steps(user, &mut random, &mut lines);
        anything(user, &mut random, &mut lines);
    }
    lines
}

/// Adds events for steps in order: a morning with many events within two hours, some of them at the
/// same instant.
fn steps(user: i64, random: &mut SplitMix, lines: &mut Vec<String>) {
    let morning = BEGIN + (27 + user % 3) * DAY;
    for event in 0..10 {
        let time = morning + random.below(12) * 10 * MINUTE;
        let names = ["Open", "Open", "Step", "Close", "Close", "Cancel"];
        let name = names[usize::try_from(random.below(6)).unwrap()];
        let key = json!({"key": random.one_of(FEW_KEYS)});
        let id = format!("step-{event}");
        lines.push(line(user, &id, time, name, &key, &json!({})));
    }
}

fn anything(user: i64, random: &mut SplitMix, lines: &mut Vec<String>) {
    let mut time = BEGIN;
    for event in 0..45 {
        time = random.time_after(time);
        let (name, properties) = match random.below(20) {
            0..=5 => ("Tap", json!({"key": random.one_of(KEYS)})),
            6..=8 => ("Hold", json!({"key": random.one_of(KEYS)})),
            9 => ("Swipe", json!({"key": random.one_of(KEYS)})),
            10..=12 => {
                let (slot, amount) = (random.one_of(INSTANTS), random.one_of(AMOUNTS));
                ("Booked", json!({"slot": slot, "amount": amount}))
            }
            13..=15 => {
                let (text, key) = (random.one_of(TEXTS), random.one_of(KEYS));
                ("Note", json!({"text": text, "key": key}))
            }
            _ => ("$identify", json!({})),
        };
        let changes = match name == "$identify" || random.below(3) == 0 {
            true => random.changes(),
            false => json!({}),
        };
        let line = line(user, &event.to_string(), time, name, &properties, &changes);
        // From time to time a line is sent twice.
        if random.below(50) == 0 {
            lines.push(line.clone());
        }
        lines.push(line);
    }
}

fn line(user: i64, id: &str, time: i64, name: &str, properties: &Value, changes: &Value) -> String {
    let time = muster_model::Millis(time).to_string();
    json!({
        "$insert_id": format!("own-{user}-{id}"),
        "user_id": format!("x{user:02}"),
        "event_type": name,
        "event_time": time.trim_end_matches('Z').replace('T', " "),
        "event_properties": properties,
        "user_properties": changes,
    })
    .to_string()
}

/// A random generator with the same numbers on every machine (splitmix64).
struct SplitMix(u64);

impl SplitMix {
    fn below(&mut self, bound: i64) -> i64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        i64::try_from(mixed >> 33).unwrap() % bound
    }

    /// Returns a random value of a list in JSON.
    fn one_of(&mut self, values: &str) -> Value {
        let mut values: Vec<Value> = serde_json::from_str(values).unwrap();
        let chosen = self.below(i64::try_from(values.len()).unwrap());
        values.swap_remove(usize::try_from(chosen).unwrap())
    }

    /// Returns the time of the event after the one at `time`.
    fn time_after(&mut self, time: i64) -> i64 {
        match self.below(10) {
            // At the same instant.
            0..=2 => time,
            // A midnight in Los Angeles, or the moment before.
            3 => BEGIN + self.below(DAYS) * DAY - self.below(2),
            // About the midnight of 8 March, when the clocks go forward in Havana.
            4 => BEGIN + 47 * DAY - 180 * MINUTE + self.below(60) * 20 * MINUTE,
            // Soon after.
            5..=7 => time + (1 + self.below(4)) * 10 * MINUTE,
            _ => BEGIN + self.below(DAYS) * DAY + self.below(1440) * MINUTE,
        }
    }

    /// Returns the changes of the user's properties by an event.
    fn changes(&mut self) -> Value {
        match self.below(12) {
            0..=2 => json!({"$set": {"level": self.one_of(LEVELS)}}),
            3 | 4 => json!({"$unset": {"level": "-"}}),
            5 | 6 => json!({"renews": self.one_of(INSTANTS)}),
            7 => json!({"$unset": {"renews": "-", "referrer": "-"}}),
            8 | 9 => json!({"$append": {"favourites": self.one_of(FAVOURITES)}}),
            10 => json!({"$set": {"favourites": self.one_of(KEYS)}}),
            _ if self.below(4) == 0 => json!({"$clearAll": "-"}),
            _ => json!({"$setOnce": {"referrer": "friend"}, "$add": {"visits": 1}}),
        }
    }
}
