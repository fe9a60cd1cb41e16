//! Checks the fields of a line that are properties.

use serde_json::json;

use super::{HEAD, decoded, rows};

#[test]
fn fields_of_the_line_are_properties() {
    let line = json!({
        "country": "Germany",
        "city": null,
        "version_name": "1.10.0",
        "ip": "$remote",
        "location_lat": 52.5,
        "paying": "true",
        "revenue": 120.5,
        "productId": "p1",
        "session_id": 1_606_211_990_000_i64,
        "groups": {"org": ["x", "y"], "team": 7},
        "amplitude_id": 1,
        "data": {"a": 1},
    });
    let user = |property: &str| format!("ann 1606211995977 $set {property}");
    // `json!` sorts keys by name.
    let properties = "groups.org=['x', 'y'] groups.team=7 productId=\"p1\" revenue=120.5 session_id=1606211990000";
    assert_eq!(
        rows(line),
        [
            format!("{HEAD} [{properties}]"),
            user("country=\"Germany\""),
            user("location_lat=52.5"),
            user("paying=\"true\""),
            user("app_version=\"1.10.0\""),
        ]
    );
    // The HTTP API names two of them differently.
    let other = json!({"app_version": "2", "ip_address": "203.0.113.7"});
    let wanted = [
        format!("{HEAD} []"),
        user("app_version=\"2\""),
        user("ip_address=\"203.0.113.7\""),
    ];
    assert_eq!(rows(other), wanted);
}

#[test]
fn properties_of_the_event_and_the_user_win_over_fields_of_the_line() {
    let head = r#"{"user_id": "ann", "event_type": "View", "time": 1606211995977"#;
    let nested = r#""event_properties": {"revenue": 1, "price": null}, "user_properties": {"$unset": {"region": "-"}, "city": "Rome"}"#;
    let fields = r#""currency": "EUR", "city": "Oslo", "region": "Lazio", "country": "Italy", "revenue": 2, "price": 3"#;
    for line in [
        format!("{head}, {nested}, {fields}}}"),
        format!("{head}, {fields}, {nested}}}"),
    ] {
        assert_eq!(
            decoded(line).rows,
            [
                format!("{HEAD} [revenue=1 currency=\"EUR\" price=3]"),
                "ann 1606211995977 $unset region=".to_owned(),
                "ann 1606211995977 $set city=\"Rome\"".to_owned(),
                "ann 1606211995977 $set country=\"Italy\"".to_owned(),
            ]
        );
    }
    // An identification sets user properties too, and has no properties of an event.
    let identify = json!({"event_type": "$identify", "platform": "Web", "revenue": 5});
    let set = "ann 1606211995977 $set platform=\"Web\"".to_owned();
    assert_eq!(rows(identify), std::slice::from_ref(&set));
    // All others are removed, not those that the same event states.
    let cleared = json!({"event_type": "$identify", "platform": "Web", "user_properties": {"$clearAll": "-"}});
    let clear = "ann 1606211995977 $clearAll =".to_owned();
    assert_eq!(rows(cleared), [clear, set]);
}
