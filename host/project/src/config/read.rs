//! Readers of values that several maps of `muster.yaml` have.

use std::net::SocketAddr;

use muster_definition::{Duration, read_duration};
use muster_document::{Fields, Map, Node, NodeContent, Number, YamlReader, quote};
use muster_model::{Millis, Scalar};
use muster_publish::InvalidSetting;

use super::variables::has_variable;

/// Reads a map that must have exactly one key. Returns the key and its value.
pub(super) fn one_of<'n>(
    reader: &mut YamlReader<'_>,
    node: &'n Node,
    map: &'static Map,
    none: &str,
    several: (&str, &str),
) -> Option<(&'static str, &'n Node)> {
    let fields = reader.fields_of(node, map)?;
    let known = |name: &'static str| Some((name, fields.get(name)?));
    let mut given = map.names().into_iter().filter_map(known);
    match (given.next(), given.next()) {
        (Some(one), None) => Some(one),
        // An unknown key was reported already.
        (None, _) if !fields.entries.is_empty() => None,
        (None, _) => {
            let names: Vec<_> = map
                .keys
                .iter()
                .map(|key| format!("`{}:`", key.name))
                .collect();
            reader.wrong(
                node.span,
                none,
                format!("write one of {}", names.join(", ")),
            )
        }
        (Some(_), Some((second, other))) => {
            let (is, help) = several;
            reader.wrong(other.span, format!("{is}; `{second}:` is a second"), help)
        }
    }
}

/// Returns the value of a required key.
pub(super) fn needed<'n>(
    reader: &mut YamlReader<'_>,
    fields: &Fields<'n>,
    key: &str,
    example: &str,
) -> Option<&'n Node> {
    let node = fields.get(key);
    if node.is_none() {
        return reader.wrong(
            fields.span,
            format!("`{key}:` is missing"),
            format!("write `{example}`"),
        );
    }
    node
}

/// Reads a text and checks that it is a valid setting.
pub(super) fn setting<T>(
    reader: &mut YamlReader<'_>,
    node: &Node,
    check: fn(&str) -> Result<T, InvalidSetting>,
) -> Option<T> {
    match check(reader.text(node, "a text")?) {
        Ok(setting) => Some(setting),
        Err(error) => reader.wrong(
            node.span,
            format!("{} is not {}", quote(&error.text), error.what),
            error.rule,
        ),
    }
}

/// Reads one text, or a list of texts.
pub(super) fn texts(reader: &mut YamlReader<'_>, node: &Node, what: &str) -> Vec<String> {
    let nodes = match &node.content {
        NodeContent::List(nodes) => nodes.as_slice(),
        _ => std::slice::from_ref(node),
    };
    nodes
        .iter()
        .filter_map(|node| reader.text(node, what))
        .map(str::to_owned)
        .collect()
}

/// Reads a number within its bounds. The value of a variable is always a text, which must be a
/// number here.
pub(super) fn number(reader: &mut YamlReader<'_>, node: &Node, of: &Number) -> Option<f64> {
    let what = format!("{}, such as {}", of.what, of.example);
    let number = match &node.content {
        NodeContent::Text(text) if has_variable(reader, node) => {
            match Scalar::Text(text.clone()).as_number() {
                Some(number) => number,
                None => {
                    let message = format!("expected {what}, found the text {}", quote(text));
                    return reader.wrong(node.span, message, "set the variable to a number");
                }
            }
        }
        _ => reader.number(node, &what)?,
    };
    let high = of.most.is_some_and(|most| number > most);
    if number < of.least || high || (of.whole && number.fract() != 0.0) {
        let whole = if of.whole { "a whole number, " } else { "" };
        let help = match of.most {
            Some(most) => format!("use {whole}{} to {most}", of.least),
            None => format!("use {whole}{} or more", of.least),
        };
        return reader.wrong(node.span, format!("{number} is not {}", of.what), help);
    }
    Some(number)
}

/// Reads an instant.
pub(super) fn instant(reader: &mut YamlReader<'_>, node: &Node) -> Option<Millis> {
    let text = reader.text(node, "an instant such as 2026-03-01T00:00:00Z")?;
    match text.parse() {
        Ok(instant) => Some(instant),
        Err(_) => {
            let message = format!("{} is not an instant", quote(text));
            reader.wrong(node.span, message, "write it like 2026-03-01T00:00:00Z")
        }
    }
}

/// Reads the address at which a server listens.
pub(super) fn listen(reader: &mut YamlReader<'_>, node: &Node) -> Option<SocketAddr> {
    const HELP: &str =
        "write both as in `127.0.0.1:8080`; `0.0.0.0:8080` listens at every address of the machine";
    // `8080` alone is a number, and often the first try.
    if let NodeContent::Number(number) = node.content {
        let message = format!("`{number}` is not an IP address and a port");
        return reader.wrong(node.span, message, HELP);
    }
    let text = reader.text(node, "an IP address and a port")?;
    match text.parse() {
        Ok(address) => Some(address),
        Err(_) => {
            let message = format!("{} is not an IP address and a port", quote(text));
            reader.wrong(node.span, message, HELP)
        }
    }
}

/// Reads a length of time.
pub(super) fn duration(reader: &mut YamlReader<'_>, node: &Node) -> Option<Duration> {
    read_duration(reader, node)
}
