//! Decodes one event, a JSON object by itself, into a buffer.

use std::borrow::Cow;

use muster_model::{EventBuffer, Millis};
use serde::de::DeserializeSeed;

use super::LineError;
use super::admission::Admission;
use super::event_builder::{EventBuilder, WHOLE};
use super::event_error::EventError;
use super::limits::{MAX_EVENT_TYPE, MAX_LINE, MAX_USER_ID};
use super::line::LineSeed;
use super::surrogates::without_halves;
use super::times::ClockOffset;
use crate::LineCounts;

/// Values that hold for events besides their own keys. The default is that of files: none.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct EventDefaults {
    /// The event type of all events, whatever their own keys say.
    pub(crate) name: Option<&'static str>,
    /// The time of events without one.
    pub(crate) time: Option<Millis>,
    /// The offset of the clock of the events' sender.
    pub(crate) offset: ClockOffset,
    /// Makes an event that names neither a user nor a device an error, as the vendor's API does.
    pub(crate) identified: bool,
}

/// Decodes one object and adds its contents to the buffer and the counts. A malformed object adds
/// nothing. Escapes that are half of a character are read as U+FFFD.
pub(crate) fn decode_event<'a>(
    text: &'a str,
    defaults: &EventDefaults,
    builder: &mut EventBuilder<'a>,
    admission: &mut Admission<'_>,
    buffer: &mut EventBuffer,
    counts: &mut LineCounts,
) -> Result<(), EventError> {
    let decoded = decode_once(text, defaults, builder, admission, buffer, counts);
    if decoded.is_err()
        && let Cow::Owned(text) = without_halves(text)
    {
        let mut builder = EventBuilder::default();
        return decode_once(&text, defaults, &mut builder, admission, buffer, counts);
    }
    decoded
}

fn decode_once<'a>(
    text: &'a str,
    defaults: &EventDefaults,
    builder: &mut EventBuilder<'a>,
    admission: &mut Admission<'_>,
    buffer: &mut EventBuffer,
    counts: &mut LineCounts,
) -> Result<(), EventError> {
    if text.len() > MAX_LINE {
        return Err(EventError::invalid(WHOLE, LineError::too_long()));
    }
    builder.clear();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    LineSeed(builder)
        .deserialize(&mut deserializer)
        .and_then(|()| deserializer.end())
        .map_err(|error| EventError::invalid(builder.field, LineError::json(&error)))?;

    let name = defaults.name.or(builder.name.as_deref());
    let name = name.ok_or_else(|| EventError::missing("event_type"))?;
    if name.len() > MAX_EVENT_TYPE {
        return Err(EventError::longer("event_type", MAX_EVENT_TYPE));
    }
    let time = builder.times.event_time(defaults.offset, defaults.time);
    let time = time.map_err(|(field, reason)| EventError::invalid(field, reason))?;
    let time = time.ok_or_else(|| EventError::missing("event_time"))?;
    let user = builder.user.as_deref();
    if defaults.identified
        && let Some(user) = user
        && !admission.admits_id(user)
    {
        let reason = format!("`user_id` \"{user}\" stands for no user");
        return Err(EventError::invalid("user_id", LineError(reason)));
    }
    let Some(user) = user.filter(|id| admission.admits_id(id)) else {
        let device = builder.device.as_deref();
        if defaults.identified && !device.is_some_and(|id| admission.admits_id(id)) {
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
    fn invalid(field: &'static str, reason: LineError) -> Self {
        Self {
            field,
            missing: false,
            reason,
        }
    }

    fn missing(field: &'static str) -> Self {
        Self {
            field,
            missing: true,
            reason: LineError(format!("`{field}` is missing")),
        }
    }

    fn longer(field: &'static str, limit: usize) -> Self {
        let reason = format!("`{field}` is longer than {limit} bytes");
        Self::invalid(field, LineError(reason))
    }
}
