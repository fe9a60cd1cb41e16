//! Peculiarities of requests of old SDKs. They are forms, posted to `/`, and the SDKs read the text
//! of the answer.

use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use muster_model::Millis;

/// The times in ms that `timestamp` may be: those that no unit of time but milliseconds gives.
const TIMES: std::ops::Range<i64> = 100_000_000_000..100_000_000_000_000;

/// Returns the time of an event of an old SDK, which calls it `timestamp`.
pub(super) fn time(event: &str) -> Option<Millis> {
    #[derive(serde::Deserialize)]
    struct OldEvent {
        timestamp: i64,
    }
    let OldEvent { timestamp } = serde_json::from_str(event).ok()?;
    TIMES.contains(&timestamp).then_some(Millis(timestamp))
}

/// Returns the answer to a form of which everything is on disk. The old SDKs send a form again
/// until they get exactly this text.
pub(super) fn success() -> Response<Full<Bytes>> {
    Response::new(Full::from("success"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_an_old_event_is_its_timestamp() {
        for (event, wanted) in [
            (
                r#"{"timestamp": 1700000000000, "a": [1]}"#,
                Some(1_700_000_000_000),
            ),
            (r#"{"timestamp": 1700000000}"#, None),
            (r#"{"timestamp": "now"}"#, None),
            ("{}", None),
        ] {
            assert_eq!(time(event), wanted.map(Millis), "{event}");
        }
    }
}
