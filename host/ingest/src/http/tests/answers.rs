//! The answers to requests.

use muster_model::Millis;
use muster_store::StoreOptions;
use muster_testkit::store::TestStore;
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::super::limits::{MAX_ERROR, MAX_EVENTS};
use super::client::*;
use super::*;

#[tokio::test]
async fn paths_are_understood_with_other_slashes_and_without_a_path() {
    let server = EventServer::start().await;
    let text = body(&json!([view("ann")]));
    let paths = [
        "/2/httpapi/",
        "//2//httpapi",
        "/batch/",
        "/",
        "//",
        "/httpapi",
        "/httpapi/",
    ];
    for path in paths {
        let answer = post(server.address, path, &text).await;
        assert_eq!(
            (answer.status, &answer.json()["events_ingested"]),
            (200, &json!(1)),
            "{path}"
        );
    }
    assert_eq!(server.stop().await, vec!["ann View"; paths.len()]);
}

#[tokio::test]
async fn forms_of_old_sdks_are_stored_and_answered_as_they_expect() {
    let server = EventServer::start().await;
    let events =
        json!([{"user_id": "ann", "event_type": "View", "timestamp": 1_700_000_000_000_i64}]);
    let one = json!({"user_id": "bob", "event_type": "View", "time": 1_700_000_000_000_i64});
    for (path, key, list, events) in [
        ("/", "client", "e", events),
        ("/httpapi", "api_key", "event", one),
    ] {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair(key, KEY)
            .append_pair(list, &events.to_string())
            .append_pair("v", "2")
            .finish();
        let headers = "content-type: application/x-www-form-urlencoded\r\n";
        let answer = post_with(server.address, path, headers, form).await;
        assert_eq!((answer.status, &*answer.text), (200, "success"), "{path}");
    }
    let answer = post_with(server.address, "/", "", "client=wrong&e=[]").await;
    assert_eq!(answer.status, 400);
    assert_eq!(server.stop().await, ["ann View", "bob View"]);
}

#[tokio::test]
async fn groups_and_mappings_are_counted_and_not_stored() {
    let server = EventServer::start().await;
    let group =
        json!({"group_type": "Seller", "group_value": "1", "group_properties": {"plan": "x"}});
    let mapping = json!([{"user_id": "a", "global_user_id": "b"}, {"user_id": "c", "unmap": true}]);
    for (path, list, value, reason, count) in [
        (
            "/groupidentify",
            "identification",
            json!([group, group]),
            "groups",
            2,
        ),
        ("/groupidentify", "identification", group, "groups", 1),
        ("/usermap", "mapping", mapping, "mappings", 2),
    ] {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("api_key", KEY)
            .append_pair(list, &value.to_string())
            .finish();
        let object = json!({"api_key": KEY, list: value}).to_string();
        for body in [form, object] {
            let answer = post_with(server.address, path, "", body).await;
            let answer = (answer.status, answer.json());
            assert_eq!((answer.0, &answer.1["code"]), (200, &json!(200)), "{path}");
            assert_eq!(answer.1["events_skipped"], json!({reason: count}));
        }
        let answer = post(
            server.address,
            path,
            json!({"api_key": KEY, list: [1]}).to_string(),
        )
        .await;
        let error = format!("`{list}` is not a list of objects: element 0 is none");
        assert_eq!(
            (answer.status, &answer.json()["error"]),
            (400, &json!(error))
        );
        let answer = post(
            server.address,
            path,
            json!({"api_key": "wrong", list: []}).to_string(),
        )
        .await;
        assert_eq!(answer.json()["error"], json!("Invalid API key: wron…"));
    }
    let counts = server.stats.counts();
    assert_eq!((counts.groups, counts.mappings, counts.events), (6, 4, 0));
    assert_eq!(server.stop().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_byte_order_mark_is_nothing_and_other_kinds_of_bodies_are_named() {
    let server = EventServer::start().await;
    let text = body(&serde_json::json!([view("ann")]));
    let marked = [&b"\xef\xbb\xbf"[..], text.as_bytes()].concat();
    let packed = [gzip(&marked), vec![0; 5]].concat();
    let answer = post(server.address, "/2/httpapi", &marked).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let encoding = "content-encoding: gzip\r\n";
    let answer = post_with(server.address, "/2/httpapi", encoding, &packed).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let utf_16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (head, body, wanted) in [
        ("", utf_16, "The body is UTF-16: convert it to UTF-8"),
        (
            "",
            gzip(b"{}"),
            "The body is gzip data: send `Content-Encoding: gzip` with it",
        ),
        (
            "",
            b"x\x9c..".to_vec(),
            "The body is compressed by zlib: gzip, zstd and zip are read",
        ),
        (
            encoding,
            [&gzip(b"{}")[..], b"x"].concat(),
            "The body cannot be read: other bytes follow its gzip data",
        ),
    ] {
        let answer = post_with(server.address, "/2/httpapi", head, body).await;
        assert_eq!(
            (answer.status, &answer.json()["error"]),
            (400, &wanted.into())
        );
    }
    assert_eq!(server.stop().await, ["ann View", "ann View"]);
}

#[tokio::test]
async fn events_are_stored_and_counted() {
    let server = EventServer::start().await;
    let body = json!({
        "api_key": KEY,
        "events": [
            {"user_id": "ann", "device_id": "d", "event_type": "Buy", "time": 1_700_000_000_000_i64, "insert_id": "i1",
             "event_properties": {"amount": 60, "cart": {"id": "c1"}}, "user_properties": {"$add": {"buys": 1}, "city": "Rome"}},
            // An event without a time gets that of the server.
            {"user_id": "bob", "event_type": "View"},
            {"user_id": "bob", "event_type": "$identify", "user_properties": {"$unset": {"city": "-"}}},
            {"user_id": "bob", "event_type": "$groupidentify", "groups": {"org": "x"}},
            {"device_id": "d", "event_type": "View"},
        ],
        "options": {"min_id_length": 1},
        "client_upload_time": "2026-01-01T00:00:00.000Z",
    })
    .to_string();
    let before = Millis::now();
    for path in ["/2/httpapi", "/batch"] {
        let answer = post(server.address, path, &body).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        let answer = answer.json();
        assert_eq!(
            (
                &answer["code"],
                &answer["events_ingested"],
                &answer["payload_size_bytes"]
            ),
            (&json!(200), &json!(3), &json!(body.len()))
        );
        // One event has only a device, and one is about a group.
        let skipped = json!({"anonymous": 1, "groups": 1});
        assert_eq!(answer["events_skipped"], skipped);
        let uploaded = answer["server_upload_time"].as_i64().unwrap();
        assert!((before.0..=Millis::now().0).contains(&uploaded));
    }
    let counts = server.stats.counts();
    assert_eq!((counts.lines, counts.events, counts.operations), (10, 4, 6));
    assert_eq!((counts.anonymous, counts.groups), (2, 2));
    assert_eq!((server.stats.commits(), server.stats.refusals()), (2, 0));
    let wanted = [
        "ann Buy amount=60 cart.id=c1",
        "bob View",
        "ann $add buys=1",
        "ann $set city=Rome",
        "bob $unset city=",
    ];
    assert_eq!(server.stop().await, [wanted, wanted].concat());
}

#[tokio::test]
async fn identifications_come_as_form_or_json_as_one_or_many() {
    let server = EventServer::start().await;
    let one = json!({"user_id": "ann", "user_properties": {"city": "Rome"}});
    // An event type changes nothing: the object is an identification.
    let two = json!({"user_id": "bob", "event_type": "View", "user_properties": {"$append": {"tags": "a b&c=d"}}});
    let none = json!({"device_id": "d", "user_properties": {"city": "Rome"}});
    let form = |identification: serde_json::Value| {
        form_urlencoded::Serializer::new(String::new())
            .append_pair("api_key", KEY)
            .append_pair("identification", &identification.to_string())
            .finish()
    };
    for (body, headers, events) in [
        (
            form(one.clone()),
            "content-type: application/x-www-form-urlencoded\r\n",
            1,
        ),
        (form(json!([one, two, none])), "", 2),
        (
            json!({"api_key": KEY, "identification": [two]}).to_string(),
            "",
            1,
        ),
        (
            json!({"api_key": KEY, "identification": one}).to_string(),
            "content-type: application/json\r\n",
            1,
        ),
    ] {
        let answer = post_with(server.address, "/identify", headers, &body).await;
        assert_eq!(
            (answer.status, answer.json()["events_ingested"].as_u64()),
            (200, Some(events)),
            "{body}"
        );
    }
    let (ann, bob) = ("ann $set city=Rome", "bob $append tags=a b&c=d");
    assert_eq!(server.stop().await, [ann, ann, bob, bob, ann]);
}

#[tokio::test]
async fn the_content_type_does_not_matter_and_gzip_is_unpacked() {
    let server = EventServer::start().await;
    let body = body(&json!([view("ann")]));
    for (headers, bytes) in [
        ("", body.clone().into_bytes()),
        (
            "content-type: text/plain;charset=UTF-8\r\n",
            format!("\n {body}\n").into_bytes(),
        ),
        (
            "content-type: application/x-www-form-urlencoded\r\n",
            body.clone().into_bytes(),
        ),
        ("content-encoding: Identity\r\n", body.clone().into_bytes()),
        ("content-encoding: gzip\r\n", gzip(body.as_bytes())),
        (
            "content-encoding: gzip\r\n",
            [gzip(&body.as_bytes()[..9]), gzip(&body.as_bytes()[9..])].concat(),
        ),
    ] {
        let answer = post_with(server.address, "/2/httpapi", headers, bytes).await;
        assert_eq!(answer.status, 200, "{headers} {}", answer.text);
    }
    assert_eq!(server.stop().await, ["ann View"; 6]);
}

#[tokio::test]
async fn a_request_in_chunks_and_many_on_one_connection() {
    let server = EventServer::start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let body = body(&json!([view("ann")]));
    let (first, second) = body.split_at(10);
    let chunked = format!(
        "POST /batch HTTP/1.1\r\nhost: muster\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n",
        first.len(),
        second.len()
    );
    let wrong = request("POST", "/batch", "", b"{}");
    for (bytes, status) in [
        (chunked.as_bytes(), 200),
        (&wrong, 400),
        (chunked.as_bytes(), 200),
    ] {
        stream.write_all(bytes).await.unwrap();
        assert_eq!(answer(&mut stream).await.unwrap().status, status);
    }
    drop(stream);
    assert_eq!(server.stop().await, ["ann View"; 2]);
}

/// curl sends `Expect: 100-continue` before a large body.
#[tokio::test]
async fn a_client_that_expects_100_continue_gets_it() {
    let server = EventServer::start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let body = body(&json!([view("ann")]));
    let bytes = request(
        "POST",
        "/2/httpapi",
        "expect: 100-continue\r\n",
        body.as_bytes(),
    );
    let (head, body) = bytes.split_at(bytes.len() - body.len());
    stream.write_all(head).await.unwrap();
    assert_eq!(answer(&mut stream).await.unwrap().status, 100);
    stream.write_all(body).await.unwrap();
    assert_eq!(answer(&mut stream).await.unwrap().status, 200);
    drop(stream);
    assert_eq!(server.stop().await, ["ann View"]);
}

#[tokio::test]
async fn a_form_that_is_not_utf_8_is_refused_and_merges_no_users() {
    let server = EventServer::start().await;
    // Two users of an old site, each with a letter in another encoding.
    for id in ["m%FCller", "m%F6ller", "m\u{fffd}ller%C3"] {
        let body = format!(
            "api_key={KEY}&identification=%7B%22user_id%22%3A%22{id}%22%2C%22user_properties%22%3A%7B%22a%22%3A1%7D%7D"
        );
        let answer = post_with(server.address, "/identify", "", body).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
        let answer = answer.json();
        let error = answer["error"].as_str().unwrap();
        let wanted = "`identification` of the form is not UTF-8 at byte ";
        assert!(error.starts_with(wanted), "{error}");
    }
    let answer = post_with(server.address, "/identify", "", format!("api_key=%FF{KEY}")).await;
    let error = "`api_key` of the form is not UTF-8 at byte 1: encode texts as UTF-8 before they are escaped";
    assert_eq!(answer.json(), json!({"code": 400, "error": error}));
    // Bytes that are UTF-8 need no escape.
    let json = "{\"user_id\":\"müller\",\"user_properties\":{\"a\":1}}";
    let body = format!("api_key={KEY}&identification={json}");
    assert_eq!(
        post_with(server.address, "/identify", "", body)
            .await
            .status,
        200
    );
    assert_eq!(server.stop().await, ["müller $set a=1"]);
}

#[tokio::test]
async fn an_answer_counts_the_events_that_are_not_kept() {
    let server = EventServer::start().await;
    let events = json!([view("ann"), {"device_id": "d", "event_type": "View"}]);
    let answer = post(server.address, "/2/httpapi", body(&events))
        .await
        .json();
    assert_eq!(
        (&answer["events_ingested"], &answer["events_skipped"]),
        (&json!(1), &json!({"anonymous": 1}))
    );
    let answer = post(server.address, "/2/httpapi", body(&json!([view("ann")]))).await;
    let answer = answer.json();
    assert_eq!(answer["events_ingested"], json!(1));
    assert_eq!(answer.get("events_skipped"), None);
    assert_eq!(server.stop().await, ["ann View"; 2]);
}

#[tokio::test]
async fn a_faulty_request_is_refused_with_its_reason_and_as_a_whole() {
    let server = EventServer::start().await;
    let good = view("ann").to_string();
    let with = |events: &str| format!(r#"{{"api_key":"{KEY}","events":{events}}}"#);
    for (path, body, wanted) in [
        (
            "/2/httpapi",
            String::new(),
            json!({"error": "The body is not a JSON object with `api_key` and `events`"}),
        ),
        (
            "/2/httpapi",
            "[]".into(),
            json!({"error": "The body is not a JSON object with `api_key` and `events`"}),
        ),
        (
            "/2/httpapi",
            "{\"api_key\"".into(),
            json!({"error": "The body is not valid JSON: EOF while parsing an object at line 1 column 10"}),
        ),
        (
            "/batch",
            "{}".into(),
            json!({"error": "Request missing required field: `api_key`", "missing_field": "api_key"}),
        ),
        (
            "/batch",
            r#"{"api_key":"","events":[]}"#.into(),
            json!({"error": "Request missing required field: `api_key`", "missing_field": "api_key"}),
        ),
        (
            "/batch",
            r#"{"api_key":5,"events":[]}"#.into(),
            json!({"error": "Invalid API key: it is not a text"}),
        ),
        (
            "/batch",
            r#"{"api_key":"secrets","events":[]}"#.into(),
            json!({"error": "Invalid API key: secr…"}),
        ),
        (
            "/identify",
            "api_key=secrets&identification=%5B%5D".into(),
            json!({"error": "Invalid API key: secr…"}),
        ),
        (
            "/identify",
            "%%%&&=&\u{1}".into(),
            json!({"error": "Request missing required field: `api_key`", "missing_field": "api_key"}),
        ),
        (
            "/batch",
            format!(r#"{{"api_key":"{KEY}"}}"#),
            json!({"error": "Request missing required field: `events`", "missing_field": "events"}),
        ),
        (
            "/identify",
            format!("api_key={KEY}"),
            json!({"error": "Request missing required field: `identification`", "missing_field": "identification"}),
        ),
        (
            "/batch",
            with("7"),
            json!({"error": "`events` is not a list of objects"}),
        ),
        (
            "/batch",
            with(&format!("[{good},5]")),
            json!({
                "error": "Invalid or missing fields of some events: event 1: invalid type: integer `5`, expected an event, a JSON object",
                "events_with_invalid_fields": {"event": [1]},
            }),
        ),
        (
            "/batch",
            with(&format!(
                r#"[{good},{{"user_id":"ann"}},{{"event_type":"View"}},{{"user_id":"ann","event_type":""}}]"#
            )),
            json!({
                "error": "Invalid or missing fields of some events: events 1, 3: `event_type` is missing; event 2: `user_id` and `device_id` are missing",
                "events_with_missing_fields": {"event_type": [1, 3], "user_id": [2]},
            }),
        ),
        (
            "/batch",
            with(
                r#"[{"user_id":"ann","event_type":"View","time":5},{"user_id":{},"event_type":"View"},{"user_id":"ann","event_type":"View","event_properties":[1]},{"user_id":"ann","event_type":"View","user_properties":7}]"#,
            ),
            json!({
                "error": "Invalid or missing fields of some events: event 0: `time` 5 is probably in seconds: write it in milliseconds; event 1: invalid type: map, expected a text for `user_id`; event 2: invalid type: sequence, expected an object for `event_properties`; event 3: invalid type: integer `7`, expected an object for `user_properties`",
                "events_with_invalid_fields": {"time": [0], "user_id": [1], "event_properties": [2], "user_properties": [3]},
            }),
        ),
        // One event that is no JSON does not hide which one it is.
        (
            "/batch",
            with(&format!(
                r#"[{good},{{"user_id":"ann","event_type":"View","event_properties":{{"a":NaN}}}},{good},Infinity]"#
            )),
            json!({
                "error": "Invalid or missing fields of some events: event 1: not valid JSON at column 62: expected value; event 3: not valid JSON at column 1: expected value",
                "events_with_invalid_fields": {"event": [3], "event_properties": [1]},
            }),
        ),
        (
            "/batch",
            with(&format!(r#"[{good},{{"user_id":"ann]"#)),
            json!({"error": "The body is not valid JSON: EOF while parsing a string at line 1 column 111"}),
        ),
        (
            "/batch",
            with(
                r#"[{"user_id":"Undefined","event_type":"View"},{"device_id":"null","event_type":"View"}]"#,
            ),
            json!({
                "error": "Invalid or missing fields of some events: event 0: `user_id` \"Undefined\" stands for no user; event 1: `user_id` and `device_id` are missing",
                "events_with_invalid_fields": {"user_id": [0]},
                "events_with_missing_fields": {"user_id": [1]},
            }),
        ),
        (
            "/identify",
            format!(r#"{{"api_key":"{KEY}","identification":{{"user_properties":{{}}}}}}"#),
            json!({
                "error": "Invalid or missing fields of some events: event 0: `user_id` and `device_id` are missing",
                "events_with_missing_fields": {"user_id": [0]},
            }),
        ),
    ] {
        let answer = post(server.address, path, &body).await;
        let mut wanted = wanted;
        wanted["code"] = json!(400);
        assert_eq!(
            (answer.status, answer.json()),
            (400, wanted),
            "{path} {body}"
        );
    }
    assert_eq!(server.stats.refusals(), 19);
    assert_eq!(server.stop().await, [""; 0]);
}

#[tokio::test]
async fn other_requests_are_refused_with_the_accepted_ones() {
    let server = EventServer::start().await;
    let body = body(&json!([view("ann")]));
    for (method, path, headers, status, error) in [
        (
            "GET",
            "/3/httpapi",
            "",
            404,
            "There is nothing at this path: POST to /2/httpapi, /batch or /identify",
        ),
        (
            "POST",
            "/httpapi/batch",
            "",
            404,
            "There is nothing at this path: POST to /2/httpapi, /batch or /identify",
        ),
        ("GET", "/2/httpapi", "", 405, "Only POST is understood here"),
        ("PUT", "/identify", "", 405, "Only POST is understood here"),
        (
            "POST",
            "/batch",
            "content-encoding: br\r\n",
            415,
            "Only gzip is understood as `Content-Encoding`",
        ),
        (
            "POST",
            "/batch",
            "content-encoding: gzip\r\n",
            400,
            "The body is not valid gzip, though `Content-Encoding` says so: it does not begin as gzip data",
        ),
    ] {
        let answer = send(
            server.address,
            &request(method, path, headers, body.as_bytes()),
        )
        .await;
        assert_eq!(
            (answer.status, answer.json()),
            (status, json!({"code": status, "error": error}))
        );
        assert_eq!(answer.header("allow").is_some(), status == 405);
    }
    let cut = gzip(body.as_bytes());
    let answer = post_with(
        server.address,
        "/batch",
        "content-encoding: gzip\r\n",
        &cut[..cut.len() - 9],
    )
    .await;
    assert_eq!(answer.status, 400, "{answer:?}");
    assert_eq!(server.stop().await, [""; 0]);
}

#[tokio::test]
async fn a_taken_address_is_an_error() {
    let server = EventServer::start().await;
    let settings = HttpSettings {
        listen: server.address,
        api_keys: vec![ApiKey::new(KEY)],
        connections: 1,
        placeholder_ids: false,
    };
    let error = bind(&settings).await.unwrap_err();
    assert!(matches!(error, HttpError::Taken { .. }));
    let address = server.address;
    assert_eq!(
        error.to_string(),
        format!(
            "cannot listen on `{address}`: another program does; stop it, or choose another address"
        )
    );
    let listen = "192.0.2.1:80".parse().unwrap();
    let error = bind(&HttpSettings { listen, ..settings })
        .await
        .unwrap_err();
    assert!(matches!(error, HttpError::Listen { .. }), "{error}");
    server.stop().await;
}

#[tokio::test]
async fn an_event_type_beyond_the_limit_is_named_by_its_index() {
    let store = TestStore::with(&StoreOptions {
        event_names: 1,
        ..StoreOptions::default()
    });
    let server = EventServer::of_store(store.clone()).await;
    let varied = json!({"user_id": "bob", "event_type": "View 17", "time": 1_700_000_000_000_i64});
    let events = json!([view("ann"), varied, view("bob")]);
    let answer = post(server.address, "/2/httpapi", body(&events)).await;
    assert_eq!(answer.status, 400);
    let answer = answer.json();
    assert_eq!(
        answer["events_with_invalid_fields"],
        json!({"event_type": [1]})
    );
    let error = answer["error"].as_str().unwrap();
    assert!(error.ends_with("event 1: the event type `View 17` is new, and there are 1 already: put what varies into values, not into names"), "{error}");
    let events = json!([view("ann"), view("bob")]);
    assert_eq!(
        post(server.address, "/2/httpapi", body(&events))
            .await
            .status,
        200
    );
    assert_eq!(server.stop().await, ["ann View", "bob View"]);
}

#[test]
fn times_are_corrected_by_the_clock_of_the_sender() {
    let now = Millis(1_772_323_200_000);
    let hour = 3_600_000;
    let time = |uploaded: serde_json::Value, event: serde_json::Value| {
        let body = json!({"api_key": KEY, "events": [event], "client_upload_time": uploaded});
        let (body, key) = (body.to_string(), ApiKey::new(KEY));
        let buffer = decode_body(body.as_bytes(), false, &key, now).unwrap();
        buffer.events().next().unwrap().time.0 - now.0
    };
    let event = |ms: i64| json!({"user_id": "ann", "event_type": "View", "time": now.0 + ms});
    let slow = Millis(now.0 - 3 * hour);
    for (uploaded, wanted) in [
        (json!(slow.to_string()), -5_000),
        (json!(slow.0), -5_000),
        (json!(slow.0.to_string()), -5_000),
        // What cannot be read corrects nothing.
        (json!(null), -3 * hour - 5_000),
        (json!("soon"), -3 * hour - 5_000),
        (json!({"a": 1}), -3 * hour - 5_000),
    ] {
        let event = event(-3 * hour - 5_000);
        assert_eq!(time(uploaded.clone(), event), wanted, "{uploaded}");
    }
    // Fast by two hours.
    assert_eq!(
        time(json!(now.0 + 2 * hour), event(2 * hour - 5_000)),
        -5_000
    );
    // Up to a minute may be the time that the request took.
    assert_eq!(time(json!(now.0 - 60_000), event(-70_000)), -70_000);
    assert_eq!(time(json!(now.0 - 60_001), event(-70_001)), -10_000);
    // A time of the server, or one that was corrected before, needs no correction.
    let bare = json!({"user_id": "ann", "event_type": "View"});
    assert_eq!(time(json!(slow.0), bare), 0);
    let exported = json!({"user_id": "ann", "event_type": "View", "event_time": now.0 - hour});
    assert_eq!(time(json!(slow.0), exported), -hour);
}

#[test]
fn the_reasons_of_all_faulty_events_fit_into_the_error() {
    let body = |events: usize, id: &dyn Fn(usize) -> String| {
        let event = |nth| json!({"user_id": id(nth), "event_type": "View", "time": nth});
        let events: Vec<_> = (0..events).map(event).collect();
        let body = json!({"api_key": KEY, "events": events}).to_string();
        let refused = decode_body(body.as_bytes(), false, &ApiKey::new(KEY), Millis(0));
        let answer: serde_json::Value = serde_json::from_str(&refused.unwrap_err()).unwrap();
        answer["error"].as_str().unwrap().to_owned()
    };
    let same = body(3, &|_| "null".to_owned());
    assert!(same.contains("`time` 0 is probably in seconds"), "{same}");
    let many = body(MAX_EVENTS, &|nth| format!("user {nth}"));
    assert!(many.len() <= MAX_ERROR && many.ends_with('…'), "{many}");
}
