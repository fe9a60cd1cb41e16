//! `rules:`, the ceilings of hand-written rules.

use std::time::Duration;

use muster_document::{Key, KeyDefault, Map, Node, Number, Takes, TextForm, YamlReader, quote};
use muster_sandbox::{Ceilings, limits};

use super::form::DURATION;
use super::read::{duration, number};

/// A number of bytes.
const SIZE: TextForm = TextForm {
    what: "a size in MiB or GiB",
    example: "64 MiB",
    pattern: r"\s*0*[1-9][0-9]*\s*(MiB|GiB)\s*",
};

const NESTED_COMPONENTS: Number = Number {
    what: "a number of components",
    least: limits::MAX_NESTED_COMPONENTS as f64,
    most: Some(limits::MOST_NESTED_COMPONENTS as f64),
    whole: true,
    example: "32",
};

pub(super) static RULES: Map = Map {
    name: "`rules:`",
    heading: "`rules`",
    about: "The ceilings of hand-written rules. The defaults suffice for rules in Rust and C. A rule that brings an interpreter may need more, and only the operator can grant it: all rules of the project may then take as much.",
    keys: &[
        Key::new(
            "size",
            Takes::Text(SIZE),
            KeyDefault::Value("32 MiB"),
            "The size of a rule, from 1 MiB to 128 MiB. Compiling a rule may take more time and memory in proportion.",
        ),
        Key::new(
            "memory",
            Takes::Text(TextForm {
                example: "512 MiB",
                ..SIZE
            }),
            KeyDefault::Value("256 MiB"),
            "The memory of an instance, from 16 MiB to 1 GiB. As many instances run at once as the machine has cores.",
        ),
        Key::new(
            "nested_components",
            Takes::Number(NESTED_COMPONENTS),
            KeyDefault::Value("6"),
            "The components nested in a rule. A rule of `jco` in JavaScript has 23.",
        ),
        Key::new(
            "time",
            Takes::Text(TextForm {
                example: "60 seconds",
                ..DURATION
            }),
            KeyDefault::Value("10 seconds"),
            "The time that a rule may take over a batch, up to 10 minutes. The run of its cohorts waits as long.",
        ),
    ],
    one_of: false,
};

/// The least memory of an instance, in bytes: an interpreter starts with some 10 MiB.
const LEAST_MEMORY: usize = 16 << 20;

/// The least size of a rule, in bytes.
const LEAST_SIZE: usize = 1 << 20;

/// Reads the ceilings.
pub(super) fn rules(reader: &mut YamlReader<'_>, node: &Node) -> Option<Ceilings> {
    let fields = reader.fields_of(node, &RULES)?;
    let usual = Ceilings::default();
    let size = fields.optional(reader, "size", |reader, node| {
        bytes_within(reader, node, LEAST_SIZE, limits::MOST_RULE_BYTES)
    });
    let memory = fields.optional(reader, "memory", |reader, node| {
        bytes_within(reader, node, LEAST_MEMORY, limits::MAX_LARGE_MEMORY_BYTES)
    });
    let nested = fields.optional(reader, "nested_components", |reader, node| {
        number(reader, node, &NESTED_COMPONENTS)
    });
    let time = fields.optional(reader, "time", time);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number within the bounds above"
    )]
    let nested = nested?.map_or(usual.nested_components, |number| number as usize);
    Some(Ceilings {
        size: size?.unwrap_or(usual.size),
        memory: memory?.unwrap_or(usual.memory),
        nested_components: nested,
        time: time?.unwrap_or(usual.time),
    })
}

/// Reads a number of bytes within its bounds.
fn bytes_within(
    reader: &mut YamlReader<'_>,
    node: &Node,
    least: usize,
    most: usize,
) -> Option<usize> {
    let text = reader.text(node, "a size such as `64 MiB`")?;
    let Some(bytes) = bytes(text) else {
        let message = format!("{} is not a size", quote(text));
        return reader.wrong(node.span, message, "write it like `64 MiB`");
    };
    if (least..=most).contains(&bytes) {
        return Some(bytes);
    }
    let help = format!("use {} MiB to {} MiB", least >> 20, most >> 20);
    reader.wrong(node.span, format!("{text} is not within the bounds"), help)
}

fn bytes(text: &str) -> Option<usize> {
    let text = text.trim();
    let (number, shift) = match text.strip_suffix("MiB") {
        Some(number) => (number, 20),
        None => (text.strip_suffix("GiB")?, 30),
    };
    let number: usize = number.trim().parse().ok()?;
    number.checked_mul(1 << shift)
}

fn time(reader: &mut YamlReader<'_>, node: &Node) -> Option<Duration> {
    let time = Duration::from_millis(duration(reader, node)?.millis());
    if time <= limits::MOST_CLASSIFY_TIME {
        return Some(time);
    }
    let most = limits::MOST_CLASSIFY_TIME.as_secs();
    let message = format!("{} seconds is too long for one batch", time.as_secs());
    reader.wrong(node.span, message, format!("use up to {most} seconds"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        assert_eq!(bytes("64 MiB"), Some(64 << 20));
        assert_eq!(bytes(" 1GiB "), Some(1 << 30));
        assert_eq!(bytes("64"), None);
        assert_eq!(bytes("x MiB"), None);
        assert_eq!(bytes("99999999999999999999 MiB"), None);
    }
}
