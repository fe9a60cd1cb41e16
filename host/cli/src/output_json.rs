//! The JSON form of values from the store and the interpreter.

use muster_definition::interpreter::Trace;
use muster_document::{Diagnostic, Diagnostics, Severity};
use muster_engine::{Forgotten, RunRecord, RunReport};
use muster_model::{Event, Scalar, Value};
use serde_json::{Value as Json, json};

/// Returns a clause with its answer and the values that decided it.
pub(crate) fn trace(trace: &Trace) -> Json {
    json!({
        "clause": trace.text,
        "holds": trace.holds,
        "until": trace.until.map(|until| until.to_string()),
        "values": trace.values,
        "parts": trace.parts.iter().map(self::trace).collect::<Vec<_>>(),
    })
}

/// Returns an event with all its properties.
pub(crate) fn event(event: &Event) -> Json {
    let properties = event.properties.iter();
    let properties: serde_json::Map<_, _> = properties
        .map(|(name, held)| (name.to_string(), value(held)))
        .collect();
    json!({ "event": event.name, "at": event.time.to_string(), "properties": properties })
}

/// Returns the value of a property.
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

/// Returns the result of a run of one cohort.
pub(crate) fn run(report: &RunReport) -> Json {
    let cohort = report.cohorts.first();
    json!({
        "at": report.now.to_string(),
        "candidates": report.candidates,
        "evaluated": report.evaluated,
        "skipped": report.skipped,
        "reason": cohort.map(|cohort| cohort.reason),
        "members": cohort.map(|cohort| cohort.members),
        "entered": cohort.map(|cohort| cohort.entered),
        "exited": cohort.map(|cohort| cohort.exited),
        "messages": cohort.map(|cohort| cohort.messages),
        "held": cohort.and_then(|cohort| cohort.held.clone()),
        "seconds": report.duration.as_secs_f64(),
    })
}

/// Returns the result of a cohort's removal, in the form of a run.
pub(crate) fn ended(record: &RunRecord) -> Json {
    json!({
        "at": record.at,
        "candidates": record.candidates,
        "evaluated": record.evaluated,
        "skipped": record.skipped,
        "reason": record.reason,
        "members": record.members,
        "entered": record.entered,
        "exited": record.exited,
        "messages": record.messages,
        "held": record.held,
        "seconds": std::time::Duration::from_millis(record.duration_ms).as_secs_f64(),
    })
}

/// Returns the result of forgetting a user.
pub(crate) fn forgotten(forgotten: &Forgotten) -> Json {
    let cohorts: Vec<_> = forgotten.exited.iter().map(ToString::to_string).collect();
    json!({ "known": forgotten.known, "exited": cohorts, "messages": forgotten.messages })
}

/// Returns the faults of files: the file, the place and the fault.
pub(crate) fn faults(problems: &Diagnostics) -> Vec<Json> {
    let errors = problems.iter();
    let errors = errors.filter(|problem| problem.severity() == Severity::Error);
    let fault = |problem: &Diagnostic| {
        let place = problem.place();
        json!({
            "file": problem.path(),
            "line": place.map(|(_, line, _)| line),
            "column": place.map(|(_, _, column)| column),
            "message": problem.message(),
        })
    };
    errors.map(fault).collect()
}

/// Returns the value under a key of a document; null if there is no such key.
pub(crate) fn field<'a>(document: &'a Json, key: &str) -> &'a Json {
    document.get(key).unwrap_or(&Json::Null)
}
