//! Decides the cohort of `big-spenders`, written against the columns of the contract. The cost of
//! the SDK's views is measured against this rule.

use muster_rule::bindings::muster::cohort::types::{Column, Kind, Property, StreamReads, Verdicts};
use muster_rule::bindings::{Batch, Description, Guest};

const DAY: i64 = 86_400_000;

struct ByColumns;

muster_rule::bindings::export_bindings!(ByColumns with_types_in muster_rule::bindings);

impl Guest for ByColumns {
    fn describe() -> Description {
        let property = |name: &str, kind| Property {
            name: name.to_owned(),
            kind,
        };
        let stream = |name: &str, days, properties| StreamReads {
            names: vec![name.to_owned()],
            properties,
            reach: Some(days * DAY as u64),
        };
        Description {
            cohorts: vec!["big-spenders".to_owned()],
            user_properties: vec![property("city", Kind::Text)],
            property_histories: Vec::new(),
            streams: vec![
                stream("Purchase", 30, vec![property("amount", Kind::Number)]),
                stream("Refund", 7, Vec::new()),
            ],
            calendars: Vec::new(),
            user_hashes: false,
            lists: Vec::new(),
        }
    }

    fn classify(batch: Batch) -> Result<Verdicts, String> {
        let ([purchases, refunds], [Column::Text(cities)]) =
            (&batch.streams[..], &batch.user_properties[..])
        else {
            return Err("two streams and a city are read".to_owned());
        };
        let [Column::Number(amounts)] = &purchases.columns[..] else {
            return Err("amounts are numbers".to_owned());
        };
        let offsets = &batch.dictionary.offsets;
        let seattle = offsets.windows(2).position(|bounds| {
            &batch.dictionary.bytes[bounds[0] as usize..bounds[1] as usize] == b"Seattle"
        });
        let seattle = seattle.map_or(u32::MAX, |index| index as u32 + 1);
        let users = batch.users as usize;
        let mut members = vec![0_u64; users.div_ceil(64)];
        let mut until = vec![i64::MAX; users];
        for user in 0..users {
            if cities[user] != seattle {
                continue;
            }
            let rows = refunds.starts[user] as usize..refunds.starts[user + 1] as usize;
            if let Some(last) = refunds.times[rows]
                .last()
                .filter(|time| **time > batch.now - 7 * DAY)
            {
                until[user] = last + 7 * DAY;
                continue;
            }
            let rows = purchases.starts[user] as usize..purchases.starts[user + 1] as usize;
            let times = &purchases.times[rows.clone()];
            let first = times.partition_point(|time| *time <= batch.now - 30 * DAY);
            let mut missing = 3;
            for (time, amount) in times[first..].iter().zip(&amounts[rows][first..]).rev() {
                if *amount >= 50.0 {
                    missing -= 1;
                    if missing == 0 {
                        members[user / 64] |= 1 << (user % 64);
                        until[user] = time + 30 * DAY;
                        break;
                    }
                }
            }
        }
        Ok(Verdicts { members, until })
    }
}
