//! Decodes one event, a JSON object by itself, into a buffer.

use muster_model::{EventBuffer, Millis};
use serde::de::DeserializeSeed;

use super::LineError;
use super::admission::Admission;
use super::event_builder::{EventBuilder, WHOLE};
use super::event_error::EventError;
use super::limits::{MAX_EVENT_TYPE, MAX_LINE, MAX_USER_ID};
use super::line::LineSeed;
use crate::LineCounts;

/// Values that hold for events besides their own keys. The default is that of files: none.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct EventDefaults {
    /// The event type of all events, whatever their own keys say.
    pub(crate) name: Option<&'static str>,
    /// The time of events without one.
    pub(crate) time: Option<Millis>,
    /// Makes an event that names neither a user nor a device an error, as the vendor's API does.
    pub(crate) identified: bool,
}

/// Decodes one object and adds its contents to the buffer and the counts. A malformed object adds
/// nothing.
pub(crate) fn decode_event<'a>(
    text: &'a str,
    defaults: &EventDefaults,
    builder: &mut EventBuilder<'a>,
    admission: &mut Admission<'_>,
    buffer: &mut EventBuffer,
    counts: &mut LineCounts,
) -> Result<(), EventError> {
    if text.len() > MAX_LINE {
        return Err(EventError {
            field: WHOLE,
            missing: false,
            reason: LineError::too_long(),
        });
    }
    builder.clear();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    LineSeed(builder)
        .deserialize(&mut deserializer)
        .and_then(|()| deserializer.end())
        .map_err(|error| EventError {
            field: builder.field,
            missing: false,
            reason: LineError::json(&error),
        })?;

    let name = defaults.name.or(builder.name.as_deref());
    let name = name.ok_or_else(|| EventError::missing("event_type"))?;
    if name.len() > MAX_EVENT_TYPE {
        return Err(EventError::longer("event_type", MAX_EVENT_TYPE));
    }
    let time = builder.time.map(|(_, time)| time).or(defaults.time);
    let time = time.ok_or_else(|| EventError::missing("event_time"))?;
    let Some(user) = builder.user.as_deref() else {
        if defaults.identified && !builder.device {
            return Err(EventError {
                reason: LineError("`user_id` and `device_id` are missing".to_owned()),
                ..EventError::missing("user_id")
            });
        }
        // Events with only a device are counted and skipped until devices are joined to users.
        counts.anonymous += 1;
        return Ok(());
    };
    if user.len() > MAX_USER_ID {
        return Err(EventError::longer("user_id", MAX_USER_ID));
    }
    let event = match name {
        "$identify" => None,
        // The object is about a group of users, so it is an event of none of them.
        "$groupidentify" => {
            counts.groups += 1;
            return Ok(());
        }
        name => Some(name),
    };
    admission.admit(builder, event)?;
    counts.operations += builder.commit(user, event, time, buffer);
    counts.events += u64::from(event.is_some());
    counts.texts_cut += builder.texts_cut;
    counts.left_out += builder.left_out;
    Ok(())
}

impl EventError {
    fn missing(field: &'static str) -> Self {
        Self {
            field,
            missing: true,
            reason: LineError(format!("`{field}` is missing")),
        }
    }

    fn longer(field: &'static str, limit: usize) -> Self {
        Self {
            field,
            missing: false,
            reason: LineError(format!("`{field}` is longer than {limit} bytes")),
        }
    }
}
