//! The times of a line, of which one becomes the event's.

use std::fmt;

use muster_model::{Millis, TimeError, WrittenTime};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::LineError;

/// The times that a line states. A time that cannot be read counts only if the line has no other.
#[derive(Default)]
pub(super) struct EventTimes {
    /// `event_time`, which the vendor has corrected by the sender's clock.
    corrected: Option<Millis>,
    /// `client_event_time`, by the sender's clock.
    client: Option<Millis>,
    /// `time` of the HTTP API, by the sender's clock.
    time: Option<Millis>,
    /// `server_received_time`.
    received: Option<Millis>,
    /// `client_upload_time`, by the sender's clock.
    uploaded: Option<Millis>,
    /// The key and the fault of the first time that cannot be read.
    fault: Option<(&'static str, String)>,
}

/// The offset of a sender's clock, from the same instant by two clocks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ClockOffset {
    /// The time that is added to a time of the sender's clock, in ms.
    ms: i64,
}

impl ClockOffset {
    /// The largest difference that is not corrected, in ms: the vendor's 60 s. It may be the time
    /// that a request took.
    const TOLERATED: i64 = 60_000;

    /// Returns the offset of a clock that said `uploaded` when a server's clock said `received`.
    pub(crate) fn between(uploaded: Millis, received: Millis) -> Self {
        let ms = received.0.saturating_sub(uploaded.0);
        Self {
            ms: if ms.abs() > Self::TOLERATED { ms } else { 0 },
        }
    }

    /// Corrects a time of the sender's clock. A time that would leave the range of instants stays.
    fn correct(self, time: Millis) -> Millis {
        Millis::in_range(time.0.saturating_add(self.ms)).unwrap_or(time)
    }
}

impl EventTimes {
    /// Notes the time of a key, if it can be read.
    pub(super) fn note(&mut self, key: &'static str, read: TimeReading) {
        let time = match read {
            Ok(time) => time,
            // An upload's time is no event's time, so its fault does not matter.
            Err(_) if key == UPLOADED => None,
            Err(fault) => {
                self.fault.get_or_insert((key, fault));
                None
            }
        };
        let held = match key {
            "event_time" => &mut self.corrected,
            "client_event_time" => &mut self.client,
            "time" => &mut self.time,
            UPLOADED => &mut self.uploaded,
            _ => &mut self.received,
        };
        *held = time.or(*held);
    }

    /// Returns the event's time: the most trusted one, corrected if it is by the sender's clock.
    /// `offset` is that of the request, and `now` the time of its arrival, which counts if the line
    /// states no time. Returns the key and the fault of a time if none can be read, and `None` if
    /// there is none.
    pub(super) fn event_time(
        &self,
        offset: ClockOffset,
        now: Option<Millis>,
    ) -> Result<Option<Millis>, (&'static str, LineError)> {
        if let Some(time) = self.corrected {
            return Ok(Some(time));
        }
        if let Some(time) = self.client.or(self.time) {
            // The pair of the line itself says more than that of a request that carries it on.
            let offset = match (self.uploaded, self.received.or(now)) {
                (Some(uploaded), Some(received)) => ClockOffset::between(uploaded, received),
                _ => offset,
            };
            return Ok(Some(offset.correct(time)));
        }
        match (self.received, &self.fault) {
            (Some(received), _) => Ok(Some(received)),
            (None, Some((key, fault))) => Err((key, LineError(format!("`{key}`{fault}")))),
            (None, None) => Ok(now),
        }
    }
}

const UPLOADED: &str = "client_upload_time";

/// A time as it was read: `Ok(None)` for null and the empty text, or what is wrong with it, to be
/// written behind the key.
pub(crate) type TimeReading = Result<Option<Millis>, String>;

/// A reader of an event's time, as [`WrittenTime`] defines it.
pub(crate) struct TimeSeed;

fn time(written: Result<WrittenTime, TimeError>, shown: impl fmt::Display) -> TimeReading {
    let reason = match written.map(WrittenTime::of_event) {
        Ok(Some(time)) => return Ok(Some(time)),
        Ok(None) | Err(TimeError::OutOfRange(_)) => "is out of range",
        Err(TimeError::Seconds(_)) => "is probably in seconds: write it in milliseconds",
        Err(TimeError::Microseconds(_)) => "is probably in microseconds: write it in milliseconds",
        Err(error @ TimeError::NoInstant(_)) => return Err(format!(": {error}")),
    };
    Err(format!(" {shown} {reason}"))
}

impl<'de> DeserializeSeed<'de> for TimeSeed {
    type Value = TimeReading;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for TimeSeed {
    type Value = TimeReading;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an instant")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Ok(None))
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(Err(format!(" {flag} is no instant")))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        if text.is_empty() {
            return Ok(Ok(None));
        }
        Ok(time(WrittenTime::of_text(text), text))
    }

    fn visit_i64<E>(self, ms: i64) -> Result<Self::Value, E> {
        Ok(time(WrittenTime::of_number(ms as f64), ms))
    }

    fn visit_u64<E>(self, ms: u64) -> Result<Self::Value, E> {
        Ok(time(WrittenTime::of_number(ms as f64), ms))
    }

    fn visit_f64<E>(self, ms: f64) -> Result<Self::Value, E> {
        Ok(time(WrittenTime::of_number(ms), ms))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Err(": an object is no instant".to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Err(": a list is no instant".to_owned()))
    }
}
