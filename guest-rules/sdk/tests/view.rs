//! The SDK's view of a batch equals the plain one: for random batches, a rule sees of each user
//! what a plain reading of the columns by index gives.

use std::cell::RefCell;

use muster_rule::bindings::muster::cohort::types::{
    Batch, CalendarBounds, Column, Dictionary, EventRows, TextLists,
};
use muster_rule::declared::Rule;
use muster_rule::rule;
use proptest::collection::vec;
use proptest::prelude::*;

rule! {
    cohort "all" when write_down;
    user Everything { city: text, tags: texts, score: number, paid: flag, born: instant = "date of birth" }
    events views: View = "View" | "Open *" { seconds: number, topics: texts, what: event_name }
    events refunds: Refund = "Refund" {}
    history plans: text = "plan";
    calendar weeks = 2 weeks in "Europe/Berlin";
    list staff = "staff";
    hash sample;
}

thread_local! {
    /// The view of each user, as text.
    static SEEN: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

fn write_down(user: &Everything) -> bool {
    let views: Vec<_> = (user.views())
        .map(|view| {
            let topics: Vec<_> = view.topics().collect();
            (view.time().0, view.seconds(), topics, view.what())
        })
        .collect();
    let refunds: Vec<_> = user.refunds().rev().map(|refund| refund.time().0).collect();
    let plans: Vec<_> = user
        .plans()
        .map(|change| (change.time().0, change.value()))
        .collect();
    let starts: Vec<_> = user.weeks().starts().map(|start| start.0).collect();
    let properties = (
        user.city(),
        user.tags().collect::<Vec<_>>(),
        user.score(),
        user.paid(),
        user.born().map(|born| born.0),
    );
    let others = (
        user.first_seen().map(|first| first.0),
        user.staff(),
        user.sample(),
    );
    let seen = format!("{properties:?} {views:?} {refunds:?} {plans:?} {starts:?} {others:?}");
    SEEN.with_borrow_mut(|all| all.push(seen));
    user.paid() == Some(true)
}

/// Reads the same of a user, by index.
fn plain(batch: &Batch, user: usize) -> String {
    let text = |code: u32| {
        let offsets = &batch.dictionary.offsets;
        let range = offsets[code as usize - 1] as usize..offsets[code as usize] as usize;
        String::from_utf8(batch.dictionary.bytes[range].to_vec()).unwrap()
    };
    let texts = |column: &Column, row: usize| -> Vec<String> {
        let codes = match column {
            Column::Text(codes) => vec![codes[row]],
            Column::Texts(lists) => {
                lists.codes[lists.starts[row] as usize..lists.starts[row + 1] as usize].to_vec()
            }
            _ => panic!("no text"),
        };
        codes
            .into_iter()
            .filter(|code| *code > 0)
            .map(text)
            .collect()
    };
    let number = |column: &Column, row: usize| match column {
        Column::Number(values) => Some(values[row]).filter(|value| !value.is_nan()),
        _ => panic!("no number"),
    };
    let rows = |rows: &EventRows| rows.starts[user] as usize..rows.starts[user + 1] as usize;
    let properties = &batch.user_properties;
    let paid = match &properties[3] {
        Column::Flag(values) => [Some(false), Some(true), None][values[user] as usize],
        _ => panic!("no flag"),
    };
    let views = &batch.streams[0];
    let views: Vec<_> = rows(views)
        .map(|row| {
            let columns = &views.columns;
            let what = texts(&columns[2], row)
                .into_iter()
                .next()
                .unwrap_or_default();
            (
                views.times[row],
                number(&columns[0], row),
                texts(&columns[1], row),
                what,
            )
        })
        .collect();
    let refunds: Vec<_> = rows(&batch.streams[1])
        .rev()
        .map(|row| batch.streams[1].times[row])
        .collect();
    let plans = &batch.property_histories[0];
    let plans: Vec<_> = rows(plans)
        .map(|row| {
            (
                plans.times[row],
                texts(&plans.columns[0], row).into_iter().next(),
            )
        })
        .collect();
    let first = batch.first_seen[user];
    let properties = (
        texts(&properties[0], user).into_iter().next(),
        texts(&properties[1], user),
        number(&properties[2], user),
        paid,
        number(&properties[4], user).map(|ms| ms as i64),
    );
    let others = (
        (first != i64::MAX).then_some(first),
        batch.lists[0][user / 64] >> (user % 64) & 1 == 1,
        batch.user_hash[user],
    );
    let starts = &batch.calendars[0].starts;
    format!("{properties:?} {views:?} {refunds:?} {plans:?} {starts:?} {others:?}")
}

const TEXTS: [&str; 5] = ["", "red", "Zürich", "View", "日本"];

fn dictionary() -> Dictionary {
    let mut offsets = vec![0];
    for text in TEXTS {
        offsets.push(offsets.last().unwrap() + text.len() as u32);
    }
    Dictionary {
        offsets,
        bytes: TEXTS.concat().into_bytes(),
    }
}

fn text_column(rows: usize) -> impl Strategy<Value = Column> {
    let code = 0..=TEXTS.len() as u32;
    let lists = vec(vec(1..=TEXTS.len() as u32, 0..3), rows).prop_map(|rows| {
        let mut starts = vec![0];
        for row in &rows {
            starts.push(starts.last().unwrap() + row.len() as u32);
        }
        Column::Texts(TextLists {
            starts,
            codes: rows.concat(),
        })
    });
    prop_oneof![vec(code, rows).prop_map(Column::Text), lists]
}

fn number_column(rows: usize) -> impl Strategy<Value = Column> {
    let number = prop_oneof![Just(f64::NAN), (-1e9..1e9_f64).prop_map(f64::trunc)];
    vec(number, rows).prop_map(Column::Number)
}

/// Makes rows of users, with columns of the given kinds: `n` number, `t` text.
fn rows(users: usize, kinds: &'static str) -> impl Strategy<Value = EventRows> {
    vec(vec(-50..50_i64, 0..5), users).prop_flat_map(move |times| {
        let mut starts = vec![0];
        for times in &times {
            starts.push(starts.last().unwrap() + times.len() as u32);
        }
        let sorted = times.into_iter().flat_map(|mut times| {
            times.sort_unstable();
            times
        });
        let times: Vec<_> = sorted.collect();
        let columns: Vec<_> = (kinds.chars())
            .map(|kind| match kind {
                'n' => number_column(times.len()).boxed(),
                _ => text_column(times.len()).boxed(),
            })
            .collect();
        columns.prop_map(move |columns| EventRows {
            starts: starts.clone(),
            times: times.clone(),
            columns,
        })
    })
}

fn batch() -> impl Strategy<Value = Batch> {
    (0..70_usize).prop_flat_map(|users| {
        let properties = (
            text_column(users),
            text_column(users),
            number_column(users),
            vec(0..=2_u8, users).prop_map(Column::Flag),
            number_column(users),
        );
        let streams = (rows(users, "ntt"), rows(users, ""), rows(users, "t"));
        let others = (
            vec(prop_oneof![Just(i64::MAX), -50..50_i64], users),
            vec(any::<u64>(), users),
            vec(any::<u64>(), users.div_ceil(64)),
        );
        (properties, streams, others).prop_map(move |(properties, streams, others)| Batch {
            now: 50,
            users: users as u32,
            dictionary: dictionary(),
            first_seen: others.0,
            user_hash: others.1,
            user_properties: vec![
                properties.0,
                properties.1,
                properties.2,
                properties.3,
                properties.4,
            ],
            property_histories: vec![streams.2],
            streams: vec![streams.0, streams.1],
            calendars: vec![CalendarBounds {
                starts: vec![10, 40],
                moves_at: 77,
            }],
            lists: vec![others.2],
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_rule_sees_what_the_columns_hold(batch in batch()) {
        SEEN.with_borrow_mut(Vec::clear);
        let verdicts = Everything::classify(&batch);
        let seen = SEEN.take();
        let users = batch.users as usize;
        let plain: Vec<_> = (0..users).map(|user| plain(&batch, user)).collect();
        prop_assert_eq!(seen, plain);
        // The answers are packed by user, and hold until the calendar moves.
        prop_assert_eq!(verdicts.members.len(), users.div_ceil(64));
        let Column::Flag(paid) = &batch.user_properties[3] else { panic!("a flag") };
        for (user, paid) in paid.iter().enumerate() {
            let member = verdicts.members[user / 64] >> (user % 64) & 1 == 1;
            prop_assert_eq!(member, *paid == 1);
        }
        prop_assert_eq!(verdicts.until, vec![77; users]);
    }
}

/// The description has what was declared, in the order of declaration.
#[test]
fn the_declaration_describes_what_the_rule_reads() {
    let read = Everything::describe();
    let names = |properties: &[muster_rule::bindings::muster::cohort::types::Property]| {
        let names: Vec<_> = properties
            .iter()
            .map(|property| format!("{} {:?}", property.name, property.kind))
            .collect();
        names.join(", ")
    };
    assert_eq!(read.cohorts, ["all"]);
    assert_eq!(
        names(&read.user_properties),
        "city Kind::Text, tags Kind::Text, score Kind::Number, paid Kind::Flag, date of birth Kind::Instant"
    );
    assert_eq!(
        names(&read.streams[0].properties),
        "seconds Kind::Number, topics Kind::Text,  Kind::Text"
    );
    assert_eq!(read.streams[0].names, ["View", "Open *"]);
    assert_eq!(names(&read.property_histories), "plan Kind::Text");
    assert_eq!(read.lists, ["staff"]);
    assert!(read.user_hashes);
    assert_eq!(read.calendars[0].count, Some(2));
}
