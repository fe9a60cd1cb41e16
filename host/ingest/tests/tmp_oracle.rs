
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test fails by panicking"
)]
use muster_definition::*;
use muster_model::*;
use std::collections::*;
use std::io::Read;
#[test]
fn agrees() {
    let root = std::path::Path::new("../../examples/shop");
    let (mut buffer, mut counts): (EventBuffer, muster_ingest::Counts) = Default::default();
    for f in muster_ingest::find_files("events/*.json.gz", root).unwrap() {
        let mut s = Vec::new();
        flate2::read::GzDecoder::new(std::fs::File::open(f).unwrap())
            .read_to_end(&mut s)
            .unwrap();
        muster_ingest::decode_lines(&s, 1, &mut buffer, &mut counts, &mut |m| panic!("{m:?}"));
    }
    println!("{counts:?}");
    let mut users: BTreeMap<
        String,
        (
            BTreeMap<(i64, usize), Event>,
            BTreeMap<(i64, usize), (Operator, String, Option<Value>)>,
        ),
    > = BTreeMap::new();
    let mut seen = HashSet::new();
    for (i, e) in buffer.events().enumerate() {
        if !seen.insert((e.user.to_owned(), e.name.to_owned(), e.time.0, e.insert_id)) {
            continue;
        }
        let properties = e
            .properties()
            .map(|p| (p.name.into(), p.value.to_value()))
            .collect();
        users.entry(e.user.into()).or_default().0.insert(
            (e.time.0, i),
            Event {
                name: e.name.into(),
                time: e.time,
                properties,
            },
        );
    }
    // An operation's event has an insert id of its own, so a repeated (insert id, operator, property) is a duplicate.
    let mut seen = HashSet::new();
    for (i, o) in buffer.operations().enumerate() {
        if !seen.insert((
            o.user.to_owned(),
            o.time.0,
            o.insert_id,
            o.operator,
            o.property.to_owned(),
        )) {
            continue;
        }
        users.entry(o.user.into()).or_default().1.insert(
            (o.time.0, i),
            (o.operator, o.property.into(), o.value.map(|v| v.to_value())),
        );
    }
    let histories: BTreeMap<String, UserHistory> = users
        .into_iter()
        .map(|(u, (events, ops))| {
            let mut h = UserHistory {
                events: events.into_values().collect(),
                ..Default::default()
            };
            let mut now: BTreeMap<Box<str>, Value> = BTreeMap::new();
            for ((t, _), (op, name, value)) in ops {
                let names: Vec<Box<str>> = if op == Operator::ClearAll {
                    now.keys().cloned().collect()
                } else {
                    vec![name.into()]
                };
                for name in names {
                    let new = op.apply(now.remove(&name), value.clone());
                    h.properties
                        .entry(name.clone())
                        .or_default()
                        .push((Millis(t), new.clone()));
                    if let Some(v) = new {
                        now.insert(name, v);
                    }
                }
            }
            (u, h)
        })
        .collect();
    for now in [
        "2026-02-15T00:00:00Z",
        "2026-03-01T00:00:00Z",
        "2026-03-02T12:34:56Z",
        "2026-01-20T03:00:00Z",
    ] {
        let out = std::process::Command::new("python3")
            .args(["../../tests/oracle/shop.py", "--now", now])
            .output()
            .unwrap();
        let oracle: BTreeMap<String, Vec<String>> = serde_json::from_slice(&out.stdout).unwrap();
        assert_eq!(oracle.len(), 6);
        let at: Millis = now.parse().unwrap();
        for f in muster_ingest::find_files("cohorts/*.yaml", root).unwrap() {
            let d = parse(&Source::new(
                f.to_str().unwrap(),
                &std::fs::read_to_string(&f).unwrap(),
            ))
            .unwrap_or_else(|e| panic!("{e}"));
            let Body::Where(clause) = &d.body else {
                panic!()
            };
            let members: Vec<String> = histories
                .iter()
                .filter(|(_, h)| interpreter::evaluate(clause, h, at).member)
                .map(|(u, _)| u.clone())
                .collect();
            println!(
                "{now} {} {} {}",
                d.id.as_str(),
                members.len(),
                oracle[d.id.as_str()].len()
            );
            assert_eq!(members, oracle[d.id.as_str()]);
        }
    }
}
