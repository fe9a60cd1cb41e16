//! Reads the JSON or form of a body: the key, and the events into a buffer.

use std::borrow::Cow;

use muster_model::{EventBuffer, Millis};
use serde::de::DeserializeSeed;
use serde_json::value::RawValue;

use super::answer::Refusal;
use super::body;
use super::budget::Reservation;
use super::event_faults::EventFaults;
use super::form;
use super::json_parts::{ListParts, Unbalanced, members};
use super::key::{self, ApiKey};
use super::legacy;
use super::limits::MAX_EVENTS;
use crate::decode::{Admission, ClockOffset, EventBuilder, EventDefaults, TimeSeed, decode_event};
use crate::{DecodeContext, LineCounts};

/// The kind of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RequestKind {
    /// A request with `events`.
    Events,
    /// A request with `identification`: one or many, each with operations on a user's properties.
    Identify,
    /// A request with `identification`: one or many groups of users. They are only counted.
    GroupIdentify,
    /// A request with `mapping`: user ids that are to count as others. They are only counted.
    UserMap,
    /// A form of an old SDK with `e` or `event`, or a JSON object as for [`Self::Events`].
    Legacy,
}

/// The facts of a request besides its body.
#[derive(Clone, Copy, Debug)]
pub(super) struct RequestContext {
    pub(super) kind: RequestKind,
    /// Set if the head had an allowed key, so that the body needs none.
    pub(super) known: bool,
    /// The instant at which the request arrived.
    pub(super) now: Millis,
}

/// The decoded contents of a request.
#[derive(Default)]
pub(super) struct DecodedRequest {
    pub(super) buffer: EventBuffer,
    pub(super) counts: LineCounts,
}

impl RequestKind {
    fn field(self) -> &'static str {
        match self {
            Self::Events | Self::Legacy => "events",
            Self::Identify | Self::GroupIdentify => "identification",
            Self::UserMap => "mapping",
        }
    }

    /// Returns the names under which the form of a request may hold the key and the list.
    fn form_names(self) -> [&'static [&'static str]; 2] {
        match self {
            Self::Legacy => [&["client", "api_key"], &["e", "event"]],
            Self::Identify | Self::GroupIdentify => [&["api_key"], &["identification"]],
            Self::UserMap => [&["api_key"], &["mapping"]],
            Self::Events => [&[], &[]],
        }
    }

    fn defaults(self, now: Millis, uploaded: Option<Millis>) -> EventDefaults {
        EventDefaults {
            name: match self {
                Self::Identify => Some("$identify"),
                Self::Events | Self::GroupIdentify | Self::UserMap | Self::Legacy => None,
            },
            time: Some(now),
            offset: uploaded.map_or_else(ClockOffset::default, |uploaded| {
                ClockOffset::between(uploaded, now)
            }),
            identified: true,
        }
    }
}

/// Reads a body. Any fault refuses the whole body.
pub(super) fn read(
    body: &[u8],
    context: &RequestContext,
    keys: &[ApiKey],
    decode: &DecodeContext<'_>,
    reservation: &mut Reservation,
) -> Result<DecodedRequest, Refusal> {
    let kind = match context.kind {
        RequestKind::Legacy if is_object(body) => RequestKind::Events,
        kind => kind,
    };
    let RequestValues {
        key,
        list,
        uploaded,
    } = if kind != RequestKind::Events && !is_object(body) {
        let [keys, lists] = kind.form_names();
        RequestValues {
            key: form_value(body, keys)?,
            list: form_value(body, lists)?,
            uploaded: None,
        }
    } else {
        object(body, kind)?
    };
    match key.filter(|key| !key.is_empty()) {
        Some(key) => key::check(&key, keys)?,
        None if context.known => {}
        None => return Err(Refusal::missing("api_key")),
    }
    let list = list.ok_or_else(|| Refusal::missing(kind.field()))?;
    let defaults = kind.defaults(context.now, uploaded);
    events(&list, kind, context.now, defaults, decode, reservation)
}

/// Returns true if a body of a form request is JSON, whatever its content type: `curl -d` calls it
/// a form, and a beacon calls it text.
pub(super) fn is_object(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"{")
}

/// Returns the value of the first name that a form has.
fn form_value<'a>(body: &'a [u8], names: &[&str]) -> Result<Option<Cow<'a, str>>, Refusal> {
    for name in names {
        let value = form::value(body, name).map_err(|error| {
            let byte = error.byte;
            Refusal::bad(format!(
                "`{name}` of the form is not UTF-8 at byte {byte}: encode texts as UTF-8 before they are escaped"
            ))
        })?;
        if value.is_some() {
            return Ok(value);
        }
    }
    Ok(None)
}

/// The parts of the request's object, not parsed yet. Each event is parsed by itself, so that an
/// error can name its index.
#[derive(Default, serde::Deserialize)]
struct RequestParts<'a> {
    #[serde(borrow)]
    api_key: Option<&'a RawValue>,
    #[serde(borrow)]
    events: Option<&'a RawValue>,
    #[serde(borrow)]
    identification: Option<&'a RawValue>,
    #[serde(borrow)]
    client_upload_time: Option<&'a RawValue>,
    #[serde(borrow)]
    mapping: Option<&'a RawValue>,
}

/// The values of a request.
#[derive(Default)]
struct RequestValues<'a> {
    key: Option<Cow<'a, str>>,
    list: Option<Cow<'a, str>>,
    /// The time of the upload by the sender's clock.
    uploaded: Option<Millis>,
}

fn object(body: &[u8], kind: RequestKind) -> Result<RequestValues<'_>, Refusal> {
    let text = std::str::from_utf8(body).map_err(|error| {
        let place = error.valid_up_to() + 1;
        Refusal::bad(format!("The body is not UTF-8 at byte {place}"))
    })?;
    if !is_object(body) {
        return Err(Refusal::bad(format!(
            "The body is not a JSON object with `api_key` and `{}`",
            kind.field()
        )));
    }
    let keys = ["api_key", kind.field(), "client_upload_time"];
    let [key, list, uploaded] = match serde_json::from_str::<RequestParts<'_>>(text) {
        Ok(parts) => {
            let list = match kind {
                RequestKind::Events | RequestKind::Legacy => parts.events,
                RequestKind::Identify | RequestKind::GroupIdentify => parts.identification,
                RequestKind::UserMap => parts.mapping,
            };
            [parts.api_key, list, parts.client_upload_time].map(|value| value.map(RawValue::get))
        }
        // One event that is no JSON must not cost the others.
        Err(error) => members(text, keys)
            .map_err(|Unbalanced| Refusal::bad(format!("The body is not valid JSON: {error}")))?,
    };
    let key = match key {
        None | Some("null") => None,
        Some(key) => Some(
            serde_json::from_str(key)
                .map_err(|_| Refusal::bad("Invalid API key: it is not a text"))?,
        ),
    };
    Ok(RequestValues {
        key,
        list: list.filter(|list| *list != "null").map(Cow::Borrowed),
        uploaded: uploaded.and_then(instant),
    })
}

/// Reads a time that no event depends on: one that cannot be read is none.
fn instant(json: &str) -> Option<Millis> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    TimeSeed.deserialize(&mut deserializer).ok()?.ok()?
}

fn events(
    list: &str,
    kind: RequestKind,
    now: Millis,
    defaults: EventDefaults,
    decode: &DecodeContext<'_>,
    reservation: &mut Reservation,
) -> Result<DecodedRequest, Refusal> {
    let mut events = Events {
        kind,
        now,
        defaults,
        builder: EventBuilder::default(),
        admission: Admission::new(decode),
        decoded: DecodedRequest::default(),
        faults: EventFaults::default(),
        reservation,
        body: list.len(),
    };
    if kind != RequestKind::Events && is_object(list.as_bytes()) {
        events.one(0, list)?;
    } else {
        let field = kind.field();
        let parts = ListParts::new(list)
            .ok_or_else(|| Refusal::bad(format!("`{field}` is not a list of objects")))?;
        for (index, part) in parts.enumerate() {
            let part = part.map_err(|Unbalanced| {
                Refusal::bad(format!(
                    "`{field}` is not valid JSON: the brackets or quotes of event {index} do not match"
                ))
            })?;
            if index == MAX_EVENTS {
                return Err(Refusal::too_large(format!(
                    "There are more than {MAX_EVENTS} events: send fewer at a time"
                )));
            }
            events.one(index, part)?;
        }
    }
    events.faults.refusal().map_or(Ok(events.decoded), Err)
}

/// A reader of the events of a request.
struct Events<'a, 'r> {
    kind: RequestKind,
    now: Millis,
    defaults: EventDefaults,
    builder: EventBuilder<'a>,
    admission: Admission<'r>,
    decoded: DecodedRequest,
    faults: EventFaults,
    reservation: &'r mut Reservation,
    /// The size of the list, in bytes.
    body: usize,
}

impl<'a> Events<'a, '_> {
    fn one(&mut self, index: usize, text: &'a str) -> Result<(), Refusal> {
        let DecodedRequest { buffer, counts } = &mut self.decoded;
        let before = buffer.size();
        counts.lines += 1;
        let counted = match self.kind {
            RequestKind::GroupIdentify => Some(&mut counts.groups),
            RequestKind::UserMap => Some(&mut counts.mappings),
            RequestKind::Legacy => {
                self.defaults.time = Some(legacy::time(text).unwrap_or(self.now));
                None
            }
            RequestKind::Events | RequestKind::Identify => None,
        };
        if let Some(counted) = counted {
            if !is_object(text.as_bytes()) {
                let field = self.kind.field();
                let error = format!("`{field}` is not a list of objects: element {index} is none");
                return Err(Refusal::bad(error));
            }
            *counted += 1;
            return Ok(());
        }
        let (builder, admission) = (&mut self.builder, &mut self.admission);
        match decode_event(text, &self.defaults, builder, admission, buffer, counts) {
            Ok(()) => self
                .reservation
                .grow(buffer.size() - before)
                .map_err(|full| body::refused(full, self.body)),
            Err(error) => {
                self.faults.add(index, error);
                Ok(())
            }
        }
    }
}
