//! Schemas of events, steps and measures.

use muster_document::schema::with;
use serde_json::{Value, json};

use super::object::{at_most_one, either, has, without};
use super::text::name;
use super::time::calendar_of;
use super::{SchemaKind, WRITER, kind};
use crate::limits;
use crate::read::key::LanguageKind;
use crate::read::{each, first_seen, measure, regularly, relation, step, window};

pub(super) fn kinds() -> Vec<SchemaKind> {
    let windows = WRITER.object(first_seen::windows());
    let rules = windows_rules();
    let first_seen = with(with(windows, "minProperties", 1), "allOf", rules);
    vec![
        (
            LanguageKind::Events,
            either(
                "An event's name, a list of names (any of them), a glob or `\"*\"` for any event.",
                json!(["Purchase", ["Purchase", "Renewal"], "Checkout *"]),
                &[event_name(), event_names()],
            ),
        ),
        (LanguageKind::EventName, event_name()),
        (
            LanguageKind::Step,
            either(
                "An event's name, or a map that also has predicates on its properties.",
                json!(["Purchase"]),
                &[event_name(), event()],
            ),
        ),
        (
            LanguageKind::Relation,
            either(
                "An event's name, or a map that also has predicates, the longest time between both events, and a property of which both carry one value.",
                json!(["Purchase"]),
                &[event_name(), WRITER.object(relation::keys())],
            ),
        ),
        (
            LanguageKind::Steps,
            json!({
                "description": "Steps; each takes another event.",
                "type": "array",
                "items": kind(LanguageKind::Step),
                "minItems": 2,
                "maxItems": limits::STEPS,
                "examples": [["View Item", "Add To Cart", "Purchase"]],
            }),
        ),
        (
            LanguageKind::Without,
            either(
                "An event's name, a map that also has predicates and the two steps, or a list of these.",
                json!(["Remove From Cart", ["Refund", "Remove From Cart"]]),
                &[event_name(), without_event(), without_events()],
            ),
        ),
        (
            LanguageKind::StepNumbers,
            json!({
                "description": "The numbers of two steps, the earlier first; the first step is 1.",
                "type": "array",
                "items": { "type": "integer", "minimum": 1, "maximum": limits::STEPS },
                "minItems": 2,
                "maxItems": 2,
                "examples": [[1, 2]],
            }),
        ),
        (LanguageKind::FirstSeen, first_seen),
        (LanguageKind::Each, units()),
        (LanguageKind::Regularly, WRITER.map(&regularly::TABLE)),
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
        "items": kind(LanguageKind::EventName),
        "minItems": 1,
        "maxItems": limits::EVENT_NAMES,
    })
}

fn without_event() -> Value {
    WRITER.object(crate::read::without::keys())
}

fn without_events() -> Value {
    let one = either(
        "An event's name, or a map that also has predicates and the two steps.",
        json!(["Remove From Cart"]),
        &[event_name(), without_event()],
    );
    json!({ "type": "array", "items": one, "minItems": 1, "maxItems": limits::WITHOUT })
}

/// Returns the schema of an event inside a clause, as a map.
pub(super) fn event() -> Value {
    WRITER.object(std::iter::once(&step::EVENT).chain(&step::TABLE))
}

/// Returns the schema of a calendar unit with the count in each.
fn units() -> Value {
    let units = each::UNITS
        .iter()
        .map(|(name, _)| ((*name).to_owned(), kind(LanguageKind::Count)));
    json!({
        "type": "object",
        "properties": Value::Object(units.collect()),
        "additionalProperties": false,
        "minProperties": 1,
        "maxProperties": 1,
    })
}

/// Returns rules by which a window has one start and one end.
pub(super) fn windows_rules() -> Vec<Value> {
    window::GROUPS.into_iter().flat_map(at_most_one).collect()
}

/// Returns rules by which there is one measure, with the window that it needs.
pub(super) fn measure_rules() -> Vec<Value> {
    let mut rules = at_most_one(&measure::KEYS);
    for (name, unit) in each::UNITS {
        let properties = with(
            without(&["before_last", "until"]),
            "in_last",
            calendar_of(unit),
        );
        let named = json!({ "required": ["each"], "properties": { "each": has(&[name]) } });
        let window = json!({ "required": ["in_last"], "properties": properties });
        rules.push(json!({ "if": named, "then": window }));
    }
    rules.push(
        json!({ "if": has(&["regularly"]), "then": { "properties": without(&window::KEYS) } }),
    );
    rules
}
