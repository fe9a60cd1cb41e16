//! Checks the promises of the generator on its output.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::*;

fn lines(settings: &DataSettings) -> (Summary, Vec<Vec<Value>>) {
    let directory = tempfile::tempdir().unwrap();
    let summary = generate(settings, directory.path(), &mut |_| {}).unwrap();
    let files = summary.files.iter().map(|path| {
        let json = std::fs::read_to_string(path).unwrap();
        json.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    });
    let files = files.collect();
    (summary, files)
}

fn plain() -> DataSettings {
    DataSettings {
        users: 300,
        events: 20_000,
        days: 10,
        format: Format::Ndjson,
        ..DataSettings::default()
    }
}

#[test]
fn the_shop_keeps_its_promises() {
    let settings = plain();
    let (summary, files) = lines(&settings);
    assert_eq!((summary.events, files.len()), (20_000, 10));
    assert!(summary.files[9].ends_with("shop_2026-02-28_0.json"));
    let all: Vec<&Value> = files.iter().flatten().collect();
    assert_eq!(all.len() as u64, summary.lines);

    let ids: BTreeSet<&str> = all
        .iter()
        .map(|e| e["$insert_id"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), 20_000);
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    for event in &all {
        *names
            .entry(event["event_type"].as_str().unwrap())
            .or_default() += 1;
    }
    assert_eq!(names.len(), 21, "{names:?}");
    let share = names["Purchase"] as f64 / 20_000.0;
    assert!((0.035..0.065).contains(&share), "{share} {names:?}");

    let anonymous = all
        .iter()
        .filter(|e| e["user_id"].as_str().unwrap_or("").is_empty());
    assert!((80..320).contains(&anonymous.count()));
    let late = files.iter().zip(&summary.files).flat_map(|(events, path)| {
        let name = path.file_name().unwrap().to_str().unwrap()[5..15].to_owned();
        events
            .iter()
            .filter(move |e| !e["event_time"].as_str().unwrap().starts_with(&name))
    });
    assert!(late.count() > 50);
    let end = "2026-03-01";
    assert!(all.iter().all(|e| e["event_time"].as_str().unwrap() < end));
}

#[test]
fn a_seed_decides_every_event() {
    let digest = |settings: &DataSettings| {
        let directory = tempfile::tempdir().unwrap();
        let summary = generate(settings, directory.path(), &mut |_| {}).unwrap();
        let mut hash = Sha256::new();
        for path in summary.files {
            hash.update(std::fs::read(path).unwrap());
        }
        hash.finalize()
            .iter()
            .take(8)
            .fold(0_u64, |n, byte| n << 8 | u64::from(*byte))
    };
    let one = digest(&plain());
    // The output of this release on every platform. A change of it changes every measurement, so it
    // belongs in the changelog.
    assert_eq!(format!("{one:016x}"), "65c9990fb248194d");
    assert_ne!(one, digest(&DataSettings { seed: 2, ..plain() }));
}

#[test]
fn formats_hold_the_same_lines() {
    let directory = tempfile::tempdir().unwrap();
    let settings = |format| DataSettings {
        format,
        files_per_day: 3,
        days: 2,
        events: 3_000,
        ..plain()
    };
    let read = |format| {
        let summary = generate(&settings(format), directory.path(), &mut |_| {}).unwrap();
        assert_eq!(summary.files.len(), 6);
        let mut all = String::new();
        for path in &summary.files {
            let file = std::fs::File::open(path).unwrap();
            let _ = match format {
                Format::Ndjson => std::io::BufReader::new(file).read_to_string(&mut all),
                Format::Gzip => flate2::read::GzDecoder::new(file).read_to_string(&mut all),
                Format::Zstd => zstd::Decoder::new(file).unwrap().read_to_string(&mut all),
            }
            .unwrap();
        }
        assert_eq!(all.len() as u64, summary.bytes_of_json);
        all
    };
    let json = read(Format::Ndjson);
    assert_eq!(json, read(Format::Gzip));
    assert_eq!(json, read(Format::Zstd));
}

#[test]
fn every_event_can_carry_the_state() {
    let (_, files) = lines(&DataSettings {
        user_state: UserState::Event,
        ..plain()
    });
    let bare = files.iter().flatten().filter(|event| {
        event["event_type"] != "$identify"
            && !event["user_id"].as_str().unwrap_or("").is_empty()
            && event["user_properties"]["city"].is_null()
    });
    assert_eq!(bare.count(), 0);
}

#[test]
fn invalid_settings_are_refused() {
    let refused = |settings: DataSettings| {
        let directory = tempfile::tempdir().unwrap();
        generate(&settings, directory.path(), &mut |_| {})
            .unwrap_err()
            .to_string()
    };
    assert!(
        refused(DataSettings {
            users: 0,
            ..plain()
        })
        .contains("--users")
    );
    assert!(refused(DataSettings { days: 0, ..plain() }).contains("--days"));
    assert!(
        refused(DataSettings {
            skew: f64::NAN,
            ..plain()
        })
        .contains("--skew")
    );
    assert!(
        refused(DataSettings {
            files_per_day: 25,
            ..plain()
        })
        .contains("--files-per-day")
    );
    assert!(
        refused(DataSettings {
            end: Millis(5),
            ..plain()
        })
        .contains("--end")
    );
}
