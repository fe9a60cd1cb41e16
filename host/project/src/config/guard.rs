//! `guard:`, the limits above which a run is held until the operator approves it.

use muster_document::{Key, KeyDefault, Map, Node, NodeContent, Number, Takes, YamlReader};
use muster_engine::Guard;

use super::read::number;

const PERCENT: Number = Number {
    what: "a share in percent",
    least: 0.0,
    most: Some(100.0),
    whole: false,
    example: "50",
};

const MEMBERS: Number = Number {
    what: "a number of members",
    least: 0.0,
    // Above this an `f64` does not hold every whole number, and no cohort is as large.
    most: Some(9e15),
    whole: true,
    example: "1000",
};

pub(super) const TAKES: Takes = Takes::Either(&[Takes::Word(&["off"]), Takes::Map(&GUARD)]);

static GUARD: Map = Map {
    name: "`guard:`",
    heading: "`guard`",
    about: "A run whose entries and exits are a large part of a cohort is held until `muster approve COHORT` approves it or `muster reject COHORT` drops it. A cohort's first run is never held. The removal of a cohort with `on_remove: exit` counts as a run in which all members exit.",
    keys: &[
        Key::new(
            "percent",
            Takes::Number(PERCENT),
            KeyDefault::Value("50"),
            "A run with more entries and exits than this share of the cohort, in percent of its members before the run, is held.",
        ),
        Key::new(
            "members",
            Takes::Number(MEMBERS),
            KeyDefault::Value("1000"),
            "Only runs of cohorts with more members than this are held.",
        ),
    ],
    one_of: false,
};

/// Reads the guard. The inner `None`: the guard is off.
pub(super) fn guard(reader: &mut YamlReader<'_>, node: &Node) -> Option<Option<Guard>> {
    const FORMS: &str = "write `off`, or `{percent: 50, members: 1000}`";
    match &node.content {
        NodeContent::Text(text) if &**text == "off" => Some(None),
        NodeContent::Map(_) => {
            let fields = reader.fields_of(node, &GUARD)?;
            let percent = fields.optional(reader, "percent", |reader, node| {
                number(reader, node, &PERCENT)
            });
            let members = fields.optional(reader, "members", |reader, node| {
                number(reader, node, &MEMBERS)
            });
            let default = Guard::default();
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a whole number within the bounds above"
            )]
            let members = members?.map_or(default.members, |members| members as u64);
            Some(Some(Guard {
                percent: percent?.unwrap_or(default.percent),
                members,
            }))
        }
        _ => reader.expected(node, "`off` or a map", FORMS),
    }
}
