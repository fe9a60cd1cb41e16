//! Checks which time of a line becomes the event's.

use serde_json::json;

use super::{HEAD, reason, rows};

#[test]
fn instants_have_many_forms() {
    let ms = 1_606_211_995_977_i64;
    for (keys, wanted) in [
        (json!({"event_time": "2020-11-24T09:59:55.977Z"}), ms),
        (json!({"event_time": "2020-11-24 09:59:55.977 UTC"}), ms),
        (
            json!({"event_time": " 2020-11-24 10:59:55.977000000000 +0100"}),
            ms,
        ),
        (json!({"event_time": ms}), ms),
        (json!({"event_time": ms as f64 + 0.5}), ms),
        (json!({"event_time": ms.to_string()}), ms),
        (
            json!({"event_time": null, "client_event_time": "2020-11-24 09:59:55"}),
            ms - 977,
        ),
        (json!({"event_time": "", "time": ms}), ms),
        (json!({"event_time": null, "server_received_time": ms}), ms),
        // The best of several instants, in any position.
        (
            json!({"client_event_time": 200_000_000_000_i64, "time": 200_000_000_000_i64}),
            ms,
        ),
    ] {
        assert_eq!(
            rows(keys.clone()),
            [format!("ann View {wanted} []")],
            "{keys}"
        );
    }
    for (keys, wanted) in [
        (
            json!({"event_time": "yesterday"}),
            "`event_time`: `yesterday` is not an instant: write it like 2026-03-01T00:00:00Z",
        ),
        (
            json!({"event_time": 1_606_211_995}),
            "`event_time` 1606211995 is probably in seconds: write it in milliseconds",
        ),
        (
            json!({"event_time": "1606211995"}),
            "`event_time` 1606211995 is probably in seconds: write it in milliseconds",
        ),
        (
            json!({"event_time": 0}),
            "`event_time` 0 is probably in seconds: write it in milliseconds",
        ),
        (
            json!({"event_time": "0"}),
            "`event_time` 0 is probably in seconds: write it in milliseconds",
        ),
        (
            json!({"event_time": "1970-01-01 00:00:00"}),
            "`event_time` 1970-01-01 00:00:00 is out of range",
        ),
        (
            json!({"event_time": "1962-05-14"}),
            "`event_time` 1962-05-14 is out of range",
        ),
        (
            json!({"event_time": -240_969_600_000_i64}),
            "`event_time` -240969600000 is out of range",
        ),
        (
            json!({"event_time": 1_606_211_995_977_000_i64}),
            "`event_time` 1606211995977000 is probably in microseconds: write it in milliseconds",
        ),
        (
            json!({"event_time": "1606211995977000"}),
            "`event_time` 1606211995977000 is probably in microseconds: write it in milliseconds",
        ),
        (
            json!({"event_time": "5138-11-17"}),
            "`event_time` 5138-11-17 is out of range",
        ),
        (
            json!({"event_time": u64::MAX}),
            "`event_time` 18446744073709551615 is probably in microseconds: write it in milliseconds",
        ),
        (json!({"event_time": null}), "`event_time` is missing"),
        (
            json!({"event_time": [1]}),
            "`event_time`: a list is no instant",
        ),
        (
            json!({"event_time": {"a": 1}}),
            "`event_time`: an object is no instant",
        ),
        (
            json!({"event_time": true}),
            "`event_time` true is no instant",
        ),
        // The first of several faults is named.
        (
            json!({"event_time": null, "client_event_time": "soon", "time": 5}),
            "`client_event_time`: `soon` is not an instant: write it like 2026-03-01T00:00:00Z",
        ),
    ] {
        assert_eq!(reason(keys.clone()), wanted, "{keys}");
    }
}

#[test]
fn a_time_that_is_not_used_cannot_fail_a_line() {
    let ms = 1_606_211_995_977_i64;
    for (keys, wanted) in [
        (json!({"client_event_time": "1969-12-31 23:59:59"}), ms),
        (json!({"server_received_time": [1], "time": "soon"}), ms),
        (json!({"client_upload_time": "yesterday"}), ms),
        // In the order of trust, the next one counts.
        (
            json!({"event_time": "1969-12-31 23:59:59", "client_event_time": ms + 1}),
            ms + 1,
        ),
        (
            json!({"event_time": 5, "client_event_time": {}, "time": false, "server_received_time": ms + 2}),
            ms + 2,
        ),
    ] {
        let wanted = [format!("ann View {wanted} []")];
        assert_eq!(rows(keys.clone()), wanted, "{keys}");
    }
    // Other fields that are not used: a device beside a user, and an id beside another.
    let other = json!({"device_id": {"a": 1}, "uuid": [1], "insert_id": "i1"});
    assert_eq!(rows(other), [format!("{HEAD} []")]);
}

#[test]
fn a_clock_that_is_wrong_by_over_a_minute_is_corrected() {
    let ms = 1_606_211_995_977_i64;
    let upload = |late: i64, key: &str| {
        json!({
            "event_time": null,
            (key): ms,
            "client_upload_time": ms + 5_000,
            "server_received_time": ms + 5_000 + late,
        })
    };
    let hour = 3_600_000;
    for (late, wanted) in [
        (0, ms),
        (60_000, ms),
        (60_001, ms + 60_001),
        (3 * hour, ms + 3 * hour),
        (-60_000, ms),
        (-2 * hour, ms - 2 * hour),
    ] {
        for key in ["client_event_time", "time"] {
            let wanted = [format!("ann View {wanted} []")];
            assert_eq!(rows(upload(late, key)), wanted, "{late} {key}");
        }
        // The vendor has corrected this one.
        let mut corrected = upload(late, "time");
        corrected["event_time"] = json!(ms + 7);
        assert_eq!(rows(corrected), [format!("ann View {} []", ms + 7)]);
    }
    // A time that would leave the range of instants stays.
    let far = json!({
        "event_time": null,
        "time": ms,
        "client_upload_time": 99_000_000_000_000_i64,
        "server_received_time": ms,
    });
    assert_eq!(rows(far), [format!("ann View {ms} []")]);
}
