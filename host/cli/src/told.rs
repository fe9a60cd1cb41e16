//! What the store and the interpreter know, as JSON for machines.

use muster_definition::interpreter::Trace;
use muster_model::{Event, Scalar, Value};
use serde_json::{Value as Json, json};

/// A clause with its answer and what decided it.
pub(crate) fn trace(trace: &Trace) -> Json {
    json!({
        "clause": trace.text,
        "holds": trace.holds,
        "until": trace.until.map(|until| until.to_string()),
        "values": trace.values,
        "parts": trace.parts.iter().map(self::trace).collect::<Vec<_>>(),
    })
}

/// An event with all its properties.
pub(crate) fn event(event: &Event) -> Json {
    let properties = event.properties.iter();
    let properties: serde_json::Map<_, _> = properties
        .map(|(name, held)| (name.to_string(), value(held)))
        .collect();
    json!({ "event": event.name, "at": event.time.to_string(), "properties": properties })
}

/// What a property holds.
pub(crate) fn value(value: &Value) -> Json {
    let scalar = |scalar: &Scalar| match scalar {
        Scalar::Text(text) => json!(text),
        Scalar::Number(number) => json!(number),
        Scalar::Flag(flag) => json!(flag),
    };
    match value {
        Value::One(one) => scalar(one),
        Value::List(list) => list.iter().map(scalar).collect(),
    }
}
