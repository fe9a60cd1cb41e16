//! Checks the meaning of lines case by case, and properties of any line.

mod fields;
mod times;

use muster_model::{EventBuffer, Millis, Operator, Scalar, Value};
use muster_store::StoreOptions;
use muster_testkit::store::TestStore;
use proptest::prelude::*;
use serde_json::json;

use super::limits::*;
use super::*;

/// Returns everything in a buffer, in a form that compares and reads well.
fn dump(buffer: &EventBuffer) -> Vec<String> {
    let events = buffer.events().map(|event| {
        let properties: Vec<_> = event
            .properties()
            .map(|property| format!("{}={}", property.name, show(&property.value.to_value())))
            .collect();
        let (user, name, time) = (event.user, event.name, event.time.0);
        format!("{user} {name} {time} [{}]", properties.join(" "))
    });
    let operations = buffer.operations().map(|operation| {
        let value = operation.value.map(|value| show(&value.to_value()));
        format!(
            "{} {} {} {}={}",
            operation.user,
            operation.time.0,
            operation.operator.key(),
            operation.property,
            value.unwrap_or_default()
        )
    });
    events.chain(operations).collect()
}

fn show(value: &Value) -> String {
    let scalar = |scalar: &Scalar| match scalar {
        Scalar::Text(text) => format!("{text:?}"),
        other => other.canonical_text().into_owned(),
    };
    match value {
        Value::One(one) => scalar(one),
        Value::List(list) => format!("{:?}", list.iter().map(scalar).collect::<Vec<_>>())
            .replace('"', "")
            .replace('\\', "'"),
    }
}

struct DecodeOutcome {
    rows: Vec<String>,
    counts: LineCounts,
    malformed: Vec<(u64, String)>,
}

fn decoded(text: impl AsRef<[u8]>) -> DecodeOutcome {
    let mut buffer = EventBuffer::default();
    let mut counts = LineCounts::default();
    let mut malformed = Vec::new();
    decode_lines(
        text.as_ref(),
        1,
        &DecodeContext::default(),
        &mut buffer,
        &mut counts,
        &mut |line| {
            malformed.push((line.line, line.reason.to_string()));
        },
    );
    assert_eq!(counts.malformed, malformed.len() as u64);
    DecodeOutcome {
        rows: dump(&buffer),
        counts,
        malformed,
    }
}

/// Returns the rows of an event of `ann` at 1,606,211,995,977 with these keys besides.
fn rows(more: serde_json::Value) -> Vec<String> {
    let outcome = decoded(event(more));
    assert_eq!(outcome.malformed, []);
    outcome.rows
}

fn reason(more: serde_json::Value) -> String {
    let outcome = decoded(event(more));
    assert_eq!((outcome.rows.len(), outcome.malformed.len()), (0, 1));
    outcome.malformed[0].1.clone()
}

fn event(more: serde_json::Value) -> String {
    let mut line =
        json!({"user_id": "ann", "event_type": "View", "event_time": "2020-11-24 09:59:55.977000"});
    for (key, value) in more.as_object().unwrap() {
        line[key] = value.clone();
    }
    line.to_string()
}

const HEAD: &str = "ann View 1606211995977";

/// Stores lines `times` times and returns the values of `n` and `city`.
fn stored(lines: &str, times: usize) -> [Option<Value>; 2] {
    use muster_store::UserKey;
    let store = TestStore::new();
    for _ in 0..times {
        let (mut buffer, mut counts) = (EventBuffer::default(), LineCounts::default());
        decode_lines(
            lines.as_bytes(),
            1,
            &DecodeContext::default(),
            &mut buffer,
            &mut counts,
            &mut |line| panic!("{line:?}"),
        );
        store.append(&buffer, None).unwrap();
    }
    let names = ["n", "city"].map(str::to_owned);
    let snapshot = store.snapshot().unwrap();
    let mut values = snapshot.values(&[UserKey(0)], &names, Millis::MAX).unwrap();
    values.remove(0).try_into().unwrap()
}

#[test]
fn all_operations_of_a_line_count_and_those_of_its_copies_do_not() {
    let number = |number| Some(Value::One(Scalar::Number(number)));
    let rome = || Some(Value::One(Scalar::Text("Rome".into())));
    let cleared = event(json!({
        "$insert_id": "i1",
        "user_properties": {"$clearAll": "-", "$set": {"city": "Rome"}},
    }));
    // The order matters here, and `json!` would not keep it.
    let operations = r#"{"user_properties": {"$set": {"n": 1}, "$add": {"n": 1}}, "#;
    let counted = event(json!({"$insert_id": "i2"})).replacen('{', operations, 1);
    let added = event(json!({
        "$insert_id": "i3",
        "event_type": "$identify",
        "user_properties": {"$add": {"n": 5}},
    }));
    for times in [1, 2] {
        assert_eq!(stored(&cleared, times), [None, rome()], "{times}");
        assert_eq!(stored(&counted, times), [number(2.0), None], "{times}");
        assert_eq!(stored(&added, times), [number(5.0), None], "{times}");
        let all = [&*cleared, &counted, &added].join("\n");
        assert_eq!(
            stored(&[&*all, &all].join("\n"), times),
            [number(7.0), rome()],
            "{times}"
        );
    }
}

#[test]
fn a_line_with_a_name_beyond_the_limit_is_malformed() {
    let store = TestStore::with(&StoreOptions {
        event_names: 2,
        event_properties: 1,
        user_properties: 1,
        ..StoreOptions::default()
    });
    let decode = |lines: &[serde_json::Value]| {
        let lines: Vec<String> = lines.iter().map(|line| event(line.clone())).collect();
        let (mut buffer, mut counts) = (EventBuffer::default(), LineCounts::default());
        let (mut malformed, text) = (Vec::new(), lines.join("\n"));
        let mut keep = |line: Malformed| malformed.push((line.line, line.reason.to_string()));
        decode_lines(
            text.as_bytes(),
            1,
            &DecodeContext {
                store: Some(&store),
                ..DecodeContext::default()
            },
            &mut buffer,
            &mut counts,
            &mut keep,
        );
        let appended = store.append(&buffer, None).unwrap();
        assert_eq!(counts.malformed, malformed.len() as u64);
        (buffer.events().len(), appended.left_out, malformed)
    };
    let reason = |what: &str, limit: u32| {
        format!(
            "the {what} is new, and there are {limit} already: put what varies into values, not into names"
        )
    };
    // Within the lines of one buffer, too.
    let types = ["a", "b", "c", "a", "$identify"].map(|name| json!({"event_type": name}));
    let third = (3, reason("event type `c`", 2));
    assert_eq!(decode(&types), (3, 0, vec![third]));
    let with = |name: &str| json!({"event_type": "a", "event_properties": {name: 1}, "user_properties": {name: 1}});
    // Names are accepted up to the limit; once it is reached, further ones are left out.
    assert_eq!(decode(&[with("p"), with("q")]), (2, 2, vec![]));
    let (held, left_out, malformed) = decode(&[
        with("p"),
        with("q"),
        json!({"event_type": "$identify", "event_properties": {"q": 1}, "user_properties": {"r": 1}}),
        json!({"event_type": "$identify", "event_properties": {"q": 1}, "user_properties": {"$clearAll": "-"}}),
        json!({"event_type": "a", "user_properties": {"$add": {"p": 1}}}),
    ]);
    let expected = [
        (2, reason("event property `q`", 1)),
        (3, reason("user property `r`", 1)),
        (5, reason("user property `p`", 1)),
    ];
    assert_eq!((held, left_out, &*malformed), (1, 0, &expected[..]));
}

#[test]
fn an_event_carries_properties_of_every_kind() {
    for (properties, wanted) in [
        (json!({}), ""),
        (json!(null), ""),
        (
            json!({"a": 1, "b": 2.5, "c": "x", "d": true}),
            r#"a=1 b=2.5 c="x" d=true"#,
        ),
        (
            json!({"a": null, "b": [], "c": {}, "d": [null], "e": {"f": null}}),
            "",
        ),
        (json!({"a": {"b": {"c": 1}, "d": 2}}), "a.b.c=1 a.d=2"),
        (json!({"a": ["x", 1, false, null]}), r#"a=['x', 1, false]"#),
        (json!({"a": [[1, 2], [3]]}), "a=[1, 2, 3]"),
        (
            json!({"a": [{"b": 1, "c": 2}, {"b": 3}, 4]}),
            "a.b=[1, 3] a.c=[2] a=[4]",
        ),
        (json!({"a": {"b": [{"c": {"d": 1}}]}}), "a.b.c.d=[1]"),
        (
            json!({"say": "a \"b\" \u{1F600}\n"}),
            "say=\"a \\\"b\\\" \u{1F600}\\n\"",
        ),
        (json!({"": 1, "a": {"": 2}}), "a.=2"),
        // Numbers that an f64 cannot hold are ids: they stay exact as text.
        (
            json!({"a": 9_007_199_254_740_992_u64}),
            "a=9007199254740992",
        ),
        (
            json!({"a": 9_007_199_254_740_993_u64}),
            r#"a="9007199254740993""#,
        ),
        (
            json!({"a": -9_007_199_254_740_993_i64}),
            r#"a="-9007199254740993""#,
        ),
    ] {
        let wanted = format!("{HEAD} [{wanted}]").replace("['x'", "['x'");
        let rows = rows(json!({"event_properties": properties}));
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].replace("''", "'"), wanted, "{properties}");
    }
}

#[test]
fn user_properties_are_operations() {
    let at = "ann 1606211995977";
    for (properties, wanted) in [
        (
            json!({"city": "Seattle", "a": {"b": 1}, "none": null}),
            vec![r#"$set city="Seattle""#, "$set a.b=1"],
        ),
        (
            json!({"$set": {"plan": "pro"}, "$add": {"visits": 2}}),
            vec![r#"$set plan="pro""#, "$add visits=2"],
        ),
        (json!({"$setOnce": {"x": true}}), vec!["$setOnce x=true"]),
        (
            json!({"$append": {"l": [1, 2]}, "$prepend": {"l": 3}}),
            vec!["$append l=[1, 2]", "$prepend l=3"],
        ),
        (
            json!({"$preInsert": {"l": 1}, "$postInsert": {"l": 2}, "$remove": {"l": 3}}),
            vec!["$preInsert l=1", "$postInsert l=2", "$remove l=3"],
        ),
        (
            json!({"$unset": {"a": "-", "b": null, "c": {"d": 1}}}),
            vec!["$unset a=", "$unset b=", "$unset c="],
        ),
        (
            json!({"$clearAll": "-", "$set": {"a": 1}}),
            vec!["$clearAll =", "$set a=1"],
        ),
        (json!({"$set": null}), vec![]),
        (json!({"$other": 1}), vec!["$set $other=1"]),
        (json!(null), vec![]),
    ] {
        let rows = rows(json!({"user_properties": properties}));
        let mut wanted: Vec<_> = wanted.iter().map(|row| format!("{at} {row}")).collect();
        // serde_json's `json!` sorts keys, which does not matter for these lines.
        wanted.insert(0, format!("{HEAD} []"));
        let (mut got, mut wanted) = (rows, wanted);
        got.sort();
        wanted.sort();
        assert_eq!(got, wanted, "{properties}");
    }
    // The order within a line is the order of arrival.
    let line = r#"{"user_id":"ann","event_type":"$identify","event_time":0.0e0,"user_properties":{"$set":{"b":1},"$clearAll":"-","$add":{"a":1}}}"#;
    let line = line.replace("0.0e0", "1606211995977");
    let order = ["$set b=1", "$clearAll =", "$add a=1"].map(|row| format!("{at} {row}"));
    assert_eq!(decoded(line).rows, order);
}

#[test]
fn identify_is_no_event() {
    let line = json!({"event_type": "$identify", "event_properties": {"a": 1}, "user_properties": {"b": 1}});
    assert_eq!(rows(line), ["ann 1606211995977 $set b=1"]);
    assert_eq!(
        rows(json!({"event_type": "$groupidentify", "user_properties": {"b": 1}})),
        [] as [&str; 0]
    );
}

#[test]
fn half_of_a_character_becomes_a_replacement_character() {
    let line = event(json!({
        "event_properties": {"text": "Great HALF", "list": ["HALF"], "HALF": 1},
        "user_properties": {"$append": {"tags": "HALF"}},
    }));
    for half in ["\\ud83d", "\\uDE00"] {
        let outcome = decoded(line.replace("HALF", half));
        assert_eq!(outcome.malformed, []);
        assert_eq!(
            outcome.rows,
            [
                format!("{HEAD} [\u{fffd}=1 list=['\u{fffd}'] text=\"Great \u{fffd}\"]"),
                "ann 1606211995977 $append tags=\"\u{fffd}\"".to_owned(),
            ],
            "{half}"
        );
    }
    // A whole pair stays, and columns of faults are those of the line.
    let pair = decoded(
        event(json!({"event_properties": {"text": "PAIR"}})).replace("PAIR", "\\ud83d\\ude00"),
    );
    assert_eq!(pair.rows, [format!("{HEAD} [text=\"\u{1f600}\"]")]);
    let broken = decoded(r#"{"user_id": "\ud83d", "event_type": NaN}"#);
    let fault = "not valid JSON at column 37: expected value".to_owned();
    assert_eq!(broken.malformed, [(1, fault)]);
}

#[test]
fn an_id_that_stands_for_no_user_counts_as_anonymous_unless_it_is_kept() {
    for id in [
        json!("undefined"),
        json!("NULL"),
        json!(" None "),
        json!(0),
        json!(-1),
        json!("[object Object]"),
        json!("00000000-0000-0000-0000-000000000000"),
        json!("  "),
    ] {
        let line = event(json!({"user_id": id}));
        let outcome = decoded(&line);
        assert_eq!(
            (outcome.rows.len(), outcome.counts.anonymous),
            (0, 1),
            "{id}"
        );
        let keep = DecodeContext {
            placeholder_ids: true,
            ..DecodeContext::default()
        };
        let (mut buffer, mut counts) = (EventBuffer::default(), LineCounts::default());
        let none = &mut |line| panic!("{line:?}");
        decode_lines(line.as_bytes(), 1, &keep, &mut buffer, &mut counts, none);
        assert_eq!((buffer.events().len(), counts.anonymous), (1, 0), "{id}");
    }
    // The vendor refuses ids of fewer than five characters; here they are ids.
    assert_eq!(rows(json!({"user_id": "x"})).len(), 1);
}

#[test]
fn user_ids_and_event_types_are_texts_or_numbers() {
    assert_eq!(
        rows(json!({"user_id": 4711})),
        ["4711 View 1606211995977 []"]
    );
    for missing in [json!(null), json!("")] {
        let outcome = decoded(event(
            json!({"user_id": missing, "user_properties": {"a": 1}}),
        ));
        assert_eq!(
            (
                outcome.rows.len(),
                outcome.counts.anonymous,
                outcome.counts.malformed
            ),
            (0, 1, 0)
        );
    }
    assert_eq!(
        reason(json!({"user_id": true})),
        "invalid type: boolean `true`, expected a text for `user_id`"
    );
    assert_eq!(
        reason(json!({"event_type": null})),
        "`event_type` is missing"
    );
    assert_eq!(reason(json!({"event_type": ""})), "`event_type` is missing");
    assert_eq!(
        reason(json!({"event_properties": [1]})),
        "invalid type: sequence, expected an object for `event_properties`"
    );
    assert_eq!(
        reason(json!({"user_properties": "{}"})),
        "invalid type: string \"{}\", expected an object for `user_properties`"
    );
    assert_eq!(
        reason(json!({"user_properties": {"$add": 5}})),
        "invalid type: integer `5`, expected an object for `$add`"
    );
}

#[test]
fn the_insert_id_or_else_the_uuid_identifies_duplicates() {
    let id = |more: serde_json::Value| {
        let mut buffer = EventBuffer::default();
        let mut counts = LineCounts::default();
        let line = event(more);
        decode_lines(
            line.as_bytes(),
            1,
            &DecodeContext::default(),
            &mut buffer,
            &mut counts,
            &mut |line| panic!("{line:?}"),
        );
        buffer.events().next().unwrap().insert_id
    };
    let one = id(json!({"$insert_id": "i1"}));
    assert_ne!(one, 0);
    assert_eq!(one, id(json!({"insert_id": "i1"})));
    assert_eq!(
        one,
        id(json!({"$insert_id": "i1", "insert_id": "i2", "uuid": "u"}))
    );
    assert_eq!(one, id(json!({"$insert_id": null, "uuid": "i1"})));
    assert_ne!(one, id(json!({"$insert_id": "i2"})));
    assert_eq!(id(json!({"$insert_id": "", "uuid": null})), 0);
}

#[test]
fn lines_end_in_many_ways() {
    let one = event(json!({}));
    for text in [
        format!("{one}\n{one}\n"),
        format!("{one}\n{one}"),
        format!("{one}\r\n{one}\r\n"),
        format!("\n \t\n{one}\n\r\n{one}\n\n"),
        format!("  {one}  \n{one}"),
    ] {
        let outcome = decoded(&text);
        assert_eq!(
            (outcome.rows.len(), outcome.counts.lines),
            (2, 2),
            "{text:?}"
        );
    }
    assert_eq!(decoded("").counts, LineCounts::default());
}

#[test]
fn each_event_of_a_line_counts() {
    let (good, bad) = (event(json!({})), r#"{"user_id": 7.5}"#);
    let text = format!("{good}{good}\n[{good}, {bad}]\n\u{feff}{good}{bad}{good}\n[]\n\u{feff}\n");
    let outcome = decoded(text);
    assert_eq!(outcome.rows, vec![format!("{HEAD} []"); 5]);
    assert_eq!((outcome.counts.lines, outcome.counts.events), (7, 5));
    let lines: Vec<_> = outcome.malformed.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [2, 3]);
}

#[test]
fn a_malformed_line_is_named_and_leaves_nothing() {
    let good = event(json!({}));
    let cut =
        event(json!({"event_properties": {"amount": 5}, "user_properties": {"city": "Seattle"}}));
    let cut = &cut[..cut.len() - 2];
    let two = format!("{good} oops");
    let text = [
        good.as_bytes(),
        b"\n",
        cut.as_bytes(),
        b"\n\n[1]\n\xff\n",
        two.as_bytes(),
        b"\nnull\nuser_id,event_type\n",
        good.as_bytes(),
    ]
    .concat();
    let outcome = decoded(text);
    let column = good.len() + 2;
    let wanted = [
        (
            2,
            format!(
                "not valid JSON at column {}: EOF while parsing an object",
                cut.len()
            ),
        ),
        (
            4,
            "invalid type: integer `1`, expected an event, a JSON object".to_owned(),
        ),
        (5, "not UTF-8 at column 1".to_owned()),
        (
            6,
            format!("not valid JSON at column {column}: trailing characters"),
        ),
        (
            7,
            "invalid type: null, expected an event, a JSON object".to_owned(),
        ),
        (8, "not valid JSON at column 1: expected value".to_owned()),
    ];
    assert_eq!(outcome.malformed, wanted);
    assert_eq!(outcome.rows.len(), 2);
    assert_eq!(outcome.counts.lines, 8);
}

#[test]
fn limits_of_ids_and_lines() {
    let user = "u".repeat(MAX_USER_ID);
    assert_eq!(rows(json!({"user_id": user})).len(), 1);
    assert_eq!(
        reason(json!({"user_id": format!("{user}u")})),
        "`user_id` is longer than 256 bytes"
    );
    let name = "n".repeat(MAX_EVENT_TYPE);
    assert_eq!(rows(json!({"event_type": name})).len(), 1);
    assert_eq!(
        reason(json!({"event_type": format!("{name}n")})),
        "`event_type` is longer than 1024 bytes"
    );
    let bare = event(json!({"note": ""}));
    let fill = "x".repeat(MAX_LINE - bare.len());
    assert_eq!(rows(json!({"note": fill})).len(), 1);
    assert_eq!(
        reason(json!({"note": format!("{fill}x")})),
        "longer than 1048576 bytes"
    );
}

#[test]
fn limits_of_properties() {
    let counts = |properties: serde_json::Value| {
        let outcome = decoded(event(json!({"event_properties": properties})));
        assert_eq!(outcome.malformed, []);
        (
            outcome.rows[0].len() - HEAD.len() - 3,
            outcome.counts.texts_cut,
            outcome.counts.left_out,
        )
    };
    let text = "x".repeat(MAX_TEXT);
    assert_eq!(counts(json!({"a": text})), (MAX_TEXT + 4, 0, 0));
    assert_eq!(
        counts(json!({"a": format!("{text}x")})),
        (MAX_TEXT + 4, 1, 0)
    );
    // A text is cut before a character that does not fit, also with escapes.
    assert_eq!(
        counts(json!({"a": format!("{}€", &text[1..])})),
        (MAX_TEXT + 3, 1, 0)
    );
    assert_eq!(counts(json!({"a": format!("\n{text}")})).1, 1);
    let name = "n".repeat(MAX_PROPERTY_NAME);
    assert_eq!(counts(json!({&*name: 1})), (MAX_PROPERTY_NAME + 2, 0, 0));
    assert_eq!(counts(json!({format!("{name}n"): 1})), (0, 0, 1));
    assert_eq!(
        counts(json!({format!("{name}n"): {"a": 1, "b": {"c": 2}}})),
        (0, 0, 1)
    );
    assert_eq!(
        counts(json!({"a": [{&*name: {"b": 1}}, {"c": 2}]})),
        ("a.c=[2]".len(), 0, 1)
    );
    let many: serde_json::Map<_, _> = (0..MAX_PROPERTIES + 5)
        .map(|n| (n.to_string(), json!(n)))
        .collect();
    assert_eq!(counts(json!(many)).2, 5);
    let list = vec![1; MAX_ELEMENTS + 7];
    assert_eq!(
        counts(json!({"a": list})),
        ("a=[]".len() + 3 * MAX_ELEMENTS - 2, 0, 7)
    );
}

#[test]
fn limits_of_depth() {
    let nested = |levels: usize, open: &str, close: &str| {
        let value = format!("{}1{}", open.repeat(levels), close.repeat(levels));
        event(json!({"event_properties": {"a": "HERE"}})).replace("\"HERE\"", &value)
    };
    for (open, close) in [("[", "]"), ("{\"b\":", "}"), ("[{\"b\":", "}]")] {
        let one = open.matches(['[', '{']).count();
        let outcome = decoded(nested(MAX_DEPTH / one, open, close));
        assert_eq!((outcome.rows.len(), &outcome.malformed), (1, &vec![]));
        let outcome = decoded(nested(MAX_DEPTH / one + 1, open, close));
        assert_eq!(
            outcome.malformed[0].1,
            "properties are nested deeper than 40 levels"
        );
        // Far too deep for any stack, also in a key that is not read.
        let outcome = decoded(nested(100_000, open, close));
        assert_eq!(outcome.counts.malformed, 1);
        let ignored = nested(100_000, open, close).replace("event_properties", "groups");
        assert!(decoded(ignored).counts.lines == 1);
    }
}

/// Returns any JSON value. `flatten` computes the expected properties independently.
fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|flag| json!(flag)),
        any::<i64>().prop_map(|number| json!(number)),
        any::<f64>()
            .prop_filter("finite", |n| n.is_finite())
            .prop_map(|number| json!(number)),
        "\\PC{0,12}|[\"\\\\\n\u{0}a]{0,4}".prop_map(|text| json!(text)),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|list| json!(list)),
            prop::collection::btree_map("[a-c.\"]{0,2}", inner, 0..5).prop_map(|map| json!(map)),
        ]
    })
}

fn scalar(value: &serde_json::Value) -> Option<Scalar> {
    match value {
        serde_json::Value::Bool(flag) => Some(Scalar::Flag(*flag)),
        serde_json::Value::String(text) => Some(Scalar::Text(text.as_str().into())),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(whole) if whole.unsigned_abs() > 1 << 53 => {
                Some(Scalar::Text(whole.to_string().into()))
            }
            _ => number.as_f64().map(Scalar::Number),
        },
        _ => None,
    }
}

fn flatten(name: String, value: &serde_json::Value, out: &mut Vec<(String, Value)>) {
    match value {
        serde_json::Value::Object(map) => {
            for (key, value) in map {
                flatten(format!("{name}.{key}"), value, out);
            }
        }
        serde_json::Value::Array(list) => {
            let mut lists: Vec<(String, Vec<Scalar>)> = Vec::new();
            elements("", list, &mut lists);
            for (path, values) in lists {
                let name = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{name}{path}")
                };
                out.push((name, Value::List(values)));
            }
        }
        value => out.extend(scalar(value).map(|scalar| (name, Value::One(scalar)))),
    }
}

fn elements(path: &str, list: &[serde_json::Value], lists: &mut Vec<(String, Vec<Scalar>)>) {
    for value in list {
        match value {
            serde_json::Value::Array(inner) => elements(path, inner, lists),
            serde_json::Value::Object(map) => {
                for (key, value) in map {
                    elements(&format!("{path}.{key}"), std::slice::from_ref(value), lists);
                }
            }
            value => {
                let Some(scalar) = scalar(value) else {
                    continue;
                };
                match lists.iter_mut().find(|(held, _)| held == path) {
                    Some((_, values)) => values.push(scalar),
                    None => lists.push((path.to_owned(), vec![scalar])),
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn any_value_is_read_as_it_was_written(value in any_json(), escaped in any::<bool>()) {
        let mut line = event(json!({"event_properties": {"p": value}, "user_properties": {"$set": {"p": value}}}));
        if escaped {
            // The same text with every letter outside ASCII written as an escape.
            line = line.chars().map(|c| if c.is_ascii() { c.to_string() } else {
                let mut units = [0; 2];
                c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect()
            }).collect();
        }
        let mut buffer = EventBuffer::default();
        let mut counts = LineCounts::default();
        decode_lines(line.as_bytes(), 1, &DecodeContext::default(), &mut buffer, &mut counts, &mut |line| panic!("{line:?}"));
        let mut wanted = Vec::new();
        flatten("p".to_owned(), &value, &mut wanted);
        wanted.sort_by(|a, b| a.0.cmp(&b.0));
        let sorted = |mut held: Vec<(String, Value)>| {
            held.sort_by(|a, b| a.0.cmp(&b.0));
            held
        };
        let event = buffer.events().next().unwrap();
        let held = event.properties().map(|p| (p.name.to_owned(), p.value.to_value())).collect();
        prop_assert_eq!(sorted(held), wanted.clone());
        let held = buffer.operations().map(|o| {
            assert_eq!(o.operator, Operator::Set);
            (o.property.to_owned(), o.value.unwrap().to_value())
        }).collect();
        prop_assert_eq!(sorted(held), wanted);
    }

    #[test]
    fn bytes_of_any_kind_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        decoded(bytes);
    }

    #[test]
    fn damaged_lines_never_panic_and_leave_nothing(
        value in any_json(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let line = event(json!({"event_properties": value, "user_properties": {"$add": {"n": 1}, "x": value}}));
        let mut bytes = line.replace('\n', " ").into_bytes();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        let outcome = decoded(bytes);
        if outcome.counts.malformed == outcome.counts.lines {
            prop_assert_eq!(outcome.rows.len(), 0);
        }
    }

    #[test]
    fn lines_decode_the_same_however_they_are_split(
        kinds in prop::collection::vec(0_u8..6, 0..30),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let lines: Vec<String> = kinds.iter().enumerate().map(|(nth, kind)| match kind {
            0 => String::new(),
            1 => "{\"broken".to_owned(),
            2 => event(json!({"user_id": null})),
            3 => event(json!({"event_type": "$identify", "user_properties": {"$add": {"n": nth}}})) + "\r",
            _ => event(json!({"event_properties": {"nth": nth, "text": "ä\n"}})),
        }).collect();
        let whole = decoded(lines.join("\n"));
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(lines.len() + 1)).collect();
        places.extend([0, lines.len()]);
        places.sort_unstable();
        let mut buffer = EventBuffer::default();
        let mut counts = LineCounts::default();
        let mut malformed = Vec::new();
        for pair in places.windows(2) {
            let text: String = lines[pair[0]..pair[1]].iter().map(|line| format!("{line}\n")).collect();
            decode_lines(text.as_bytes(), pair[0] as u64 + 1, &DecodeContext::default(), &mut buffer, &mut counts, &mut |line| {
                malformed.push((line.line, line.reason.to_string()));
            });
        }
        prop_assert_eq!(dump(&buffer), whole.rows);
        prop_assert_eq!(counts, whole.counts);
        prop_assert_eq!(malformed, whole.malformed);
    }
}
