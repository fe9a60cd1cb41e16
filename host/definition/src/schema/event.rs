//! Schemas of events, steps and measures.

use serde_json::{Map, Value, json};

use super::object::{apart, at_most_one, either, has, object, with, without};
use super::text::name;
use super::time::calendar_of;
use super::{SchemaKind, kind};
use crate::limits;
use crate::read::{each, first_seen, measure, regularly, step, window};

pub(super) fn kinds() -> Vec<SchemaKind> {
    let windows: Vec<_> = first_seen::windows().collect();
    let rules = windows_rules();
    let first_seen = with(with(object(&windows), "minProperties", 1), "allOf", rules);
    vec![
        (
            "events".into(),
            either(
                "An event's name, a list of names (any of them), a glob or `\"*\"` for any event.",
                json!(["Purchase", ["Purchase", "Renewal"], "Checkout *"]),
                &[event_name(), event_names()],
            ),
        ),
        ("event_name".into(), event_name()),
        (
            "step".into(),
            either(
                "An event's name, or a map that also has predicates on its properties.",
                json!(["Purchase"]),
                &[event_name(), event()],
            ),
        ),
        (
            "steps".into(),
            json!({
                "description": "Steps in time order; the event of each step differs from the one before.",
                "type": "array",
                "items": kind("step"),
                "minItems": 2,
                "maxItems": limits::STEPS,
                "examples": [["View Item", "Add To Cart", "Purchase"]],
            }),
        ),
        ("first_seen".into(), first_seen),
        ("each".into(), units()),
        ("regularly".into(), object(&regularly::TABLE.each_ref())),
    ]
}

fn event_name() -> Value {
    name(
        "An event's name, or a glob in which `*` stands for any text.",
        &["Purchase", "Checkout *", "*"],
    )
}

fn event_names() -> Value {
    json!({
        "type": "array",
        "items": kind("event_name"),
        "minItems": 1,
        "maxItems": limits::EVENT_NAMES,
    })
}

/// Returns the schema of an event inside a clause, as a map.
pub(super) fn event() -> Value {
    let [first, second] = step::TABLE.each_ref();
    object(&[&step::EVENT, first, second])
}

/// Returns the schema of a calendar unit with the count in each.
fn units() -> Value {
    let units: Map<_, _> = each::UNITS
        .iter()
        .map(|(name, _)| ((*name).to_owned(), kind("count")))
        .collect();
    json!({
        "type": "object",
        "properties": units,
        "additionalProperties": false,
        "minProperties": 1,
        "maxProperties": 1,
    })
}

/// Returns rules by which only windows of one group stand together.
pub(super) fn windows_rules() -> Vec<Value> {
    apart(&window::GROUPS)
}

/// Returns rules by which there is one measure, with the window that it needs.
pub(super) fn measure_rules() -> Vec<Value> {
    let mut rules = at_most_one(&measure::KEYS);
    for (name, unit) in each::UNITS {
        let properties = with(without(&["before_last"]), "in_last", calendar_of(unit));
        let named = json!({ "required": ["each"], "properties": { "each": has(&[name]) } });
        let window = json!({ "required": ["in_last"], "properties": properties });
        rules.push(json!({ "if": named, "then": window }));
    }
    rules.push(
        json!({ "if": has(&["regularly"]), "then": { "properties": without(&window::KEYS) } }),
    );
    rules
}
