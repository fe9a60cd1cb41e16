//! Random requests: each gets an answer, and no answer is a server error.

use proptest::prelude::*;
use serde_json::json;

use super::client::*;
use super::*;

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|flag| json!(flag)),
        any::<i64>().prop_map(|number| json!(number)),
        any::<f64>().prop_map(|number| json!(number)),
        "\\PC{0,8}".prop_map(|text| json!(text)),
        Just(json!(KEY)),
    ];
    let key = prop::sample::select(vec![
        "api_key",
        "events",
        "identification",
        "user_id",
        "device_id",
        "event_type",
        "time",
        "insert_id",
        "event_properties",
        "user_properties",
        "$set",
        "$append",
        "$unset",
        "p",
        "",
    ]);
    leaf.prop_recursive(5, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|list| json!(list)),
            prop::collection::vec((key.clone(), inner), 0..6).prop_map(|pairs| {
                let map: serde_json::Map<_, _> = pairs
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value))
                    .collect();
                map.into()
            }),
        ]
    })
}

/// Returns bodies from mere noise to nearly valid ones.
fn any_body() -> impl Strategy<Value = Vec<u8>> {
    let keyed = any_json().prop_map(|json| {
        json!({"api_key": KEY, "events": json, "identification": json})
            .to_string()
            .into_bytes()
    });
    let listed = prop::collection::vec(any_json(), 0..6).prop_map(|list| {
        json!({"api_key": KEY, "events": list, "identification": list})
            .to_string()
            .into_bytes()
    });
    let form = (any_json(), any::<bool>()).prop_map(|(json, key)| {
        form_urlencoded::Serializer::new(String::new())
            .append_pair(if key { "api_key" } else { "key" }, KEY)
            .append_pair("identification", &json.to_string())
            .finish()
            .into_bytes()
    });
    let whole = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..300),
        any_json().prop_map(|json| json.to_string().into_bytes()),
        keyed,
        listed,
        form,
    ];
    let change = (any::<prop::sample::Index>(), any::<u8>());
    (whole, prop::collection::vec(change, 0..3)).prop_map(|(mut body, changes)| {
        for (place, byte) in changes {
            if !body.is_empty() {
                let place = place.index(body.len());
                body[place] = byte;
            }
        }
        body
    })
}

/// Sends all bodies and checks each answer.
fn check(bodies: Vec<(Vec<u8>, usize, usize)>) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let server = EventServer::start().await;
        for (body, path, packing) in bodies {
            let path = ["/2/httpapi", "/batch", "/identify"][path];
            let (headers, body) = match packing {
                0 => ("", body),
                1 => ("content-encoding: gzip\r\n", gzip(&body)),
                _ => ("content-encoding: gzip\r\n", body),
            };
            let before = server.rows().len();
            let answer = post_with(server.address, path, headers, &body).await;
            prop_assert!([200, 400].contains(&answer.status), "{:?}", answer);
            prop_assert_eq!(answer.json()["code"].as_u64(), Some(answer.status.into()));
            if answer.status == 400 {
                prop_assert_eq!(server.rows().len(), before);
                prop_assert!(!answer.json()["error"].as_str().unwrap().is_empty());
            }
        }
        server.stop().await;
        Ok(())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn no_body_causes_a_server_error(
        bodies in prop::collection::vec((any_body(), 0_usize..3, 0_usize..3), 1..40),
    ) {
        check(bodies)?;
    }

    #[test]
    fn arbitrary_bytes_do_not_stop_the_server(requests in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..20)) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            let server = EventServer::start().await;
            for bytes in requests {
                let mut stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
                stream.write_all(&bytes).await.unwrap();
                stream.shutdown().await.unwrap();
                // The server answers or only closes the connection.
                let _ = stream.read_to_end(&mut Vec::new()).await;
            }
            assert_eq!(post(server.address, "/batch", body(&json!([view("ann")]))).await.status, 200);
            assert_eq!(server.stop().await, ["ann View"]);
        });
    }
}
